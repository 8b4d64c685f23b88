"""What every layer of a Caffe module has: its settings, its blobs, and Caffe's own check of what it reads."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from glorot.caffe.definition.states import PHASES
from glorot.caffe.kinds import KINDS
from glorot.caffe.kinds.base import Shapes
from glorot.caffe.nets import Node
from glorot.inventory import Part
from glorot.text import shape_text

Result = Tensor | tuple[Tensor, ...]


class CaffeLayer(nn.Module):
    """A layer of a Caffe net; its blobs are the parameters "0", "1", …, and its class is called as Caffe calls it.

    Attributes:
        node: the layer in its net.
        glorot_parts: what is planned of each blob.
    """

    glorot_parts: dict[str, tuple[Part, ...]]
    _compute: Callable[..., Result]

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        self.layer = node.layer
        self._phase = node.layer.message.choice("phase", "", PHASES)
        self._tops: dict[tuple[tuple[int, ...], ...], Shapes] = {}

    def forward(self, *bottoms: Tensor) -> Result:
        """Return what the layer makes of blobs, of which there may be more or fewer examples than the file says."""
        self.tops(bottoms)
        return self._compute(*bottoms)

    def tops(self, bottoms: tuple[Tensor, ...]) -> Shapes:
        """Return the shapes of what the layer makes of blobs.

        Raises:
            GlorotError: if it cannot read them, or would need weights of other shapes for them.
        """
        shapes = tuple(tuple(bottom.shape) for bottom in bottoms)
        if shapes not in self._tops:
            self._tops[shapes] = self._fit(shapes)
        return self._tops[shapes]

    def _fit(self, bottoms: Shapes) -> Shapes:
        """Return Caffe's own answer; see `tops`."""
        kind = KINDS[self.layer.kind]
        tops = kind.tops(self.layer, bottoms)
        needed = [blob.shape for blob in kind.blobs(self.layer, bottoms)]
        for index, (blob, shape) in enumerate(zip(self.node.blobs, needed, strict=True)):
            if blob.shape != shape:
                raise self.layer.error(
                    f"blob {self.layer.bottoms[0]!r} of shape {shape_text(bottoms[0])} needs weights "
                    f"{self.node.path(index)} of shape {shape_text(shape)}, and they have {shape_text(blob.shape)}"
                )
        return [shape for shape in tops if shape is not None]

    @property
    def is_in_training(self) -> bool:
        """Whether the layer computes as in training: a `phase` of its own goes before the mode of the module."""
        return self._phase == "TRAIN" if self._phase else self.training

    def check_range(self, bottom: int, numbers: Tensor, count: int) -> None:
        """Raise unless the numbers that a blob holds lie from 0 to below a count."""
        outside = (numbers < 0) | (numbers >= count)
        if outside.any():
            name, found = self.layer.bottoms[bottom], numbers[outside][0].item()
            raise self.layer.error(f"blob {name!r} holds {found}; expected 0 to {count - 1}")

    def blob(self, index: int) -> Tensor:
        """Return a blob of weights in the shape that this layer gives it."""
        stored: Tensor = getattr(self, str(index))
        shape = self.node.blobs[index].shape
        return stored if stored.shape == shape else stored.reshape(shape)

    def bias(self, index: int = 1) -> Tensor | None:
        """Return the blob of an index if the layer has it."""
        return self.blob(index) if index < len(self.node.blobs) else None

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take in blobs, also a shared one that has the shape of this layer and not that of its owner."""
        for name, parameter in self._parameters.items():
            given: Any = state_dict.get(prefix + name)
            if parameter is not None and getattr(given, "shape", None) == self.node.blobs[int(name)].shape:
                state_dict[prefix + name] = given.reshape(parameter.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """Return the shapes that the file tells, for `repr`."""
        shapes = (", ".join(map(shape_text, some)) or "–" for some in (self.node.bottoms, self.node.tops))
        return " → ".join(shapes)
