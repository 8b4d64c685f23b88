"""A plan file with any one thing changed is read, or refused in one line that names the file."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from documents import ODD, Spot, changed, spots
from glorot.errors import GlorotError
from glorot.inventory import fingerprint
from glorot.plans import Plan
from glorot.plans.repeats import fold_rows

PLAN = json.loads((Path(__file__).parent / "data" / "plans" / "version_1_torch.json").read_text(encoding="utf-8"))
VIEW = {"box": [[0, 8], [0, 8]], "unfold": [8, 8], "order": [0, 1], "flip": [0]}
COMB = {"box": None, "unfold": [2, 8, 8], "cut": [[0, 2], [4, 8], [0, 8]], "order": [2, 0, 1], "flip": []}
SQUARE = [row | {"view": view} for row in PLAN["entries"] if row["shape"] == [8, 8] for view in (VIEW, COMB)]
SQUARE = [row | {"name": f"{n}.{row['name']}"} for n, row in enumerate(SQUARE)]
NAMES = [{"name": row["name"], "axes": row["axes"], "shape": tuple(row["shape"])} for row in SQUARE]
NEWER = PLAN | {"version": 2, "entries": SQUARE, "fingerprint": fingerprint(SimpleNamespace(**row) for row in NAMES)}
DEEP = [SQUARE[0] | {"name": f"layers.{n}.weight", "depth": n, "way": [n, 9 - n]} for n in range(5)]
FOLDED = PLAN | {
    "version": 3, "entries": [*fold_rows(DEEP), SQUARE[0] | {"name": "head", "tensor_shape": [8, 8], "computed": ""}],
    "fingerprint": fingerprint(SimpleNamespace(**NAMES[0] | {"name": name}) for name in (*(row["name"] for row in DEEP), "head")),
}  # fmt: skip
DOCUMENTS = {
    "version 1": (PLAN, spots(PLAN)), "version 2": (NEWER, spots(NEWER)), "version 3": (FOLDED, spots(FOLDED)),
}  # fmt: skip
HARM = st.sampled_from(sorted(DOCUMENTS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(DOCUMENTS[name][1]), st.sampled_from(ODD), st.booleans())
)


def outcome(file: Path, data: Any) -> str:
    """Load a document, use the plan in every way, and say what came of it."""
    file.write_text(json.dumps(data), encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unknown roles and fields are reported
            plan = Plan.load(file)
            assert Plan.load(plan.save(file)) == plan
    except GlorotError as error:
        return str(error)
    assert plan.table(full=True).count("\n") >= len(plan.entries)
    assert plan._repr_html_()
    assert not plan.diff(plan)
    return "read"


@given(HARM)
def test_a_harmed_plan_is_read_or_refused_in_one_line(tmp_path_factory: Any, harm: tuple[str, Spot, Any, bool]) -> None:
    name, spot, value, drop = harm
    file = tmp_path_factory.getbasetemp() / "harmed.json"
    told = outcome(file, changed(DOCUMENTS[name][0], spot, value, drop))
    assert told == "read" or (told.startswith(f"{file} is ") and "\n" not in told)


def test_both_outcomes_are_met(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    why, order, cut = ("entries", 0, "why"), ("entries", 0, "view", "order"), ("entries", 1, "view", "cut")
    assert outcome(file, NEWER) == outcome(file, changed(PLAN, why, "x", False)) == outcome(file, FOLDED) == "read"
    assert "is not a plan: it is not valid JSON ('utf-8' codec" in outcome(file, changed(PLAN, why, "\ud800", False))
    assert "view's order must be a permutation, got [1, 1]" in outcome(file, changed(NEWER, order, [1, 1], False))
    assert "view's cut must be a list of pairs (start, stop), or null, got 5" in outcome(
        file, changed(NEWER, cut, 5, False)
    )
