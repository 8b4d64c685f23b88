"""Models without memory: what is built under `deferred`, what apply gives memory to, and what would be left garbage."""

import threading

import pytest
import torch
from torch import nn

import glorot
from glorot import GlorotError


class Rotary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("inv_freq", 1 / 10_000 ** (torch.arange(4) / 4), persistent=False)
        self.words = nn.Embedding(10, 8, padding_idx=0)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.words.weight


def deferred_model() -> Rotary:
    with glorot.torch.deferred():
        return Rotary()


def test_parameters_have_no_memory_and_buffers_are_real() -> None:
    model = deferred_model()
    assert all(parameter.is_meta for parameter in model.parameters())
    assert torch.equal(model.inv_freq, Rotary().inv_freq)
    assert model.head.weight is model.words.weight
    assert not nn.Linear(2, 2).weight.is_meta  # built after it


def test_apply_gives_memory_and_the_same_weights_as_without() -> None:
    model = deferred_model()
    plan = glorot.plan(model)
    assert glorot.apply(plan, model, seed=3, device="cpu") is model
    expected = glorot.initialize(Rotary(), seed=3)
    for (name, one), other in zip(model.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert model.head.weight is model.words.weight
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_plan_made_without_memory_is_that_made_with_it() -> None:
    assert glorot.plan(deferred_model()) == glorot.plan(Rotary())


def test_a_deferred_model_is_refused_without_a_device_and_left_as_it_was() -> None:
    model = deferred_model()
    words = r"^words\.weight\[padding\] is on|^words\.weight is on the meta device and has no memory; glorot\.apply\(.*gives it some$"
    with pytest.raises(GlorotError, match=words):
        glorot.apply(glorot.plan(model), model, seed=0)
    assert all(parameter.is_meta for parameter in model.parameters())


def test_buffers_that_would_hold_nothing_are_named_with_the_way_out() -> None:
    with torch.device("meta"):
        model = Rotary()
    plan = glorot.plan(model)
    with pytest.raises(GlorotError, match=r"Its buffers inv_freq would hold nothing, though: build the model under"):
        glorot.apply(plan, model, seed=0)
    words = "buffers on the meta device would hold nothing, for no recipe starts them: inv_freq; build the model under "
    with pytest.raises(GlorotError, match=f"^{words}glorot.torch.deferred"):
        glorot.apply(plan, model, seed=0, device="cpu")
    assert model.words.weight.is_meta


def test_a_frozen_parameter_that_would_stay_unwritten_is_named() -> None:
    with glorot.torch.deferred():
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).requires_grad_(False)
    model[1].requires_grad_(True)
    words = (
        "parameters on the meta device would hold nothing, for the plan leaves them alone: 0.weight, 0.bias; load them"
    )
    with pytest.raises(GlorotError, match=words):
        glorot.apply(glorot.plan(model), model, seed=0, device="cpu")
    assert model[1].weight.is_meta


def test_models_of_other_threads_are_built_as_ever() -> None:
    built: list[nn.Module] = []
    with glorot.torch.deferred():
        thread = threading.Thread(target=lambda: built.append(nn.Linear(2, 2)))
        thread.start()
        thread.join()
        own = nn.Linear(2, 2)
    assert own.weight.is_meta
    assert not built[0].weight.is_meta


def test_an_error_inside_ends_it() -> None:
    with pytest.raises(ZeroDivisionError), glorot.torch.deferred():
        raise ZeroDivisionError
    assert not nn.Linear(2, 2).weight.is_meta


def test_a_device_is_for_pytorch() -> None:
    from flax import nnx

    layer = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    with pytest.raises(GlorotError, match="^device= is for models of PyTorch, got one of flax.nnx$"):
        glorot.apply(glorot.plan(layer), layer, seed=0, device="cpu")
