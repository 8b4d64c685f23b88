"""What a model says of its parameters by flags and by memory: frozen ones stay, tied ones obey all owners."""

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import glorot
from glorot import GlorotError
from glorot.torch.memory import check_apart


def frozen_net() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    model[0].requires_grad_(False)
    return model


def test_frozen_parameters_are_left_alone_with_the_reason() -> None:
    model = frozen_net()
    before = model[0].weight.clone()
    plan = glorot.plan(model, "auto")
    assert (plan["0.weight"].distribution, plan["0.weight"].why) == (None, "left alone: frozen")
    glorot.apply(plan, model, seed=0)
    assert torch.equal(model[0].weight, before)
    assert not model[0].weight.requires_grad
    assert plan["2.weight"].distribution is not None


def test_a_frozen_parameter_that_no_layer_explains_is_no_reason_to_refuse() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.arange(6.0).reshape(2, 3), requires_grad=False)
            self.out = nn.Linear(3, 2)

    assert glorot.plan(Model())["table"].why == "left alone: frozen"


@pytest.mark.parametrize("settings", [{"rules": [("0.weight", "ones")]}, {"only": "0.weight", "recipe": "zeros"}])
def test_the_full_path_writes_a_frozen_parameter(settings: dict[str, object]) -> None:
    model = frozen_net()
    glorot.initialize(model, seed=0, **settings)  # type: ignore[arg-type]
    assert model[0].weight.unique().tolist() in ([1.0], [0.0])
    assert not model[0].weight.requires_grad


@pytest.mark.parametrize("settings", [{"rules": [("0.*", "ones")]}, {"only": "0.*", "rules": [("2.*", "skip")]}])
def test_a_wildcard_does_not_and_the_plan_says_so(settings: dict[str, object]) -> None:
    model = frozen_net()
    model[0].bias.requires_grad_(True)
    entry = glorot.plan(model, **settings)["0.weight"]  # type: ignore[arg-type]
    assert entry.distribution is None
    assert entry.why == "left alone: frozen; '0.*' has a wildcard, and only its full path writes it"


def test_a_model_that_is_all_frozen_is_refused() -> None:
    model = frozen_net().requires_grad_(False)
    words = (
        "every parameter of the model is frozen, 0.weight and all others; unfreeze what is to be started, or name it by"
    )
    with pytest.raises(GlorotError, match=words):
        glorot.plan(model)
    assert not any(entry.distribution for entry in glorot.plan(model, "current"))
    assert glorot.plan(model, rules=[("2.bias", "ones")])["2.bias"].scheme == "ones"


@pytest.mark.parametrize("first", ["head", "words"])
@pytest.mark.parametrize("row", [0, 3, 9])
def test_a_tied_parameter_obeys_all_its_owners(first: str, row: int) -> None:
    model = nn.Module()
    makers = {"head": lambda: nn.Linear(4, 10, bias=False), "words": lambda: nn.Embedding(10, 4, padding_idx=row)}
    for name in sorted(makers, key=lambda name: name != first):
        model.add_module(name, makers[name]())
    model.head.weight = model.words.weight
    glorot.initialize(model, "auto", seed=0)
    assert not model.words.weight[row].any()
    assert int((model.words.weight.abs().sum(1) > 0).sum()) == 9


def test_tables_with_a_padding_row_each_keep_both() -> None:
    model = nn.ModuleDict({"source": nn.Embedding(10, 4, padding_idx=7), "target": nn.Embedding(10, 4, padding_idx=2)})
    model["target"].weight = model["source"].weight
    plan = glorot.plan(model, "auto")
    glorot.apply(plan, model, seed=0)
    zero = [row for row in range(10) if not model["source"].weight[row].any()]
    assert zero == [2, 7]
    assert [entry.name for entry in plan] == [
        "source.weight[0:2]", "source.weight[padding 2:3]", "source.weight[3:7]", "source.weight[padding 7:8]",
        "source.weight[8:10]",
    ]  # fmt: skip


