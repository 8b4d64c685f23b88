"""What glorot says of a model and writes into it is the same on a GPU as on the processor."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot import distributions, stream
from glorot.stream.elements import BFLOAT16
from glorot.torch import gpu

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
KEY = stream.key_of(0, "layers.0.weight")
CLOSE = 1e-3
"""How far figures may differ that are computed in another order, as a share."""

FIGURES = [
    "mean", "second_moment", "std_across", "saturated", "dead", "correlation", "position_correlation", "gradient_std",
    "weight_gradient_std", "update_ratio", "largest_singular_value",
]  # fmt: skip


class Net(nn.Module):
    """Convolutions, a norm, attention and a head whose weights no kernel of the GPU draws."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, groups=1, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.deep = nn.Conv2d(32, 64, 3, stride=2)
        self.encoder = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.deep(torch.relu(self.norm(self.conv(x)))))
        out: torch.Tensor = self.head(self.encoder(x.flatten(2).mT).mean(1))
        return out


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, 16, 16, generator=generator), torch.arange(8)


@pytest.fixture(autouse=True)
def plain_float32() -> Iterator[None]:
    """Convolutions are not rounded to TF32, as products are not by default."""
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_model_gets_the_bits_that_it_gets_on_the_processor(dtype: torch.dtype) -> None:
    here, there = Net().to(dtype), Net().to(dtype).to(DEVICE)
    x, _ = batch()
    plan = glorot.plan(here, inputs=x.to(dtype))
    assert glorot.plan(there, inputs=x.to(dtype).to(DEVICE)).entries == plan.entries
    glorot.apply(plan, here, seed=3)
    glorot.apply(plan, there, seed=3)
    for name, tensor in here.state_dict().items():
        assert torch.equal(there.state_dict()[name].cpu(), tensor), name


def test_a_model_on_meta_is_given_memory_on_the_gpu() -> None:
    here = Net()
    with torch.device("meta"):
        there = Net()
    plan = glorot.plan(here, inputs=batch()[0])
    glorot.apply(plan, here, seed=3)
    glorot.apply(plan, there, seed=3, device=DEVICE)
    for name, tensor in here.state_dict().items():
        assert there.state_dict()[name].device.type == DEVICE
        assert torch.equal(there.state_dict()[name].cpu(), tensor), name


def test_an_orthogonal_matrix_is_the_same_to_rounding() -> None:
    here, there = nn.Linear(96, 64), nn.Linear(96, 64, device=DEVICE)
    for model in (here, there):
        glorot.initialize(model, "orthogonal", seed=3)
    assert torch.allclose(there.weight.cpu(), here.weight, atol=1e-6)
    assert torch.allclose(there.weight @ there.weight.T, torch.eye(64, device=DEVICE), atol=1e-5)


def test_more_elements_than_an_int32_counts() -> None:
    law, count = distributions.Normal(std=0.02), 2**31 + 2**20 + 5
    tensor = torch.empty(count, dtype=torch.bfloat16, device=DEVICE)
    gpu.fill(tensor, KEY, law, (count,))
    for start in (0, 2**31 - 4096, count - 8192):
        expected = np.empty(8192, BFLOAT16)
        stream.fill(expected, KEY, law, (count,), ((start, start + 8192),))
        written = tensor[start : start + 8192].cpu().view(torch.uint16).numpy()
        assert written.tobytes() == expected.tobytes(), start
    assert abs(float(tensor.float().std()) / 0.02 - 1) < 1e-3


def test_figures_are_those_of_the_processor() -> None:
    model = Net()
    x, targets = batch()
    glorot.apply(glorot.plan(model, inputs=x), model, seed=3)
    there = copy.deepcopy(model).to(DEVICE)
    here, seen = (
        glorot.measure(
            one, x.to(device), targets.to(device), optimizer=torch.optim.SGD(one.parameters(), 0.1), histograms=True
        )
        for one, device in ((model, "cpu"), (there, DEVICE))
    )
    assert [step.name for step in seen.steps] == [step.name for step in here.steps]
    for mine, other in zip(here.steps, seen.steps, strict=True):
        for figure in FIGURES:
            expected = pytest.approx(getattr(mine, figure), rel=CLOSE, abs=1e-6, nan_ok=True)
            assert getattr(other, figure) == expected, (mine.name, figure)


def test_what_is_predicted_is_the_same() -> None:
    model = Net()
    x, _ = batch()
    there = copy.deepcopy(model).to(DEVICE)
    here = glorot.predict(glorot.plan(model, inputs=x))
    seen = glorot.predict(glorot.plan(there, inputs=x.to(DEVICE)))
    assert seen.to_json() == here.to_json()


def test_singular_values_of_the_jacobian() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    x = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    here = glorot.jacobian(model, x)
    seen = glorot.jacobian(copy.deepcopy(model).to(DEVICE), x.to(DEVICE))
    assert np.allclose(seen.whole.values, here.whole.values, rtol=CLOSE, atol=1e-5)


def test_a_batch_on_the_processor_is_taken_to_the_model() -> None:
    model = Net().to(DEVICE)
    x, targets = batch()
    assert glorot.measure(model, x, targets).loss == glorot.measure(model, x.to(DEVICE), targets.to(DEVICE)).loss
