"""Reading the steps of a training loop while it runs, without running anything besides."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves

from glorot.errors import GlorotError
from glorot.graph import Folded
from glorot.graph.readings import Observed
from glorot.inventory import Inventory
from glorot.torch.locating import Call, Catching, Locating
from glorot.torch.observing import Watch
from glorot.torch.paths import bare, structural
from glorot.torch.seeing import graph, graph_on_meta
from glorot.torch.spread import check_whole
from glorot.torch.writes import Journal

Arrays = Mapping[str, NDArray[Any]]
"""The kernels of a model, by their paths."""

RECORDED: list[set[int]] = []
"""The modules of every model that is being recorded, by their ids."""


class Keeper(Protocol):
    """Who keeps what is read."""

    def keep(self, step: int, observed: Observed, before: Arrays, after: Arrays) -> None:
        """Keep what a step showed: its signal and gradient, and its kernels before and after they were updated."""

    def note(self, text: str) -> None:
        """Keep what was not read, and why."""


@contextmanager
def record(model: nn.Module, stock: Inventory, every: int, keeper: Keeper) -> Iterator[None]:
    """Read every k-th training step of a model while the code inside trains it.

    Args:
        model: the model.
        stock: what is known of it by the classes of its layers.
        every: k.
        keeper: keeps what is read.

    Raises:
        GlorotError: if the model is spread over processes, lies on meta, or was compiled in place.
    """
    check_whole(bare(model))
    own = {id(module) for module in model.modules()}
    if any(own & others for others in RECORDED):
        raise GlorotError(
            f"the {type(model).__name__}, or a layer of it, is being recorded already; leave that block before another"
        )
    if getattr(model, "_compiled_call_impl", None) is not None:
        raise GlorotError(
            f"the {type(model).__name__} was compiled in place, by model.compile(), and then no hook of it runs; train "
            "what torch.compile(model) returns, and record that"
        )
    recording = _Recording(model, stock, every, keeper)
    hooks = (
        model.register_forward_pre_hook(recording.before, with_kwargs=True),
        model.register_forward_hook(recording.after, prepend=True, always_call=True),
    )
    RECORDED.append(own)
    try:
        yield
    finally:
        RECORDED.remove(own)
        for hook in hooks:
            hook.remove()
        recording.end()


@dataclass(eq=False)
class _Step:
    """A call of the model in training mode, which becomes a training step when a backward pass follows.

    Attributes:
        number: how many steps there were before.
        watch: reads it, if it is one of those recorded.
        kernels: the kernels that it ran with.
        inside: what is entered while it runs.
        hooks: hooks of what it returned.
        went_back: whether the backward pass has come.
    """

    number: int
    watch: Watch | None = None
    kernels: Arrays = field(default_factory=dict)
    inside: ExitStack = field(default_factory=ExitStack)
    hooks: list[Any] = field(default_factory=list)
    went_back: bool = False

    def let_go(self) -> None:
        """Remove what still hangs on it."""
        self.inside.close()
        for hook in self.hooks:
            hook.remove()


class _Recording:
    """Reads the steps of one block.

    A copy of the model that is made inside, as for a moving average, is not read: its hooks do nothing.
    """

    is_over = False

    def __init__(self, model: nn.Module, stock: Inventory, every: int, keeper: Keeper) -> None:
        self.model, self.stock, self.every, self.keeper = bare(model), stock, every, keeper
        self.is_compiled = any(_is_compiled(module) for module in model.modules())
        self.count = 0
        self.step: _Step | None = None
        self.running: _Step | None = None
        self.waiting: list[_Step] = []  # for their update
        self.followed: tuple[Any, Folded, Mapping[int, Call]] | None = None

    def __reduce__(self) -> tuple[Callable[[], "_Recording"], tuple[()]]:
        return _over, ()

    # ---- hooks -----------------------------------------------------------------------------------------------------

    def before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin a step, if this call may be one."""
        if torch.compiler.is_compiling() or self.is_over or _is_aside():
            return
        if self.running is not None:  # it has not ended well
            self.running.let_go()
            self.running = None
        self._settle()
        if self.model.training and torch.is_grad_enabled():
            if self.step is not None:
                self.step.let_go()
            self.step = self.running = _Step(self.count)
            if self.count % self.every == 0:
                self._watch(self.step, args, kwargs)

    def after(self, module: nn.Module, args: Any, result: Any) -> None:
        """Wait for the backward pass of the call that ends."""
        step, self.running = (None, None) if torch.compiler.is_compiling() or self.is_over else (self.running, None)
        if step is None:
            return
        step.inside.close()
        tensors = [one for one in _leaves_of(result) if isinstance(one, Tensor) and one.requires_grad]
        step.hooks += [one.register_hook(self._on_the_way_back(step)) for one in tensors]

    def _on_the_way_back(self, step: _Step) -> Callable[[Tensor], None]:
        def see(gradient: Tensor) -> None:
            if not step.went_back:
                step.went_back = True
                self.count += 1

        return see

    def end(self) -> None:
        """Keep what was read to the end."""
        self.is_over = True
        if self.running is not None:
            self.running.let_go()
        self._settle(is_last=True)
        if self.step is not None:
            self.step.let_go()
        if not self.count:
            self.keeper.note(
                "no training step was seen: a step is a call of the model itself in training mode, with gradients, and "
                "a backward pass from what it returns; a compiled model is recorded as torch.compile returned it"
            )

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _watch(self, step: _Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found = self._follow(args, kwargs)
        if found is None:
            return
        folded, calls = found
        watch = step.watch = Watch(folded, {} if self.is_compiled else calls)
        step.kernels = self._kernels(folded)
        if self.is_compiled:
            self.keeper.note("compiled code computes past what could be read: its signal and gradient are not recorded")
            return
        catching = Catching(watch.wanted, watch.caught)
        watch.register(step.inside, self.model)
        step.inside.enter_context(catching.from_start_of(self.model))
        step.inside.enter_context(catching)

    def _settle(self, *, is_last: bool = False) -> None:
        """Keep the steps whose backward pass and update are over."""
        step = self.step
        if step is not None and step.went_back:
            step.let_go()
            self.step = None
            if step.watch is not None:
                self.waiting.append(step)
        if not self.waiting:
            return
        watched = self.waiting[0].watch
        assert watched is not None
        now = self._kernels(watched.observed.folded)
        if is_last or _differ(self.waiting[0].kernels, now):
            for one in self.waiting:
                assert one.watch is not None
                one.watch.finish()
                self.keeper.keep(one.number, one.watch.observed, one.kernels, now)
            self.waiting.clear()

    def _kernels(self, folded: Folded) -> dict[str, NDArray[Any]]:
        """Return a copy of every kernel, in single precision or better."""
        held = {structural(path): one.detach() for path, one in self.model.named_parameters()}
        paths = [path for path, uses in folded.uses.items() if any(use.role == "kernel" for use in uses)]
        kernels = {path: held[path] for path in paths if path in held and held[path].layout == torch.strided}
        return {path: _as_array(one) for path, one in kernels.items()}

    # ---- the graph -------------------------------------------------------------------------------------------------

    def _follow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Folded, Mapping[int, Call]] | None:
        """Return what the model computes of such a batch, and which calls return it; None where that is not known."""
        likeness = [_likeness_of(leaf) for leaf in tree_leaves((args, kwargs))]
        if self.followed is None or self.followed[0] != likeness:
            locating = Locating()
            try:
                inputs = _as_batch(self.model, args, kwargs)
                with locating.from_start_of(self.model):
                    found = graph_on_meta(self.model, self.stock, inputs, locating.beside)
                    found = found or graph(self.model, self.stock, inputs, beside=locating.beside)
            except Exception as error:  # which may not end a training that works
                self.keeper.note(f"step {self.count} could not be followed: {error}")
                return None
            assert found is not None  # for there is a batch
            self.followed = likeness, Folded(found), locating.calls
        return self.followed[1:]


