"""Parts, parameters and the inventory that holds them: plain data, free of any framework."""

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.graph.graph import Graph
from glorot.graph.sources import Source

ROLES = (
    "kernel", "recurrent", "embedding", "padding", "bias", "forget_bias", "scale", "shift", "slope",
    "interpolation", "running_mean", "running_variance", "position", "token", "layer_scale", "temperature",
    "relative_bias", "sink", "state_rate", "state_step", "unknown",
)  # fmt: skip


def path_of(name: str) -> str:
    """Return the path of the parameter that a part belongs to: its name without `[piece]`."""
    return name.rpartition("[")[0] if name.endswith("]") else name


@dataclass(frozen=True)
class View:
    """Where in a stored tensor a part lies.

    The stored tensor is cut to `box`, its axes are split as `unfold` says and cut once more to `cut`, permuted by
    `order` and reversed along `flip`; reshaped, that is the part. None and () mean: nothing to do.

    Attributes:
        box: (start, stop) for each stored axis.
        unfold: the shape of the box after splitting axes.
        cut: (start, stop) for each axis after `unfold`, of a part that lies interleaved with others.
        order: permutation of the unfolded axes, in the order of the part.
        flip: axes (after the permutation) that run backwards.

    Example:
        The queries of GPT-NeoX, in a matrix whose rows are 4 heads of (q, k, v) of 16 rows each:

        >>> View(unfold=(4, 3, 16, 64), cut=((0, 4), (0, 1), (0, 16), (0, 64))).is_piece
        True
    """

    box: tuple[tuple[int, int], ...] | None = None
    unfold: tuple[int, ...] | None = None
    cut: tuple[tuple[int, int], ...] | None = None
    order: tuple[int, ...] | None = None
    flip: tuple[int, ...] = ()

    @property
    def is_piece(self) -> bool:
        """Whether the stored tensor may hold more than the part."""
        return self.box is not None or self.cut is not None


@dataclass(frozen=True)
class Declared:
    """The start that a model's own description asks for, as a Caffe net does by its fillers.

    Attributes:
        scheme: the text of the scheme.
        fans: the connection counts as that description's framework takes them; None where the scheme asks for none.
        why: what was declared.
        is_filler: whether the user wrote it, as a filler, so that it may be wrong; what a layer's own code says is
            believed.
    """

    scheme: str
    fans: Fans | None
    why: str
    is_filler: bool = False


UNREACHED = "for the batch does not reach it"
"""Why a parameter is known by its twin, as a note says it."""

SAME = 1e-3
"""Values that differ by less than this share are one, for half precision rounds."""


@dataclass(frozen=True)
class Held:
    """What a real model holds in a part where that is unusual for its layer, and so perhaps meant.

    Attributes:
        words: what it is.
        value: the one value, if there is but one.
    """

    words: str
    value: float | None = None


@dataclass(frozen=True)
class Branch:
    """A residual branch: what a model adds to one of its streams.

    Attributes:
        stream: the number of the stream, in the order in which they are first added to, from 1.
        index: the number of the merge that adds it, in the order of execution, from 1.
        count: how many merges the stream has.
    """

    stream: int
    index: int
    count: int


@dataclass(frozen=True)
class Stored:
    """How a weight is stored that its layer computes whenever it uses it.

    Attributes:
        words: how.
        scheme: the scheme that it starts with where no rule asks for another, for it can hold few laws; "" for any.
        scale: the path of the norm that stands beside its direction and is written with it; "" if there is none.
        over: the stored axes that this norm is taken over.
        divides: whether it is divided by a norm of itself where it is used, which zeros cannot be.
    """

    words: str
    scheme: str = ""
    scale: str = ""
    over: tuple[int, ...] = ()
    divides: bool = False

    def refuse_zeros(self, path: str) -> NoReturn:
        """Say that a weight cannot hold zeros where it is divided by its norm.

        Raises:
            GlorotError: always.
        """
        raise GlorotError(
            f"{path} cannot hold what the plan draws for it: it is {self.words}, and zeros have no norm to be divided "
            f"by; give it another law by a rule, or leave it alone with rules=[({path!r}, 'skip')]"
        )