def test_a_padding_row_of_a_tied_matrix_that_is_cut_otherwise_is_refused() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, bias=False)
            self.words = nn.Embedding(12, 4, padding_idx=0)
            self.words.weight = self.attention.in_proj_weight

    with pytest.raises(
        GlorotError, match=r"attention\.in_proj_weight is tied to a table whose padding row stays 0, and is cut"
    ):
        glorot.plan(Attention())


# memory that overlaps


def overlapping() -> nn.ModuleList:
    base = torch.linspace(-1, 1, 10)
    model = nn.ModuleList([nn.Linear(2, 3, bias=False), nn.Linear(2, 3, bias=False)])
    model[0].weight = nn.Parameter(base[:6].view(3, 2))
    model[1].weight = nn.Parameter(base[4:].view(3, 2))
    return model


def test_parameters_that_overlap_are_refused_before_the_first_write() -> None:
    model = overlapping()
    words = (
        "0.weight and 1.weight share some of their memory, so that writing one changes the other; give one a copy, or "
    )
    with pytest.raises(GlorotError, match=re.escape(words + "leave it alone with rules=[('1.weight', 'skip')]")):
        glorot.initialize(model, "xavier", seed=0)
    assert torch.equal(model[0].weight.detach().flatten(), torch.linspace(-1, 1, 10)[:6])
    glorot.initialize(model, "xavier", seed=0, rules=[("1.weight", "skip")])
    assert model[0].weight.all()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4), st.integers(1, 5), st.integers(1, 9), st.integers(1, 3)),
                min_size=2, max_size=4))  # fmt: skip
def test_views_are_refused_if_and_only_if_an_element_is_in_two(views: list[tuple[int, ...]]) -> None:
    base = torch.zeros(200)
    tensors = [
        (f"p{n}", nn.Parameter(base.as_strided((rows, columns), (across, down), start)))
        for n, (start, rows, columns, across, down) in enumerate(views)
    ]
    places = [{start + r * across + c * down for r in range(rows) for c in range(columns)}
              for start, rows, columns, across, down in views]  # fmt: skip
    ties = {(start, rows, columns, across, down) for start, rows, columns, across, down in views}
    distinct = [places[views.index(tie)] for tie in sorted(ties)]
    shared = any(one & other for n, one in enumerate(distinct) for other in distinct[:n])
    if shared:
        with pytest.raises(GlorotError, match="share some of their memory"):
            check_apart(tensors)
    else:
        check_apart(tensors)


def test_interleaved_views_of_one_base_are_written() -> None:
    base = torch.linspace(-1, 1, 24).reshape(4, 6).clone()
    before = base.clone()
    model = nn.ModuleList([nn.Linear(3, 4, bias=False), nn.Linear(3, 4, bias=False)])
    model[0].weight, model[1].weight = nn.Parameter(base[:, ::2]), nn.Parameter(base[:, 1::2])
    glorot.initialize(model, "xavier", seed=0)
    assert base.ne(before).all()


# what cannot be written


class Packed(Tensor):
    """A tensor of a library that packs values, as PyTorch's own protocol for such tensors has it."""

    def __tensor_flatten__(self) -> None: ...


def freed() -> nn.Parameter:
    parameter = nn.Parameter(torch.ones(4, 4))
    parameter.untyped_storage().resize_(0)
    return parameter


