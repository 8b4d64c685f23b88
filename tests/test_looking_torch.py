"""Looking at a PyTorch model changes nothing: not it, not its batch, not the process, with two threads either."""

import os
import pickle
import random
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._dynamo import eval_frame
from torch.nn import functional

import glorot
from effort import examples
from glorot import preserving, probe
from glorot.comparison.task import Task
from glorot.comparison.training import check_fresh, shares_process
from glorot.errors import GlorotError
from glorot.torch import inventory, preserve, tracing, writes
from looking_models import FAILING, MODELS, VICES, Checkpointed, Vice, fail

TARGETS = torch.arange(6) % 3


def batch() -> torch.Tensor:
    return torch.linspace(-1, 1, 24).reshape(6, 4).clone()


def picture(value: Any, seen: set[int] | None = None) -> Any:
    """Return all that there is to see of an object, down to identities, as something that can be compared."""
    seen = set() if seen is None else seen
    if value is None or isinstance(value, str | int | float | bytes | torch.dtype):
        return value
    if id(value) in seen:
        return id(value)
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return picture_of_tensor(value, seen)
    if isinstance(value, torch.Generator):
        return id(value), bytes(value.get_state().numpy())
    if isinstance(value, np.random.Generator):
        return id(value), str(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return id(value), pickle.dumps(value.get_state())
    if isinstance(value, random.Random):
        return id(value), value.getstate()
    if isinstance(value, np.ndarray):
        return id(value), value.tolist()
    if isinstance(value, dict):
        return id(value), type(value), [(repr(key), picture(one, seen)) for key, one in value.items()]
    if isinstance(value, list | tuple | set | deque):
        return id(value), type(value), [picture(one, seen) for one in value]
    if isinstance(value, types.FunctionType | types.MethodType | type) or not hasattr(value, "__dict__"):
        return id(value)
    return id(value), type(value), {name: picture(one, seen) for name, one in vars(value).items()}


def picture_of_tensor(tensor: torch.Tensor, seen: set[int]) -> Any:
    lies = (tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.dtype, tensor.device)
    storage = tensor.untyped_storage()
    values = bytes(storage) if storage.nbytes() < 10_000 else None
    hooks = [tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None)]
    flags = (type(tensor), tensor.requires_grad, tensor.is_leaf, tensor._version, storage._cdata, storage.nbytes())
    grad = picture(tensor.grad, seen) if tensor.is_leaf else None
    return id(tensor), *lies, *flags, values, grad, picture(vars(tensor), seen), [picture(one, seen) for one in hooks]


