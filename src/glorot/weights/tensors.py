"""The tensors that a plan's model stores: which parts each of them holds, and whether the plan says all of it."""

import functools
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from glorot import stream
from glorot.errors import GlorotError
from glorot.inventory import View, path_of
from glorot.inventory.layouts import complete, split_axes
from glorot.plans import Plan, PlanEntry
from glorot.stream.checks import check_law
from glorot.text import shape_text

WIDTHS = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "int64": 8}
"""Bytes of an element of each type that is written."""

FLOATS = ("float32", "bfloat16", "float16", "float64")
"""The types that weights are written in."""

COUNTER = "num_batches_tracked"
"""What PyTorch calls the number of batches that a norm's running statistics have seen: 0 at the start."""

MOST_TOLD = 4
"""Names that an error lists."""


class Piece(NamedTuple):
    """A part of a stored tensor, and the key of its numbers."""

    entry: PlanEntry
    key: stream.Key


class StoredTensor(NamedTuple):
    """A tensor as the planned model stores it.

    Attributes:
        name: its path, which is its name in the file.
        shape: its shape.
        dtype: the type of its elements.
        pieces: the parts that it holds, which fill it; none of a counter, which is 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.shape) * WIDTHS[self.dtype]

    @property
    def whole_laws(self) -> list[Piece]:
        """The parts whose laws draw a whole matrix at once."""
        return [one for one in self.pieces if type(one.entry.distribution) in stream.MATRIX_LAWS]


def tensors_of(
    plan: Plan, seed: int, dtype: str = "float32", *, partial: bool = False
) -> tuple[list[StoredTensor], list[str]]:
    """Return the tensors of a plan, and the names of those that are left out.

    Args:
        plan: a plan of version 3 or later.
        seed: 0 ≤ seed < 2**64.
        dtype: the type of all weights: float32, bfloat16, float16 or float64.
        partial: whether tensors may be left out that the plan leaves alone.

    Returns:
        The tensors in the order of the plan, and the names of what is left out.

    Raises:
        GlorotError: if the plan does not say all of a tensor, or a law does not fit the dtype.

    Example:
        >>> import glorot, torch
        >>> tensors, _ = tensors_of(glorot.plan(torch.nn.MultiheadAttention(8, 2)), seed=0)
        >>> [(one.name, one.shape, len(one.pieces)) for one in tensors[:2]]
        [('in_proj_weight', (24, 8), 3), ('in_proj_bias', (24,), 3)]
    """
    _check(plan, dtype)
    _check_laws(plan, dtype)
    by_path: dict[str, list[PlanEntry]] = {}
    for entry in plan.entries:
        by_path.setdefault(path_of(entry.name), []).append(entry)
    left = {path: reason for path, entries in by_path.items() if (reason := _why_left(entries))}
    if left and not partial:
        path, reason = next(iter(left.items()))
        raise GlorotError(
            f"nothing says what to write for {', '.join([*left][:MOST_TOLD])}{_more(len(left) - MOST_TOLD)}: {path} is "
            f"{reason}; plan what was left alone by a rule, apply the plan to the model, glorot apply PLAN TARGET -o "
            "FILE, or leave these tensors out with --partial (partial=True), and whoever loads the files starts them"
        )
    tensors = [_tensor(path, by_path[path], seed, dtype) for path in by_path if path not in left]
    if plan.framework == "torch":
        tensors = [one for tensor in tensors for one in (tensor, *_counter(tensor))]
    return tensors, list(left)


def _check(plan: Plan, dtype: str) -> None:
    """Raise unless a plan says how its tensors are stored."""
    if dtype not in FLOATS:
        raise GlorotError(f"dtype must be {', '.join(FLOATS[:-1])} or {FLOATS[-1]}, got {dtype!r}")
    if plan.version < 3:
        raise GlorotError(
            f"this plan is of version {plan.version}, which does not say how every tensor is stored; plan the model "
            "again with `glorot plan -o`, or apply the plan to the model: glorot apply PLAN TARGET -o FILE"
        )


def _check_laws(plan: Plan, dtype: str) -> None:
    laws = {entry.distribution: entry.name for entry in reversed(plan.entries) if entry.distribution is not None}
    for law, name in laws.items():
        try:
            check_law(law, dtype)
        except GlorotError as error:
            raise GlorotError(f"{name}: {error}") from None


def _why_left(entries: Sequence[PlanEntry]) -> str:
    """Return why a plan does not say what a tensor holds; nothing if it does."""
    alone = next((one.why for one in entries if one.distribution is None), "")
    return alone or next((one.computed for one in entries if one.computed), "")


def left_out_text(names: Sequence[str]) -> str:
    """Say which tensors are left out, after something else; nothing if none is."""
    return f"; left out: {', '.join(names[:MOST_TOLD])}{_more(len(names) - MOST_TOLD)}" if names else ""


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _tensor(path: str, entries: Sequence[PlanEntry], seed: int, dtype: str) -> StoredTensor:
    shapes = {one.tensor_shape or one.shape for one in entries}
    shape = shapes.pop()
    held = sum(math.prod(one.shape) for one in entries)
    if shapes or held != math.prod(shape) or not all(_lies_in(one.view, shape, one.shape) for one in entries):
        raise GlorotError(
            f"the parts of {path} do not make up one tensor of shape {shape_text(shape)}: the plan is damaged; plan "
            "the model again"
        )
    pieces = tuple(Piece(one, stream.key_of(seed, one.name)) for one in entries)
    return StoredTensor(path, shape, dtype, pieces)


@functools.lru_cache(maxsize=1024)
def _lies_in(place: View | None, shape: tuple[int, ...], part: tuple[int, ...]) -> bool:
    """Tell whether a view finds as many elements as a part has within a tensor of this shape."""
    view = complete(place, shape)
    if len(view.box) != len(shape) or any(stop > size for (_, stop), size in zip(view.box, shape, strict=True)):
        return False
    try:
        split_axes([stop - start for start, stop in view.box], view.unfold)
    except GlorotError:
        return False
    is_permuted = sorted(view.order) == list(range(len(view.cut))) and len(view.cut) == len(view.unfold)
    return is_permuted and math.prod(view.extents) == math.prod(part)


def _counter(tensor: StoredTensor) -> Iterator[StoredTensor]:
    """Yield what counts the batches that running statistics have seen, once for a norm."""
    if tensor.pieces[0].entry.role == "running_mean" and tensor.name.endswith("running_mean"):
        yield StoredTensor(tensor.name.removesuffix("running_mean") + COUNTER, (), "int64", ())


def identify(plan: Plan) -> str:
    """Hash all that the weights depend on beside the seed: names, shapes, layouts and laws.

    Args:
        plan: the plan.

    Returns:
        32 hexadecimal digits: equal for two plans that draw the same weights into the same places.

    Example:
        >>> import glorot, torch
        >>> first, second = (glorot.plan(torch.nn.Linear(3, 2), recipe) for recipe in ("xavier", "he"))
        >>> first.fingerprint == second.fingerprint, identify(first) == identify(second)
        (True, False)
    """
    laws = {law: None if law is None else law.to_json() for law in {one.distribution for one in plan.entries}}
    rows = sorted(
        json.dumps([one.name, one.axes, one.shape, one.tensor_shape, one.view and tuple(vars(one.view).values()),
                    laws[one.distribution]])
        for one in plan.entries
    )  # fmt: skip
    return hashlib.sha256("\n".join([plan.stream, *rows]).encode()).hexdigest()[:32]
