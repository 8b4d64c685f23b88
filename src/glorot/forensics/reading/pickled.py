"""The pickle in a file of `torch.save`, read for its tensors alone: any other class or function is refused, not run."""

import collections
import io
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from glorot.errors import GlorotError

STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
}  # fmt: skip
"""The dtypes of PyTorch's typed storages."""

DTYPES = frozenset({*STORAGES.values(), "float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64"})


class Tensor(NamedTuple):
    """A tensor in a pickle: a view of a storage.

    Attributes:
        storage: the name of the storage.
        dtype: the name of the dtype.
        offset: the element of the storage that it starts at.
        shape: its shape.
        strides: how many elements lie between two along each axis.
    """

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def last(self) -> int:
        """The last element of the storage that it reads; -1 where it has no elements."""
        if 0 in self.shape:
            return -1
        return self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))

    @property
    def is_in_order(self) -> bool:
        """Whether its elements follow each other in the storage, the last axis first."""
        steps = [math.prod(self.shape[n + 1 :]) for n in range(len(self.shape))]
        return all(
            length == 1 or step == own for length, step, own in zip(self.shape, steps, self.strides, strict=True)
        )


class _Storage(NamedTuple):
    name: str
    dtype: str


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, _Storage) or min(offset, *shape, *strides, 0) < 0:
        raise pickle.UnpicklingError("a tensor that is no view of a storage")
    return Tensor(storage.name, storage.dtype, offset, tuple(shape), tuple(strides))


def _tensor_of_dtype(
    storage: Any, offset: int, shape: Any, strides: Any, _: Any, __: Any, dtype: str, *___: Any
) -> Any:
    return _tensor(storage, offset, shape, strides)._replace(dtype=dtype)


def _first(tensor: Any, *_: Any) -> Any:
    return tensor


KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
}
"""What a pickle may call, and what is called in its place."""


class _Reader(pickle.Unpickler):
    """Calls nothing that a pickle names but what stands in `KNOWN`."""

    def find_class(self, module: str, name: str) -> Any:
        called = f"{module}.{name}"
        if called in KNOWN:
            return KNOWN[called]
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        if module == "torch" and name in DTYPES:
            return name
        raise GlorotError(
            f"it holds pickled code, {called}, which is not run; load it where you trust it and save a state dict: "
            "torch.save(model.state_dict(), path)"
        )

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, name, *_ = pid
        if kind != "storage" or not isinstance(dtype, str):
            raise pickle.UnpicklingError("a reference that is not to a storage")
        return _Storage(str(name), dtype)


def tensors_in(data: bytes, source: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a pickle by their path through dicts and lists, joined with dots.

    Args:
        data: the pickle.
        source: the file, for errors.

    Raises:
        GlorotError: if the pickle names any other class or function than those of tensors, or is damaged.
    """
    try:
        found = list(_walk("", _Reader(io.BytesIO(data)).load()))
    except GlorotError as error:
        raise GlorotError(f"{source}: {error}") from None
    except Exception as error:  # whatever bytes that are no pickle lead to
        raise GlorotError(f"{source}: its pickle is damaged ({error}); save it again with torch.save") from None
    yield from found


def _walk(path: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path or "tensor", value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list | tuple):
        for n, inner in enumerate(value):
            yield from _walk(f"{path}.{n}" if path else str(n), inner)
