"""Calling a Keras model as a function of its variables and a batch."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras

from glorot.errors import GlorotError
from glorot.graph import Forward, Graph
from glorot.inventory import Part
from glorot.keras.layers import parts_of
from glorot.keras.paths import every_layer, kinds, own_variables, state_of

OF_BATCH = 2
"""Examples in a batch that a model leaves open."""

OPEN_SIZES = (8, 32, 128)
"""What stands for any other size that a model leaves open: the first that it can be called with."""


class Like(NamedTuple):
    """What an array is like: its shape and its dtype."""

    shape: tuple[int, ...]
    dtype: str


class Place:
    """A place for a tensor.

    Attributes:
        n: its number among them.
    """

    def __init__(self, n: int) -> None:
        self.n = n


@dataclass(frozen=True)
class Call:
    """A call of a model on symbolic tensors whose sizes are all known.

    Attributes:
        model: the model.
        args: its arguments; each symbolic tensor stands for one of the batch.
        kwargs: the same by name.
        variables: the variables that the model reads, state among them; it may freeze some while it runs.
        forward: function (model, batch) that runs the model on its one argument; by default it is called.
        skeleton: what the model returned last, with a place for each tensor.
    """

    model: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    variables: tuple[Any, ...]
    forward: Forward | None = None
    skeleton: list[Any] = field(default_factory=list, compare=False, repr=False)

    @property
    def batch(self) -> list[Like]:
        """What the tensors of the batch are like."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return [like(leaf) for leaf in leaves if isinstance(leaf, keras.KerasTensor)]

    def run(self, values: Sequence[Any], batch: Sequence[Any]) -> list[Any]:
        """Call the model with values in the place of its variables, and return the tensors that it returns.

        Args:
            values: one for each of `variables`.
            batch: one for each of `batch`.

        Raises:
            GlorotError: if the model refuses them.
        """
        tensors = iter(batch)
        args, kwargs = keras.tree.map_structure(
            lambda leaf: next(tensors) if isinstance(leaf, keras.KerasTensor) else leaf, (self.args, self.kwargs)
        )
        with keras.StatelessScope(list(zip(self.variables, values, strict=True))):
            try:
                if self.forward is not None:
                    returned = self.forward(self.model, *args)
                else:
                    returned = self.model(*args, **{"training": False, **kwargs})
            except GlorotError:
                raise
            except Exception as error:
                raise GlorotError(f"the batch does not fit the model: {brief(error)}") from error
        leaves = keras.tree.flatten(returned)
        places = (Place(n) for n in range(len(leaves)))
        kept = [next(places) if keras.ops.is_tensor(leaf) else leaf for leaf in leaves]
        self.skeleton[:] = [keras.tree.pack_sequence_as(returned, kept)]
        return [leaf for leaf in leaves if keras.ops.is_tensor(leaf)]

    def takes(self, loss: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], Any] | None:
        """Return a loss of the tensors that a model returned, given one of what it returns: a dict, as it may be."""
        if loss is None:
            return None

        def packed(returned: Any, targets: Any) -> Any:
            tensors = returned if isinstance(returned, list | tuple) else [returned]
            (skeleton,) = self.skeleton
            filled = keras.tree.map_structure(lambda one: tensors[one.n] if isinstance(one, Place) else one, skeleton)
            return loss(filled, targets)

        return packed


class Pass(NamedTuple):
    """A call with all that is known where a real batch goes through it.

    Attributes:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
        batch: the arrays of the batch.
    """

    call: Call
    paths: Mapping[int, str]
    slopes: Mapping[int, float]
    batch: Sequence[Any]


def call_of(
    model: Any, given: tuple[tuple[Any, ...], dict[str, Any]], size: int, forward: Forward | None = None
) -> Call:
    """Return the call of a model on symbolic tensors, with every open size of theirs set.

    Args:
        model: the model.
        given: the arguments, in order and by name.
        size: what stands for an open size besides the number of examples.
        forward: as for `Call`.
    """
    args, kwargs = spelled_out(given, size)
    return Call(model, args, kwargs, tuple(_variables_in(model)), forward)


def _variables_in(model: Any) -> list[Any]:
    """Return the variables of all layers, each once; Keras's own list goes round where layers hold each other."""
    found: dict[int, Any] = {}
    for layer in every_layer(model):
        seeds = [seed.state for seed in layer._seed_generators]
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables, *seeds):
            found[id(variable)] = variable
    return list(found.values())


