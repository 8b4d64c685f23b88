"""Origins: where the tensors of a forward pass come from."""

from collections.abc import Sequence
from dataclasses import dataclass

INPUT = "."
"""What stands among the layers that a tensor comes from for the batch itself; no path is called so."""


@dataclass(frozen=True)
class Origin:
    """Where a tensor comes from.

    Attributes:
        activation: the activation that it is the output of.
        layers: the layers before that, back to the last ones; INPUT among them if the batch itself is one.
        direct: whether nothing but moves and norms lies between the layer and that activation.
    """

    activation: str = "identity"
    layers: frozenset[str] = frozenset()
    direct: bool = False


def mixed(origins: Sequence[Origin], joined: bool) -> Origin:
    """Return the origin of what several tensors were mixed into: every layer that had a share.

    Args:
        origins: where the tensors come from.
        joined: whether they stand side by side, where outputs of one activation remain its outputs.

    Example:
        >>> a, b = Origin("relu", frozenset({"a"})), Origin("relu", frozenset({"b"}))
        >>> mixed([a, b], joined=True).activation, mixed([a, b], joined=False).activation
        ('relu', 'identity')
    """
    if joined and len(set(origins)) == 1:
        return origins[0]
    activations = {origin.activation for origin in origins}
    shared = activations.pop() if joined and len(activations) == 1 else "identity"
    return Origin(shared, frozenset().union(*(origin.layers for origin in origins)))
