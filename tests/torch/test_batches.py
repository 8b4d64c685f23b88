"""Batches of every form, those that a model refuses, and that nothing is left behind."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from zoo import conv_net, traced

import glorot
from glorot import probe
from glorot.errors import GlorotError

X = torch.linspace(-1, 1, 2 * 4).reshape(2, 4)
IMAGES = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, scale: float, *, x: Tensor) -> Tensor:
        out: Tensor = self.fc(torch.tanh(x) * scale)
        return out


@pytest.mark.parametrize("array", [X.numpy(), X.double().numpy(), X.half().numpy(), X.numpy()[::-1], X])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_come_in_many_forms(array: Any, dtype: torch.dtype) -> None:
    model = Named().to(dtype)
    batch = array.to(dtype) if isinstance(array, Tensor) else array  # arrays follow the model, tensors stay
    assert traced(model, {"scale": 0.5, "x": batch}) == {"fc": (1, "0.5·tanh", "identity")}
    assert traced(nn.Sequential(model.fc), (batch,)) == {"0": (1, "identity", "identity")}


REFUSED: dict[str, tuple[nn.Module, Any, str]] = {
    "a convolution": (
        conv_net(False),
        torch.ones(2, 4, 8, 8),
        r"layer '0' refused it: Given groups=1, .* to have 3 channels, but got 4 channels instead",
    ),
    "a layer inside": (
        nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.Linear(4, 2)),
        X,
        r"layer '1' refused it: (addmm: )?mat1 and mat2",
    ),
    "a norm": (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(4, 2)), X, r"layer '0' refused it: running_mean"),
    "another dtype": (
        nn.Sequential(nn.Linear(4, 2)),
        X.double(),
        r"layer '0' refused it: the batch holds values \(float64\), and the layer takes float32; convert it, as by",
    ),
    "too many inputs": (nn.Linear(4, 2), (X, X, X), r"its forward pass failed: .* takes 2 positional arguments"),
    "an unknown row": (
        nn.Sequential(nn.Embedding(3, 2)),
        torch.tensor([5]),
        r"layer '0' refused it: index out of range",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("verb", [glorot.plan, probe.measure])
def test_the_layer_that_refuses_a_batch_is_named(name: str, verb: Callable[..., Any]) -> None:
    model, batch, message = REFUSED[name]
    with pytest.raises(GlorotError, match=r"^the batch does not fit the model: " + message):
        verb(model, inputs=batch)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_batch_with_nan_is_refused(bad: float) -> None:
    batch = X.clone()
    batch[1, 2] = bad
    for given in (batch, batch.numpy(), (batch,), {"input": batch}):
        with pytest.raises(
            GlorotError, match=r"^the batch of shape \(2, 4\) holds NaN or infinity; clean the data first$"
        ):
            glorot.plan(nn.Linear(4, 2), inputs=given)


def test_a_batch_of_objects_is_refused() -> None:
    import numpy as np

    with pytest.raises(GlorotError, match=r"^the batch is an array of dtype object; expected numbers$"):
        glorot.plan(nn.Linear(4, 2), inputs=np.array([[None]]))


# nothing is left behind


class Failing(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.fc, self.error = nn.Linear(4, 4), error

    def forward(self, x: Tensor) -> Tensor:
        self.fc(torch.relu(x))
        raise self.error


def hooks(model: nn.Module) -> list[int]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [len(getattr(module, kind)) for module in model.modules() for kind in kinds]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("error", [None, ValueError("no"), KeyError("a key of the model's own")])
@pytest.mark.parametrize("verb", [glorot.plan, probe.measure])
def test_hooks_and_flags_are_taken_back(verb: Callable[..., Any], error: Exception | None, fast: bool) -> None:
    model = nn.Sequential(conv_net(False), nn.Linear(2, 4), Failing(error) if error else nn.Tanh())
    model[1].register_forward_hook(lambda *_: None)
    before = hooks(model)
    was_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fast)
    try:
        if error is None:
            verb(model, inputs=IMAGES)
        else:
            with pytest.raises(GlorotError, match=f"layer '2' refused it: .*{error.args[0]}"):
                verb(model, inputs=IMAGES)
        assert hooks(model) == before
        assert torch.backends.mha.get_fastpath_enabled() is fast
        assert not torch.overrides._get_current_function_mode_stack()
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fast)
