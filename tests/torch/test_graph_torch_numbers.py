"""The graph of a PyTorch model computes what the model computes: operators, moves, writes into memory."""

import pytest
import torch
from graph_numbers import Of, assert_graph_computes
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as f

X = torch.linspace(-2, 3, 48).reshape(2, 3, 8).sin() * 2 + 0.1
MAP = torch.linspace(-2, 3, 144).reshape(2, 4, 6, 3).cos()
IDS = torch.tensor([[1, 4, 0], [2, 2, 3]])


def glu_in_place(x):
    x = x.clone()
    first, second = x.chunk(2, -1)
    first.mul_(second.sigmoid())
    return x


def written_apart(x):
    y = torch.zeros(2, 3, 8)
    y[0, 1:, 2:5] = x[0, 1:, 2:5] * 2
    y[1] = x[0].relu()
    y.select(0, 0).narrow(1, 6, 2).add_(1.5)
    return y, y.transpose(0, 1).flatten(1)


def every_other(x):
    y = torch.empty_like(x)
    y[..., 0::2], y[..., 1::2] = -x[..., 1::2], x[..., 0::2]
    return y


def turned_in_place(x):
    y = x.clone()
    z = y.view(6, 8)
    z.t_().mul_(2)
    y.unsqueeze_(0)
    return y, z


def rotated(x):
    pairs = torch.view_as_complex(x.reshape(2, 3, 4, 2))
    return torch.view_as_real(pairs * torch.complex(x[..., :4], x[..., 4:]) + pairs * 0.5).flatten(-2)


