"""Hooks: `glorot.check` before the first step of a training, in the frameworks that train.

Each hook is one file, which imports its framework; it is imported when the hook is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from glorot.errors import GlorotError

if TYPE_CHECKING:
    from glorot.hooks.keras import KerasCheck
    from glorot.hooks.lightning import LightningCheck
    from glorot.hooks.optax import optax_check
    from glorot.hooks.transformers import TrainerCheck
    from glorot.hooks.verdict import CheckError

__all__ = ["CheckError", "KerasCheck", "LightningCheck", "TrainerCheck", "optax_check"]
_HOMES = {
    "CheckError": "verdict",
    "KerasCheck": "keras",
    "LightningCheck": "lightning",
    "TrainerCheck": "transformers",
    "optax_check": "optax",
}
_INSTALLS = {"keras": "keras", "lightning": "lightning", "transformers": "'transformers[torch]'"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'glorot.hooks' has no attribute {name!r}")
    home = _HOMES[name]
    try:
        return getattr(importlib.import_module(f"glorot.hooks.{home}"), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if home not in _INSTALLS or missing == "glorot":
            raise
        raise GlorotError(f"glorot.hooks.{name} needs {missing}: pip install {_INSTALLS[home]}") from error


def __dir__() -> list[str]:
    return __all__
