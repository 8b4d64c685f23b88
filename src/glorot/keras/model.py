"""From a Keras model to its inventory."""

import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.src.utils.naming import to_snake_case  # Keras exports no name for it
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.given import no_array_in
from glorot.graph import Forward, Graph
from glorot.inventory import Inventory, Parameter, Part, Stored, runs
from glorot.inventory.holding import held
from glorot.inventory.names import FUSED
from glorot.inventory.registration import Trace
from glorot.keras.graph import lower
from glorot.keras.graph.calls import own_inputs
from glorot.keras.layers import OUTSIDE, Parts, constant_of, kind_of, parts_of
from glorot.keras.paths import is_quantized, joined, kinds, layers_of, own_variables, state_of, told
from glorot.keras.registration import in_order
from glorot.keras.writing import seen

WEIGHTS = {"kernel", "recurrent", "embedding"}


class _Stored(NamedTuple):
    """A variable where a layer holds it; `parts` is None if the layer does not tell what it is."""

    path: str
    variable: Any
    layer_path: str
    layer: Any
    parts: Parts | None


def layers(model: Any, inputs: Any = None) -> Inventory:
    """Take stock of a Keras model by the classes of its layers.

    Args:
        model: the model or layer; it is left as it was found.
        inputs: not looked at; the layers are built already.

    Returns:
        The inventory.

    Raises:
        GlorotError: if a layer is not built or cannot be named.
    """
    found = layers_of(model)
    _check_built(found)
    normed = {id(layer.kernel) for _, layer in found if "SpectralNormalization" in kinds(layer)}
    stored = [_normed(one, normed) for path, layer in found for one in _stored(path, layer)]
    owners = _owners(stored)
    weighted = [one for one in stored if any(part.role in WEIGHTS for part in one.parts or ())]
    trace = in_order(model, {id(one.layer) for one in weighted})
    depths = {path: n for n, path in enumerate(trace.order, start=1)}
    parameters = tuple(_parameter(one, owners[id(one.variable)], trace, depths) for one in stored)
    return Inventory("keras", parameters, buffers=tuple(state_of(model)))


def graph(model: Any, stock: Inventory, inputs: Any = None, forward: Forward | None = None) -> Graph | None:
    """Return what a Keras model computes of a batch.

    Args:
        model: the model or layer; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: a batch, of which only shapes and dtypes matter: the model is run on symbolic tensors. Without it, a
            Sequential or Functional model is run on its own inputs, and any other on such as it was built for.
        forward: function (model, batch) that runs the model; by default it is called.

    Raises:
        GlorotError: if the model refuses the batch or cannot be followed.
    """
    paths = paths_in(model, stock)
    if inputs is not None:
        return lower(model, *arguments_for(model, inputs, forward), paths, forward)
    for own in own_inputs(model):
        with suppress(GlorotError):  # nobody asked for this pass
            graph = lower(model, *own, paths)
            graph.invented |= not {"Sequential", "Functional"} & set(kinds(model))  # it may be called on other sizes
            return graph
    return None


def paths_in(model: Any, stock: Inventory) -> dict[int, str]:
    """Return the path of each variable that holds weights, by its id."""
    stored = [(path, layer, name) for path, layer in layers_of(model) for name, _ in own_variables(layer)]
    owned = {one.path for one in stock.parameters if one.tied_to is None}
    variables = variables_of(model)
    return {
        id(variables[joined(path, name)]): joined(path, name)
        for path, layer, name in stored
        if joined(path, name) in owned and not is_quantized(layer)  # whose integers are no weights to start
    }