ELEMENTWISE = {
    "arithmetic": lambda x: (2 - x) / (1.5 + x * x) + x.sub(x, alpha=3) - torch.rsub(x, 1, alpha=2),
    "powers": lambda x: x**2 + x**3 + 2**x + x.abs() ** 0.5 + x.abs().rsqrt() + x.square().reciprocal(),
    "logarithms": lambda x: x.abs().log() + x.abs().log2() + x.abs().log10() + x.abs().log1p() + x.exp().expm1(),
    "waves": lambda x: x.sin() * x.cos() + x.tanh() + x.atan() + x.sinh() + x.cosh() + x.erf(),
    "bounds": lambda x: (
        x.clamp(-1, 1) + x.clamp(min=0) + x.clamp(max=0.5) + torch.maximum(x, x.neg()) + x.minimum(x * 2)
    ),
    "conditions": lambda x: torch.where((x > 0) & ~(x > 1), x, x * 0.1) + x.masked_fill(x.ge(1), 7.0) + x.gt(0).float(),
    "floors": lambda x: x.floor() + x.ceil() + (x // 0.7) + x % 0.7 + torch.div(x, 0.3, rounding_mode="floor"),
    "sums of products": lambda x: torch.addcmul(x, x, x, value=0.5) + torch.addcdiv(x, x, x.exp()) + x.lerp(x * x, 0.3),
    "decomposed": lambda x: x.sigmoid().logit() + torch.heaviside(x, x) + x.sinc() + f.logsigmoid(x),
    "shrinks": lambda x: f.hardshrink(x, 0.7) + f.softshrink(x, 0.3) + f.tanhshrink(x) + f.threshold(x, 0.2, -1.0),
    "units": lambda x: f.elu(x, 1.5) + f.celu(x, 2.0) + f.selu(x) + f.leaky_relu(x, 0.3) + f.softplus(x, 3.0),
    "gates": lambda x: f.glu(x) + f.glu(x, dim=-1) * 2,
}

MOVES = {
    "reshapes": lambda x: x.view(6, 8).t().reshape(2, 24).unflatten(1, (4, -1)).unsqueeze(0).squeeze(0).flatten(1),
    "axes": lambda x: x.permute(2, 0, 1).movedim(0, 1).transpose(0, 2).swapaxes(0, 1) + x.mT.mT.sum(),
    "cuts": lambda x: torch.cat([x[:, 1], x[..., ::3].sum(1), x.chunk(3, -1)[2].mean(1), x.unbind(1)[0]], -1),
    "splits": lambda x: torch.stack([*x.split([2, 3, 3], -1)[1:], x.tensor_split(2, -1)[0][..., :3]], 1),
    "repeats": lambda x: (
        x.repeat(2, 1, 2) + x.repeat_interleave(2, 0).repeat_interleave(2, -1) + x.expand(2, 3, 8).tile(2, 1, 2)
    ),
    "turns": lambda x: x.flip(0, 2) + x.roll((1, -3), (0, 2)) + x.roll(5),
    "right angles": lambda x: (
        x.rot90(1, (1, 2)).mT + x.rot90(2, (0, 2)) + x.rot90(3, (0, 1)).rot90(1, (0, 1)) + x.rot90(0)
    ),
    "halves": lambda x: x.triu(1) - x.tril(-1) * 2 + x.mT.triu().mT,
    "pads": lambda x: f.pad(x, (1, 2, 0, 1)) + f.pad(x, (-1, 4, 0, 1)),
    "picks": lambda x: x.index_select(1, torch.tensor([2, 0, 0])) + x[:, torch.tensor([-1, 1, 0])] + x[:, [0, 0, 1]],
}

MAPS = {
    "shuffles": lambda x: f.pixel_shuffle(x, 2) * 2,
    "unshuffles": lambda x: f.pixel_unshuffle(x[..., :2], 2),
    "groups": lambda x: torch.channel_shuffle(x, 2),
    "nearest": lambda x: f.interpolate(x, scale_factor=2) + f.interpolate(x, size=(12, 6)),
    "over axes": lambda x: x.mean((2, 3), keepdim=True) + x.amax(1, keepdim=True) + x.sum() + x.prod(3, keepdim=True),
    "spreads": lambda x: (
        x.var(1, keepdim=True) + x.std(-1, correction=0, keepdim=True) + torch.var_mean(x, 2, keepdim=True)[0]
    ),
    "norms": lambda x: (
        x.norm(dim=1, keepdim=True) + torch.linalg.vector_norm(x, 1, (2, 3), True) + f.normalize(x, dim=1)
    ),
    "largest": lambda x: x.max(1, keepdim=True).values + x.logsumexp(1, keepdim=True) + x.norm(float("inf"), 1, True),
    "shares": lambda x: x.softmax(1) + x.log_softmax(-1) + f.softmin(x, 2),
    "pooled to one": lambda x: f.adaptive_avg_pool2d(x, 1) + f.adaptive_max_pool2d(x, 1),
    "by hand": lambda x: f.layer_norm(x, (6, 3)) + f.instance_norm(x) + f.rms_norm(x, (3,), eps=1e-5),
}

PRODUCTS = {
    "running sums": lambda x: x.cumsum(1) + x.cumsum(-1),
    "matrices": lambda x: (
        x[0] @ x[0].T + x[1].mm(x[0].t()) + torch.addmm(x[0, :, :3], x[0], x[1].t(), beta=0.5, alpha=2)
    ),
    "batches": lambda x: x @ x.mT + torch.bmm(x, x.mT) + torch.baddbmm(x[..., :3], x, x.mT, beta=0, alpha=0.3),
    "vectors": lambda x: (
        x @ x[0, 0] + (x[0, 0] @ x.mT) + x[0] @ x[0, 0] + torch.dot(x[0, 0], x[1, 1]) + x[0, 0] @ x[0, 0]
    ),
    "one batch for all": lambda x: x[None] @ x[:, None].mT + torch.einsum("bti,bsi->bts", x[:1], x)[:, None],
    "einsum of dots": lambda x: torch.einsum("...i,i", x, x[0, 0]) + torch.einsum("b...i,bji->...bj", x, x).sum(-1).mT,
    "einsum of three": lambda x: torch.einsum("bti,bsi,bsj->btj", x, x, x),
    "einsum of one": lambda x: torch.einsum("bti->ib", x),
    "attention": lambda x: f.scaled_dot_product_attention(x, x * 2, x * x, scale=0.3),
    "shared heads": lambda x: f.scaled_dot_product_attention(
        x.view(2, 4, 3, 2), x[..., :4].reshape(2, 2, 3, 2), x[..., 4:].reshape(2, 2, 3, 2), enable_gqa=True
    ),
}


def scattered(x):
    y = torch.select_scatter(x, x[:, 0] * 2, 1, 2)
    return torch.slice_scatter(y, x[..., :4], 2, 1, None, 2)


def spectral(x):
    one, other = (torch.view_as_complex(half.reshape(2, 3, 2, 2)) for half in (x, x.roll(1)))
    return torch.view_as_real(torch.einsum("bti,bsi->bts", one, other) @ (one @ other.mT))


def with_complex_numbers(x):
    c = torch.complex(x, x.roll(1))
    terms = (1j * x, x * 2j, (1 + 2j) * c, c * 1j, c + 1.5, c + 1j, x + 1j, 1j - x, c + x, x - c, x * c, c - 2 * c)
    rows = (c + x[0, 0], c[0, 0] - x, c[:1] * (0.5 - 1j), torch.sub(c, x, alpha=2), torch.add(x, c, alpha=3))
    return tuple(torch.view_as_real(term) for term in (*terms, *rows))


WRITES = {
    "complex numbers": with_complex_numbers,
    "a gate in place": glu_in_place,
    "boxes": written_apart,
    "every other": every_other,
    "turned in place": turned_in_place,
    "complex pairs": rotated,
    "pieces of a copy": scattered,
    "complex products": lambda x: spectral(x[..., :4]),
}

CASES = [
    pytest.param(row, batch, id=name)
    for rows, batch in ((ELEMENTWISE, X), (MOVES, X), (PRODUCTS, X), (MAPS, MAP))
    for name, row in rows.items()
]


@pytest.mark.parametrize(("row", "batch"), CASES)
def test_operators_become_steps_that_compute_the_same(row, batch):
    assert_graph_computes(Of(lambda model, x: row(x)), batch)


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_into_memory_is_computed_the_same(name):
    assert_graph_computes(Of(lambda model, x: WRITES[name](x)), X)


def test_layers_become_steps_that_compute_the_same():
    layers = {"a": nn.Linear(8, 6), "n": nn.LayerNorm(6), "b": nn.Bilinear(6, 8, 5), "r": nn.RMSNorm(5, eps=1e-5)}
    assert_graph_computes(Of(lambda m, x: m.r(m.b(m.n(m.a(x)).tanh(), x)), **layers), X)


CONVOLUTIONS = {
    "plain": nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2)),
    "in groups": nn.Conv2d(4, 8, 3, groups=2, bias=False, padding=1),
    "transposed": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1),
    "transposed in groups": nn.ConvTranspose2d(4, 6, 2, groups=2),
    "of the same size": nn.Conv2d(4, 6, 3, padding="same"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_become_steps_that_compute_the_same(name):
    assert_graph_computes(CONVOLUTIONS[name], MAP)


def test_tables_become_steps_that_compute_the_same():
    layers = {"e": nn.Embedding(5, 8), "g": nn.EmbeddingBag(5, 8, mode="mean")}
    assert_graph_computes(Of(lambda m, ids: (m.e(ids), m.g(ids)), **layers), IDS)


CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


@pytest.mark.parametrize("name", CELLS)
def test_two_turns_of_a_cell_compute_what_the_layer_does_on_two_equal_elements(name):
    x = X[:1, :1].expand(2, 3, 8)
    assert_graph_computes(Of(lambda m, x: m.r(x)[0][1], r=getattr(nn, name)(8, 4)), x)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_by_itself_computes_the_same(name):
    def step(model, x):
        state = (x[0, :, :4], x[1, :, :4]) if name == "LSTM" else x[0, :, :4]
        return model.r(x[0], state)

    assert_graph_computes(Of(step, r=CELLS[name](8, 4)), X)


BOX = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 5), st.integers(1, 5), st.sampled_from([1, 2]))


@given(st.lists(st.tuples(BOX, st.booleans(), st.integers(0, 3)), min_size=1, max_size=5))
def test_any_chain_of_views_and_writes_is_followed(chain):
    def run(model, x):
        y = torch.ones(4, 6)
        for ((a, b, c, d, step), through, way), row in zip(chain, x, strict=False):
            view = y.t().reshape(4, 6) if way == 3 and y.t().is_contiguous() else y
            box = view[a : a + b, c : c + d : step]
            if through:
                box = box.t()
            if way == 0:
                box.copy_(row[: box.numel()].view(box.shape))
            elif way == 1:
                box.mul_(row[0]).add_(1)
            else:
                box.copy_(y[:1, :1].expand(box.shape) + row[1])
        return y * 1

    assert_graph_computes(Of(run), torch.linspace(-2, 2, 5 * 24).reshape(5, 24))
