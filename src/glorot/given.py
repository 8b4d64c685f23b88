"""What is given besides a model, a batch, targets or a loss: checked in the same words for every framework."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.text import shape_text

NO_NUMBERS = "OSUMm"
"""The kinds of NumPy's dtypes that are no numbers: objects, texts, dates."""


class ToCheck(NamedTuple):
    """What stands for a model when it is checked.

    Attributes:
        model: a model that holds weights and runs.
        inputs: a batch for it; None where it can't run.
        notes: what the report should say of how they were come by.
    """

    model: Any
    inputs: Any
    notes: tuple[str, ...]


def check_batch(inputs: Any) -> None:
    """Check that the arrays of a batch hold numbers, and examples.

    Raises:
        GlorotError: if one holds something else, or all are empty.
    """
    if _gives_batches(inputs):
        raise GlorotError(f"inputs must be one batch, got {kind_of(inputs)}, which gives several: pass one of them")
    arrays = [leaf for leaf in leaves_of(inputs) if _is_array(leaf)]
    for array in arrays:
        if isinstance(array, np.ndarray) and array.dtype.kind in NO_NUMBERS:
            raise GlorotError(f"the batch is an array of dtype {array.dtype}; expected numbers")
    if arrays and all(0 in array.shape for array in arrays):
        raise GlorotError(f"the batch of shape {shape_text(arrays[0].shape)} holds no examples; pass one at least")


BATCHES = {"DataLoader", "Dataset", "DatasetV2", "IterableDataset", "PyDataset"}
"""The classes of PyTorch, TensorFlow, Keras and others whose objects give batches."""


def _gives_batches(inputs: Any) -> bool:
    """Tell whether something is not a batch, but what batches are taken from: a loader, a data set or a generator."""
    return isinstance(inputs, Iterator) or any(kind.__name__ in BATCHES for kind in type(inputs).__mro__)


def leaves_of(inputs: Any) -> Iterator[Any]:
    """Yield what tuples, lists and mappings hold, or the one thing that is given."""
    if isinstance(inputs, Mapping):
        inputs = list(inputs.values())
    if isinstance(inputs, tuple | list):
        for one in inputs:
            yield from leaves_of(one)
    else:
        yield inputs


def empty_arrays(inputs: Any, name: str = "inputs") -> tuple[str, ...]:
    """Return the names of the arrays of a batch that hold nothing but zeros.

    Example:
        >>> empty_arrays((np.ones(3), {"mask": np.zeros(3)}))
        ("inputs[1]['mask']",)
    """
    if isinstance(inputs, Mapping):
        return tuple(one for key, value in inputs.items() for one in empty_arrays(value, f"{name}[{key!r}]"))
    if isinstance(inputs, tuple | list):
        return tuple(one for n, value in enumerate(inputs) for one in empty_arrays(value, f"{name}[{n}]"))
    return (name,) if _is_array(inputs) and _holds_zeros(inputs) else ()


def _holds_zeros(array: Any) -> bool:
    try:
        others = array != 0
        return not bool(others.any() if hasattr(others, "any") else np.asarray(others).any())
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # as of sparse arrays, or random keys
        return False


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def holds_no_array(inputs: Any) -> bool:
    """Tell whether a batch holds Python's own numbers, texts and the like alone.

    Example:
        >>> holds_no_array([[1.0, 2.0]]), holds_no_array(()), holds_no_array({"x": np.ones(3)})
        (True, False, False)
    """
    leaves = list(leaves_of(inputs))
    return bool(leaves) and all(type(leaf).__module__ == "builtins" for leaf in leaves)


@contextmanager
def no_array_named(inputs: Any) -> Iterator[None]:
    """Say of a batch that does not fit that it holds no array, where that is so."""
    try:
        yield
    except GlorotError as error:
        if not str(error).startswith("the batch does not fit") or not holds_no_array(inputs):
            raise
        raise no_array_in(inputs) from error


def no_array_in(inputs: Any) -> GlorotError:
    """Return the refusal of a batch that holds no array."""
    return GlorotError(
        f"the batch holds no array or tensor: expected one, or a tuple or dict of them, got {kind_of(inputs)}"
    )


def kind_of(value: Any) -> str:
    """Return the name of a value's class, with an article.

    Example:
        >>> kind_of(3), kind_of("text")
        ('an int', 'a str')
    """
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def not_finite(shape: Sequence[int], what: str = "the batch") -> GlorotError:
    """Return the refusal of a batch, or of targets, that hold NaN or infinity."""
    holds = "hold" if what.endswith("s") else "holds"
    return GlorotError(f"{what} of shape {tuple(shape)} {holds} NaN or infinity; clean the data first")