def _over() -> _Recording:
    """Return a recording that reads nothing, as a copy of a model gets."""
    one = _Recording.__new__(_Recording)
    one.is_over = True
    return one


def _is_compiled(module: nn.Module) -> bool:
    return "_orig_mod" in module._modules or getattr(module, "_compiled_call_impl", None) is not None


def _is_aside() -> bool:
    """Tell whether this is no call of the user's: glorot looks at the model, or a backward pass computes it again."""
    looks = any(isinstance(mode, Journal) for mode in _get_current_dispatch_mode_stack())
    return looks or torch._C._current_graph_task_id() != -1


def _leaves_of(result: Any) -> list[Any]:
    """Return what a model returned, as leaves; of an object that PyTorch does not look into, its attributes."""
    found = tree_leaves(result)
    return [leaf for one in found for leaf in tree_leaves(vars(one) if is_dataclass(one) else one)]


def _differ(before: Arrays, after: Arrays) -> bool:
    return any(path not in after or not np.array_equal(after[path], own) for path, own in before.items())


def _likeness_of(leaf: Any) -> Any:
    """Return what of an argument may change what a model computes, as far as it can be compared."""
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.dtype
    return leaf if isinstance(leaf, int | float | str) else type(leaf)


def _as_batch(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the arguments of a call as a batch: a tuple, or a dict where some are given by name."""
    if not kwargs:
        return args
    return {**inspect.signature(model.forward).bind_partial(*args).arguments, **kwargs}


def _as_array(tensor: Tensor) -> NDArray[Any]:
    precise = torch.promote_types(tensor.dtype, torch.float32)
    return tensor.to("cpu", precise, copy=True).numpy()
