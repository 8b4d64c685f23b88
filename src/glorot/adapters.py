"""Adapters: what glorot asks of a framework, and which adapter a model belongs to."""

import importlib
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from numpy.typing import NDArray

from glorot.arrays import HeldBlock
from glorot.errors import GlorotError
from glorot.given import ToCheck, check_batch, no_array_named
from glorot.graph import Forward, Graph
from glorot.graph.readings import Observed
from glorot.graph.spectra import Found
from glorot.inventory import Inventory
from glorot.inventory.names import named, split_by_name
from glorot.inventory.seeing import observed
from glorot.plans import Assignment
from glorot.preserving import LOCK


class Adapter(Protocol):
    """What glorot asks of a framework; nothing else of it is framework-specific."""

    def matches(self, model: object) -> bool:
        """Tell whether a model belongs to this adapter."""

    def open(self, model: Any, inputs: Any = None) -> Any:
        """Return the model that is meant: the net that the file at a path defines, or else the model itself."""

    def layers(self, model: Any, inputs: Any = None) -> Inventory:
        """Take stock by the classes of the layers alone; a batch may be needed for the layers to exist."""

    def graph(self, model: Any, stock: Inventory, inputs: Any = None, forward: Forward | None = None) -> Graph | None:
        """Return what a model computes of a batch.

        Without a batch it runs on one that the adapter makes, and computes nothing; None where it can't make one.
        """

    def write(self, model: Any, assignments: Sequence[Assignment], device: Any = None) -> Any:
        """Write every assigned part once, and return the model, or a new one; nothing is written if one can't be."""

    def arrays(self, model: Any) -> dict[str, NDArray[Any]]:
        """Return what a model stores as arrays, by path."""


class Observing(Adapter, Protocol):
    """An adapter that can watch a model run forward and backward."""

    def observe(
        self,
        model: Any,
        stock: Inventory,
        inputs: Any,
        targets: Any,
        loss: Any,
        forward: Forward | None = None,
        optimizer: Any = None,
    ) -> Observed:
        """Run a batch forward and backward, and return what was read at every point of the graph."""

    def jacobians(self, model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None) -> Found:
        """Return the singular values of the Jacobian of each layer, and of the whole model."""


class Holding(Adapter, Protocol):
    """An adapter whose models can be read block by block, as this process holds them."""

    def held(self, model: Any) -> Iterator[HeldBlock]:
        """Yield the blocks that this process holds of what a model stores; of replicas, one alone."""

    def summed_over_processes(
        self, model: Any, sums: Mapping[str, int], counted: Collection[str] | None
    ) -> dict[str, int]:
        """Return the digests of tensors over all processes that hold them together."""


class Layered(Adapter, Protocol):
    """An adapter whose models are made of layers, each an object of a class."""

    def modules(self, model: Any, inputs: Any = None) -> Mapping[str, Any]:
        """Return the layers of a model by their paths, the model itself at ""; a batch may be needed to make them."""


class Training(Adapter, Protocol):
    """An adapter that can take the first steps of training on copies."""

    def train(self, model: Any, inputs: Any, targets: Any, loss: Any, optimizer: Any, count: int) -> list[float]:
        """Take steps on one batch, and return the loss before the first and after each; the model stays as it was."""


class Standing(Adapter, Protocol):
    """An adapter whose models hold no weights, so that another stands for one when it is checked."""

    def to_check(self, model: Any, inputs: Any = None, seed: int | None = None) -> ToCheck:
        """Return a model that starts as this one says, under the same paths, with a batch for it."""


class Recording(Adapter, Protocol):
    """An adapter that can read the steps of a training loop while it runs."""

    def record(self, model: Any, stock: Inventory, every: int, keeper: Any) -> AbstractContextManager[None]:
        """Read every k-th training step while the code inside trains the model, and let `keeper` keep it."""


if TYPE_CHECKING:  # mypy compares each adapter with the Protocol here
    from glorot.caffe import adapter as _caffe
    from glorot.jax import adapter as _jax
    from glorot.keras import adapter as _keras
    from glorot.torch import adapter as _torch

    _ALL: tuple[Adapter, ...] = (_torch, _keras, _jax, _caffe)
    _THAT_OBSERVE: tuple[Observing, ...] = (_torch, _keras, _jax)
    _THAT_HOLD: tuple[Holding, ...] = (_torch, _keras, _jax)
    _THAT_ARE_LAYERED: tuple[Layered, ...] = (_torch, _keras, _jax)
    _THAT_TRAIN: tuple[Training, ...] = (_torch, _keras, _jax)
    _THAT_RECORD: tuple[Recording, ...] = (_torch,)
    _THAT_STAND: tuple[Standing, ...] = (_caffe,)

