"""A comparison leaves the process as it was, however it ends, whether runs share the process or not."""

import _thread
import os
import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.comparison import run as running
from glorot.comparison.task import Task
from glorot.comparison.training import check_fresh, shares_process
from glorot.errors import GlorotError
from looking_pictures import changed, of_process

X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
DATA = (X, LABELS, X, LABELS)


def change_the_process() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(3)
    torch.backends.mha.set_fastpath_enabled(False)
    os.environ["GLOROT_TEST_COMPARING"] = "yes"


class Changing(nn.Module):
    """A net that changes the process, and draws numbers, from its fifth batch on or from the first."""

    def __init__(self, end: Callable[[], None], draws: bool) -> None:
        super().__init__()
        self.body, self.drop = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Dropout(0.5 * draws)
        self.end, self.batches = end, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches += self.training
        if self.batches == 5:
            change_the_process()
            self.end()
        y: torch.Tensor = self.body(self.drop(x))
        return y


def fail() -> None:
    raise ZeroDivisionError("no batch")


@pytest.fixture(autouse=True)
def as_before():
    """Keep what a failing test leaves changed from the tests after it."""
    with running._process_kept():
        yield


@pytest.mark.parametrize("draws", [True, False])
def test_a_comparison_that_is_complete(draws: bool) -> None:
    before, built = of_process(), []
    glorot.compare(lambda: built.append(Changing(int, draws)) or built[-1], DATA, ["he"], seeds=1, epochs=4)
    assert max(model.batches for model in built) == 12
    assert changed(before, of_process()) == set()


@pytest.mark.parametrize("draws", [True, False])
def test_a_comparison_that_fails(draws: bool) -> None:
    before = of_process()
    with pytest.raises(GlorotError, match="seed 0: training failed with ZeroDivisionError: no batch"):
        glorot.compare(lambda: Changing(fail, draws), DATA, ["he"], seeds=1, epochs=4)
    assert changed(before, of_process()) == set()


@pytest.mark.parametrize("draws", [True, False])
def test_a_comparison_that_control_c_ends(draws: bool) -> None:
    before = of_process()
    with pytest.raises(KeyboardInterrupt, match="before the first run was complete"):
        glorot.compare(lambda: Changing(_thread.interrupt_main, draws), DATA, ["he"], seeds=1, epochs=10**6)
    assert changed(before, of_process()) == set()


def test_without_it_the_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_process()
    monkeypatch.setattr(running, "set_back", lambda switch, value: None)
    glorot.compare(lambda: Changing(int, True), DATA, ["he"], seeds=1, epochs=4)
    assert changed(before, of_process()) >= {"default dtype", "deterministic", "environment", "fast path"}


IMPORTING = """
import random, sys
import glorot
before = random.getstate()
import {module}
print("rich.style" in sys.modules, random.getstate() == before)
"""


@pytest.mark.parametrize(
    ("module", "same"), [("glorot.report.progress", True), ("glorot.report.terminal", True), ("rich.style", False)]
)
def test_the_first_import_of_rich_draws_nothing_in_the_end(module: str, same: bool) -> None:
    code = IMPORTING.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"True {same}\n"


def test_an_optimiser_that_draws_trains_alone() -> None:
    class Noisy(torch.optim.SGD):
        def step(self, closure: None = None) -> None:
            super().step(closure)
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.add_(0.001 * torch.randn(parameter.shape))

    pairs = (X, LABELS), (X, LABELS)
    plain, noisy = (
        Task(lambda: Changing(int, False), *pairs, "noise", optimizer=lambda p, kind=kind: kind(p, 0.1))
        for kind in (torch.optim.SGD, Noisy)
    )
    assert shares_process(plain, check_fresh(plain))
    assert not shares_process(noisy, check_fresh(noisy))
