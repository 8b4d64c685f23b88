"""A recorded training loop is bit for bit the loop without a record, and nothing of it stays in the model."""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from record_loops import LOOPS, Mixed, accumulated, batch, checkpointed, loss, plain
from torch import Tensor, nn

import glorot
from glorot import probe


def state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return all that training leaves, and the generators."""
    moments = [value for held in optimizer.state.values() for value in held.values()]
    return {
        "model": {path: tensor.numpy().tobytes() for path, tensor in model.state_dict().items()},
        "optimizer": [one.numpy().tobytes() for one in moments],
        "gradients": [None if one.grad is None else one.grad.numpy().tobytes() for one in model.parameters()],
        "random": (
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state(legacy=False)["state"]["key"].tolist(),  # noqa: NPY002
        ),
    }


def hooks(model: nn.Module) -> list[Any]:
    kinds = ["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_always_called"]
    kinds += ["_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs"]
    return [list(getattr(module, kind)) for module in model.modules() for kind in kinds] + [
        one._backward_hooks for one in model.parameters()
    ]


def modes() -> int:
    """Return how many modes see the functions that are called."""
    return int(torch._C._len_torch_function_stack())


def trained(
    build: Callable[[], nn.Module], loop: Callable[..., None], every: int | None
) -> tuple[dict[str, Any], probe.Record | None, list[Any]]:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    with nullcontext() if every is None else probe.record(model, every=every) as record:
        loop(model, optimizer)
    return state(model, optimizer), record, hooks(model)


@pytest.fixture(autouse=True)
def _generators() -> Iterator[None]:
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        yield
    random.setstate(before[0])
    np.random.set_state(before[1])  # noqa: NPY002


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", LOOPS)
def test_a_recorded_loop_is_bit_for_bit_the_loop_without(name: str, every: int) -> None:
    build, loop = LOOPS[name]
    without, _, untouched = trained(build, loop, None)
    within, record, left = trained(build, loop, every)
    assert within == without
    assert left == untouched
    assert record is not None
    assert record.steps.tolist() == list(range(0, 6, every))
    conv = record[next(layer.name for layer in record.layers if layer.name.endswith("conv"))]
    for figure in ("variance", "alignment", "second_moment", "gradient_std", "update_ratio"):
        assert (getattr(conv, figure) > 0).all(), figure


class Noting(Mixed):
    """Notes at each real call how many modes and hooks there are."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[int] = []
        self.hooks: list[int] = []

    def forward(self, x: Tensor) -> Any:
        if not x.is_meta:
            self.modes.append(modes())
            self.hooks.append(sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in self.modules()))
        return super().forward(x)


def noted(loop: Callable[..., None], every: int) -> Noting:
    model = Noting()
    with probe.record(model, every=every):
        loop(model, torch.optim.SGD(model.parameters(), lr=0.01))
    return model


def test_between_recorded_steps_only_the_calls_of_the_model_are_counted() -> None:
    model = noted(plain, 3)
    assert model.modes == [1, 0, 0, 1, 0, 0]
    assert [model.hooks[n] for n in (1, 2, 4, 5)] == [2] * 4
    assert model.hooks[0] > 2


def test_what_a_checkpoint_computes_again_is_not_read_again() -> None:
    assert noted(checkpointed, 1).modes == [1, 0] * 6


def test_a_measurement_inside_is_no_step_and_shows_what_it_shows_outside() -> None:
    model = Mixed()
    outside = glorot.measure(model, batch(0)[0])
    with probe.record(model) as record:
        loss(model, 0).backward()
        inside = glorot.measure(model, batch(0)[0])
    assert [step.name for step in inside.steps] == [step.name for step in outside.steps]
    assert inside["conv"].second_moment == outside["conv"].second_moment
    assert record.steps.tolist() == [0]


def test_two_models_are_recorded_side_by_side() -> None:
    torch.manual_seed(0)
    maker, judge = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), nn.Linear(3, 1)
    steppers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in (maker, judge)]
    with probe.record(maker) as made, probe.record(judge, every=2) as judged:
        for _ in range(3):
            for stepper in steppers:
                stepper.zero_grad()
            judge(maker(torch.randn(5, 4))).mean().backward()
            for stepper in steppers:
                stepper.step()
    assert made.steps.tolist() == [0, 1, 2]
    assert judged.steps.tolist() == [0, 2]
    assert (made["2"].gradient_std > 0).all()
    assert (judged.layers[0].second_moment > 0).all()


