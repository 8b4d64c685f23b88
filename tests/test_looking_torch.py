"""Looking at a PyTorch model changes nothing: not it, not its batch, not the process, with two threads either."""

import os
import queue
import random
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import glorot
from effort import examples
from glorot import preserving, probe, reaching
from glorot.adapters import take_inventory as inventory
from glorot.comparison import randomness
from glorot.comparison.task import Task
from glorot.comparison.training import check_fresh, shares_process
from glorot.errors import GlorotError
from glorot.torch import observing, preserve, writes
from looking_models import FAILING, MODELS, VICES, Checkpointed, Vice, fail
from looking_pictures import batch, changed, everything

TARGETS = torch.arange(6) % 3


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
    states, environment = (random.getstate(), np.random.get_state()), dict(os.environ)  # noqa: NPY002
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    os.environ.update(environment)
    os.environ.pop("GLOROT_TEST_LOOKING", None)
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
    assert len(VICES) >= 90
    assert len({name.partition(":")[0] for name in VICES}) == 12


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


def test_what_other_threads_do_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, done = threading.Event(), threading.Event()
    own: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def draw() -> list[Any]:
        return [random.random(), random.choice(range(99)), np.random.rand(), np.random.permutation(9).tolist()]  # noqa: NPY002

    def seed() -> None:
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002

    def act(model: nn.Module, x: torch.Tensor) -> None:
        own.put([*draw(), captured(), *captured_too(2)])
        os.environ["GLOROT_TEST_OWN"], os.environ["GLOROT_TEST_KEPT"] = "own", "changed"
        looking.set()
        assert done.wait(60)

    def work() -> None:
        assert looking.wait(60)
        os.environ["GLOROT_TEST_OTHER"] = "other"
        numbers.append(draw())
        done.set()

    captured, captured_too = random.random, np.random.rand  # a module may hold them by these names
    monkeypatch.setenv("GLOROT_TEST_KEPT", "kept")
    monkeypatch.delenv("GLOROT_TEST_OTHER", raising=False)
    numbers: list[Any] = []
    seed()
    expected = [draw(), draw()]
    seed()
    other = threading.Thread(target=work)
    other.start()
    inventory(Vice(act), batch())
    other.join()
    assert numbers == [expected[0]]  # the look has not taken any of them
    assert draw() == expected[1]  # and has not brought them back
    assert own.get()[:4] == expected[0]
    names = ("GLOROT_TEST_OTHER", "GLOROT_TEST_KEPT", "GLOROT_TEST_OWN")
    assert [os.environ.pop(name, None) for name in names] == ["other", "kept", None]


def test_what_the_page_says_does_not_come_back() -> None:
    def act(m: nn.Module, x: torch.Tensor) -> None:
        next(m.generator)
        next(m.inside[0])
        m.queue.put(1)

    def prepare(m: nn.Module) -> None:
        m.generator, m.inside, m.queue = (n for n in range(9)), (iter(range(9)),), queue.SimpleQueue()

    model = Vice(act, prepare)
    inventory(model, batch())
    assert (next(model.generator), next(model.inside[0]), model.queue.qsize()) == (1, 1, 1)


def test_a_thread_that_draws_by_a_name_of_its_own_is_set_back() -> None:
    def act(m: nn.Module, x: torch.Tensor) -> None:
        other = threading.Thread(target=draw)  # its draws by the module's name would stay
        other.start()
        other.join()

    draw, state = random.random, random.getstate()
    inventory(Vice(act), batch())
    assert random.getstate() == state


def test_a_look_within_a_look_and_a_function_kept_from_one() -> None:
    random.seed(3)
    state = random.getstate()
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def act(model: nn.Module, x: torch.Tensor) -> None:
        random.random()
        before = random.getstate()
        inventory(MODELS["random: Python"](), batch())
        assert random.getstate() == before
        kept.put(random.random)

    inventory(Vice(act), batch())
    assert random.getstate() == state
    number, again = kept.get()(), random.Random(3).random()  # it draws from the process's generator like any other
    assert number == again