BAD = {
    "packed": (lambda: nn.Parameter(torch.ones(4, 4).as_subclass(Packed)), r"2\.weight is a Packed, which another library"),
    "freed": (freed, r"2\.weight has no memory: its storage was freed, as sharding libraries do"),
    "without sign": (
        lambda: nn.Parameter(torch.ones(4, 4).to(torch.float8_e8m0fnu), requires_grad=False),
        r"2\.weight: dtype float8_e8m0fnu holds no weights that are drawn, for it has neither sign nor zero; expected float32",
    ),
    "complex": (lambda: nn.Parameter(torch.ones(4, 4, dtype=torch.complex64)), r"2\.weight: dtype complex64 holds no weights"),
    "meta": (lambda: nn.Parameter(torch.ones(4, 4, device="meta")), r"2\.weight is on the meta device"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_written_is_named_before_the_first_write(kind: str) -> None:
    make, words = BAD[kind]
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = make()
    before = model[0].weight.clone()
    with pytest.raises(GlorotError, match=words):
        glorot.initialize(model, "xavier", seed=0, rules=[("2.weight", "xavier_uniform")])
    assert torch.equal(model[0].weight, before)


def test_a_model_with_nothing_to_plan_is_refused() -> None:
    with pytest.raises(GlorotError, match="^nothing to plan: the model has no parameters$"):
        glorot.plan(nn.Sequential(nn.ReLU()))
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch is to drop this in favour of another library
        packed = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    words = "these are quantised, and hold packed integers: 0 (Linear), 2 (Linear)"
    with pytest.raises(GlorotError, match=re.escape(words)):
        glorot.plan(packed)


def test_a_storage_can_be_resized_after_it_was_written() -> None:
    model = nn.Linear(4, 3)
    glorot.initialize(model, seed=0)
    model.weight.untyped_storage().resize_(0)
    model.weight.untyped_storage().resize_(48)
    glorot.initialize(model, seed=0)
    again = glorot.initialize(nn.Linear(4, 3), seed=0)
    assert torch.equal(model.weight, again.weight)


def test_an_interruption_says_that_the_same_call_completes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from glorot.torch import weights

    def interrupted(fills: object) -> None:
        raise KeyboardInterrupt

    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    monkeypatch.setattr(weights, "fill_all", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        glorot.initialize(model, seed=0)
    assert caught.value.__notes__ == [
        "glorot was writing 4 parameters, 0.weight to 1.bias, and some of them hold their new values; the same call, "
        "repeated, writes all of them"
    ]


# meta


def test_a_model_and_a_batch_on_meta_are_traced() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
        batch = torch.ones(4, 8)
    plan = glorot.plan(model, "auto", inputs=batch)
    assert [plan[f"{n}.weight"].fed_by for n in (0, 2, 4)] == ["identity", "relu", "tanh"]


class Doubled(nn.Module):
    """A parametrization that cannot be written through."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


@pytest.mark.parametrize(("layer", "fans"), [(nn.Conv2d(3, 8, 3), (27, 72)), (nn.Linear(12, 5), (12, 5))])
def test_axes_that_a_refusal_suggests_give_the_true_fans(layer: nn.Module, fans: tuple[int, int]) -> None:
    nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    with pytest.raises(GlorotError, match="no layer that glorot knows") as caught:
        glorot.plan(layer, "xavier", inputs=False)
    assert "ParametrizationList, where Doubled has no right_inverse" in str(caught.value)
    path, axes = re.findall(r"axes=\{'([^']+)': '(\w+)'\}", str(caught.value))[0]
    assert path == "parametrizations.weight.original"
    entry = glorot.plan(layer, "xavier", inputs=False, axes={path: axes})[path]
    assert entry.fans is not None
    assert (entry.fans.fan_in, entry.fans.fan_out) == fans


def test_a_scalar_is_offered_what_a_scalar_can_have() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixing, self.out = nn.Parameter(torch.ones(())), nn.Linear(2, 2)

    with pytest.raises(GlorotError) as caught:
        glorot.plan(Scaled())
    last = str(caught.value).splitlines()[-1]
    assert last == (
        "say what they get with a rule, rules=[('mixing', 'constant(1)')], or leave them alone with "
        "rules=[('mixing', 'skip')]"
    )
    assert np.isfinite(glorot.plan(Scaled(), rules=[("mixing", "constant(1)")])["mixing"].distribution.value)
