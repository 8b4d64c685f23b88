"""Learned tokens that are all one, and stay so on their way through a model."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.evidence import Array, Evidence
from glorot.graph.folding import Folded
from glorot.graph.operations import Join
from glorot.inventory import Part
from glorot.inventory.walking import between

ROLES = ("token", "embedding", "position")
"""The roles of what may be a token: a table whose rows are all used is a set of queries, by whatever name."""

CLOSE = 1e-5
"""The share of the largest value within which two positions count as one: what single precision rounds off."""


def alike_to_the_end(evidence: Evidence) -> Iterator[tuple[Part, bool]]:
    """Yield trained tokens that are equal and whose positions are still equal in the last step that a batch showed.

    Positions that are added, turned or masked for each token tell them apart. With each part comes whether its tokens
    are the whole stream, as queries are, or stand beside others, as registers do.
    """
    folded = evidence.folded
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    for part, values in evidence.parts():
        if folded is None or part.role not in ROLES or part.path in frozen or not _has_equal_rows(values):
            continue
        count = values.size // values.shape[-1]
        for start, after in _starts(folded, part.path):
            place = _joined_at(folded, start, count)
            if _stay_equal(evidence, folded, place, after, count):
                yield part, place[1] == count
                break


def _has_equal_rows(values: Array) -> bool:
    if values.ndim < 2 or values.dtype.kind != "f" or values.shape[-1] < 2:
        return False
    rows = values.reshape(-1, values.shape[-1])
    return len(rows) > 1 and bool((rows[1] == rows[0]).all() and (rows == rows[:1]).all())  # most differ in the second


def _starts(folded: Folded, path: str) -> Iterator[tuple[int, int]]:
    """Yield the value of a token where it becomes a signal, and the value that it makes there."""
    for use in folded.uses.get(path, ()):
        if use.role != "token":
            continue
        step = folded.graph.steps[use.step]
        yield step.operands[use.operand], step.result


def _joined_at(folded: Folded, value: int, count: int) -> tuple[int, int]:
    """Return the first position of some tokens, and how many positions there are, once they stand beside others."""
    for position, operand in folded.users[value]:
        step = folded.graph.steps[position]
        if isinstance(step.operation, Join):
            sizes = [folded.graph.shape(one)[step.operation.axis] for one in step.operands]
            return sum(sizes[:operand]), sum(sizes)
    return 0, count


def _stay_equal(evidence: Evidence, folded: Folded, place: tuple[int, int], after: int, count: int) -> bool:
    """Tell whether the positions of some tokens are equal in the last of the steps that have them all."""
    assert evidence.observed is not None
    start, whole = place
    made = between(folded, after, (step.result for step in folded.graph.steps if step.result > after)) | {after}
    readings = [evidence.observed.values[one.value] for one in evidence.observed.points if one.value in made]
    rows = [one for one in readings if one.sizes[1] == whole and one.second_moment > 0]
    sample = rows[-1].sample if rows else None
    if sample is None or sample.shape[1] != whole or len(rows) < 2:
        return False
    tokens = sample[:, start : start + count]
    return bool(np.abs(tokens - tokens[:, :1]).max() <= CLOSE * np.abs(tokens).max())
