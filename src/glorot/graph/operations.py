"""The operations of a graph: the few kinds of step that every model is made of, whatever framework it is written in."""

from dataclasses import dataclass
from typing import Literal

Axes = tuple[int, ...]
Index = tuple[int | tuple[int, int, int], ...]
"""One entry for each axis: a position, which drops the axis, or (start, stop, step)."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A sum of products over shared axes, of two operands: dense layers, products of matrices, einsum.

    Attributes:
        spec: as einsum writes it, with every letter spelled out: "abi,oi->abo".
    """

    spec: str

    @property
    def operands(self) -> tuple[str, str]:
        """The letters of the two operands."""
        first, second = self.spec.partition("->")[0].split(",")
        return first, second

    @property
    def result(self) -> str:
        """The letters of the result."""
        return self.spec.partition("->")[2]


@dataclass(frozen=True, slots=True)
class Convolve:
    """A convolution of (signal, kernel).

    Attributes:
        window: the sizes of the kernel.
        stride: how far the window moves at each step; of a transposed one, how far apart it sets its inputs.
        padding: (before, after) of each axis, as of the convolution that a transposed one reverses.
        dilation: the distance between neighbours under the window.
        groups: how many groups the channels fall into.
        transposed: whether it spreads its inputs.
        channel: the axis of channels in signal and result.
        kernel: the axes (outputs, inputs, window…) of the stored kernel; of a transposed one (inputs, outputs, window…)
            where its framework stores it so, always named by what they mean.
    """

    window: Axes
    stride: Axes
    padding: tuple[tuple[int, int], ...]
    dilation: Axes
    groups: int
    transposed: bool
    channel: int
    kernel: Axes


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in the same order under another shape, which is that of its result."""


@dataclass(frozen=True, slots=True)
class Permute:
    """Axes in another order."""

    order: Axes


@dataclass(frozen=True, slots=True)
class Slice:
    """A box cut out of a value, in steps."""

    index: Index


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A value repeated along axes.

    Attributes:
        at: the axis of the result that each axis of the value becomes; the other axes repeat it.
    """

    at: Axes


@dataclass(frozen=True, slots=True)
class Flip:
    """Axes that run backwards."""

    axes: Axes


@dataclass(frozen=True, slots=True)
class Pad:
    """A value with (before, after) elements added along each axis.

    Attributes:
        widths: how many are added before and after, of each axis.
        copies: whether they are elements of the value again, as in a mirror, and not one number.
    """

    widths: tuple[tuple[int, int], ...]
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Values side by side along an axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class Choose:
    """One of several values, by a condition that is not followed."""


@dataclass(frozen=True, slots=True)
class Take:
    """Rows of a table, by an index: embeddings, gathers; without an index, in an order that is not known, as sorted.

    Operands: (table, index…).

    Attributes:
        axis: the axis of the table that is indexed.
        index: the positions, if they are known and lie along one axis.
    """

    axis: int
    index: Axes | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """A function of each element.

    Attributes:
        function: a name in `glorot.graph.functions`, or an activation of the catalogue as a text.
    """

    function: str


@dataclass(frozen=True, slots=True)
class Reduce:
    """A statistic over axes.

    Attributes:
        statistic: which.
        axes: the axes that it is taken over.
        keeps: whether they stay, with size 1.
    """

    statistic: Literal["sum", "mean", "max", "min", "product", "norm", "std", "variance"]
    axes: Axes
    keeps: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """A statistic of a window that moves over a map: the same size of window whatever the size of the map."""

    statistic: Literal["sum", "mean", "max"]
    window: Axes


@dataclass(frozen=True, slots=True)
class Normalise:
    """A signal set to mean square 1 by a library call, without scale and shift.

    Attributes:
        over: what its statistics are taken over: axes, groups of channels, or the batch.
        centred: whether the mean is taken away first.
        channel: the axis of channels, where it is taken over groups of them, or the batch.
        groups: how many groups the channels fall into.
        running: whether the statistics are those that training gathers: at the start mean 0 and variance 1.
    """

    over: Axes | Literal["groups", "batch"]
    centred: bool
    channel: int = 1
    groups: int = 1
    running: bool = False


@dataclass(frozen=True, slots=True)
class Softmax:
    """Positive shares that sum to 1 along axes."""

    axes: Axes


@dataclass(frozen=True, slots=True)
class Random:
    """Numbers drawn while the model runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """A step that is not understood; it keeps the name that its framework has for it."""

    name: str


Move = Reshape | Permute | Slice | Broadcast | Flip | Pad | Join | Take
"""What only moves elements about."""

Operation = Contract | Convolve | Move | Choose | Map | Reduce | Pool | Normalise | Softmax | Random | Opaque
