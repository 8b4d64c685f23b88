"""What a JAX model has: Flax NNX and Linen, Equinox, and plain pytrees, each found without importing its framework."""

from types import ModuleType

from glorot.jax.models import eqx, linen, nnx, trees
from glorot.jax.models.describing import Described

__all__ = ["KINDS", "Described", "kind_of"]

KINDS: tuple[ModuleType, ...] = (nnx, linen, eqx, trees)
"""The kinds of models, in the order in which they are asked; each has the functions that `trees` has."""


def kind_of(model: object) -> ModuleType | None:
    """Return the module that knows this kind of model, if one does."""
    return next((kind for kind in KINDS if kind.matches(model)), None)
