"""Running a model on a batch without computing anything."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.jax.models.paths import is_array
from glorot.preserving import Switch, process_preserved

Call = Callable[..., Any]


def _flag(name: str) -> Switch:
    update: Callable[[str, Any], None] = jax.config.update
    return Switch(lambda: getattr(jax.config, name), lambda before: update(name, before))


SWITCHES = tuple(map(_flag, ("jax_enable_x64", "jax_default_matmul_precision", "jax_disable_jit", "jax_debug_nans")))


def taken_apart(inputs: Any) -> tuple[list[Any], Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]]]:
    """Return the arrays of a batch, and what puts arrays in their place into the arguments of a call.

    A tuple holds positional inputs, a mapping named ones, the rest is one input; what is no array stays as it is.
    """
    positional = inputs if isinstance(inputs, tuple) else () if isinstance(inputs, Mapping) else (inputs,)
    named = dict(inputs) if isinstance(inputs, Mapping) else {}
    flat, structure = jax.tree_util.tree_flatten((positional, named))
    places = [n for n, leaf in enumerate(flat) if is_array(leaf)]

    def together(arrays: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        filled = dict(enumerate(flat)) | dict(zip(places, arrays, strict=True))
        args, kwargs = jax.tree_util.tree_unflatten(structure, [filled[n] for n in range(len(flat))])
        return args, kwargs

    return [flat[n] for n in places], together


def prepared(inputs: Any, forward: Forward | None) -> tuple[list[Any], Forward]:
    """Return the arrays of a batch, and what runs a model on arrays in their place.

    Args:
        inputs: the batch.
        forward: function (model, batch) that runs the model; by default it is called.
    """
    if forward is None:
        arrays, together = taken_apart(inputs)

        def called(model: Any, arrays: list[Any]) -> Any:
            args, kwargs = together(arrays)
            return model(*args, **kwargs)

        return arrays, called
    arrays, together = taken_apart((inputs,))
    return arrays, lambda model, arrays: forward(model, together(arrays)[0][0])


def call_abstractly(function: Call, inputs: Any) -> Any:
    """Return what a function makes of a batch, in shapes alone.

    Raises:
        GlorotError: if the function refuses the batch.
    """
    arrays, together = taken_apart(inputs)

    def run(arrays: list[Any]) -> Any:
        args, kwargs = together(arrays)
        return function(*args, **kwargs)

    with refusals():
        return jax.eval_shape(run, arrays)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Say of whatever a model raises that the batch does not fit, and leave the process as it was."""
    try:
        with process_preserved(SWITCHES):
            yield
    except GlorotError:
        raise
    except Exception as error:
        raise GlorotError(f"the batch does not fit the model: {type(error).__name__}: {error}") from error
