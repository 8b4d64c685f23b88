"""What the page on comparing says of error rate, power and coverage is what the benchmark wrote."""

import re

from page_claims import ROOT, assert_said

PAGE = "docs/comparing.md"
PARTS = (ROOT / "benchmarks" / "results" / "verdicts.txt").read_text(encoding="utf-8").split("\n\n")


def shares(part: int) -> list[list[float]]:
    """Return the percentages of each line of a table."""
    found = [[float(share) for share in re.findall(r"([\d.]+) %", line)] for line in PARTS[part].splitlines()]
    return [row for row in found if row]


def test_false_words() -> None:
    false, alone = zip(*shares(1), strict=True)
    assert_said(
        PAGE,
        "0.2 to 4.8 % of pages say anything that tells them apart; with Student's t for each recipe alone it is 9 to 54 %",
    )
    assert (min(false), max(false)) == (0.2, 4.8)
    assert (int(min(alone)), int(max(alone))) == (9, 54)


def test_power() -> None:
    assert_said(PAGE, "is found on 98 % of pages with three seeds; one that is worse by 2, on all pages with five")
    rows = [line.split() for line in PARTS[2].splitlines()[2:]]
    called = {(int(row[1]), float(row[2])): float(row[3]) for row in rows}
    assert (called[3, 3.3], called[5, 2.0]) == (98.0, 100.0)
    assert all(dead == 100 for *_, dead in shares(3))


def test_coverage() -> None:
    assert_said(PAGE, "96 to 100 % hold the true gap")
    rows = {
        line.split()[0] + line.split()[1]: row for line, row in zip(PARTS[3].splitlines()[2:], shares(3), strict=True)
    }
    singles = [row[0] for row in rows.values()]
    assert (int(min(singles)), max(singles)) == (96, 100.0)
    assert min(row[1] for name, row in rows.items() if not name.startswith("relu")) >= 98
    relu = [row[1] for name, row in rows.items() if name.startswith("relu")]
    assert (int(min(relu)), round(max(relu))) == (88, 95)
