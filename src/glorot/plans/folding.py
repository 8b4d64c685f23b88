"""Folding: entries that differ only by numbers in their names are one row, `layers.{0..79}.weight`."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from glorot.plans.entry import PlanEntry, std_text

DIGITS = re.compile(r"[0-9]+")
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
LONGEST_LIST = 4
"""Pieces of a list of numbers; a longer one is cut short in the middle."""

Box = tuple[tuple[str, ...], ...]
"""For each number in a name, the digits that it stands for."""


@dataclass(frozen=True)
class Fold:
    """Entries that are shown as one row.

    Attributes:
        path: their names as one, in the notation of the shell: `{0..79}`, `{0..8..2}` for each second, `{0,3}`.
        entries: the entries, in the order of the plan.
    """

    path: str
    entries: tuple[PlanEntry, ...]

    def merge(self, describe: Callable[[PlanEntry], str]) -> str:
        """Return what is said of each entry; numbers that differ become a range.

        Args:
            describe: an entry → its text.
        """
        texts = list(dict.fromkeys(map(describe, self.entries)))
        if len(texts) == 1:
            return texts[0]
        if len(set(map(_without_numbers, texts))) > 1:
            return f"{texts[0]} … {texts[-1]}"
        words = re.split(NUMBER, texts[0])
        columns = zip(*(NUMBER.findall(text) for text in texts), strict=True)
        ranges = [_range_of(column) for column in columns]
        return words[0] + "".join(span + word for span, word in zip(ranges, words[1:], strict=True))


def fold(entries: Iterable[PlanEntry]) -> list[Fold]:
    """Return the rows of a plan: one for each set of equal layers, in the order in which they first appear.

    Args:
        entries: the entries of the plan.

    Returns:
        The rows. Two entries share one if their names, schemes and reasons differ in numbers alone, and they have
        the same shape, axes, fans, role and source.
    """
    places: dict[str, int] = {}
    alike: dict[tuple[tuple[str, ...], Hashable], dict[Box, list[PlanEntry]]] = defaultdict(dict)
    for place, entry in enumerate(entries):
        texts, digits = tuple(re.split(DIGITS, entry.name)), re.findall(DIGITS, entry.name)
        places[entry.name] = place
        alike[texts, _likeness(entry)][tuple((each,) for each in digits)] = [entry]
    rows = []
    for (texts, _), boxes in alike.items():
        for box, held in _joined(boxes).items():
            held.sort(key=lambda entry: places[entry.name])
            rows.append(Fold(_path(texts, box), tuple(held)))
    return sorted(rows, key=lambda row: places[row.entries[0].name])


def _likeness(entry: PlanEntry) -> Hashable:
    """Return what entries on one row have in common."""
    texts = [_without_numbers(text) for text in (entry.scheme, std_text(entry), entry.why)]
    return entry.shape, entry.axes, entry.fans, entry.role, entry.fed_by, type(entry.distribution), *texts


def _without_numbers(text: str) -> str:
    """Blank the numbers of a text, but not those in quotes: two rules for two layers stay two."""
    return re.sub(rf"('[^']*')|{NUMBER.pattern}", lambda found: found[1] or "#", text)


def _joined(boxes: dict[Box, list[PlanEntry]]) -> dict[Box, list[PlanEntry]]:
    """Join boxes that differ along one axis, the innermost first, so that each row is a full grid of numbers."""
    for axis in reversed(range(len(next(iter(boxes))))):
        rows: dict[Box, list[tuple[tuple[str, ...], list[PlanEntry]]]] = defaultdict(list)
        for box, held in boxes.items():
            rows[box[:axis] + box[axis + 1 :]].append((box[axis], held))
        boxes = {}
        for rest, found in rows.items():
            values = tuple(sorted((each for digits, _ in found for each in digits), key=int))
            boxes[(*rest[:axis], values, *rest[axis:])] = [entry for _, held in found for entry in held]
    return boxes


def _path(words: Sequence[str], box: Box) -> str:
    return words[0] + "".join(list_of(digits) + word for digits, word in zip(box, words[1:], strict=True))


def list_of(digits: Sequence[str]) -> str:
    """Write numbers as the shell does: one as it is, several in braces, each second as `{0..8..2}`."""
    if len(digits) == 1:
        return digits[0]
    steps = {int(later) - int(earlier) for earlier, later in pairwise(digits)}
    step = steps.pop() if len(steps) == 1 else 0
    if step and len(digits) > 2:
        return f"{{{digits[0]}..{digits[-1]}{f'..{step}' if step > 1 else ''}}}"
    pieces: list[str] = []
    for run in _runs(digits):
        pieces += [f"{run[0]}..{run[-1]}"] if len(run) > 2 else run
    if len(pieces) > LONGEST_LIST:
        pieces = [*pieces[: LONGEST_LIST - 1], "…", pieces[-1]]
    return f"{{{','.join(pieces)}}}"


def _runs(digits: Sequence[str]) -> list[list[str]]:
    """Cut sorted numbers into runs of neighbours."""
    runs = [[digits[0]]]
    for earlier, later in pairwise(digits):
        if int(later) == int(earlier) + 1:
            runs[-1].append(later)
        else:
            runs.append([later])
    return runs


def _range_of(numbers: Sequence[str]) -> str:
    low, high = min(numbers, key=float), max(numbers, key=float)
    return low if low == high else f"{low}…{high}"
