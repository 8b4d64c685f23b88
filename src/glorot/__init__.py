"""glorot starts neural networks right: it plans, applies, checks and compares initialisation.

Public are the names in `__all__`, `glorot.torch`, `glorot.keras`, `glorot.jax`, `glorot.caffe` and `glorot.hooks`; the
rest may change.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glorot import activations, checks, distributions, fans, probe, recipes, schemes, stream, theory, weights
    from glorot.api import apply, audit, check, compare, diff, digest, draw, explain  # isort: skip
    from glorot.api import initialize, jacobian, match, measure, plan, predict  # isort: skip
    from glorot.comparison import Comparison
    from glorot.errors import GlorotError
    from glorot.fans import Fans
    from glorot.plans import Plan
    from glorot.probe import Signal

__version__ = "0.1.0"

# The frameworks' rooms are not in __all__: `import *` would hide the frameworks themselves.
__all__ = [
    "Comparison", "Fans", "GlorotError", "Plan", "Signal", "activations", "apply", "audit", "check", "checks",
    "compare", "diff", "digest", "distributions", "draw", "explain", "fans", "initialize", "jacobian", "match",
    "measure", "plan", "predict", "probe", "recipes", "schemes", "stream", "theory", "weights",
]  # fmt: skip
_ROOMS = {
    "activations", "checks", "distributions", "fans", "probe", "recipes", "schemes", "stream", "theory", "weights",
}  # fmt: skip
_HOMES = {"Comparison": "comparison", "GlorotError": "errors", "Fans": "fans", "Plan": "plans", "Signal": "probe"}
_HOMES = dict.fromkeys({*__all__} - _ROOMS, "api") | _HOMES


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"glorot.{_HOMES[name]}"), name)
    if name in {*__all__, "caffe", "hooks", "jax", "keras", "torch"}:
        return importlib.import_module(f"glorot.{name}")
    raise AttributeError(f"module 'glorot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
