"""What a plan says of one part of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glorot.distributions import Constant, Distribution
from glorot.fans import Fans
from glorot.graph.sources import Source
from glorot.inventory import Branch, Part, View
from glorot.text import number, shape_text


@dataclass(frozen=True)
class PlanEntry:
    """What one part gets: its distribution, the scheme it came from, and why.

    Attributes:
        name: the path of the parameter, with `[piece]` for a part of a fused one.
        axes: a letter for each axis: b (copies), o (outputs), i (inputs), k (kernel points).
        shape: the shape in the order of `axes`.
        role: what the part is for, such as "kernel" or "bias".
        fans: the true connection counts of its layer; None where they are not known.
        fed_by: the activation that feeds its layer.
        followed_by: the activation that follows its layer.
        depth: the position of its layer in the order of execution, from 1.
        distribution: the law that it is drawn from; None if it is left alone.
        scheme: the text of the scheme; empty if it is left alone.
        why: the reason for the scheme, or for leaving the part alone.
        view: where it lies in the stored tensor of the model that was planned; None if it is the whole tensor.
        source: what feeds its layer, as the graph of the model showed it; None where no graph did.
        seen: whether the graph of the model showed what it is for; else its class alone told.
        branch: the residual branch that it ends, if it is its last kernel or a scale after that.
        purpose: what its layer is for in the model, as the graph showed it, such as "q", "down" or "head"; "" where
            nothing told.
        way: how many parameters lie before and after it, itself included, between the batch and the end, as the graph
            showed it: the same in every framework, in whichever order its branches run. None where no graph did.
        tensor_shape: the shape of the stored tensor that it lies in; None if that is its own shape.
        computed: how the model stores the tensor, where it computes it from others whenever it is used; "" if it
            stores it as it is.
        more: fields that a newer glorot wrote, kept as they are.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    role: str
    fans: Fans | None
    fed_by: str
    followed_by: str
    depth: int
    distribution: Distribution | None
    scheme: str
    why: str
    view: View | None = None
    source: Source | None = None
    seen: bool = False
    branch: Branch | None = None
    purpose: str = ""
    way: tuple[int, int] | None = None
    tensor_shape: tuple[int, ...] | None = None
    computed: str = ""
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)


def fans_text(entry: PlanEntry) -> str:
    """Write the fans of an entry as people read them: `300 → 100`."""
    return f"{number(entry.fans.fan_in)} → {number(entry.fans.fan_out)}" if entry.fans else "–"


def std_text(entry: PlanEntry) -> str:
    """Write the standard deviation of an entry; of a constant, the value."""
    law = entry.distribution
    if law is None:
        return "–"
    return f"= {number(law.value)}" if isinstance(law, Constant) else number(law.std)


def layout_text(part: Part | PlanEntry) -> str:
    """Write shape and axes: `100×300 (oi)`."""
    return f"{shape_text(part.shape)} ({part.axes or 'no axes'})"