ADAPTERS = ("keras", "torch", "jax")
"""The frameworks that must already be imported for a model of them to exist; each has its adapter in glorot.NAME.

Keras comes first: on its torch backend a Keras model is an `nn.Module` as well. JAX comes last: a pytree may be
anything.
"""

EXPECTED = (
    "a torch.nn.Module, a keras.Model, a Flax NNX module, a pair (Linen module, params), an Equinox module, a pytree "
    "of JAX arrays, or the path of a Caffe .prototxt"
)


def adapter_for(model: object) -> Adapter:
    """Return the adapter of a model, without importing a framework that is not in use.

    Args:
        model: a model of any framework, or the path of a Caffe net.

    Raises:
        GlorotError: if no adapter knows the model.
    """
    if isinstance(model, str | Path) or type(model).__module__.startswith("glorot.caffe."):
        adapter = _adapter("caffe")
        if adapter.matches(model):
            return adapter
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    for framework in ADAPTERS:
        if framework in sys.modules and (framework in roots or framework == "jax"):
            adapter = _adapter(framework)
            if adapter.matches(model):
                return adapter
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    hint = "; call it first, or pass an instance" if isinstance(model, type) or callable(model) else ""
    raise GlorotError(f"cannot tell which framework a {kind} belongs to; expected {EXPECTED}{hint}")


def _adapter(framework: str) -> Adapter:
    return cast(Adapter, importlib.import_module(f"glorot.{framework}.adapter"))


def opened(model: Any, inputs: Any = None) -> tuple[Adapter, Any]:
    """Return the adapter of a model, and the model that is meant: what the file at a path holds, for one.

    Args:
        model: a model of any framework, or the path of a Caffe net.
        inputs: a batch, which may tell shapes that a file leaves open; None or False without one.

    Raises:
        GlorotError: if no adapter knows the model, or the file cannot be read.
    """
    adapter = adapter_for(model)
    return adapter, adapter.open(model, None if inputs is False else inputs)


def opened_to_run(model: Any, inputs: Any) -> tuple[Observing, Any]:
    """Return the same of a model that can be watched while it runs.

    Raises:
        GlorotError: if no adapter knows the model, or its framework computes nothing here.
    """
    adapter, model = opened(model, inputs)
    if not hasattr(adapter, "observe"):
        raise GlorotError(
            f"signals are not measured in a {type(model).__name__} so far; models of PyTorch, Keras and JAX are, and a "
            "Caffe net as the module that glorot.caffe.to_torch makes of it"
        )
    return cast("Observing", adapter), model


def modules_of(model: Any, inputs: Any = None) -> Mapping[str, Any]:
    """Return the layers of a model by their paths, the model itself at ""; nothing of a model without layers.

    Args:
        model: a model of any framework, or the path of a Caffe net.
        inputs: a batch, which a Linen module may need to make its layers.

    Raises:
        GlorotError: if no adapter knows the model, or it refuses the batch.
    """
    adapter, model = opened(model, inputs)
    return cast("Layered", adapter).modules(model, inputs) if hasattr(adapter, "modules") else {}


def take_inventory(model: Any, inputs: Any = None, forward: Forward | None = None) -> Inventory:
    """Take stock of a model; it is left as it was found.

    Args:
        model: a model of any framework, or the path of a Caffe net.
        inputs: a batch; None for one that the adapter makes where it can; False for what the classes tell alone.
        forward: runs the model on the batch; by default it is called.

    Returns:
        The inventory, with all that the graph of the model shows where there is a batch.

    Raises:
        GlorotError: if no adapter knows the model, it has no weights yet, or it refuses the batch.
    """
    adapter, model = opened(model, inputs)
    batch = None if inputs is False else inputs
    if forward is not None and batch is None:
        raise GlorotError("forward= runs the model on a batch, and there is none; pass one as inputs=")
    check_batch(batch)
    with LOCK, no_array_named(batch):  # another thread's look may change the model for a while
        stock = adapter.layers(model, batch)
        graph = None if inputs is False else adapter.graph(model, stock, batch, forward)
    return named(split_by_name(stock) if graph is None else observed(stock, graph))
