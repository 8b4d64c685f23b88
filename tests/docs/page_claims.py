"""What the pages say of other libraries, for tests that run those libraries."""

import itertools
from pathlib import Path

ROOT = Path(__file__).parents[2]


def assert_said(page: str, *sentences: str) -> None:
    """Assert that a page says this, wherever its lines end: a test is about a claim only as long as that is made."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    missing = [sentence for sentence in sentences if " ".join(sentence.split()) not in text]
    assert not missing, f"{page} does not say so any more: {missing}"


def table(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the table under the line of headings that contains this text, by the name of the column."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    heads = [at for at, line in enumerate(lines) if line.startswith("|--") and heading in lines[at - 1]]
    assert len(heads) == 1, f"{page} has {len(heads)} tables with {heading!r} in their headings"
    names = _cells(lines[heads[0] - 1])
    below = itertools.takewhile(lambda line: line.startswith("|"), lines[heads[0] + 1 :])
    return [dict(zip(names, _cells(line), strict=True)) for line in below]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
