"""Running a PyTorch model for its graph: on meta, compiled, scripted, hooked, failing; and what it leaves as it was."""

import pytest
import torch
from graph_nets import leaves_of, lowered, opaque, roles
from graph_numbers import Of
from torch import nn
from torch.nn import functional as f

from glorot.errors import GlorotError
from glorot.graph import Folded
from glorot.inventory.seen import seen_in
from glorot.torch import deferred
from glorot.torch.graph import Lowered, lower
from glorot.torch.preserve import preserved

IDS = torch.tensor([[1, 2, 3, 4], [0, 1, 4, 4]])
X = torch.linspace(-1, 1, 32).reshape(4, 8)


compiler = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning:torch")


def net():
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8))


def sources(lowering):
    return {path: seen.source.text for path, seen in seen_in(Folded(lowering.graph)).items()}


# ---- on meta -----------------------------------------------------------------------------------------------------------


def on_meta(function, batch, **layers):
    """Lower a model that is on meta, with a batch that it moves there itself."""
    with torch.device("meta"):
        model = Of(function, e=nn.Embedding(5, 8), a=nn.Linear(8, 8), b=nn.Linear(8, 8), **layers)
    return lower(model, lambda: model(batch.to("meta")), batch, leaves_of(model))


def as_many_as_ones(model, x):
    return model.b(model.e(x)[:, : int((x == 1).sum())].relu())


def some_places(model, x):
    rows, columns = (x > 2).nonzero(as_tuple=True)
    return model.b(model.e(x[rows, columns]).relu())


def some_tokens(model, x):
    return model.b(model.e(x)[x > 2].relu())


def all_there(model, x):
    return model.b(model.e(x).relu()) if bool((x >= 0).all()) else model.b(model.e(x))


def written_positions(model, x):
    mask = torch.zeros(4, 4, dtype=torch.bool, device=x.device)
    mask[1:, :2] = True
    return model.b(model.e(x).relu()[:, : int(mask.sum()) // 2])


def grid_of_sizes(model, x):
    """Take as many rows as sizes in a list say, as models of images of many sizes do."""
    sizes = torch.tensor([2, 2], device=x.device).expand(2)
    starts = [row * size for row, size in enumerate(sizes.tolist())]
    return model.b(model.e(x)[:, starts].relu())


def packed(model, x):
    """Lay sequences of several lengths in one row, and count them again."""
    lengths = (x > 0).sum(1)
    owners = torch.repeat_interleave(torch.arange(2, device=x.device), lengths)
    ends = lengths.cumsum(0).tolist()
    assert (ends, torch.bincount(owners).tolist(), torch.unique(owners).numel()) == ([4, 7], [4, 3], 2)
    return model.b(model.e(x[x > 0])[: ends[-1]].relu())


@pytest.mark.parametrize(
    "function",
    [as_many_as_ones, some_places, some_tokens, all_there, written_positions, grid_of_sizes, packed],
)
def test_what_depends_on_the_integers_of_the_batch_alone_is_known_on_meta(function):
    lowering = on_meta(function, IDS)
    assert (lowering.error, lowering.graph.notes) == (None, [])
    assert sources(lowering)["b.weight"] == "relu"


def test_places_are_counted_on_meta_as_they_are():
    lowering = on_meta(some_places, IDS)
    assert lowering.graph.shape(lowering.graph.outputs[0]) == (4, 8)  # 3, 4, 4 and 4 are above 2


def test_a_mask_on_meta_holds_the_numbers_that_it_holds_elsewhere():
    def masked(model, x):
        h = model.a(x)
        low = torch.full((4, 4), float("-inf"), device=x.device).triu(1)
        seen = torch.arange(4, device=x.device)[:, None] >= torch.arange(4, device=x.device)
        y = torch.zeros(4, 8, device=x.device)
        y[:, :3], y[:, 3:] = h[:, :3].relu(), h[:, 3:].relu()
        return model.b(y), (h @ h.T + low).masked_fill(~seen, -1.0).softmax(-1)

    meta = on_meta(masked, X)
    model = Of(masked, e=nn.Embedding(5, 8), a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    real = lower(model, lambda: model(X), X, leaves_of(model))
    assert meta.graph.steps == real.graph.steps
    assert meta.graph.values == real.graph.values


def test_a_check_that_nobody_can_make_is_passed_and_noted():
    def checked(model, x):
        normal = torch.distributions.Normal(model.a(x), f.softplus(model.a(x)), validate_args=True)
        if not (normal.stddev > 0).all():
            raise ValueError("the spread must be positive")
        return model.b(normal.mean.relu())

    lowering = on_meta(checked, X)
    assert (lowering.error, sources(lowering)["b.weight"]) == (None, "relu")
    assert lowering.graph.notes == ["the model asks for what meta tensors hold: a condition was taken as True"]


def test_a_condition_that_nobody_knows_is_taken_as_false_and_noted():
    lowering = on_meta(lambda m, x: m.b(m.a(x).relu() if (m.a(x) > 0).any() else m.a(x).tanh()), X)
    assert sources(lowering)["b.weight"] == "tanh"
    assert lowering.graph.notes == ["the model asks for what meta tensors hold: a condition was taken as False"]


def test_places_that_nobody_knows_are_all_places_and_noted():
    def chosen(model, x):
        h = model.a(x)
        return model.b(h[h[:, 0] > 0].relu())

    lowering = on_meta(chosen, X)
    assert sources(lowering)["b.weight"] == "relu"
    assert lowering.graph.notes == ["the model asks for what meta tensors hold: a mask was taken as True everywhere"]


class Router(nn.Module):
    """Sends every row to the expert that its largest value names, as large models do: in a loop over those asked."""

    def __init__(self, experts):
        super().__init__()
        self.choose = nn.Linear(8, experts)
        self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(experts))

    def forward(self, x):
        chosen, y = f.one_hot(self.choose(x).argmax(-1), len(self.experts)), torch.zeros_like(x)
        for n in chosen.sum(0).gt(0).nonzero():
            rows = torch.where(chosen[:, int(n)])[0]
            y.index_add_(0, rows, self.experts[int(n)](x[rows].relu()))
        return y


@pytest.mark.parametrize(("experts", "seen"), [(4, 4), (40, 16)])
def test_experts_that_nobody_knows_are_visited_up_to_a_number(experts, seen):
    with torch.device("meta"):
        router = Router(experts)
    model = nn.Sequential(router)
    lowering = lower(model, lambda: model(X.to("meta")), X, leaves_of(model))
    assert lowering.error is None
    assert list(sources(lowering).values()).count("relu") == seen
    assert lowering.graph.notes == [
        "layer '0' asks for what meta tensors hold: the places where a condition holds were taken as the first 16"
    ]


def test_what_the_numbers_of_the_batch_alone_decide_is_known_on_meta():
    lowering = on_meta(lambda m, x: m.b(m.a(x[(x > 0).any(1)]).relu()), X)  # the lower half
    assert (lowering.error, lowering.graph.notes) == (None, [])
    assert lowering.graph.shape(lowering.graph.outputs[0]) == (2, 8)


def test_a_buffer_that_was_lost_on_meta_ends_the_graph_and_the_way_out_is_told():
    class Strided(nn.Linear):
        def __init__(self):
            super().__init__(8, 8)
            self.register_buffer("stride", torch.tensor([1, 2]))

        def forward(self, x):
            return super().forward(x)[:, : self.stride.tolist()[1]]

    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), Strided()).to("meta")
    lowering = lower(model, lambda: model(X.to("meta")), X, leaves_of(model))
    assert lowering.graph.incomplete == (
        "layer '2' asks for the elements of a tensor of shape 2 that nobody knows on the meta device, as buffers lose "
        "what they hold there: build it under glorot.torch.deferred(), which keeps them, or give a model with memory"
    )
    assert sources(lowering)["2.weight"] == "relu"