def arguments_for(model: Any, inputs: Any, forward: Forward | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return symbolic tensors like a batch, as the arguments of a call, or of a function that runs the model."""
    return _symbolic(model, inputs) if forward is None else ((_like_all(model, inputs),), {})


def variables_of(model: Any) -> dict[str, Any]:
    """Return the variables of a model that hold weights, by their paths."""
    return {joined(path, name): variable for path, layer in layers_of(model) for name, variable in own_variables(layer)}


def _check_built(layers: Iterable[tuple[str, Any]]) -> None:
    for path, layer in layers:
        if not layer.built and not getattr(layer.build, "_is_default", False):
            raise GlorotError(
                f"{told(path, layer)} is not built, so it has no weights yet; begin the model with keras.Input(shape), "
                "call model.build(input_shape), or call it on one batch, and then plan it"
            )


def _stored(path: str, layer: Any) -> list[_Stored]:
    own = own_variables(layer)
    try:
        parts = parts_of(layer, {name: tuple(variable.shape) for name, variable in own})
    except GlorotError as error:
        raise GlorotError(f"{told(path, layer)}: {error}") from error
    return [_Stored(joined(path, name), variable, path, layer, parts.get(name)) for name, variable in own]


SPECTRAL = "divided by its largest singular value at every step of training"


def _normed(one: _Stored, normed: Collection[int]) -> _Stored:
    """Return a variable with what its parts say of a wrapper that norms it, if it is one of these."""
    if id(one.variable) not in normed or one.parts is None:
        return one
    return one._replace(parts=tuple(replace(part, stored=Stored(SPECTRAL)) for part in one.parts))


def _owners(stored: Iterable[_Stored]) -> dict[int, str]:
    """Return the path that each variable is planned at: the first layer that knows what it is, or else the first."""
    first: dict[int, _Stored] = {}
    for one in stored:
        known = first.setdefault(id(one.variable), one)
        if known.parts is None and one.parts is not None:
            first[id(one.variable)] = one
    return {key: one.path for key, one in first.items()}


def _parameter(one: _Stored, owner: str, trace: Trace, depths: Mapping[str, int]) -> Parameter:
    shape, dtype = tuple(one.variable.shape), keras.backend.standardize_dtype(one.variable.dtype)
    gathered = any(runs(part.role) for part in one.parts or ())
    frozen = not one.variable.trainable and "float" in dtype and not gathered
    layer = f"{one.layer_path}.{_called(one)}"
    if owner != one.path:
        return Parameter(one.path, shape, dtype, tied_to=owner, frozen=frozen, layer=layer)
    if one.parts is None:
        unknown = Part(one.path, "", shape, "unknown", kind_of(one.layer), filled=True)
        parts = (_with_held(unknown, one),) if "float" in dtype else (unknown,)
        return Parameter(one.path, shape, dtype, parts, frozen=frozen, layer=layer)
    at = one.layer_path
    placed = [
        replace(
            part,
            name=one.path + part.name,
            fed_by=trace.fed_by.get(at, "identity") if part.fed_by == OUTSIDE else part.fed_by,
            followed_by=trace.followed_by.get(at, "identity") if part.followed_by == OUTSIDE else part.followed_by,
            depth=depths.get(at, 0),
        )
        for part in one.parts
    ]
    started = tuple(_with_start(part, one) for part in placed)
    return Parameter(one.path, shape, dtype, started, frozen=frozen, layer=layer)


USUAL = {"bias": 0.0, "forget_bias": 0.0, "shift": 0.0, "scale": 1.0}
"""What the initializers of vectors give where nobody chose them."""


def _with_start(part: Part, one: _Stored) -> Part:
    """Add what the layer's initializer for this variable declares, and what an unusual one left in it."""
    name = one.path.removeprefix(f"{one.layer_path}.")
    initializer = getattr(one.layer, f"{name}_initializer", None)
    start = constant_of(initializer) if part.role in (*USUAL, "slope") else None
    part = replace(part, start=None if start is None or start == USUAL.get(part.role) else start)
    whole = part.view is None or not part.view.is_piece
    return _with_held(part, one) if whole and part.start is None else part


def _with_held(part: Part, one: _Stored) -> Part:
    """Add what a variable holds, where that is unusual."""
    found = seen(one.variable)
    values = values_of(one.variable) if found is None else found
    return replace(part, held=held(part, values, lambda some: some.astype(np.float32)))


def values_of(variable: Any) -> NDArray[Any]:
    """Return what a variable holds; float8, which PyTorch does not hand to NumPy, as float32."""
    if keras.backend.standardize_dtype(variable.dtype).startswith("float8"):
        variable = keras.ops.cast(variable, "float32")
    with warnings.catch_warnings():  # NumPy 2 complains of how Keras's variables become arrays
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(keras.ops.convert_to_numpy(variable))


def _called(one: _Stored) -> str:
    """Return what the user calls a layer: the attribute that holds it, or the name that it was given.

    A name that Keras made from the class is none: it has a number behind it from the second layer of a process on.
    """
    is_known = one.layer_path.rpartition(".")[2] in FUSED
    automatic = re.escape(to_snake_case(type(one.layer).__name__)) + r"(_\d+)?"
    is_automatic = re.fullmatch(automatic, one.layer.name) is not None
    return one.layer_path if is_known or is_automatic else str(one.layer.name)


def _symbolic(model: Any, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return symbolic tensors like a batch, as the arguments of a call.

    A tuple holds positional inputs and a dict named ones, but a Sequential or Functional model takes one structure,
    and so does any other model whose call has no such names.
    """
    like = _like_all(model, inputs)
    takes_one = bool({"Sequential", "Functional"} & set(kinds(model)))
    if isinstance(like, Mapping) and not takes_one and set(like) <= set(model.call_signature_parameters):
        return (), dict(like)
    return (like if isinstance(like, tuple) and not takes_one else (like,)), {}


def _like_all(model: Any, inputs: Any) -> Any:
    """Return a batch with a symbolic tensor in the place of each array."""
    like = keras.tree.map_structure(lambda value: _like(value, model.compute_dtype), inputs)
    if not any(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(like)):
        raise no_array_in(inputs)
    return like


def _like(value: Any, dtype: str) -> Any:
    """Return a symbolic tensor for a tensor or array, of the model's dtype if both are floating, as Keras casts it."""
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return value
    own = keras.backend.standardize_dtype(value.dtype)
    is_cast = keras.backend.is_float_dtype(own) and keras.backend.is_float_dtype(dtype)
    return keras.KerasTensor(tuple(value.shape), dtype if is_cast else own, name="batch")  # uncounted, with a name
