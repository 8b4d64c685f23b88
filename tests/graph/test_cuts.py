"""Cuts: the pieces of a fused kernel are what autograd's sparsity says, however its model lays them out."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from effort import examples
from glorot.graph import Folded, Graph
from glorot.inventory.cuts import Comb, Piece, comb_of, pieces_of
from glorot.torch.graph import lower

HEADS, SIZE = 2, 3
COUNT = HEADS * 3 * SIZE
X = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Fused(nn.Module):
    """A layer whose outputs hold heads × (q, k, v) × features in some order of these three axes."""

    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.qkv = nn.Linear(5, COUNT, bias=False, dtype=torch.float64)
        self.order = order

    def parts(self, y: Tensor) -> Tensor:
        """Return q, k and v: (3, batch, head, position, feature)."""
        sizes = [(HEADS, 3, SIZE)[axis] for axis in self.order]
        at = [2 + self.order.index(axis) for axis in (0, 1, 2)]  # heads, which, features
        return y.reshape(*y.shape[:2], *sizes).permute(at[1], 0, at[0], 1, at[2])

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(self.qkv(x))
        return (q @ k.transpose(-1, -2) / math.sqrt(SIZE)).softmax(-1) @ v


def pieces_in(model: nn.Module, x: Tensor = X) -> list[Piece]:
    def leaves(graph: Graph) -> list[Any]:
        return [(tensor, graph.parameter(path, tensor.shape)) for path, tensor in model.named_parameters()]

    folded = Folded(lower(model, lambda: model(x), (x,), leaves).graph)
    (use,) = folded.uses["qkv.weight"]
    result = folded.graph.shape(folded.graph.steps[use.step].result)
    return pieces_of(folded, use.step, (len(result) - 1,))


def rows_by_gradient(model: Fused, which: int) -> list[int]:
    """Return the rows of the kernel that q, k or v feels."""
    (slope,) = torch.autograd.grad(model.parts(model.qkv(X))[which].sum(), model.qkv.weight)
    return [int(n) for n in torch.nonzero(slope.abs().sum(1)).flatten()]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_q_k_and_v_are_found_in_any_layout(order: tuple[int, ...]):
    model = Fused(order)
    pieces = {end.what: piece for piece in pieces_in(model) for end in piece.ends}
    assert sorted(pieces) == ["k", "q", "v"]
    for which, name in enumerate("qkv"):
        assert pieces[name].features.tolist() == rows_by_gradient(model, which), name


class Scattered(nn.Module):
    """Outputs whose axes are put into another order, and cut into pieces, each of which meets its own fate."""

    def __init__(self, order: list[int], sizes: list[int]) -> None:
        super().__init__()
        self.qkv = nn.Linear(5, 12, bias=False, dtype=torch.float64)
        self.order, self.ends = order, [0, *itertools.accumulate(sizes)]

    def pieces(self, y: Tensor) -> list[Tensor]:
        """Return the pieces of outputs (…, 12)."""
        moved = (
            y.unflatten(-1, (2, 3, 2)).permute(*range(y.ndim - 1), *(n + y.ndim - 1 for n in self.order)).flatten(-3)
        )
        return [moved[..., start:stop] for start, stop in itertools.pairwise(self.ends)]

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([(one @ one.mT).tanh() * n for n, one in enumerate(self.pieces(self.qkv(x)), start=2)])


@examples(40)
@given(st.data())
def test_pieces_partition_the_outputs_however_they_are_cut(data: Any):
    ends = sorted(data.draw(st.sets(st.integers(1, 11), min_size=1, max_size=3)))
    sizes = np.diff([0, *ends, 12]).tolist()
    model = Scattered(data.draw(st.permutations(range(3))), sizes)
    found = sorted(piece.features.tolist() for piece in pieces_in(model))
    assert sorted(itertools.chain(*found)) == list(range(12))
    expected = sorted(sorted(piece.tolist()) for piece in model.pieces(torch.arange(12)))
    is_loop = len(set(sizes)) == 1  # equal pieces of one fate are the turns of a loop, as over heads
    assert found == ([list(range(12))] if is_loop else expected)


def test_outputs_that_meet_one_fate_are_one_piece():
    model = nn.Sequential()
    model.qkv = nn.Linear(5, COUNT, bias=False, dtype=torch.float64)
    model.out = nn.Linear(COUNT, 2, dtype=torch.float64)
    (piece,) = pieces_in(model)
    assert piece.features.tolist() == list(range(COUNT))


class Looped(nn.Module):
    """Heads in a Python loop."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(5, COUNT, bias=False, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        heads = []
        for head in self.qkv(x).split(3 * SIZE, -1):
            q, k, v = head.chunk(3, -1)
            heads.append((q @ k.transpose(-1, -2)).softmax(-1) @ v)
        return torch.cat(heads, -1)


def test_a_loop_over_heads_makes_no_piece_of_each_head():
    pieces = {next(iter(piece.ends)).what: piece.features.tolist() for piece in pieces_in(Looped())}
    heads = np.arange(COUNT).reshape(HEADS, 3, SIZE)
    assert pieces == {name: heads[:, n].ravel().tolist() for n, name in enumerate("qkv")}


@given(st.integers(0, 9), st.integers(1, 4), st.integers(0, 3), st.integers(1, 5))
def test_a_comb_is_told_by_its_runs(start: int, run: int, gap: int, times: int):
    period = run + gap
    features = np.concatenate([np.arange(run) + start + n * period for n in range(times)])
    found = comb_of(features)
    assert found is not None
    assert np.array_equal(
        features, [found.start + n * found.period + k for n in range(found.times) for k in range(found.run)]
    )
    if gap and times > 1:
        assert found == Comb(start, run, period, times)


@pytest.mark.parametrize("features", [[0, 1, 3], [0, 2, 5], [0, 1, 4, 5, 9, 10]])
def test_what_lies_unevenly_is_no_comb(features: list[int]):
    assert comb_of(np.array(features)) is None
