"""glorot starts neural networks right: it plans, applies and compares initialisation."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glorot.api import apply, compare, draw, explain, initialize, plan
    from glorot.errors import GlorotError
    from glorot.fans import Fans
    from glorot.plans import Plan

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(("apply", "compare", "draw", "explain", "initialize", "plan"), "glorot.api"),
    "GlorotError": "glorot.errors",
    "Fans": "glorot.fans",
    "Plan": "glorot.plans",
}
_ROOMS = {"activations", "distributions", "fans", "recipes", "schemes", "stream", "theory"}
_ROOMS |= {"caffe", "jax", "keras", "torch"}
__all__ = ["Fans", "GlorotError", "Plan", "apply", "compare", "draw", "explain", "initialize", "plan"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"glorot.{name}")
    raise AttributeError(f"module 'glorot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