def test_buffers_with_memory_are_known_beside_parameters_on_meta():
    with deferred():
        model = Of(
            lambda m, x: m.b(m.a(x)[:, : m.n.sizes.tolist()[0]]), a=nn.Linear(8, 8), b=nn.Linear(4, 8), n=nn.Module()
        )
        model.n.register_buffer("sizes", torch.tensor([4]))
    lowering = lower(model, lambda: model(X.to("meta")), X, leaves_of(model))
    assert lowering.error is None


def test_a_number_that_nobody_knows_ends_the_graph():
    lowering = on_meta(lambda m, x: m.b(m.a(x) * int(m.a(x).sum())), X)
    assert isinstance(lowering.error, GlorotError)
    assert lowering.graph.incomplete == (
        "the model asks for a number that nobody knows on the meta device, for it is computed from parameters: give a "
        "model with memory"
    )
    assert sources(lowering) == {"a.weight": "identity"}


def test_what_is_known_is_forgotten_when_something_unknown_is_written_over_it():
    def overwritten(model, x):
        known = torch.ones(4, 8, device=x.device)
        view = known[:, :4]
        known.copy_(model.a(x))
        return model.b(model.a(x)) if bool(view.sum() > 0) else model.b(model.a(x).tanh())

    lowering = on_meta(overwritten, X)
    assert sources(lowering)["b.weight"] == "tanh"
    assert len(lowering.graph.notes) == 1


# ---- models of every kind ------------------------------------------------------------------------------------------------


@compiler
def test_a_compiled_model_is_run_as_it_is_written():
    lowering, _ = lowered(torch.compile(net()), X)
    assert sources(lowering) == {"_orig_mod.0.weight": "identity", "_orig_mod.3.weight": "relu"}


@compiler
def test_a_model_with_a_compiled_part_is_run_as_it_is_written():
    lowering, _ = lowered(nn.Sequential(torch.compile(nn.Sequential(nn.Linear(8, 8), nn.ReLU())), nn.Linear(8, 8)), X)
    assert sources(lowering)["1.weight"] == "relu"


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("make", [torch.jit.script, lambda model: torch.jit.trace(model, X)], ids=["script", "trace"])
def test_scripted_models_are_followed(make):
    model = make(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)))
    lowering, _ = lowered(model, X)
    assert sources(lowering) == {"0.weight": "identity", "2.weight": "relu"}


