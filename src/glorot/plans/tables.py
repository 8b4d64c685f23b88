"""A plan as a table, for a terminal and for a notebook."""

from collections.abc import Sequence

from glorot.inventory import UNREACHED, runs
from glorot.markup import html_table, html_text
from glorot.plans.entry import PlanEntry, fans_text, std_text
from glorot.plans.folding import Fold, fold
from glorot.text import printable, shape_text, shortened, table

HEAD = ["path", "shape", "fans", "fed by", "scheme", "std", "why"]
MOST_NAMED = 6
"""Names in one line of a folded plan."""

STYLE = (
    ".glorot-plan td, .glorot-plan th { text-align: left; padding: 2px 12px 2px 0; white-space: nowrap }"
    ".glorot-plan td:first-child { font-family: monospace }"
)


def plan_rows(entries: Sequence[PlanEntry], full: bool = False) -> list[Fold]:
    """Return the rows of a plan: equal layers as one, or each entry for itself."""
    return [Fold(entry.name, (entry,)) for entry in entries] if full else fold(entries)


def cells_of(row: Fold) -> list[str]:
    """Return the cells of a row, under `HEAD`."""
    return [
        row.path,
        row.merge(lambda entry: shape_text(entry.shape)),
        row.merge(fans_text),
        row.merge(lambda entry: entry.fed_by),
        row.merge(lambda entry: shortened(entry.scheme) or "–"),
        row.merge(std_text),
        row.merge(lambda entry: entry.why),
    ]


def count_text(entries: Sequence[PlanEntry], rows: Sequence[Fold]) -> str:
    """Write how many parts a plan has, and in how many rows they are shown."""
    parts = "1 part" if len(entries) == 1 else f"{len(entries)} parts"
    if len(rows) == len(entries):
        return parts
    return f"{parts} in {len(rows)} {'row' if len(rows) == 1 else 'rows'}"


def text_table(
    title: str,
    entries: Sequence[PlanEntry],
    fingerprint: str,
    full: bool,
    buffers: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """Set a plan in plain text."""
    rows = plan_rows(entries, full)
    head = f"{title} · {count_text(entries, rows)} · fingerprint {fingerprint}"
    lines = [head, "", table(HEAD, map(cells_of, rows))]
    widest = max(rows, key=lambda row: len(row.entries), default=None)
    if widest is not None and len(rows) < len(entries):
        layers = f"{widest.path} stands for {len(widest.entries)} equal parts"
        lines += ["", f"{layers}; plan.table(full=True) or --full shows each"]
    lines += ["", buffers_text(buffers, full)] if buffers else []
    unseen = [entry.name for entry in entries if not (entry.seen or runs(entry.role) or UNREACHED in entry.why)]
    if unseen and any(entry.seen for entry in entries):
        lines += ["", f"known by their class alone, for the batch does not reach them: {_some(unseen, full)}"]
    lines += ["", *notes] if notes else []
    return printable("\n".join(lines), keep="\n")


def buffers_text(buffers: Sequence[str], full: bool) -> str:
    """Say which buffers a plan leaves alone."""
    return f"left alone, for they are buffers: {_some(buffers, full)}"


def _some(names: Sequence[str], full: bool) -> str:
    shown = names if full else names[:MOST_NAMED]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f"{', '.join(shown)}{more}"


def notebook_table(title: str, entries: Sequence[PlanEntry], fingerprint: str) -> str:
    """Set a plan in HTML, for the end of a notebook's cell."""
    rows = plan_rows(entries)
    head = f"{title} · {count_text(entries, rows)} · fingerprint {fingerprint}"
    return (
        f"<style>{STYLE}</style>\n<p>{html_text(head)}</p>\n"
        f'<div style="overflow-x: auto">{html_table(HEAD, list(map(cells_of, rows)), "glorot-plan")}</div>'
    )
