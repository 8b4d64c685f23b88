"""Auditing: what an init function writes, and what it leaves."""

import sys
from collections.abc import Callable
from typing import Any

from glorot.adapters import adapter_for
from glorot.checks.audited import Audit, audited
from glorot.errors import GlorotError
from glorot.inventory.written import WrittenModel
from glorot.text import quoted

REFUSED = {
    "jax": (
        "a functional init, as of JAX, writes into no memory: it returns a new tree, every leaf of which it has made, "
        "so nothing can be left unwritten; check the tree that it returns with glorot.check(params)"
    ),
    "keras": (
        "Keras makes each variable together with its initializer's value, so none is left unwritten; check the model "
        "that is built with glorot.check(model)"
    ),
    "caffe": (
        "Caffe fills every blob by the filler that its layer declares, or with 0, so none is left unwritten; check the "
        "net with glorot.check(net)"
    ),
}
"""Why models of other frameworks are not audited."""


def audit(build: Callable[[], Any], init: Callable[[Any], Any] | None = None, *, method: str = "init_weights") -> Audit:
    """Find out which parameters and buffers of a PyTorch model an init function writes: once, again, in part or never.

    times(element) = how many operators wrote over it, whatever it held, since it was given memory

    Large models are built on the meta device, without memory, and then given some by `to_empty()`, which holds whatever
    was there before. What the init function doesn't write then stays raw memory: a norm that it forgets, a table of
    positions that only the constructor computes. So a model is built here, on the meta device where its constructor
    runs there; its memory is filled with poison, for each tensor a NaN like no other; the init runs, and each operator
    that writes is followed. Whatever NumPy or a kernel wrote past all operators is told by the poison. Changes
    in place, such as `mul_`, do not count as writes, and tied tensors count once.

    Args:
        build: function without arguments that makes a new model each time, such as `lambda: Net(config)`.
        init: function (model) that starts the model in place. Without one, the method is called: `model.method()`, or
            `model.apply(model.method)` where it takes a module; where the model has none, that of its modules.
        method: the name of the method; "init_weights" (default), for which `_init_weights` stands in, or another one,
            such as "reset_parameters".

    Returns:
        The audit, to print, save or show in a notebook: findings with culprits first, and `tensors`, one for each
        parameter and buffer. It is `ok` if every element of all of them is written, with nothing made of raw memory.

    Raises:
        GlorotError: if there is nothing to call, `build` returns a model that was there before, the init function
            fails, or the model is not one of PyTorch's. Random states, default dtype and device stay as they were.

    Example:
        >>> import glorot, torch
        >>> def init(model):
        ...     for module in model.modules():
        ...         if isinstance(module, torch.nn.Linear):
        ...             torch.nn.init.xavier_uniform_(module.weight)
        >>> report = glorot.audit(lambda: torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.LayerNorm(8)), init)
        >>> {one.path: one.state for one in report.tensors}
        {'0.weight': 'once', '0.bias': 'never', '1.weight': 'never', '1.bias': 'never'}

    References:
        PyTorch 2, "Skipping module parameter initialization" and `torch.nn.Module.to_empty`, which leaves memory
        uninitialized.
    """
    _check_arguments(build, init, method)
    made: Any = None
    if "torch" in sys.modules:
        from glorot.torch.auditing import audit as audit_torch

        made = audit_torch(build, init, method)
    else:
        made = build()
        if "torch" in sys.modules and adapter_for(made).__name__ == "glorot.torch.adapter":  # type: ignore[attr-defined]
            return audit(build, init, method=method)
    if isinstance(made, WrittenModel):
        return audited(made)
    framework = adapter_for(made).__name__.split(".")[1]  # type: ignore[attr-defined]
    raise GlorotError(
        f"an audit is for models of PyTorch, and build made a {type(made).__name__}: {REFUSED[framework]}"
    )


def _check_arguments(build: Any, init: Any, method: Any) -> None:
    if not callable(build) or (hasattr(build, "parameters") and not isinstance(build, type)):
        raise GlorotError(
            "build must be a function that makes a new model, such as lambda: Net(config), got a "
            f"{type(build).__name__}; an audit fills its model with poison, so it makes its own"
        )
    if init is not None and not callable(init):
        hint = f"; for a method of the model say method={init!r}" if isinstance(init, str) else ""
        raise GlorotError(f"init must be a function that starts the model it is given, got {quoted(init)}{hint}")
    if not isinstance(method, str) or not method.isidentifier():
        raise GlorotError(f'method must be the name of a method, such as "init_weights", got {quoted(method)}')
