"""A saved comparison with any one thing changed is read, or refused in one line that names the file."""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glorot import Comparison
from glorot.errors import GlorotError
from glorot.text import number

SAVED = json.loads((Path(__file__).parents[1] / "data" / "comparisons" / "version_1.json").read_text(encoding="utf-8"))
SAVED |= {"format": "glorot-comparison/2", "test_examples": 24, "baseline": None, "margin": 0.01}
ODD: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), 10**400, "", "x", "inf", "half a \ud800", [], [1, 2], [[0, 1]], {}, {"a": 1},
]  # fmt: skip

Spot = tuple[str | int, ...]


def spots(data: Any, spot: Spot = ()) -> list[Spot]:
    """Return the place of every value, and of a long list of numbers only the first ones."""
    inside = data.items() if isinstance(data, dict) else enumerate(data[:4]) if isinstance(data, list) else ()
    return [spot, *(each for key, value in inside for each in spots(value, (*spot, key)))]


def changed(spot: Spot, value: Any, drop: bool) -> Any:
    """Return the document with the value at one place replaced or dropped."""
    if not spot:
        return value
    data = copy.deepcopy(SAVED)
    holder = data
    for key in spot[:-1]:
        holder = holder[key]
    if drop:
        del holder[spot[-1]]
    else:
        holder[spot[-1]] = value
    return data


def outcome(file: Path, data: Any) -> str:
    """Load a document, use the comparison in every way that draws nothing, and say what came of it."""
    file.write_text(json.dumps(data), encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unknown fields are reported
            comparison = Comparison.load(file)
            again = Comparison.load(comparison.save(file))
    except GlorotError as error:
        return str(error)
    assert again.to_json() == comparison.to_json()
    assert repr(comparison)
    assert str(comparison)
    assert number(comparison.results[0].final("test_loss").mean)
    return "read"


@given(st.sampled_from(spots(SAVED)), st.sampled_from(ODD), st.booleans())
def test_a_harmed_comparison_is_read_or_refused_in_one_line(
    tmp_path_factory: Any, spot: Spot, value: Any, drop: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "harmed.json"
    told = outcome(file, changed(spot, value, drop))
    assert told == "read" or (told.startswith(str(file)) and "\n" not in told)


def test_both_outcomes_are_met(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert outcome(file, changed(("seconds",), "inf", False)) == "read"
    assert "expected text, got None" in outcome(file, changed(("results", 0, "recipe"), None, False))


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
def test_every_place_can_be_harmed(value: Any, tmp_path: Path) -> None:
    file = tmp_path / "harmed.json"
    for spot in spots(SAVED):
        told = outcome(file, changed(spot, value, drop=False))
        assert told == "read" or (told.startswith(str(file)) and "\n" not in told), spot