def test_a_kernel_that_is_replaced_inside_ends_no_training() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    with probe.record(model) as record:
        model(torch.ones(2, 4)).sum().backward()
        model[2] = nn.Linear(8, 5)
        model[0] = nn.Bilinear(1, 1, 1)
    assert record.steps.tolist() == [0]
    assert np.isnan(record["2"].update_ratio).all()
    assert record["2"].variance[0] > 0


def test_steps_that_share_an_update_are_given_the_same_weights_and_update() -> None:
    record = trained(Mixed, accumulated, 1)[1]
    assert record is not None
    head = record["head"]
    assert head.variance[0] == head.variance[1] == head.variance[2] != head.variance[3]
    assert head.update_ratio[0] == head.update_ratio[1] == head.update_ratio[2] > 0


class Failing(Mixed):
    """Raises at the fourth call."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        hidden = super().forward(x)
        if self.calls == 4 and not x.is_meta:
            raise ZeroDivisionError("at the fourth call")
        return hidden


def test_an_exception_passes_through_and_what_came_before_is_kept() -> None:
    model = Failing()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = hooks(model)
    with pytest.raises(ZeroDivisionError, match="at the fourth call"), probe.record(model) as record:
        plain(model, optimizer)
    assert hooks(model) == before
    assert record.steps.tolist() == [0, 1, 2]
    assert modes() == 0


def test_an_exception_that_the_loop_survives_costs_one_step() -> None:
    model = Failing()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with probe.record(model) as record:
        for n in range(6):
            try:
                value = loss(model, n)
            except ZeroDivisionError:
                assert modes() == 0
                continue
            value.backward()
            optimizer.step()
    assert record.steps.tolist() == [0, 1, 2, 3, 4]
    assert (record["conv"].gradient_std > 0).all()


def test_a_keyboard_interrupt_leaves_nothing_behind() -> None:
    class Interrupted(Mixed):
        def forward(self, x: Tensor) -> Tensor:
            hidden = super().forward(x)
            if not x.is_meta:
                raise KeyboardInterrupt
            return hidden

    model = Interrupted()
    before = hooks(model)
    with pytest.raises(KeyboardInterrupt), probe.record(model):
        loss(model, 0)
    assert hooks(model) == before
    assert modes() == 0


def test_a_loop_without_a_backward_pass_says_why_it_has_no_steps() -> None:
    model = Mixed()
    with probe.record(model) as record:
        loss(model, 0)
    assert record.notes == (
        "no training step was seen: a step is a call of the model itself in training mode, with gradients, and a "
        "backward pass from what it returns; a compiled model is recorded as torch.compile returned it",
    )
    assert str(record) == f"no steps recorded\n{record.notes[0]}"


def test_a_call_without_a_backward_pass_is_no_step_and_the_next_one_is_read_instead() -> None:
    model = Mixed()
    with probe.record(model, every=2) as record:
        for n in range(8):
            value = loss(model, n)
            if n % 2:
                value.backward()
    assert record.steps.tolist() == [0, 2]
    assert (record["conv"].gradient_std > 0).all()


def test_a_copy_of_the_model_made_inside_is_not_read() -> None:
    model = Mixed()
    with probe.record(model) as record:
        value = loss(model, 0)
        average = copy.deepcopy(model)
        loss(average, 1).backward()
        value.backward()
    loss(average, 2).backward()
    assert record.steps.tolist() == [0]


def test_a_batch_that_cannot_be_followed_ends_no_training() -> None:
    model = Mixed()
    with probe.record(model) as record:
        for n in range(2):
            x, y = batch(n)
            x[0] = torch.nan if n == 0 else 0.0
            nn.functional.cross_entropy(model(x), y).backward()
    assert [note for note in record.notes if note.startswith("step 0 could not be followed: ")] == list(record.notes)
    assert record.steps.tolist() == [1]


@pytest.mark.slow
def test_a_compiled_model_is_trained_as_without_and_its_weights_are_recorded() -> None:
    results = []
    for every in (None, 2):
        torch._dynamo.reset()
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 4))
        compiled: Any = torch.compile(model, backend="aot_eager")
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        with nullcontext() if every is None else probe.record(compiled, every=every) as record:
            for n in range(5):
                optimizer.zero_grad()
                x, y = batch(n)
                nn.functional.cross_entropy(compiled(x[:, :, 0]), y).backward()
                optimizer.step()
        results.append((state(model, optimizer), record))
    assert results[0][0] == results[1][0]
    record = results[1][1]
    assert isinstance(record, probe.Record)
    assert record.steps.tolist() == [0, 2, 4]
    assert (record["0"].alignment > 0).all()
    assert np.isnan(record["0"].second_moment).all()
    assert record.notes == ("compiled code computes past what could be read: its signal and gradient are not recorded",)