@dataclass(frozen=True)
class Part:
    """The unit of planning: a whole parameter as a rule, of a fused one each piece.

    Attributes:
        name: the path of the parameter, with `[piece]` for a part of a fused one.
        axes: a letter for each axis: b (batch, expert, group, vocabulary row), o (out), i (in),
            k (kernel); empty where the axes have no meaning that is known.
        shape: the shape in the order of `axes`.
        role: one of ROLES; scale and shift belong to a norm, or to an adapter that starts as no change at all;
            padding is the row of an embedding that stays zero, forget_bias the one bias that opens the forget gate of
            an LSTM, an interpolation is a kernel that is set and not drawn, running means and variances are gathered
            by training; tokens stand beside those of the batch, positions and relative biases are added by place, a
            layer scale ends a branch, a temperature scales logits, a sink stands beside them; the states of a state
            space decay at its rates, by its steps; nothing is known of how an unknown part connects.
        layer: the kind of layer it belongs to, as its framework calls it.
        fans: the true connection counts of its layer; None where they are not known.
        view: where in the stored tensor it lies; None if it is the whole tensor as it lies.
        fed_by: the activation that feeds its layer.
        followed_by: the activation that follows its layer.
        depth: the place of its layer in the order of execution, from 1.
        declared: the start that the model's own description asks for, if it does.
        start: the value that the layer's own arguments say its vector starts at, if they do.
        held: what a real model holds here, if that is unusual.
        source: what feeds its layer, as the graph of the model shows it; None where no batch reached it.
        way: how many parameters lie before and after it, itself included, between the batch and the end, as the graph
            of the model shows it; None where no batch reached it.
        seen: whether the graph of the model shows what it is for; else its class alone tells.
        by_use: whether its use alone explains it, for no layer that glorot knows owns it.
        neutral: the value at which a scale changes nothing.
        kept: why the value that its model holds stays, where nothing says what it should start at.
        filled: whether its model holds values for it.
        note: where its graph and its class say two things.
        branch: the residual branch that it ends, if it is its last kernel or a scale after that.
        is_rescaled: whether a norm, or a scale that is a parameter, lies between it and the stream that its branch is
            added to, so that its own scale does not set the branch's.
        purpose: what its layer is for in the model, as the graph shows it, such as "q", "down" or "head"; "" where
            nothing tells.
        stored: how it is stored, if its layer computes it from that.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    role: str
    layer: str
    fans: Fans | None = None
    view: View | None = None
    fed_by: str = "identity"
    followed_by: str = "identity"
    depth: int = 0
    declared: Declared | None = None
    start: float | None = None
    held: Held | None = None
    source: Source | None = None
    way: tuple[int, int] | None = None
    seen: bool = False
    by_use: bool = False
    neutral: float = 1.0
    kept: str = ""
    filled: bool = False
    note: str = ""
    branch: Branch | None = None
    is_rescaled: bool = False
    purpose: str = ""
    stored: Stored | None = None

    @property
    def path(self) -> str:
        """The path of the parameter that the part belongs to."""
        return path_of(self.name)

    @property
    def is_told(self) -> bool:
        """Whether the code of the layer itself says how the part starts, which is believed; a filler may be wrong."""
        return self.declared is not None and not self.declared.is_filler


@dataclass(frozen=True)
class Parameter:
    """A parameter of the model as it is stored.

    Attributes:
        path: its structural path, dotted.
        shape: its stored shape.
        dtype: the name of its dtype.
        parts: what is planned of it; none if it is tied.
        tied_to: the path of the parameter whose memory it shares.
        frozen: whether its model says that it is not trained.
        layer: the path of the layer that it belongs to, which ends in what the user calls that layer.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    parts: tuple[Part, ...] = ()
    tied_to: str | None = None
    frozen: bool = False
    layer: str = ""


@dataclass(frozen=True)
class Inventory:
    """Everything in a model that has to be initialised, in the order of registration.

    Attributes:
        framework: what the model is written in.
        parameters: what it stores.
        empty_because: why there is nothing to plan, if that is known.
        buffers: the paths of what the model computes with and no recipe starts.
        notes: what a look at what the model computes had to assume, and where it stopped.
        graph: what the model computes, where a batch showed that.
    """

    framework: str
    parameters: tuple[Parameter, ...]
    empty_because: str = ""
    buffers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    graph: Graph | None = field(default=None, compare=False, repr=False)

    @property
    def adapter(self) -> str:
        """The adapter of the framework: "jax" for Flax and Equinox as well; "" for a file of weights alone.

        Example:
            >>> Inventory("flax.nnx", ()).adapter, Inventory("torch", ()).adapter
            ('jax', 'torch')
        """
        return "jax" if self.framework.partition(".")[0] in ("flax", "equinox") else self.framework

    @property
    def parts(self) -> list[Part]:
        """All parts of all parameters."""
        return [part for parameter in self.parameters for part in parameter.parts]

    def parameter(self, path: str) -> Parameter | None:
        """Return the parameter at a path, if there is one."""
        return self._by_path.get(path)

    @functools.cached_property
    def _by_path(self) -> dict[str, Parameter]:
        return {parameter.path: parameter for parameter in self.parameters}


def runs(role: str) -> bool:
    """Tell whether a role is that of a statistic which training gathers."""
    return role in ("running_mean", "running_variance")


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def axes(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


def fingerprint(parts: Iterable[_Named]) -> str:
    """Hash the names, axes and shapes of parts, in any order: what a plan and its model must share."""
    rows = sorted([part.name, part.axes, list(part.shape)] for part in parts)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
