"""Random numbers of the process: seeding and restoring them, and telling whether a model draws any."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every random state of the process that a model may draw from, and restore it behind."""
    before = _states()
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the state that models of NumPy's old habit draw from
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(before[3])


def draws(run: Any) -> bool:
    """Tell whether a function draws random numbers of the process, as dropout does."""
    with seeded(0):
        before = _comparable(_states())
        run()
        return _comparable(_states()) != before


def _states() -> tuple[Any, Any, Any, Any]:
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), devices  # noqa: NPY002


def _comparable(states: tuple[Any, Any, Any, Any]) -> tuple[object, ...]:
    python, numpy, torch_state, devices = states
    tensors = [torch_state, *devices]
    return python, numpy[1].tobytes(), numpy[2:], [tensor.numpy().tobytes() for tensor in tensors]
