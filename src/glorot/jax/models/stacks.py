"""Where `nn.vmap` and `nn.scan` of Linen put axes of copies: what a module sees of its params, and what is stored."""

import itertools
import math
from collections.abc import Iterable, Mapping

from glorot.jax.models.describing import Shape, Stacked


class Views:
    """The shapes that the modules of a model saw their params in, each behind its own transformations."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Shape]] = {}

    def note(self, module: str, shapes: Mapping[str, Shape]) -> None:
        """Take note of the params that a module saw while it ran, its own and those below it.

        Args:
            module: the path of the module.
            shapes: {path of a param in the model: its shape there}.
        """
        for path, shape in shapes.items():
            seen = self._seen.setdefault(path, {})
            if module not in seen or len(shape) < len(seen[module]):  # a module is called from outside as well
                seen[module] = shape

    def stacks(self, stored: Mapping[str, Shape]) -> dict[str, Stacked]:
        """Return how every param is stacked that some module saw without an axis.

        Params that one transformation stacked have their copies along one axis, counted from the front or the back:
        what fits one of them in two ways is decided by the others.
        """
        groups: dict[tuple[str, ...], dict[str, tuple[Shape, ...]]] = {}
        for path, shape in stored.items():
            stages, modules = _stages(self._seen.get(path, {}), shape)
            if len(stages) > 1:
                groups.setdefault(modules, {})[path] = stages
        found: dict[str, Stacked] = {}
        for group in groups.values():
            ways = _ways(group.values())
            for path, stages in group.items():
                axes = {_followed(way, stages) for way in ways}
                found[path] = Stacked(stages[0], axes.pop() if len(axes) == 1 else None)
        return found


def _stages(seen: Mapping[str, Shape], stored: Shape) -> tuple[tuple[Shape, ...], tuple[str, ...]]:
    """Return the shapes that a param had on its way out, and the outermost module that saw each but the last."""
    stages: dict[Shape, str] = {}
    for module in sorted(seen, key=len, reverse=True):
        stages[seen[module]] = module
    modules = tuple(module for shape, module in stages.items() if shape != stored)
    return (*(shape for shape in stages if shape != stored), stored), modules


Way = tuple[tuple[int, ...], ...]
"""The axes that each stage adds, counted as the transformation was told them."""


def _ways(group: Iterable[tuple[Shape, ...]]) -> list[Way]:
    """Return every choice of axes that explains all of the params which one transformation stacked."""
    group = list(group)
    steps = [list(itertools.pairwise(stages)) for stages in group]
    choices = []
    for pairs in zip(*steps, strict=True):
        extra = {len(after) - len(before) for before, after in pairs}
        count = extra.pop()
        if extra or count < 1:
            return []
        lowest = min(len(after) for _, after in pairs)
        axes = itertools.combinations(range(-lowest, lowest), count)
        choices.append([way for way in axes if all(_fits(way, *pair) for pair in pairs)])
    return list(itertools.product(*choices)) if math.prod(map(len, choices)) < 1000 else []


def _fits(way: tuple[int, ...], before: Shape, after: Shape) -> bool:
    added = {axis % len(after) for axis in way}
    return len(added) == len(way) and tuple(n for axis, n in enumerate(after) if axis not in added) == before


def _followed(way: Way, stages: tuple[Shape, ...]) -> tuple[int, ...]:
    """Return the axes of a stored param that its stages added, those of the outermost first."""
    copies: tuple[int, ...] = ()
    for axes, after in zip(way, stages[1:], strict=True):
        added = sorted(axis % len(after) for axis in axes)
        rest = [axis for axis in range(len(after)) if axis not in added]
        copies = (*added, *(rest[axis] for axis in copies))
    return copies
