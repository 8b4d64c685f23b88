"""Evidence: what tells parts of one shape apart, in two frameworks that call them differently.

Each kind of evidence has a key for every part of the model and every part of the plan, or None where it says nothing.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

from glorot.inventory import Part, path_of
from glorot.plans.entry import PlanEntry

SYNONYMS = {
    "query": "q", "key": "k", "value": "v", "output": "out", "kernel": "weight", "ih": "input", "hh": "recurrent",
    **{side + gate: gate for side in "ih" for gate in "ifgorzn"},  # the dense layers in Flax's cells
}  # fmt: skip
"""Words that frameworks have for one thing."""

ANY_LIST = "layers"
"""What frameworks call a list of layers; Keras sorts its own, so in it parallel layers lie in any order."""

ATTENTION = ("q", "k", "v")

Fact = Part | PlanEntry
Keys = tuple[list[Hashable], list[Hashable]]
"""A key for each part of the model, and for each of the plan."""


class Group(NamedTuple):
    """Parts of the model and of the plan that nothing has told apart so far, as many of each."""

    ours: tuple[Part, ...]
    theirs: tuple[PlanEntry, ...]

    @property
    def is_seen(self) -> bool:
        """Whether the graphs of both show how far each part is from batch and end."""
        return all(one.way is not None for side in self for one in side)


Evidence = Callable[[Group], Keys | None]


def by_role(group: Group) -> Keys:
    """Tell parts apart by what they are for."""
    return [part.role for part in group.ours], [entry.role for entry in group.theirs]


def by_purpose(group: Group) -> Keys:
    """Tell the layers of q, k and v of attention apart, where graphs show them.

    What else layers are for is left out: of branches side by side it may hang on which runs first.
    """
    ours, theirs = ([one.purpose if one.purpose in ATTENTION else "" for one in side] for side in group)
    return [*ours], [*theirs]


def by_distance_from_batch(group: Group) -> Keys | None:
    """Tell parts apart by the order of their distance from the batch, which is the same however branches are run."""
    return _by_way(group, 0)


def by_distance_from_end(group: Group) -> Keys | None:
    """Tell parts apart by the order of their distance from the end."""
    return _by_way(group, 1)


def _by_way(group: Group, end: int) -> Keys | None:
    """Cut both sides, in the order of a distance, wherever as many parts of each lie before the cut."""
    if not group.is_seen:
        return None
    ours, theirs = (_closer([one.way[end] for one in side if one.way is not None]) for side in group)
    cuts = sorted(set(ours) & set(theirs))
    return [bisect_right(cuts, count) for count in ours], [bisect_right(cuts, count) for count in theirs]


def _closer(distances: Sequence[int]) -> list[int]:
    """Return for each distance how many are smaller."""
    ordered = sorted(distances)
    return [bisect_left(ordered, distance) for distance in distances]


def by_functions(group: Group) -> Keys | None:
    """Tell parts apart by the functions before and after their layers, where graphs show them."""
    if any(one.source is None for side in group for one in side):
        return None
    ours, theirs = ([(one.fed_by, one.followed_by) for one in side] for side in group)
    return [*ours], [*theirs]


def by_words(group: Group) -> Keys | None:
    """Tell parts apart by the words of their names that as many of either side have, if each part has some."""
    ours, theirs = (_words([one.name for one in side]) for side in group)
    mine, yours = (Counter(word for words in side for word in words) for side in (ours, theirs))
    common = {word for word, count in mine.items() if count == yours[word] < len(ours)}
    keys: Keys = [words & common for words in ours], [words & common for words in theirs]
    return keys if all(keys[0]) and all(keys[1]) else None


def _words(names: Sequence[str]) -> list[frozenset[str]]:
    """Return the words of each name; of gate_up.weight[up] none but `up` is about gate and up."""
    pieces: dict[str, set[str]] = defaultdict(set)
    split = [(path_of(name), words_of(name.removeprefix(path_of(name)))) for name in names]
    for path, piece in split:
        pieces[path] |= piece
    return [(words_of(path) - pieces[path]) | piece for path, piece in split]


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name.

    Example:
        >>> sorted(words_of("encoder.layers_3.selfAttn.query_proj.kernel"))
        ['attn', 'encoder', 'layers', 'proj', 'q', 'self', 'weight']
    """
    words = (word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))
    return frozenset(SYNONYMS.get(word, word) for word in words)


def by_numbers(group: Group) -> Keys | None:
    """Tell parts apart by the order of the numbers in their names, where these are otherwise the same.

    So blocks.3 is h.3 and layers_3. Of layers that run side by side, as the graphs show, numbers count only in lists
    of one name.
    """
    ours, theirs = (_numbered([one.name for one in side]) for side in group)
    if ours is None or theirs is None or len(ours.words) != len(theirs.words):
        return None
    if group.is_seen and (ours.words != theirs.words or ANY_LIST in ours.words):
        return None
    if not _runs_so(group.ours, ours) or not _runs_so(group.theirs, theirs):
        return None
    return [*ours.ranks], [*theirs.ranks]


class _Numbered(NamedTuple):
    """Names that differ by numbers alone: the word before each number that varies, and the ranks of each name."""

    words: tuple[str, ...]
    ranks: list[tuple[int, ...]]


def _numbered(names: Sequence[str]) -> _Numbered | None:
    if len({re.sub(r"\d+", "0", name) for name in names}) > 1:
        return None
    columns = list(zip(*(map(int, re.findall(r"\d+", name)) for name in names), strict=True))
    varying = [n for n, column in enumerate(columns) if len(set(column)) > 1]
    before = re.split(r"\d+", names[0])
    words = tuple((re.findall(r"[a-z]+", text.lower()) or [""])[-1] for text in before)
    ordered = [ranks(columns[n]) for n in varying]
    return _Numbered(tuple(SYNONYMS.get(words[n], words[n]) for n in varying), [*zip(*ordered, strict=True)])


def _runs_so(side: Sequence[Fact], numbered: _Numbered) -> bool:
    """Tell whether parts run in the order of their numbers, as far as is known."""
    if any(one.way is None for one in side):
        return True
    in_order = sorted(zip(numbered.ranks, side, strict=True), key=lambda pair: pair[0])
    ways = [one.way[0] for _, one in in_order if one.way is not None]
    return all(first <= second for first, second in pairwise(ways))


def ranks(numbers: Sequence[int]) -> list[int]:
    """Return the position of each number among those that are there.

    Example:
        >>> ranks([7, 2, 7, 9])
        [1, 0, 1, 2]
    """
    position = {number: n for n, number in enumerate(sorted(set(numbers)))}
    return [position[number] for number in numbers]