def stored_of(call: Call, graph: Graph, paths: Mapping[int, str], slopes: Mapping[int, float]) -> list[int]:
    """Add the variables of a call to a graph, and return their ids."""
    running, kernels, ids = running_variances(call.model), kernels_in(call.model), []
    state = {id(variable): (path,) for path, variable in state_of(call.model).items()}
    for variable in call.variables:
        key, shape = id(variable), tuple(variable.shape)
        if key not in paths:
            ids.append(graph.constant(shape, buffers=state.get(key, ())))
        elif key in running:
            ids.append(graph.statistic(paths[key], shape))
        else:
            ids.append(graph.parameter(paths[key], shape, slopes.get(key), is_kernel=key in kernels))
    return ids


def leaves_of(call: Call, graph: Graph, paths: Mapping[int, str], slopes: Mapping[int, float]) -> list[int]:
    """Add the variables and the batch of a call to a graph, and return their ids."""
    return [*stored_of(call, graph, paths, slopes), *(graph.input(one.shape) for one in call.batch)]


def running_variances(model: Any) -> set[int]:
    """Return the ids of the variables that hold running variances."""
    norms = (layer for layer in every_layer(model) if "BatchNormalization" in kinds(layer) and layer.built)
    return {id(layer.moving_variance) for layer in norms}


def kernels_in(model: Any) -> set[int]:
    """Return the ids of the variables that multiply a signal, as their layers say."""
    found = set()
    for layer in every_layer(model):
        own = own_variables(layer)
        with suppress(GlorotError):  # of an unusual shape, which the inventory says
            parts = parts_of(layer, {name: tuple(variable.shape) for name, variable in own})
            found |= {id(variable) for name, variable in own if _is_kernel(parts.get(name))}
    return found


def _is_kernel(parts: Sequence[Part] | None) -> bool:
    return any(part.role in ("kernel", "recurrent") for part in parts or ())


def tolerance(call: Call) -> float:
    """Return how far numbers may be off, relative to 1, in the dtypes of a call."""
    kinds_of = [like(variable).dtype for variable in call.variables]
    return 2e-2 if any("16" in dtype or "float8" in dtype for dtype in kinds_of) else 1e-4


def like(tensor: Any) -> Like:
    """Return what a tensor or a variable is like."""
    return Like(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


def own_inputs(model: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield the arguments of a call that a model describes, by its graph or by the shape that it was built for."""
    functional = model if hasattr(model, "_inputs_struct") else getattr(model, "_functional", None)
    if functional is not None:
        yield (functional._inputs_struct,), {}
        return
    shape = (model.get_build_config() or {}).get("input_shape")
    if isinstance(shape, tuple | list) and all(size is None or isinstance(size, int) for size in shape):
        for dtype in (model.compute_dtype, "int32"):
            yield (keras.KerasTensor(tuple(shape), dtype, name="batch"),), {}


def open_sizes(structure: Any) -> tuple[int, ...]:
    """Return the sizes to try where symbolic tensors leave more open than the number of examples; else just one."""
    leaves = (leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor))
    return OPEN_SIZES if any(None in leaf.shape[1:] for leaf in leaves) else OPEN_SIZES[:1]


def spelled_out(structure: Any, size: int) -> Any:
    """Return a structure with every open size of its symbolic tensors set: few examples, and a size for the rest."""

    def known(leaf: Any) -> Any:
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        sizes = (OF_BATCH if n == 0 else size for n in range(len(leaf.shape)))
        shape = tuple(extent if given is None else given for given, extent in zip(leaf.shape, sizes, strict=True))
        return keras.KerasTensor(shape, leaf.dtype)

    return keras.tree.map_structure(known, structure)


def brief(error: Exception) -> str:
    """Return what an error says, without the lists of arguments that Keras adds."""
    whole = str(error)
    if isinstance(error, KeyError) and error.args:  # which shows its text as repr does, and Keras a key without quotes
        whole = re.sub(r"\x1b\[1m(\w+)\x1b\[0m", r"'\1'", str(error.args[0]))
    text = re.sub(r"\x1b\[\d*m", "", whole.partition("\n\nArguments received by")[0])
    return " ".join(text.split()) or type(error).__name__