def test_a_forward_draws_what_it_would_have_drawn_alone() -> None:
    seen: queue.SimpleQueue[torch.Tensor] = queue.SimpleQueue()  # which, unlike a list, no look empties
    acts = [
        torch.rand_like,
        functional.dropout,
        lambda x: torch.randn(6, 4),
        lambda x: functional.rrelu(x, training=True),
        torch.bernoulli,
    ]
    for act in acts:
        model, x = Vice(lambda m, x, act=act: seen.put(act(x.abs().clamp(0, 1)))), batch()
        torch.manual_seed(2)
        inventory(model, x)
        model(x)  # the generator of the process is where it was
        assert torch.equal(seen.get(), seen.get())


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
    with pytest.raises(
        GlorotError, match=r"^the loss failed on targets of shape \(6,\) and outputs .* with KeyError: 'weights'$"
    ):
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


def test_generators_of_all_devices_are_read_and_set_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {kind: [torch.full((16,), n, dtype=torch.uint8) for n in range(3)] for kind in ("cuda", "xpu")}
    for kind, held in states.items():
        module = getattr(torch, kind)
        monkeypatch.setattr(module, "is_initialized", lambda: True)
        monkeypatch.setattr(module, "get_rng_state_all", lambda held=held: [one.clone() for one in held])
        monkeypatch.setattr(module, "set_rng_state_all", lambda new, held=held: held.__setitem__(slice(None), new))
    for context in (preserving.process_preserved(preserve.SWITCHES), randomness.seeded(3)):
        with context:
            for held in states.values():
                held[:] = [one + 7 for one in held]
        assert [[int(one[0]) for one in held] for held in states.values()] == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("look", ["plan", "measure"])
def test_generators_of_every_gpu_stay_where_they_are(look: str) -> None:
    devices = [torch.device("cuda", n) for n in range(torch.cuda.device_count())]

    def act(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        for device in devices:
            torch.rand(3, device=device)
        functional.dropout(x, 0.5, True)
        return x + torch.rand(4, device=x.device, generator=model.generator)

    def build() -> nn.Module:
        return Vice(act, lambda m: setattr(m, "generator", torch.Generator("cuda").manual_seed(1))).cuda()

    model, x = build(), batch().cuda()
    torch.cuda.manual_seed_all(3)
    before = [*torch.cuda.get_rng_state_all(), model.generator.get_state()]
    LOOKS[look](model, x, build)
    after = [*torch.cuda.get_rng_state_all(), model.generator.get_state()]
    assert [bytes(one.numpy()) for one in after] == [bytes(one.numpy()) for one in before]


RESTORES: dict[str, tuple[Any, str, Any, str, set[str]]] = {
    "memory": (writes.Journal, "undo", lambda self: None, "weights: clamped", {"model"}),
    "NumPy's reach": (writes, "ESCAPES", set(), "weights: through NumPy", {"model"}),
    "attributes": (preserve, "remember", lambda *_: lambda: None, "attributes: cache", {"model"}),
    "tensors": (preserve, "_remember_tensors", lambda _: lambda: None, "weights: data replaced", {"model"}),
    "versions": (preserve, "_remember_tensors", lambda _: lambda: None, "weights: clamped", {"model"}),
    "classes": (reaching, "_holders", lambda _: [], "attributes: class", {"classes"}),
    "closures": (reaching, "_cells", lambda _: [], "closures: a function's own state", {"model"}),
    "slots": (reaching, "_slots", lambda _: [], "attributes: slots", {"model"}),
    "globals": (reaching, "_names", lambda _: frozenset(), "globals: counter and list", {"globals"}),
    "iterators": (reaching, "_set_iterators_apart", lambda *_: None, "iterators: count", {"model"}),
    "switches": (preserve, "SWITCHES", (), "process: default dtype", {"default dtype"}),
    "what every process has": (preserving, "SWITCHES", (), "process: errstate", {"errstate"}),
    "the environment": (preserving, "environment_kept", nullcontext, "process: environment", {"environment"}),
    "random states": (preserving, "random_states_kept", nullcontext, "random: NumPy", {"NumPy's random"}),
    "generators": (preserve, "TORCH_STATES", reaching.STATES, "generators: PyTorch's", {"model"}),
    "random numbers": (preserve, "own_random_numbers", nullcontext, "random: dropout", {"random"}),
    "the batch": (observing, "set_apart", lambda values: values, "batch: requires a gradient", {"batch"}),
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
