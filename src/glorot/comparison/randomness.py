"""Random numbers of the process: seeding and restoring them, and telling whether a model draws any."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from glorot.preserving import process_preserved
from glorot.torch.preserve import device_states, set_device_states
from glorot.torch.writes import own_random_numbers


@contextmanager
def states_kept() -> Iterator[None]:
    """Set every random state of the process back at the end, whichever thread has drawn from it."""
    python, numpy, cpu, devices = _states()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - the state that models of NumPy's old habit draw from
        torch.set_rng_state(cpu)
        set_device_states(devices)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every random state of the process that a model may draw from, and restore it afterwards."""
    with states_kept():
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        yield


@contextmanager
def seeded_apart(seed: int) -> Iterator[None]:
    """Seed what is drawn inside, as `seeded` does, while other threads go on with the generator of the process."""
    with process_preserved(), own_random_numbers(), seeded(seed):
        yield


def draws(run: Callable[[], Any]) -> bool:
    """Tell whether a function draws random numbers of the process, as dropout does."""
    with seeded_apart(0):
        before = _comparable(_states())
        run()
        return _comparable(_states()) != before


def _states() -> tuple[Any, Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), device_states()  # noqa: NPY002


def _comparable(states: tuple[Any, Any, Any, Any]) -> tuple[object, ...]:
    python, numpy, torch_state, devices = states
    return python, numpy[1].tobytes(), numpy[2:], torch_state.numpy().tobytes(), devices
