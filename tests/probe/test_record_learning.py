"""What docs/signals.md says of training: of a wide kernel σ_max grows, not the variance, and where it does not."""

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import glorot
from glorot import probe


def data() -> tuple[Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    return torch.tensor((images - images.mean()) / images.std(), dtype=torch.float32), torch.tensor(labels)


def net(width: int) -> nn.Sequential:
    hidden = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    model = nn.Sequential(*hidden, nn.Linear(width, 10))
    glorot.initialize(model, "he", seed=0)
    return model


def batches() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def recorded(width: int, optimizer: Any) -> probe.KernelRecord:
    """Return what became of the middle kernel in twenty steps."""
    (x, y), model, draws = data(), net(width), batches()
    stepper = optimizer(model.parameters())
    with probe.record(model, every=20) as record:
        for _ in range(21):
            chosen = torch.randint(len(x), (128,), generator=draws)
            stepper.zero_grad()
            nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            stepper.step()
    assert record.steps.tolist() == [0, 20]
    return record["2"]


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.003)


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)


@pytest.mark.parametrize(
    ("width", "optimizer", "most_variance", "least", "most"),
    [(1024, adam, 1.12, 2.2, 3.5), (256, adam, 1.1, 0.9, 1.1), (1024, sgd, 1.01, 0.9, 1.1)],
)
def test_the_largest_singular_value_of_a_wide_kernel_grows_and_the_variance_does_not(
    width: int, optimizer: Any, most_variance: float, least: float, most: float
) -> None:
    kernel = recorded(width, optimizer)
    assert 1 <= kernel.variance[1] / kernel.variance[0] < most_variance
    assert least < kernel.largest_singular_value[1] / kernel.largest_singular_value[0] < most
    assert kernel.alignment[0] == pytest.approx(1, abs=0.02)
    if least > 2:
        assert kernel.alignment[1] > 2


def test_the_first_gradient_is_of_low_rank_where_random_weights_are_not() -> None:
    (x, y), model = data(), net(1024)
    chosen = torch.randint(len(x), (128,), generator=batches())
    nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
    weight = model.get_parameter("2.weight")
    assert weight.grad is not None
    assert 1 <= stable_rank(weight.grad) < 2
    assert stable_rank(weight.detach()) == pytest.approx(256, rel=0.02)


def stable_rank(matrix: Tensor) -> float:
    return float(matrix.square().sum() / torch.linalg.matrix_norm(matrix, 2) ** 2)
