"""A plan that can be read: equal layers are one row, whatever differs shows, and nothing is lost."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot.distributions import Normal
from glorot.fans import Fans
from glorot.plans import STREAM, VERSION, Plan, PlanEntry
from glorot.plans.folding import fold


def entry(name: str, std: float = 0.1, why: str = "told so", shape: tuple[int, ...] = (4, 3)) -> PlanEntry:
    law = Normal(0, std)
    return PlanEntry(name, "oi", shape, "kernel", Fans(3, 4), "relu", "relu", 1, law, f"normal(std={std})", why)


def plan_of(*entries: PlanEntry) -> Plan:
    return Plan(VERSION, STREAM, "own", entries)


def rows_of(plan: Plan, full: bool = False) -> list[list[str]]:
    lines = plan.table(full=full).splitlines()[4:]
    return [re.split(r"\s{2,}", line) for line in lines if line and "; plan.table(full=True)" not in line]


def test_eighty_equal_layers_are_one_row() -> None:
    plan = plan_of(*(entry(f"layers.{n}.weight") for n in range(80)))
    assert str(plan).splitlines() == [
        f"plan: own · 80 parts in 1 row · fingerprint {plan.fingerprint}",
        "",
        "path                   shape  fans   fed by  scheme           std  why",
        "─────────────────────  ─────  ─────  ──────  ───────────────  ───  ───────",
        "layers.{0..79}.weight  4×3    3 → 4  relu    normal(std=0.1)  0.1  told so",
        "",
        "layers.{0..79}.weight stands for 80 equal parts; plan.table(full=True) or --full shows each",
    ]


def test_print_and_repr_are_the_table() -> None:
    plan = glorot.plan(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), "xavier")
    assert str(plan) == repr(plan) == plan.table()
    assert plan.table() == plan.table(full=True)  # no two layers are equal
    assert "0.weight" in repr(plan)


def test_unfolded_each_part_has_its_row() -> None:
    plan = plan_of(*(entry(f"layers.{n}.weight") for n in range(80)))
    assert [row[0] for row in rows_of(plan, full=True)] == [f"layers.{n}.weight" for n in range(80)]
    assert plan.table(full=True).splitlines()[0] == f"plan: own · 80 parts · fingerprint {plan.fingerprint}"


def test_a_law_that_changes_with_depth_is_a_range() -> None:
    plan = plan_of(*(entry(f"blocks.{n}.out", 0.08 / (n + 1), f"1/{n + 1} of 0.08") for n in range(4)))
    assert rows_of(plan) == [
        ["blocks.{0..3}.out", "4×3", "3 → 4", "relu", "normal(std=0.02…0.08)", "0.02…0.08", "1/1…4 of 0.08"]
    ]


def test_a_layer_that_differs_has_its_own_row() -> None:
    layers = [entry(f"layers.{n}.weight", shape=(4, 5) if n == 2 else (4, 3)) for n in range(5)]
    assert [row[0] for row in rows_of(plan_of(*layers))] == ["layers.{0,1,3,4}.weight", "layers.2.weight"]
    model = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(6)))
    rules = [("1.weight", "normal(std=0.1)"), ("3.weight", "normal(std=0.2)")]
    rows = rows_of(glorot.plan(model, rules=rules))
    assert [(row[0], row[-1]) for row in rows] == [
        ("{0,2,4,5}.weight", "Xavier"), ("1.weight", "rule '1.weight'"), ("3.weight", "rule '3.weight'"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "path"),
    [
        ([0, 1], "w{0,1}"),
        ([0, 1, 2], "w{0..2}"),
        ([0, 2, 4, 6], "w{0..6..2}"),
        ([7, 3], "w{3,7}"),
        ([0, 1, 2, 4, 5, 6], "w{0..2,4..6}"),
        ([0, 1, 2, 4, 8, 16, 32, 33, 34], "w{0..2,4,8,…,32..34}"),
        ([9, 10, 11], "w{9..11}"),
    ],
)
def test_numbers_are_listed_as_the_shell_does(numbers: list[int], path: str) -> None:
    assert [row.path for row in fold(entry(f"w{n}") for n in numbers)] == [path]


def test_two_names_of_one_number_stay_two() -> None:
    assert [row.path for row in fold([entry("w.00"), entry("w.0"), entry("w.1")])] == ["w.{00,0,1}"]


def test_stages_of_unequal_length_are_told_apart() -> None:
    names = [f"stages.{s}.blocks.{b}.w" for s, depth in enumerate((3, 3, 9, 3)) for b in range(depth)]
    assert [row.path for row in fold(map(entry, names))] == [
        "stages.{0,1,3}.blocks.{0..2}.w",
        "stages.2.blocks.{0..8}.w",
    ]


LAWS = st.sampled_from([0.1, 0.2])
ENTRIES = st.dictionaries(
    st.tuples(st.integers(0, 12), st.sampled_from(["a", "b1", "b2"]), st.integers(0, 3)),
    st.builds(lambda std, wide: (std, (4, 3) if wide else (4, 5)), LAWS, st.booleans()),
    min_size=1,
)


def expanded(path: str) -> list[str]:
    """Return the names that a path stands for, as the shell would expand it."""
    texts, lists = re.split(r"\{[^}]*\}", path), re.findall(r"\{([^}]*)\}", path)
    choices = []
    for each in lists:
        values = []
        for piece in each.split(","):
            first, *rest = map(int, piece.split(".."))
            values += range(first, rest[0] + 1, rest[1] if len(rest) > 1 else 1) if rest else [first]
        choices.append(values)
    return [
        texts[0] + "".join(f"{value}{text}" for value, text in zip(chosen, texts[1:], strict=True))
        for chosen in product(*choices)
    ]


@given(ENTRIES)
def test_any_plan_is_folded_without_loss(found: dict[tuple[int, str, int], tuple[float, tuple[int, int]]]) -> None:
    entries = [entry(f"l.{n}.{word}[{k}]", std, "why", shape) for (n, word, k), (std, shape) in found.items()]
    rows = fold(entries)
    assert sorted(each.name for row in rows for each in row.entries) == sorted(each.name for each in entries)
    for row in rows:
        assert len({each.shape for each in row.entries}) == 1
        if "…" not in row.path:
            assert sorted(expanded(row.path)) == sorted(each.name for each in row.entries)


def test_a_notebook_shows_the_table_as_html() -> None:
    page = plan_of(*(entry(f"layers.{n}.weight", why="a < b") for n in range(3)), entry("head"))._repr_html_()
    assert "4 parts in 2 rows" in page
    assert '<td data-head="path">layers.{0..2}.weight</td>' in page
    assert "a &lt; b" in page
    assert "a < b" not in page


def test_an_empty_plan_is_a_table_without_rows() -> None:
    assert plan_of().table().splitlines()[0].startswith("plan: own · 0 parts · fingerprint")
