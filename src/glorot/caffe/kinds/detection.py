"""Layers that SSD has added to Caffe: Permute, PriorBox and DetectionOutput; its Normalize is among the norms."""

from collections.abc import Sequence
from dataclasses import dataclass

from glorot.caffe.definition.layers import Layer, Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds.base import Kind, Shapes
from glorot.caffe.kinds.lowering import Lowering
from glorot.graph.operations import Permute

ALIKE = 1e-6
"""Aspect ratios that differ by less are one."""


def order_of(layer: Layer, bottom: Shape) -> tuple[int, ...]:
    """Return the axes of what a Permute makes, each by its place in what it reads; those not named keep their order."""
    at = layer.settings("permute_param")
    order, axes = at.integers("order", least=0), range(len(bottom))
    if len(set(order)) < len(order) or not set(order) <= set(axes):
        problem = f"order must name axes 0 to {len(bottom) - 1}, each once, got {', '.join(map(str, order))}"
        raise layer.error(problem, at, "order")
    return (*order, *(axis for axis in axes if axis not in order))


def _permute_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    return [tuple(bottoms[0][axis] for axis in order_of(layer, bottoms[0]))]


@dataclass(frozen=True)
class Priors:
    """How a PriorBox lays boxes over a map, in pixels of the image.

    Attributes:
        smallest: sides s of the square boxes.
        largest: for each of them l, where a second square has the side √(s·l); empty for no second squares.
        ratios: aspect ratios other than 1.
        variances: four numbers that go with every box.
        image: height and width of the image; None for those of the second blob.
        step: height and width from one box to the next; None for what the image and the map give.
        offset: where in its cell a box is centred.
        is_clipped: whether boxes end where the image does.
    """

    smallest: tuple[float, ...]
    largest: tuple[float, ...]
    ratios: tuple[float, ...]
    variances: tuple[float, ...]
    image: tuple[float, float] | None
    step: tuple[float, float] | None
    offset: float
    is_clipped: bool

    @property
    def count(self) -> int:
        """How many boxes lie at each place."""
        return len(self.smallest) * (1 + len(self.ratios)) + len(self.largest)


def priors_of(layer: Layer) -> Priors:
    """Return how a PriorBox lays its boxes.

    Raises:
        GlorotError: if its settings contradict each other.
    """
    at = layer.settings("prior_box_param")
    smallest, largest = _positive(layer, at, "min_size"), _positive(layer, at, "max_size")
    if not smallest:
        raise layer.error("needs min_size", at)
    if len(largest) not in (0, len(smallest)) or any(low >= high for low, high in zip(smallest, largest, strict=False)):
        raise layer.error("needs a larger max_size for each min_size, or none at all", at, "max_size")
    variances = _positive(layer, at, "variance") or (0.1,)
    if len(variances) not in (1, 4):
        raise layer.error(f"variance is given {len(variances)} times; expected once, or 4 times", at, "variance")
    return Priors(
        smallest,
        largest,
        _ratios(layer, at),
        variances * 4 if len(variances) == 1 else variances,
        _pair(layer, at, "img", "img_size"),
        _pair(layer, at, "step", "step"),
        at.number("offset", 0.5),
        at.flag("clip"),
    )


def _positive(layer: Layer, at: Message, name: str) -> tuple[float, ...]:
    found = tuple(at.numbers(name))
    if not all(0 < one < float("inf") for one in found):
        raise layer.error(f"{name} must be positive, got {', '.join(f'{one:g}' for one in found)}", at, name)
    return found


def _ratios(layer: Layer, at: Message) -> tuple[float, ...]:
    found = [1.0]
    for ratio in _positive(layer, at, "aspect_ratio"):
        if all(abs(ratio - one) >= ALIKE for one in found):
            found += [ratio, 1 / ratio] if at.flag("flip", True) else [ratio]
    return tuple(found[1:])


def _pair(layer: Layer, at: Message, short: str, name: str) -> tuple[float, float] | None:
    """Return a height and a width that are given as one number or as two."""
    both = [f"{short}_{axis}" for axis in "hw"]
    by_axis = [one for one in both if at.has(one)]
    if by_axis and (at.has(name) or len(by_axis) == 1):
        raise layer.error(f"give {name}, or {both[0]} and {both[1]}", at, by_axis[0])
    found = [value for one in (by_axis or [name, name]) for value in _positive(layer, at, one)]
    return (found[0], found[1]) if found else None


def _prior_box_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    for index, shape in enumerate(bottoms):
        layer.check(len(shape) == 4 and all(shape[2:]), index, shape, "to have 4 axes, and maps that are not empty")
    return [(1, 2, bottoms[0][2] * bottoms[0][3] * priors_of(layer).count * 4)]


def _detection_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    """Return the shape that Caffe gives before anything is detected; then there is a row for each detection."""
    at = layer.settings("detection_output_param")
    classes = at.integer("num_classes", least=1)
    placed = 1 if at.flag("share_location", True) else classes
    boxes = bottoms[2][2] // 4 if len(bottoms[2]) > 2 else 0
    layer.check(boxes > 0, 2, bottoms[2], "to hold prior boxes, as 1×2×(4 for each box)")
    for index, (what, numbers) in enumerate((("locations", 4 * placed), ("scores", classes))):
        expected = f"to hold {boxes * numbers} {what} on axis 1, {numbers} for each of {boxes} boxes"
        layer.check(bottoms[index][1:2] == (boxes * numbers,), index, bottoms[index], expected)
    return [(1, 1, 1, 7)]


def _lower_permute(at: Lowering) -> Sequence[int]:
    return [at.step(Permute(order_of(at.layer, at.shapes[0])), at.bottom, shape=at.tops[0])]


def _lower_prior_box(at: Lowering) -> Sequence[int]:
    """Lower boxes, which follow from shapes alone."""
    return [at.graph.constant(at.tops[0])]


KINDS = {
    "Permute": Kind(_permute_tops, lower=_lower_permute),
    "PriorBox": Kind(_prior_box_tops, reads=(2, 2), lower=_lower_prior_box),
    "DetectionOutput": Kind(_detection_tops, reads=(3, 5)),
}
