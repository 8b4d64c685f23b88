"""A layer that describes its own parts, by the attribute `glorot_parts`."""

from typing import Any

import pytest
import torch
from torch import nn

import glorot
from glorot import fans
from glorot.errors import GlorotError
from glorot.inventory import View
from glorot.inventory.layouts import blocks, laid_out


class TwoHeads(nn.Module):
    """Two heads of 3 outputs each, stored side by side in one matrix of (inputs, outputs)."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 6))
        head = laid_out("i o", (4, 3), "kernel", "TwoHeads", fans.dense(4, 3))
        self.glorot_parts = {"kernel": blocks(head, (4, 3), axis=1, names=["left", "right"])}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.kernel


def test_a_layer_that_describes_its_parts_is_believed() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), TwoHeads())
    plan = glorot.plan(model, "xavier_uniform", inputs=torch.ones(1, 2))
    left, right = plan["2.kernel[left]"], plan["2.kernel[right]"]
    assert (left.fans, left.fed_by, left.axes, left.shape) == (fans.dense(4, 3), "relu", "oi", (3, 4))
    assert (left.view, right.view) == (View(((0, 4), (0, 3)), order=(1, 0)), View(((0, 4), (3, 6)), order=(1, 0)))
    glorot.apply(plan, model, seed=0)
    for name, columns in (("left", slice(0, 3)), ("right", slice(3, 6))):
        drawn = glorot.draw("xavier_uniform", (4, 3), seed=0, name=f"2.kernel[{name}]")
        assert torch.equal(model[2].kernel[:, columns], torch.from_numpy(drawn.copy()))


@pytest.mark.parametrize("declared", [[], {"kernel": None}, {"kernel": ["kernel"]}, {"kernel": ("kernel",)}, "kernel"])
def test_what_is_no_description_of_parts_is_refused(declared: Any) -> None:
    model = nn.Sequential(TwoHeads())
    model[0].glorot_parts = declared
    words = r"^layer '0' \(TwoHeads\): glorot_parts must be a dict \{parameter name: tuple of glorot\.inventory\.Part\}, got "
    with pytest.raises(GlorotError, match=words):
        glorot.plan(model)


def test_parts_that_do_not_fit_the_parameter_are_refused() -> None:
    model = nn.Sequential(TwoHeads())
    model[0].kernel = nn.Parameter(torch.zeros(4, 5))
    with pytest.raises(GlorotError, match="its kernel has shape 4×5, but the layer was built for 4×6"):
        glorot.plan(model)
