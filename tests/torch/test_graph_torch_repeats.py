"""Repeats: layers that are alike are computed on meta, tried for a norm and followed to their ends once."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot.graph import norms
from glorot.inventory import cuts
from glorot.torch.graph import repeats, truth
from glorot.torch.graph.repeats import key_of, made_of

ATEN = torch.ops.aten
WIDE = torch.empty(4, 6, device="meta")
TURNED = torch.empty(6, 4, device="meta").t()

CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sum": (ATEN.add.Tensor, (WIDE, TURNED)),
    "turned": (ATEN.mul.Tensor, (TURNED, TURNED)),
    "promoted": (ATEN.mul.Tensor, (torch.empty(4, 6, dtype=torch.int64, device="meta"), 1.5)),
    "product": (ATEN.mm.default, (TURNED, torch.empty(6, 3, device="meta"))),
    "several": (ATEN.native_layer_norm.default, (WIDE, [6], None, None, 1e-5)),
    "cast": (ATEN._to_copy.default, (WIDE,)),
    "pooled": (ATEN.max_pool2d_with_indices.default, (torch.empty(1, 2, 4, 4, device="meta"), [2, 2])),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_made_again_lies_as_before(name: str) -> None:
    func, args = CALLS[name]
    result = func(*args)
    made = made_of(result, args)
    assert key_of(func, args, {}) is not None
    assert made is not None
    again = made.again()
    assert isinstance(again, Tensor) == isinstance(result, Tensor)
    pairs = zip([again], [result], strict=True) if isinstance(again, Tensor) else zip(again, result, strict=True)
    for one, other in pairs:
        assert one is not other
        assert one.is_meta
        assert (one.shape, one.stride(), one.dtype) == (other.shape, other.stride(), other.dtype)


@pytest.mark.parametrize(
    ("one", "other"),
    [((WIDE, 1), (WIDE, 1.0)), ((WIDE, 1), (WIDE, True)), ((WIDE, 2), (TURNED, 2)), ((WIDE, WIDE), (WIDE, TURNED))],
)
def test_keys_tell_types_and_strides_apart(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    func = ATEN.add.Tensor
    assert key_of(func, one, {}) == key_of(func, one, {})
    assert key_of(func, one, {}) != key_of(func, other, {})


@pytest.mark.parametrize(
    ("func", "args"),
    [
        (ATEN.add_.Tensor, (WIDE, 1)),
        (ATEN.view.default, (WIDE, [24])),
        (ATEN.bernoulli.default, (WIDE,)),
        (ATEN.add.Tensor, (torch.ones(4, 6), 1)),
        (ATEN.add.Tensor, (WIDE, torch.tensor(1.0))),
        (ATEN.add.Tensor, (torch.empty(2, dtype=torch.complex64, device="meta"), 1)),
    ],
    ids=["writes", "a view", "draws", "real", "a real number", "complex"],
)
def test_what_more_than_layouts_tells_has_no_key(func: Any, args: tuple[Any, ...]) -> None:
    assert key_of(func, args, {}) is None


@pytest.mark.parametrize(
    "result", [WIDE, WIDE.t(), (TURNED.clone(), WIDE), 3], ids=["itself", "a view", "beside", "no tensor"]
)
def test_what_returns_anything_but_new_tensors_is_not_made_again(result: Any) -> None:
    assert made_of(result, (WIDE, 0.5, False)) is None


class Block(nn.Module):
    """A norm that is written out, a fused kernel, and a way back to the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.fused, self.down = nn.Linear(12, 40), nn.Linear(20, 12)

    def forward(self, x: Tensor) -> Tensor:
        normed = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
        up, gate = self.fused(normed).chunk(2, -1)
        return x + self.down(up * torch.sigmoid(gate))


WORK = {
    "asks of PyTorch": (repeats, "made_of"),
    "trials for a norm": (norms, "run"),
    "walks of outputs": (cuts, "_partition"),
}


@pytest.mark.parametrize("work", WORK)
def test_a_stack_takes_no_more_work_than_two_of_its_layers(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name = WORK[work]
    inner, calls = getattr(module, name), list[int]()

    def counted(*args: Any) -> Any:
        calls.append(1)
        return inner(*args)

    for place in (module, truth):
        if hasattr(place, name):
            monkeypatch.setattr(place, name, counted)
    counts = []
    for layers in (2, 7):
        norms._tried.cache_clear()
        cuts._pieces_along.cache_clear()
        calls.clear()
        with torch.device("meta"):
            model = nn.Sequential(*(Block() for _ in range(layers)))
        plan = glorot.plan(model, inputs=torch.zeros(5, 12))
        assert [entry.name for entry in plan if entry.name.startswith(f"{layers - 1}.fused.weight")] == [
            f"{layers - 1}.fused.weight[up]",
            f"{layers - 1}.fused.weight[gate]",
        ]
        counts.append(len(calls))
    assert 0 < counts[1] <= counts[0] + 2
