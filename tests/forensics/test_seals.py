"""What PyTorch's arithmetic leaves in a normal draw, and what is left of it after a change."""

import numpy as np
import pytest
import torch

from glorot.forensics import examine
from glorot.forensics.seals import CLEAR, box_muller


def _seal(drawn: torch.Tensor) -> float:
    return box_muller(drawn.numpy().reshape(-1).astype(np.float64))


@pytest.mark.parametrize("count", [1024, 4099, 100_000])
@pytest.mark.parametrize("std", [1.0, 0.0137])
def test_what_pytorch_draws_is_sealed_at_any_scale(count: int, std: float) -> None:
    torch.manual_seed(count)
    drawn = torch.empty(count).normal_(0.0, std)
    assert _seal(drawn) > CLEAR
    assert _seal(0.7 * drawn) > CLEAR


def test_a_small_change_breaks_the_seal() -> None:
    torch.manual_seed(0)
    drawn = torch.nn.init.kaiming_normal_(torch.empty(128, 128))
    assert abs(_seal(drawn + 1e-4 * torch.randn(128, 128))) < CLEAR
    assert abs(_seal(drawn.bfloat16().float())) < CLEAR


def test_no_other_generator_leaves_it() -> None:
    rng = np.random.default_rng(0)
    scores = [box_muller(rng.standard_normal(4096).astype(np.float32).astype(np.float64)) for _ in range(200)]
    assert max(map(abs, scores)) < CLEAR


def test_a_frozen_layer_is_told_from_the_trained_ones_beside_it() -> None:
    torch.manual_seed(1)
    weights = {f"{n}.weight": torch.nn.init.kaiming_normal_(torch.empty(64, 64)) for n in range(4)}
    for n in (1, 2, 3):
        weights[f"{n}.weight"] += 0.1 * torch.randn(64, 1)
    origins = examine({name: weight.numpy() for name, weight in weights.items()})
    assert [one.verdict for one in origins] == ["drawn", "trained", "trained", "trained"]
    assert origins["0.weight"].is_sealed
