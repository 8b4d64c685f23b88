"""A plan as a tree in plain text: the layers by their modules, with what feeds them and which branches they end."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from glorot.plans.entry import PlanEntry, fans_text
from glorot.plans.folding import Fold
from glorot.plans.outline import Outline, outline_of
from glorot.text import printable

NO_GRAPH = "no batch showed what the model computes; with one, each layer's purpose and the branches are told too"


class Line(NamedTuple):
    """A line of the tree.

    Attributes:
        name: where it stands, with the guides before it.
        fans: the connections of a kernel.
        fed_by: what feeds it.
        purpose: what it is for, and which branch it ends.
    """

    name: str
    fans: str = ""
    fed_by: str = ""
    purpose: str = ""


def tree_text(title: str, entries: Sequence[PlanEntry]) -> str:
    """Set the layers of a plan as a tree."""
    outline = outline_of(entries)
    streams = len({entry.branch.stream for entry in entries if entry.branch is not None})
    lines = [Line("", "fans", "fed by", "purpose"), *_lines(outline, streams)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = ["  ".join([*map(str.ljust, line[:3], widths), line.purpose]).rstrip() for line in lines]
    about = [] if any(entry.seen for entry in entries) else ["", NO_GRAPH]
    return printable("\n".join([f"{title} · {count_text(entries)}", "", *rows, *about]), keep="\n")


def count_text(entries: Sequence[PlanEntry]) -> str:
    """Say how many parts a plan has, and how many branches on which streams."""
    parts = "1 part" if len(entries) == 1 else f"{len(entries)} parts"
    counts = {entry.branch.stream: entry.branch.count for entry in entries if entry.branch is not None}
    if not counts:
        return parts
    merges = sum(counts.values())
    branches = "1 branch" if merges == 1 else f"{merges} branches"
    return f"{parts} · {branches} on {'1 stream' if len(counts) == 1 else f'{len(counts)} streams'}"


def _lines(outline: Outline, streams: int, guides: str = "") -> Iterator[Line]:
    for one in outline.inside:
        is_root, is_last = not outline.label and not guides, one is outline.inside[-1]
        own, below = ("", "") if is_root else ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        times = f"  ×{one.times}" if one.times > 1 else ""
        cells = cells_of(one, streams) if one.entries else ("", "", "")
        yield Line(f"{guides}{own}{one.label}{times}", *cells)
        yield from _lines(one, streams, guides + below)


def cells_of(leaf: Outline, streams: int) -> tuple[str, str, str]:
    """Return fans, source and purpose of the parameter that a leaf stands for.

    Args:
        leaf: a leaf of an outline.
        streams: how many streams the model has.
    """
    row = Fold(leaf.label, leaf.entries)
    if leaf.entries[0].role not in ("kernel", "recurrent"):
        return "", "", row.merge(lambda entry: purpose_text(entry, streams))
    return row.merge(fans_text), row.merge(lambda entry: entry.fed_by), row.merge(lambda e: purpose_text(e, streams))


def purpose_text(entry: PlanEntry, streams: int) -> str:
    """Say what a part is for, and which branch it ends."""
    role = entry.role.replace("_", " ")
    words = [entry.purpose] if entry.role == "kernel" and entry.purpose else [role, entry.purpose]
    if entry.branch is not None:
        stream = f" on stream {entry.branch.stream}" if streams > 1 else ""
        words.append(f"ends branch {entry.branch.index} of {entry.branch.count}{stream}")
    return ", ".join(word for word in words if word)