def test_hooks_of_the_model_are_part_of_what_it_computes():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    model[0].register_forward_hook(lambda module, args, result: result.relu() * 3)
    lowering, _ = lowered(model, X)
    assert sources(lowering)["1.weight"] == "3·relu"


def test_a_model_that_asks_for_gradients_runs_without_inference_mode():
    def energy(model, x):
        with torch.enable_grad():
            y = x.detach().clone().requires_grad_()
            total = model.b(model.a(y).tanh()).sum()
            return torch.autograd.grad(total, y, create_graph=True)[0]

    lowering, _ = lowered(Of(energy, a=nn.Linear(8, 8), b=nn.Linear(8, 1)), X)
    assert lowering.error is None
    assert sources(lowering)["b.weight"] == "tanh"


def test_without_inference_mode_the_same_layers_are_seen(monkeypatch):
    def graph():
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True)
        lowering, folded = lowered(
            nn.Sequential(layer, nn.Conv1d(5, 4, 3), nn.GroupNorm(2, 4), nn.ReLU()), torch.ones(2, 5, 8)
        )
        assert opaque(lowering) == []
        return sources(lowering), roles(folded)

    whole = graph()
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    assert graph() == whole


@compiler
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flexible_attention_is_written_out():
    attention = pytest.importorskip("torch.nn.attention.flex_attention").flex_attention

    def run(m, x):
        return m.o(attention(*(layer(x)[:, None] for layer in (m.q, m.k, m.v)))[:, 0])

    layers = {name: nn.Linear(16, 16) for name in "qkvo"}
    lowering, _ = lowered(Of(run, **layers), torch.ones(1, 8, 16))
    kinds = [type(step.operation).__name__ for step in lowering.graph.steps]
    assert kinds.count("Softmax") == 1
    assert set(sources(lowering)) == {"q.weight", "k.weight", "v.weight", "o.weight"}


def test_dropout_leaves_a_signal_as_it_is():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.3), nn.AlphaDropout(0.2), nn.Linear(8, 8))
    train, _ = lowered(model.train(), X)
    still, _ = lowered(model.eval(), X)
    assert sources(train) == sources(still) == {"0.weight": "identity", "4.weight": "relu"}


# ---- failures ------------------------------------------------------------------------------------------------------------


def test_a_batch_that_does_not_fit_names_the_layer_and_keeps_what_was_seen():
    model = nn.Sequential(nn.Linear(8, 6), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    lowering, folded = lowered(model, X)
    assert isinstance(lowering, Lowered)
    assert (type(lowering.error), lowering.layer) == (RuntimeError, "1.1")
    assert lowering.graph.incomplete == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x6 and 5x2)"
    assert folded.uses.keys() == {"0.weight", "0.bias"}


def test_a_model_that_raises_by_itself_is_named_by_no_layer():
    def refuse(model, x):
        raise KeyError("tokens")

    lowering, _ = lowered(Of(refuse, a=nn.Linear(8, 8)), X)
    assert (lowering.layer, lowering.graph.incomplete) == ("", "KeyError: 'tokens'")
    assert lowering.graph.outputs == []


def test_an_interrupt_is_handed_on():
    def interrupt(model, x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lowered(Of(interrupt, a=nn.Linear(8, 8)), X)


def test_nothing_is_left_behind():
    model, batch = net().train(), X.clone()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    with preserved(model):
        lowering = lower(model, lambda: model(batch), batch, leaves_of(model))
    assert sources(lowering) == {"0.weight": "identity", "3.weight": "relu"}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model._forward_pre_hooks
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert not torch.is_inference_mode_enabled()


def test_a_batch_that_the_model_writes_into_stays_with_its_owner():
    batch = X.clone()
    model = Of(lambda m, x: m.a(x.mul_(2).relu_()), a=nn.Linear(8, 8))
    with preserved(model):
        lowering = lower(model, lambda: model(batch), batch, leaves_of(model))
    assert sources(lowering) == {"a.weight": "2·relu"}
    assert torch.equal(batch, X)


def test_inputs_that_only_the_model_is_called_with_are_inputs():
    model = net()
    lowering = lower(model, lambda: model(X * 1), None, leaves_of(model))
    assert [value.shape for value in lowering.graph.values if value.leaf == "input"] == [(4, 8)]


def test_sixteen_bits_are_told_apart_less_finely():
    assert lowered(net().bfloat16(), X.bfloat16())[0].graph.tolerance == 2e-2
    assert lowered(net(), X)[0].graph.tolerance == 1e-4


def test_padding_mask_of_an_encoder_keeps_to_the_slow_path():
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1, enable_nested_tensor=False
    )
    padding = torch.tensor([[False, False, True], [False, False, False]])
    run = Of(lambda m, x: m.e(x, src_key_padding_mask=padding), e=encoder.eval())
    lowering, folded = lowered(run, f.pad(X[:2, None], (0, 0, 1, 1)))
    assert opaque(lowering) == []
    assert folded.uses.keys() == dict(run.named_parameters()).keys()
