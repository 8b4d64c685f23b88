"""What the graph of a PyTorch model says of its layers: roles, sources and what follows."""

import math

import pytest
import torch
from graph_nets import lowered, opaque, roles
from graph_numbers import Of
from torch import nn
from torch.nn import functional as f
from torch.nn.utils import parametrizations, rnn
from torch.utils.checkpoint import checkpoint
from zoo import LAYERS

import glorot
from glorot.inventory.seen import seen_in
from glorot.torch.layers import parts_of

SEQUENCE = torch.randn(5, 2, 3)
PAIR = (torch.randn(5, 2, 4), torch.randn(5, 2, 4))
BATCHES = {
    "Linear": torch.randn(2, 3), "Bilinear": (torch.randn(2, 2), torch.randn(2, 3)), "Embedding": torch.tensor([[1, 2]]),
    "RNNCell": torch.randn(2, 3), "LSTMCell": torch.randn(2, 3), "GRUCell": torch.randn(2, 3),
    "RNN": SEQUENCE, "LSTM": SEQUENCE, "GRU": SEQUENCE, "LayerNorm": torch.randn(2, 2, 3), "RMSNorm": torch.randn(2, 3),
    "MultiheadAttention of": (PAIR[0], SEQUENCE, torch.randn(5, 2, 5)), "MultiheadAttention": (*PAIR, PAIR[0]),
    "GroupNorm": torch.randn(2, 4, 5), "BatchNorm1d": torch.randn(2, 3, 4), "SyncBatchNorm": torch.randn(2, 3, 4),
    "BatchNorm2d": torch.randn(2, 3, 4, 4), "InstanceNorm2d": torch.randn(2, 3, 4, 4), "PReLU": torch.randn(2, 3),
    "BatchNorm3d": torch.randn(2, 3, 2, 2, 2), "TransformerEncoder": PAIR[0], "TransformerDecoder": PAIR,
    "Conv1d depth": torch.randn(2, 3, 7),
}  # fmt: skip


def batch_for(name):
    found = [batch for start, batch in BATCHES.items() if name.startswith(start)]
    if not found:  # a convolution
        rank = int(name.split("d")[0][-1])
        found = [torch.randn(2, 4 if "groups" in name else 2, *(7,) * rank)]
    return found[0] if isinstance(found[0], tuple) else (found[0],)


EXPECTED = {"kernel": "kernel", "recurrent": "kernel", "embedding": "embedding", "scale": "scale", "slope": "slope"}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_every_parameter_of_every_layer_is_used_for_what_it_is(name, mode):
    layer = LAYERS[name]().train(mode)
    slopes = {"weight": 0.25} if "PReLU" in name else {}
    lowering, folded = lowered(layer, *batch_for(name), slopes=slopes)
    assert lowering.error is None
    assert opaque(lowering) == []
    found, described = roles(folded), parts_of(layer)
    assert found.keys() == dict(layer.named_parameters()).keys()
    for path, role in found.items():
        known = [EXPECTED.get(part.role, "shift") for part in described.get(path, ())]
        wanted = next((name for name in known if name != "shift"), "shift") if known else role
        if "Cell" in name and path == "weight_hh":  # it meets a state of zeros
            wanted = role
        if path in ("bias_k", "bias_v"):
            wanted = "token"
        assert role == wanted, path


def rotary(model, x):
    turns = torch.polar(torch.ones(6, 2), torch.arange(12.0).view(6, 2))
    q, k = (torch.view_as_complex(layer(x).view(2, 6, 2, 2)) * turns for layer in (model.q, model.k))
    logits = torch.view_as_real(q).flatten(-2) @ torch.view_as_real(k).flatten(-2).mT
    return model.o(logits.softmax(-1) @ model.v(x))


def routed(model, x):
    weights, chosen = model.router(x).softmax(-1).topk(2)
    y = torch.zeros_like(x)
    for n in range(3):
        token, place = torch.where(chosen == n)
        y.index_add_(0, token, model.down[n](f.silu(model.up[n](x[token]))) * weights[token, place, None])
    return y