# ---- targets ---------------------------------------------------------------------------------------------------------


def targets_as_array(targets: Any) -> NDArray[Any]:
    """Return targets as an array of numbers, all of them finite.

    Raises:
        GlorotError: if they are none.
    """
    try:
        array = np.asarray(targets)
    except (TypeError, ValueError) as error:  # as of rows of several lengths
        raise GlorotError(f"targets are not an array of numbers: {error}") from error
    if array.dtype.kind in NO_NUMBERS:
        what = f"an array of dtype {array.dtype}" if isinstance(targets, np.ndarray) else kind_of(targets)
        raise GlorotError(f"targets are {what}; expected class numbers or values, as an array")
    if array.dtype.kind not in "biu" and not np.isfinite(array.astype(np.float64)).all():
        raise not_finite(array.shape, "targets")
    return array


def check_targets(shape: Sequence[int], outputs: Sequence[int], *, are_classes: bool) -> None:
    """Check that targets are class numbers, one for each row of the outputs, or values, one for each output.

    Raises:
        GlorotError: if they are not.
    """
    if tuple(shape) != tuple(outputs[:-1] if are_classes else outputs):
        classes = f"class numbers of shape {tuple(outputs[:-1])}, or " if len(outputs) > 1 else ""
        raise GlorotError(
            f"targets of shape {tuple(shape)} do not fit outputs of shape {tuple(outputs)}: expected {classes}"
            f"floating-point values of shape {tuple(outputs)}"
        )


def check_classes(least: int, largest: int, outputs: Sequence[int], classes: int) -> None:
    """Check that class numbers are among those that outputs tell apart.

    Args:
        least: the smallest class number.
        largest: the largest.
        outputs: the shape of the outputs.
        classes: how many classes they tell apart.

    Raises:
        GlorotError: if they are not.
    """
    if least < 0 or largest >= classes:
        strange = least if least < 0 else largest
        raise GlorotError(
            f"targets hold class number {strange}, and outputs of shape {tuple(outputs)} are of classes 0 to "
            f"{classes - 1}; count the classes from 0, or pass values as floating-point numbers"
        )


# ---- losses ----------------------------------------------------------------------------------------------------------


def check_loss(loss: Any) -> None:
    """Check that a loss is a function.

    Raises:
        GlorotError: if it is something else, as a name, or a class.
    """
    if loss is not None and (isinstance(loss, type) or not callable(loss)):
        what = f"the class {loss.__name__}; make one, {loss.__name__}()" if isinstance(loss, type) else repr(loss)
        raise GlorotError(f"loss must be a function (what the model returns, targets) → one number, got {what}")
    if loss is not None and _first_argument(loss) == "y_true":
        raise GlorotError(
            "loss takes (y_true, y_pred), as losses of Keras do, and is called here with (what the model returns, "
            "targets): pass lambda outputs, targets: loss(targets, outputs)"
        )


def _first_argument(function: Any) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):  # as of a function of C
        return ""


def failed_loss(error: Exception, targets: Any, outputs: Any) -> GlorotError:
    """Return the refusal of a loss that fails, with the shapes that it was given."""
    given = f"targets of shape {tuple(targets.shape)}" if hasattr(targets, "shape") else _named(targets)
    made = f"outputs of shape {tuple(outputs.shape)}" if hasattr(outputs, "shape") else kind_of(outputs)
    text = f"the loss failed on {given} and {made} with {type(error).__name__}{f': {error}' if str(error) else ''}"
    if targets is None:
        return GlorotError(f"{text}; pass targets=, or a loss that needs none")
    return GlorotError(f"{text}; it is called as loss(outputs, targets)" if isinstance(error, OF_ORDER) else text)


OF_ORDER = (TypeError, ValueError, RuntimeError, IndexError, AttributeError)
"""What a loss raises that takes its arguments in the other order."""


def _named(targets: Any) -> str:
    return "no targets" if targets is None else f"targets that are {kind_of(targets)}"


def not_one_number(value: Any, kind: str) -> GlorotError:
    """Return the refusal of what a loss returned.

    Args:
        value: what it returned.
        kind: what an array is called in its framework, with its article.
    """
    told = f"shape {tuple(value.shape)}; take its mean" if hasattr(value, "shape") else kind_of(value)
    remedy = "" if hasattr(value, "shape") else "; compute it from what the model returns"
    return GlorotError(f"loss must return one number as {kind}, got {told}{remedy}")
