"""GL205: units that nothing will ever tell apart."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from glorot.checks.alike.tokens import alike_to_the_end
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import as_rows
from glorot.graph.sources import Curved, Mean, Source
from glorot.inventory import Part

FOLLOWS = {"v": "o", "up": "down", "adapter A": "adapter B", "expert up": "expert down"}
"""Purposes of kernels of which one's units are the other's inputs."""

MULTIPLIED = (("q", "k"), ("gate", "up"), ("expert gate", "expert up"))
"""Purposes of kernels whose results are multiplied by each other: if both are zero, neither has a gradient."""

DEAD_AT_ZERO = ("relu", "relu6")
"""Activations whose slope is zero for an input of zero."""


class DeadSymmetry(Check):
    """Weights start so alike, or so zero, that no gradient will ever tell their units apart.

    What it does:
        Looks for layers whose units all have the same incoming weights and the same outgoing ones, zeros included; for
        two kernels of zeros in a row, or multiplied by each other, such as queries and keys; and for a kernel and a
        bias of zeros before a ReLU. On a batch also for learned tokens, such as queries, that are all equal and still
        are so at the end of the model. A single kernel of zeros is no fault: the end of a residual branch, a head, the
        B of an adapter.

    Why it matters:
        Units that compute the same and are used alike get the same gradient, so they stay one unit whatever the data.
        With zeros in both factors of a product, each one's gradient is the other's zero, and nothing moves at all.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
        >>> for parameter in model.parameters():
        ...     _ = torch.nn.init.zeros_(parameter)
        >>> print(glorot.check(model, select="GL205").findings[0])
        GL205 error: 0.weight, 2.weight: start with all hidden units alike, into them and out of them, and so they stay

    What to do:
        Draw at least one of the two at random: `glorot.initialize(model, "auto", seed=0)`.
    """

    code = "GL205"
    name = "dead-symmetry"
    severity = "error"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        layers = _layers(evidence)
        for one, other in _in_a_row(layers):
            if one.is_alike and one.has_even_bias and other.takes_alike:
                yield self.finding(
                    (one.part.name, other.part.name),
                    "start with all hidden units alike, into them and out of them, and so they stay",
                    remedy="draw at least one of the two at random",
                )
        for one, other in _multiplied(layers):
            if one.is_zero and other.is_zero and one.has_zero_bias and other.has_zero_bias:
                yield self.finding(
                    (one.part.name, other.part.name),
                    "are multiplied by each other and both zero, so neither will ever have a gradient",
                    remedy="draw at least one of the two at random",
                )
        for part, is_alone in alike_to_the_end(evidence) if evidence.observed is not None else ():
            yield self.finding(
                part.name,
                "starts with all tokens alike, and nothing tells them apart up to the end of the model",
                remedy="draw it with a std of 0.02, or add positions to it",
                severity="error" if is_alone else "warning",
            )
        for one in layers.values():
            is_dead = one.part.seen and one.part.followed_by in DEAD_AT_ZERO and one.part.branch is None
            if is_dead and one.is_zero and one.has_zero_bias:
                yield self.finding(
                    one.part.name,
                    "is zero before a ReLU, whose slope is zero there, so it will never have a gradient",
                    remedy="draw it at random",
                )


class _Layer(NamedTuple):
    """What can be said of a kernel.

    Attributes:
        part: the kernel.
        is_zero: whether it holds zeros alone.
        is_alike: whether all its units have the same weights.
        takes_alike: whether all its inputs have the same weights.
        has_even_bias: whether its bias, if it has one, is one value.
        has_zero_bias: whether its bias, if it has one, is zero.
    """

    part: Part
    is_zero: bool
    is_alike: bool
    takes_alike: bool
    has_even_bias: bool
    has_zero_bias: bool


def _layers(evidence: Evidence) -> dict[str, _Layer]:
    """Return the trained kernels that could be dead or feed such, by the name of their part."""
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    biases: dict[str, list[Array]] = defaultdict(list)
    found = {}
    for part, values in evidence.parts():
        if part.role in ("bias", "forget_bias", "shift"):
            biases[_layer_path(part.path)].append(values)
    for part, values in evidence.parts():
        is_trained = part.path not in frozen and values.size and values.dtype.kind == "f"
        if (part.role != "kernel" and part.purpose != "adapter B") or not is_trained or "o" not in part.axes:
            continue
        rows = as_rows(part, values)
        beside = biases[_layer_path(part.path)]
        found[part.name] = _Layer(
            part,
            not rows[:, :1].any() and not values.any(),
            rows.shape[1] > 1 and _is_repeated(rows, 1),
            _takes_alike(part, rows),
            all(bool((bias == bias.reshape(-1)[:1]).all()) for bias in beside),
            not any(bias.any() for bias in beside),
        )
    return found


def _layer_path(path: str) -> str:
    return path.rpartition(".")[0]


def _takes_alike(part: Part, rows: Array) -> bool:
    """Tell whether all inputs have the same weights; the places of a kernel may differ."""
    inputs = part.shape[part.axes.index("i")] if "i" in part.axes else 1
    return inputs > 1 and _is_repeated(rows.reshape(*rows.shape[:2], inputs, -1), 2)


def _is_repeated(values: Array, axis: int) -> bool:
    """Tell whether all values along an axis are equal; of most weights the first two already differ."""
    before = (slice(None),) * axis
    first, second = (values[(*before, slice(place, place + 1))] for place in (0, 1))
    return bool((first == second).all() and (values == first).all())


def _in_a_row(layers: Mapping[str, _Layer]) -> Iterator[tuple[_Layer, _Layer]]:
    """Yield kernels of which one's units are inputs of the other, if no other kernel takes them."""
    takers: dict[str, list[_Layer]] = defaultdict(list)
    for layer in layers.values():
        for path in _fed_by(layer.part.source):
            takers[path].append(layer)
    for one, other in _pairs(layers, tuple(FOLLOWS.items())):
        if other not in takers[one.part.path]:
            takers[one.part.path].append(other)
    for layer in layers.values():
        after = takers[layer.part.path]
        if after and all(other.takes_alike for other in after):
            yield from ((layer, other) for other in after)


def _fed_by(source: Source | None) -> list[str]:
    """Return the path of the kernel whose units alone, each through a function, are what feeds a layer."""
    while isinstance(source, Mean):
        source = source.source
    return [source.of] if isinstance(source, Curved) and source.of else []


def _multiplied(layers: Mapping[str, _Layer]) -> Iterator[tuple[_Layer, _Layer]]:
    yield from _pairs(layers, MULTIPLIED)


def _pairs(layers: Mapping[str, _Layer], purposes: tuple[tuple[str, str], ...]) -> Iterator[tuple[_Layer, _Layer]]:
    """Yield the kernels of two purposes that stand in the same block, if it has one of each."""
    blocks: dict[tuple[str, str], list[_Layer]] = defaultdict(list)
    for layer in layers.values():
        for block in {_layer_path(layer.part.path), _layer_path(_layer_path(layer.part.path))}:
            blocks[block, layer.part.purpose].append(layer)
    seen = set()
    for one, other in purposes:
        for (block, purpose), firsts in list(blocks.items()):
            seconds = blocks.get((block, other), [])
            pair = (firsts[0].part.name, seconds[0].part.name) if seconds else ("", "")
            if purpose == one and len(firsts) == len(seconds) == 1 and pair not in seen:
                seen.add(pair)
                yield firsts[0], seconds[0]
