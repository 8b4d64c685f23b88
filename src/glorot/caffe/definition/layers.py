"""Layers: what stands between the blobs of a net, as the file tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.tokens import shown
from glorot.errors import GlorotError
from glorot.text import shape_text

Shape = tuple[int, ...]


class Param(NamedTuple):
    """How one blob of a layer is learnt and shared.

    Attributes:
        name: the name under which layers share the blob; "" if it is shared by none.
        lr_mult: factor on the learning rate; None if the file does not set it, which is 1.
        decay_mult: factor on the weight decay; None likewise.
        is_permissive: whether sharers need to agree in the number of elements only, not in shape.
    """

    name: str = ""
    lr_mult: float | None = None
    decay_mult: float | None = None
    is_permissive: bool = False

    def joined(self, other: "Param") -> "Param":
        """Return it with what another layer sets that shares the blob, where it sets nothing itself."""
        rate = other.lr_mult if self.lr_mult is None else self.lr_mult
        return self._replace(lr_mult=rate, decay_mult=other.decay_mult if self.decay_mult is None else self.decay_mult)


@dataclass(frozen=True)
class Layer:
    """One layer of a net.

    Attributes:
        name: its name.
        kind: Caffe's type, such as "Convolution".
        bottoms: the blobs that it reads.
        tops: the blobs that it makes; one that is a bottom too is changed in place.
        params: how its blobs are learnt, in their order.
        message: the layer as it was written.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    params: tuple[Param, ...]
    message: Message

    def settings(self, name: str) -> Message:
        """Return the message that sets the layer up, such as `convolution_param`."""
        return self.message.message(name)

    def param(self, index: int) -> Param:
        """Return how the blob of an index is learnt."""
        return self.params[index] if index < len(self.params) else Param()

    def error(self, problem: str, at: Message | None = None, field: str | None = None) -> GlorotError:
        """Return the error that a problem of this layer is, with its place: that of a field if one is named."""
        return (at or self.message).error(f"layer {shown(self.name)!r} ({shown(self.kind)}): {problem}", field)

    def check(self, fits: bool, bottom: int, shape: Shape, expected: str) -> None:
        """Raise unless the shape of a blob that the layer reads fits."""
        if not fits:
            raise self.error(f"expected blob {shown(self.bottoms[bottom])!r} {expected}, got shape {shape_text(shape)}")


def canonical(layer: Layer, axis: int, rank: int, at: Message, field: str = "axis") -> int:
    """Return an axis counted from the front; a negative one counts from the end.

    Raises:
        GlorotError: if a shape of that many axes has no such axis.
    """
    if not -rank <= axis < rank:
        problem = f"{field} {axis} is no axis of blob {shown(layer.bottoms[0])!r}, which has {rank} axes"
        raise layer.error(problem, at, field)
    return axis % rank


def same_shapes(layer: Layer, shapes: Iterable[Shape]) -> None:
    """Raise unless all blobs that a layer reads have the shape of the first."""
    first, *others = shapes
    expected = f"to have the shape of {shown(layer.bottoms[0])!r}, {shape_text(first)}"
    for index, shape in enumerate(others, start=1):
        layer.check(shape == first, index, shape, expected)


def shape_of(message: Message) -> Shape:
    """Return the sizes that a `shape` holds."""
    return tuple(message.integers("dim", least=0))
