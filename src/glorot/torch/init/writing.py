"""From a law to the memory of a tensor: who may be written to, and what PyTorch is told of it."""

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.compiler import is_dynamo_compiling
from torch.overrides import handle_torch_function, has_torch_function_variadic

from glorot.distributions import Constant
from glorot.dropins.arguments import Argument
from glorot.dropins.table import TORCH
from glorot.errors import GlorotError
from glorot.stream.checks import check_law
from glorot.stream.digest import digest_of
from glorot.stream.elements import check_element
from glorot.stream.philox import Key
from glorot.text import shape_text
from glorot.torch import filling
from glorot.torch.agreeing import check_agreed
from glorot.torch.filling import PLAIN, name_of, words_of
from glorot.torch.init import direct
from glorot.torch.init.direct import Ready, ready
from glorot.torch.init.source import draw_key
from glorot.torch.places import overlaps
from glorot.torch.shards import blocks, check_placements, is_sharded, locals_of

Function = TypeVar("Function", bound=Callable[..., Any])


def overridable(function: Function) -> Function:
    """Let subclasses and modes with a `__torch_function__` take a call over, as the functions of PyTorch do."""
    draws = "generator" in inspect.signature(function).parameters

    @functools.wraps(function)
    def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        if has_torch_function_variadic(tensor):
            return handle_torch_function(call, (tensor,), tensor, *args, **kwargs)
        if draws and is_dynamo_compiling():  # the stream cannot be traced: a compiled function leaves its graph here
            return torch.compiler.disable(function)(tensor, *args, **kwargs)
        if not isinstance(tensor, Tensor):
            raise GlorotError(f"{function.__name__}: tensor must be a torch.Tensor, got {type(tensor).__name__}")
        try:
            return function(tensor, *args, **kwargs)
        except GlorotError as error:
            raise GlorotError(f"{function.__name__}: {error}") from error

    return cast("Function", call)


def law_of(drop_in: str, dtype: torch.dtype, *given: Any) -> Ready:
    """Return the law of a row of the table for its arguments, once a dtype is known to hold what it draws."""
    for value in given:
        if type(value) is not float:  # as it is as a rule; nothing else is looked up by its hash
            return _law_of(drop_in, dtype, *numbers_of(drop_in, *given))
    return _law_of(drop_in, dtype, *given)


def numbers_of(drop_in: str, *given: Any) -> Sequence[float]:
    """Return the arguments of a row of the table as numbers."""
    return [Argument(*pair).number() for pair in zip(TORCH[drop_in].arguments, given, strict=True)]


@functools.lru_cache(maxsize=4096)  # a small tensor is filled in microseconds
def _law_of(drop_in: str, dtype: torch.dtype, *numbers: float) -> Ready:
    law, element = TORCH[drop_in].law_of(*numbers), name_of(dtype)
    check_element(element)
    check_law(law, element)
    return ready(law)


def write(tensor: Tensor, law: Ready, generator: torch.Generator | None, axes: str | None = None) -> Tensor:
    """Fill a tensor in place from the next key of a generator, and return it.

    A tensor without elements or without memory is returned as it is, and no key is drawn.

    Args:
        tensor: the tensor.
        law: what to draw.
        generator: where the key comes from; None is the default generator of the tensor's device.
        axes: a letter for each axis, for the whole-matrix laws.
    """
    if direct.fill(tensor, law, generator) or not holds_elements(tensor):
        return tensor
    check_writable(tensor)
    key = draw_key(tensor, generator)
    check_agreed([("the tensor", tensor, key, law.distribution)], GENERATORS)
    filling.fill(tensor, key, law.distribution, axes=axes)
    if not tensor.is_inference():
        # The kernel writes memory that autograd may have saved; only this counter tells it so.
        increment_version(tensor)
    return tensor


GENERATORS = "their generators differ; call torch.manual_seed with the same number in every process"
"""What is wrong, and what to do, where processes draw other keys for a DTensor."""


def on_shards(function: Function) -> Function:
    """Let a function that writes plain tensors write DTensors: what it makes of a whole one is dealt out.

    The whole is made in every process, of which each keeps its shards.
    """

    @functools.wraps(function)
    def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not is_sharded(tensor):
            return cast("Tensor", function(tensor, *args, **kwargs))
        check_writable(tensor)
        is_held = holds_elements(tensor)
        place = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu" if is_held else "meta")
        whole = function(place, *args, **kwargs)
        if is_held:
            made = digest_of(words_of(whole), 0, 0, whole.stride())
            check_agreed([(f"{made:x}", tensor, Key(0, 0), Constant(0.0))], GENERATORS)
            for local, box, _ in blocks(tensor):
                local.copy_(whole[tuple(slice(*span) for span in box)])
            increment_version(tensor)
        return tensor

    return cast("Function", call)


def holds_elements(tensor: Tensor) -> bool:
    """Tell whether there is anything to write: not without elements, on the meta device or in a fake tensor."""
    return not (tensor.numel() == 0 or tensor.is_meta or (type(tensor) not in PLAIN and _is_fake(tensor)))


def check_writable(tensor: Tensor) -> None:
    """Raise unless the memory of a tensor may be written now; of a DTensor, the shard that lies here."""
    if is_sharded(tensor):
        check_placements("the tensor", tensor)
        for local in locals_of(tensor):
            check_writable(local)
        return
    if type(tensor) not in PLAIN and type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        raise GlorotError(
            f"a {type(tensor).__name__} keeps its values in other tensors, and glorot writes plain ones; "
            "fill the plain tensor before it is wrapped, or call the function of torch.nn.init"
        )
    if tensor.layout is not torch.strided:
        raise GlorotError(f"the tensor has layout {tensor.layout}, and only dense ones can be filled")
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise GlorotError(
            "the tensor was made under torch.inference_mode(), and nothing may be written to it outside; "
            "make it outside, or fill it inside"
        )
    check_no_overlap(tensor)


def check_no_overlap(tensor: Tensor) -> None:
    """Raise if elements of a tensor share memory, as those of an expanded one do."""
    if not tensor.is_contiguous() and overlaps(tensor):
        raise GlorotError(
            f"elements of the tensor share memory (shape {shape_text(tensor.shape)}, "
            f"strides {tensor.stride()}), so they cannot differ; fill a copy, tensor.clone()"
        )


def _is_fake(tensor: Tensor) -> bool:
    """Tell whether a tensor only pretends to have memory, as under FakeTensorMode; if so, its module is loaded."""
    module = sys.modules.get("torch._subclasses.fake_tensor")
    return module is not None and isinstance(tensor, module.FakeTensor)