def packed(model, x):
    states, _ = model.r(rnn.pack_padded_sequence(x, torch.tensor([5, 3])))
    return model.o(rnn.pad_packed_sequence(states)[0])


def with_keys(model, x):
    shared = [layer(x).view(2, 6, 2, 4).transpose(1, 2) for layer in (model.k, model.v)]
    query = model.q(x).view(2, 6, 4, 4).transpose(1, 2)
    y = f.scaled_dot_product_attention(query, *shared, is_causal=True, enable_gqa=True)
    return model.o(y.transpose(1, 2).reshape(2, 6, 16).relu())


def two(function):
    """Return a net with a function of a map between two convolutions, and its batch."""
    net = Of(lambda m, x: m.b(function(m.a(x).relu())), a=nn.Conv2d(3, 8, 1), b=nn.LazyConv2d(3, 1))
    net(torch.randn(2, 3, 4, 4))
    return net, torch.randn(2, 3, 4, 4)


def dense(function, **layers):
    layers = {"a": nn.Linear(8, 8), "b": nn.Linear(8, 8), **layers}
    return Of(function, **layers), torch.randn(3, 8)


NETS = {  # (the net, its batch, what feeds some of its layers)
    "bilinear": (
        *dense(lambda m, x: m.w(m.a(x).relu(), m.b(x).tanh()), w=nn.Bilinear(8, 8, 2)), {"w.weight": "relu × tanh"}
    ),
    "weight norm": (
        *dense(lambda m, x: m.w(m.a(x).relu()), w=parametrizations.weight_norm(nn.Linear(8, 8))),
        {"w.parametrizations.weight.original0": "relu", "w.parametrizations.weight.original1": "relu"},
    ),
    "spectral norm": (
        *dense(lambda m, x: m.w(m.a(x).relu()), w=parametrizations.spectral_norm(nn.Linear(8, 8))),
        {"w.parametrizations.weight.original": "relu"},
    ),
    "orthogonal": (
        *dense(lambda m, x: m.w(m.a(x).relu()), w=parametrizations.orthogonal(nn.Linear(8, 8))),
        {"w.parametrizations.weight.original": "relu"},
    ),
    "checkpoint": (*dense(lambda m, x: m.b(checkpoint(lambda z: m.a(z).relu(), x, use_reentrant=False))), {"b.weight": "relu"}),
    "checkpoint that enters again": (
        *dense(lambda m, x: m.b(checkpoint(lambda z: m.a(z).relu(), x, use_reentrant=True))), {"b.weight": "relu"}
    ),
    "casts": (*dense(lambda m, x: m.b(m.a(x).relu().double().half().float())), {"b.weight": "relu"}),
    "einsum of weights": (*dense(lambda m, x: torch.einsum("bi,oi->bo", m.a(x).relu(), m.b.weight)), {"b.weight": "relu"}),
    "added adapter": (
        *dense(lambda m, x: m.a(x) + m.v(m.u(x).relu()), u=nn.Linear(8, 2), v=nn.Linear(2, 8)), {"v.weight": "relu"}
    ),
    "gate": (*dense(lambda m, x: m.b(f.silu(m.a(x)[:, :4]).repeat(1, 2) * m.a(x)[:, 4:].repeat(1, 2))), {"b.weight": "silu × identity"}),
    "experts": (
        Of(
            routed, router=nn.Linear(8, 3), up=nn.ModuleList(nn.Linear(8, 6) for _ in range(3)),
            down=nn.ModuleList(nn.Linear(6, 8) for _ in range(3)),
        ),
        torch.linspace(-1, 1, 56).view(7, 8), {f"down.{n}.weight": "silu" for n in range(3)},
    ),
    "stacked experts": (
        Of(lambda m, x: torch._grouped_mm(m.a(x).relu(), m.w, torch.tensor([16, 32], dtype=torch.int32)),
           a=nn.Linear(16, 16), w=nn.Parameter(torch.randn(2, 16, 16))).bfloat16(),
        torch.randn(32, 16).bfloat16(), {"w": "relu"},
    ),
    "neighbours of a graph": (
        *dense(lambda m, x: m.b(torch.zeros(3, 8).index_add(0, torch.tensor([1, 0, 0]), m.a(x).relu()[torch.tensor([0, 2, 1])]))),
        {"b.weight": "relu"},
    ),
    "the mean of neighbours": (
        *dense(lambda m, x: m.b(torch.zeros(3, 8).scatter_reduce(0, torch.zeros(3, 8).long(), m.a(x).relu(), "mean"))),
        {"b.weight": "relu"},
    ),
    "standardised weights": (
        *dense(lambda m, x: f.linear(m.a(x).relu(), (m.b.weight - m.b.weight.mean()) / m.b.weight.std())), {"b.weight": "relu"}
    ),
    "dropped weights": (*dense(lambda m, x: f.linear(m.a(x).relu(), f.dropout(m.b.weight, 0.2))), {"b.weight": "relu"}),
    "dropped branches": (
        *dense(lambda m, x: m.b(m.a(x).relu().div(0.9) * x.new_empty(3, 1).bernoulli_(0.9))), {"b.weight": "relu"}
    ),
    "rotary of complex numbers": (
        Of(rotary, **{name: nn.Linear(4, 4) for name in "qkvo"}), torch.randn(2, 6, 4),
        {"q.weight": "identity", "o.weight": "identity"},
    ),
    "shared heads": (
        Of(with_keys, q=nn.Linear(16, 16), k=nn.Linear(16, 8), v=nn.Linear(16, 8), o=nn.Linear(16, 16)),
        torch.randn(2, 6, 16), {"o.weight": "relu"},
    ),
    "packed sequences": (
        Of(packed, r=nn.LSTM(3, 6, 2, bidirectional=True), o=nn.Linear(12, 2)), SEQUENCE,
        {"o.weight": "sigmoid × tanh", "r.weight_hh_l1_reverse": "sigmoid × tanh", "r.weight_ih_l1": "sigmoid × tanh"},
    ),
    "bag": (Of(lambda m, x: m.b(m.e(x)), e=nn.EmbeddingBag(9, 8), b=nn.Linear(8, 2)), torch.tensor([[1, 2], [3, 8]]), {"b.weight": "mean of identity"}),
    "resized by repeats": (*two(lambda z: f.interpolate(z, scale_factor=2)), {"b.weight": "relu"}),
    "resized by mixing": (*two(lambda z: f.interpolate(z, scale_factor=2, mode="bilinear")), {"b.weight": "mean of relu"}),
    "windows": (*two(lambda z: f.fold(f.unfold(z, 2, stride=2), 4, 2, stride=2)), {}),
    "shuffled": (*two(lambda z: f.pixel_unshuffle(f.pixel_shuffle(z, 2), 2)), {"b.weight": "relu"}),
    "padded by reflection": (*two(lambda z: f.pad(z, (1, 1, 1, 1), mode="reflect")), {"b.weight": "relu"}),
    "padded all round": (*two(lambda z: f.pad(z, (1, 1, 1, 1), mode="circular")), {"b.weight": "relu"}),
    "shifted": (*two(lambda z: torch.roll(z, (1, -1), (2, 3))), {"b.weight": "relu"}),
    "the middle of all": (*two(lambda z: z - z.median() + z.median(1, keepdim=True).values), {}),
    "the largest": (*two(lambda z: f.max_pool2d(z, 2)), {"b.weight": "relu"}),
    "the mean": (*two(lambda z: f.avg_pool2d(z, 2)), {"b.weight": "mean of relu"}),
    "the mean of all": (*two(lambda z: f.adaptive_avg_pool2d(z, 1)), {"b.weight": "mean of relu"}),
    "some": (*two(lambda z: z.sort(1).values), {"b.weight": "relu"}),
    "a copy under a mask": (*two(lambda z: torch.zeros_like(z).masked_scatter_(torch.ones(4).bool(), z)), {"b.weight": "relu"}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", NETS)
def test_layers_are_fed_by_what_stands_before_them(name):
    net, batch, wanted = NETS[name]
    lowering, folded = lowered(net, batch)
    assert lowering.error is None
    seen = seen_in(folded)
    assert {path: seen[path].source.text for path in wanted} == wanted
    assert {path for path in folded.uses if path.endswith("weight")} >= set(wanted) & {"b.weight"}


def test_a_recurrent_kernel_is_fed_by_the_state_of_the_turn_before():
    lowering, folded = lowered(nn.GRU(3, 4), SEQUENCE)
    assert opaque(lowering) == []
    assert roles(folded) == {
        "weight_ih_l0": "kernel", "weight_hh_l0": "kernel", "bias_ih_l0": "shift", "bias_hh_l0": "shift"
    }  # fmt: skip
    assert seen_in(folded)["weight_hh_l0"].source.text == "mean of tanh"


def test_a_matrix_that_is_used_twice_has_both_uses():
    net, batch = dense(lambda m, x: f.linear(m.a(x).relu(), m.a.weight.t()))
    _, folded = lowered(net, batch)
    assert [use.role for use in folded.uses["a.weight"]] == ["kernel", "kernel"]


def test_casts_of_autocast_leave_values_as_they_are():
    def cast(model, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model.b(model.a(x).relu())

    net, batch = dense(cast)
    lowering, folded = lowered(net, batch)
    assert opaque(lowering) == []
    assert seen_in(folded)["b.weight"].source.text == "relu"


def test_a_function_that_is_mapped_over_a_batch_is_followed():
    net, batch = dense(lambda m, x: torch.func.vmap(lambda row: m.b(m.a(row).relu()))(x))
    lowering, folded = lowered(net, batch)
    assert lowering.error is None
    assert seen_in(folded)["b.weight"].source.text == "relu"


def test_what_a_model_returns_is_known_by_its_values():
    net = nn.Linear(3, 4)
    lowering, _ = lowered(Of(lambda m, x: {"y": m.a(x), "mask": torch.ones(2), "x": x}, a=net), torch.randn(2, 3))
    assert [lowering.graph.shape(value) for value in lowering.graph.outputs] == [(2, 4), (2, 3)]


def test_a_mask_that_is_written_by_a_token_takes_the_token_as_one():
    def masked(model, x):
        y = x.clone()
        y[torch.tensor([[True, False], [False, True], [True, True]])] = model.token
        return model.a(y)

    net = Of(masked, a=nn.Linear(8, 8), token=nn.Parameter(torch.randn(8)))
    _, folded = lowered(net, torch.randn(3, 2, 8))
    assert roles(folded) == {"token": "token", "a.weight": "kernel", "a.bias": "shift"}


PATHS = {
    "with weights": {"need_weights": True}, "without weights": {"need_weights": False},
    "of each head": {"average_attn_weights": False}, "with padding": {"key_padding_mask": torch.zeros(2, 5).bool()},
    "with a mask": {"attn_mask": torch.zeros(5, 5), "need_weights": False},
}  # fmt: skip


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_attention_is_written_out(path, mode):
    attention = nn.MultiheadAttention(8, 2, batch_first=True).train(mode)
    lowering, folded = lowered(Of(lambda m, x: m.a(x, x, x, **PATHS[path])[0], a=attention), torch.randn(2, 5, 8))
    assert opaque(lowering) == []
    assert {use.role for use in folded.uses["a.in_proj_weight"]} == {"kernel"}
    softmaxes = [step for step in lowering.graph.steps if type(step.operation).__name__ == "Softmax"]
    assert len(softmaxes) == 1
    assert math.prod(lowering.graph.shape(softmaxes[0].result)) == 2 * 2 * 5 * 5


class Sampled(nn.Module):
    """A table of positions that is sampled between its points, as GLM-4V does."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(36, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        points = self.table.weight.view(6, 6, 8).permute(2, 0, 1)[None]
        places = torch.linspace(-1, 1, 10).reshape(1, 5, 1, 2)
        sampled = f.grid_sample(points, places, align_corners=False)
        return self.out(x + sampled.squeeze(0).squeeze(-1).permute(1, 0))


def test_a_table_that_is_sampled_between_its_points_is_one_of_positions() -> None:
    plan = glorot.plan(Sampled(), inputs=torch.randn(5, 8))
    assert plan["table.weight"].role == "position"
