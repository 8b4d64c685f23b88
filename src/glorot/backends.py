"""Which adapter a model belongs to, found without importing a framework that is not in use."""

import importlib
import sys
from pathlib import Path
from typing import Any

from glorot.errors import GlorotError

ADAPTERS = {"keras": "glorot.keras", "torch": "glorot.torch", "jax": "glorot.jax"}
"""The adapters by the framework that must already be imported for a model of it to exist.

Keras comes first: on its torch backend a Keras model is an `nn.Module` as well. JAX comes last: a pytree may be
anything.
"""

EXPECTED = (
    "a torch.nn.Module, a keras.Model, a Flax NNX module, a pair (Linen module, params), an Equinox module, a pytree "
    "of JAX arrays, or the path of a Caffe .prototxt"
)


def adapter_for(model: object) -> Any:
    """Return the adapter of a model.

    Args:
        model: a model of any framework, or the path of a Caffe net.

    Returns:
        The adapter module, with `inventory`, `write` and `arrays`, and `observe` where signals can be measured.

    Raises:
        GlorotError: if no adapter knows the model.
    """
    if isinstance(model, str | Path) or type(model).__module__.startswith("glorot.caffe."):
        adapter = importlib.import_module("glorot.caffe")
        if adapter.matches(model):
            return adapter
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    for framework, name in ADAPTERS.items():
        if framework in sys.modules and (framework in roots or framework == "jax"):
            adapter = importlib.import_module(name)
            if adapter.matches(model):
                return adapter
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    hint = "; call it first, or pass an instance" if isinstance(model, type) or callable(model) else ""
    raise GlorotError(f"cannot tell which framework a {kind} belongs to; expected {EXPECTED}{hint}")


def opened(model: Any, inputs: Any = None) -> tuple[Any, Any]:
    """Return the adapter of a model, and the model itself: what the file at a path holds, if it is given as one.

    Args:
        model: a model of any framework, or the path of a Caffe net.
        inputs: a batch, which may tell shapes that a file leaves open.

    Raises:
        GlorotError: if no adapter knows the model, or the file cannot be read.
    """
    adapter = adapter_for(model)
    return adapter, adapter.net_of(model, inputs) if isinstance(model, str | Path) else model