def of_process() -> dict[str, Any]:
    """Return the state of everything that the process or this thread has one of."""
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    return {
        "random": (
            random.getstate(),
            bytes(torch.get_rng_state().numpy()),
            bytes(torch.default_generator.get_state().numpy()),
        ),
        "NumPy's random": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "random module": id(torch.random.default_generator),
        "default dtype": (torch.get_default_dtype(), torch.get_default_device()),
        "filters": list(warnings.filters),
        "errstate": (np.geterr(), np.geterrcall()),
        "environment": dict(os.environ),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": [(d, torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in ("cpu", "cuda")],
        "deterministic": (torch.are_deterministic_algorithms_enabled(), torch.get_deterministic_debug_mode()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "cuDNN": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "attention": (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled()),
        "modes": (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
        "stance": eval_frame._stance.stance,
    }


def everything(model: nn.Module, *tensors: Any) -> dict[str, Any]:
    classes = {type(module) for module in model.modules() if not type(module).__module__.startswith("torch")}
    written = {one: {n: picture(v) for n, v in vars(one).items()} for one in classes}
    return {
        "model": picture(model),
        "batch": [picture(tensor) for tensor in tensors],
        "classes": written,
        **of_process(),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name, value in before.items() if after[name] != value}


def prepare_to_compare(model: nn.Module, x: torch.Tensor, build: Callable[[], nn.Module]) -> None:
    task = Task(build, (x, TARGETS), (x, TARGETS), "looking")
    shares_process(task, check_fresh(task))
    inventory(model, x.numpy())


LOOKS: dict[str, Callable[[nn.Module, torch.Tensor, Callable[[], nn.Module]], Any]] = {
    "plan": lambda model, x, _: glorot.plan(model, "auto", inputs=x),
    "plan by name": lambda model, x, _: glorot.plan(model, "auto", inputs=(x,)),
    "measure": lambda model, x, _: probe.measure(model, x),
    "measure a loss": lambda model, x, _: probe.measure(model, x, TARGETS),
    "prepare to compare": prepare_to_compare,
}


def look_and_compare(look: str, build: Callable[[], nn.Module], trains: bool, graded: bool, threads: int) -> list[Any]:
    """Return what has changed, and what was refused; each thread looks at a model of its own."""
    pairs = [(build().train(trains), batch()) for _ in range(threads)]
    for parameter in (one for model, _ in pairs for one in model.parameters() if graded):
        parameter.grad = torch.full_like(parameter, 0.5)
    found: list[Any] = []
    ready, done = threading.Barrier(threads), threading.Barrier(threads)

    def work(model: nn.Module, x: torch.Tensor) -> None:
        before = everything(model, x)
        ready.wait()
        try:
            LOOKS[look](model, x, build)
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
        done.wait()
        found.extend(changed(before, everything(model, x)))

    workers = [threading.Thread(target=work, args=pair) for pair in pairs[1:]]
    for worker in workers:
        worker.start()
    work(*pairs[0])
    for worker in workers:
        worker.join()
    return found


@pytest.fixture(autouse=True)
def as_before():
    """Keep what a failing test leaves switched from the tests after it; the lock is for the test to take."""
    switches = (*preserving.SWITCHES, *preserve.SWITCHES)
    before = [switch.read() for switch in switches]
    yield
    for switch, value in zip(switches, before, strict=True):
        switch.write(value)


@examples(20)
@given(
    look=st.sampled_from(sorted(LOOKS)),
    trains=st.booleans(),
    graded=st.booleans(),
    threads=st.sampled_from([1, 2]),
    seed=st.integers(0, 9),
)
@pytest.mark.parametrize("name", MODELS)
def test_looking_changes_nothing(name: str, look: str, trains: bool, graded: bool, threads: int, seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    assert look_and_compare(look, MODELS[name], trains, graded, threads) == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", FAILING)
def test_a_forward_that_fails_ends_in_one_message_and_leaves_nothing(name: str, look: str) -> None:
    model, x = FAILING[name](), batch()
    before = everything(model, x)
    with pytest.raises(GlorotError) as caught:
        LOOKS[look](model, x, FAILING[name])
    assert name in str(caught.value) or str(caught.value.__cause__) in str(caught.value)
    assert changed(before, everything(model, x)) == set()


def test_there_are_enough_models() -> None:
    assert len(VICES) >= 60
    assert len({name.partition(":")[0] for name in VICES}) == 9


def test_two_threads_measure_one_model() -> None:
    model, x = MODELS["weights: clamped"](), batch()
    before, ready, found = everything(model, x), threading.Barrier(2), []

    def work() -> None:
        ready.wait()
        found.extend(probe.measure(model, x, TARGETS) for _ in range(5))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 10
    assert len(set(found)) == 1
    assert changed(before, everything(model, x)) == set()


def test_another_thread_draws_what_it_would_have_drawn() -> None:
    looking, drawn = threading.Event(), threading.Event()

    def act(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        looking.set()
        assert drawn.wait(60)
        return x + torch.rand(4)

    def draw() -> None:
        assert looking.wait(60)
        numbers.append(torch.rand(3))
        drawn.set()

    numbers: list[torch.Tensor] = []
    model = Vice(act)
    torch.manual_seed(5)
    expected = torch.rand(3), torch.rand(3)
    torch.manual_seed(5)
    other = threading.Thread(target=draw)
    other.start()
    inventory(model, batch())
    other.join()
    assert torch.equal(numbers[0], expected[0])
    assert torch.equal(torch.rand(3), expected[1])


def test_a_forward_draws_what_it_would_have_drawn_alone() -> None:
    seen: list[torch.Tensor] = []
    acts = [
        torch.rand_like,
        functional.dropout,
        lambda x: torch.randn(6, 4),
        lambda x: functional.rrelu(x, training=True),
        torch.bernoulli,
    ]
    for act in acts:
        model, x = Vice(lambda m, x, act=act: seen.append(act(x.abs().clamp(0, 1)))), batch()
        torch.manual_seed(2)
        inventory(model, x)
        model(x)  # the generator of the process is where it was
        assert torch.equal(seen[-1], seen[-2])


def test_a_checkpointed_layer_draws_the_same_mask_on_the_way_back() -> None:
    model, plain = Checkpointed(lambda m, x: None), Checkpointed(lambda m, x: None)
    plain.load_state_dict(model.state_dict())
    plain.checkpoint = False
    torch.manual_seed(4)
    assert probe.measure(model, batch(), TARGETS) == probe.measure(plain, batch(), TARGETS)


@pytest.mark.parametrize("verb", ["plan", "measure"])
def test_an_interrupt_passes_through_and_leaves_nothing(verb: str) -> None:
    model, x = Vice(fail(KeyboardInterrupt("now"))), batch()
    before = everything(model, x)
    with pytest.raises(KeyboardInterrupt, match="now"):
        LOOKS[verb](model, x, lambda: model)
    assert changed(before, everything(model, x)) == set()


def test_what_a_loss_or_a_backward_pass_raises_is_one_message() -> None:
    model, x = Vice(lambda m, x: None), batch()
    with pytest.raises(GlorotError, match="^the loss failed with KeyError: 'weights'$"):
        probe.measure(model, x, TARGETS, lambda outputs, targets: {}["weights"])
    model.fc.weight.register_hook(lambda gradient: 1 / 0)
    with pytest.raises(
        GlorotError, match="^the backward pass of the model failed: ZeroDivisionError: division by zero$"
    ):
        probe.measure(model, x, TARGETS)


def test_filters_that_another_thread_has_for_a_while_do_not_stay() -> None:
    before = list(warnings.filters)
    temporary = warnings.catch_warnings()
    with preserving.process_preserved(preserve.SWITCHES):
        warnings.simplefilter("error")
        temporary.__enter__()
    temporary.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        look = preserving.process_preserved(preserve.SWITCHES)
        look.__enter__()
    look.__exit__(None, None, None)
    assert list(warnings.filters) == before


RESTORES: dict[str, tuple[Any, str, Any, str, set[str]]] = {
    "memory": (writes.Journal, "undo", lambda self: None, "weights: clamped", {"model"}),
    "NumPy's reach": (writes, "ESCAPES", set(), "weights: through NumPy", {"model"}),
    "attributes": (preserve, "remember", lambda *_: lambda: None, "attributes: cache", {"model"}),
    "tensors": (preserve, "_remember_tensors", lambda _: lambda: None, "weights: data replaced", {"model"}),
    "versions": (preserve, "_remember_tensors", lambda _: lambda: None, "weights: clamped", {"model"}),
    "classes": (preserve, "remember_classes", lambda _: lambda: None, "attributes: class", {"classes"}),
    "switches": (preserve, "SWITCHES", (), "process: default dtype", {"default dtype"}),
    "what every process has": (preserving, "SWITCHES", (), "random: NumPy", {"NumPy's random"}),
    "generators": (preserve, "TORCH_STATES", preserving.STATES, "generators: PyTorch's", {"model"}),
    "random numbers": (preserve, "own_random_numbers", nullcontext, "random: dropout", {"random"}),
    "the batch": (tracing, "set_apart", lambda values: values, "batch: requires a gradient", {"batch"}),
}


@pytest.mark.parametrize("restore", RESTORES)
def test_without_one_restore_the_change_is_seen(restore: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, nothing, vice, expected = RESTORES[restore]
    model, x = MODELS[vice]().train(), batch()
    before = everything(model, x)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, nothing)
        probe.measure(model, x)
    assert changed(before, everything(model, x)) == expected
