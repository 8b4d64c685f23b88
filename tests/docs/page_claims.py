"""What the pages say of other libraries, for tests that run those libraries."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def assert_said(page: str, *sentences: str) -> None:
    """Assert that a page says this, wherever its lines end: a test is about a claim only as long as that is made."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    missing = [sentence for sentence in sentences if " ".join(sentence.split()) not in text]
    assert not missing, f"{page} does not say so any more: {missing}"


def table(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the table under the line of headings that contains this text, by the name of the column."""
    lines = iter((ROOT / page).read_text(encoding="utf-8").splitlines())
    names = next((_cells(line) for line in lines if line.startswith("|") and heading in line), None)
    assert names, f"{page} has no table with {heading!r} in its headings"
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, _cells(line), strict=True)))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
