"""The plan does not flicker: the same for any batch of a kind, in train and in eval mode, on meta and for real."""

from collections.abc import Callable
from typing import Any, NamedTuple

import in_flax
import in_keras
import in_torch
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

import glorot
from effort import slow_after
from glorot.plans.entry import PlanEntry

transformers = pytest.importorskip("transformers")

Make = Callable[[int, int], Any]
"""Makes a batch of a size from a seed."""


class Family(NamedTuple):
    """A model, what makes batches for it, and how it is put into train or eval mode."""

    build: Callable[[], Any]
    batch: Make
    mode: Callable[[Any, bool], Any]


def numbers(*shape: int) -> Make:
    return lambda size, seed: np.random.default_rng(seed).standard_normal((size, *shape)).astype(np.float32)


def tensors(*shape: int) -> Make:
    return lambda size, seed: torch.from_numpy(numbers(*shape)(size, seed))


def tokens(size: int, seed: int) -> dict[str, torch.Tensor]:
    ids = torch.from_numpy(np.random.default_rng(seed).integers(3, 50, (size, 6)))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def images(size: int, seed: int) -> dict[str, torch.Tensor]:
    return {"pixel_values": tensors(3, 16, 16)(size, seed)}


def perceptron() -> nn.Module:
    layers = [nn.Linear(6, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(0.3), nn.Linear(16, 16), nn.PReLU()]
    return nn.Sequential(*layers, nn.Unflatten(1, (4, 4)), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(16, 3))


def convolutions() -> nn.Module:
    down = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    up = [nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.InstanceNorm2d(4), nn.SiLU(), nn.Dropout2d(0.5)]
    return nn.Sequential(*down, *up, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.lstm, self.gru = nn.LSTM(8, 6, batch_first=True), nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.head(self.gru(self.lstm(self.words(input_ids))[0])[0][:, -1])


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu", norm_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 4))


SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
WORDS = {"vocab_size": 50, "max_position_embeddings": 16}


def llama() -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, **WORDS, num_key_value_heads=2))


def gpt2() -> Any:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=4)
    )


def bert() -> Any:
    return transformers.BertModel(transformers.BertConfig(**SMALL, **WORDS))


def vit() -> Any:
    return transformers.ViTModel(transformers.ViTConfig(**SMALL, image_size=16, patch_size=4))


def torch_mode(model: Any, is_trained: bool) -> Any:
    return model.train(is_trained)


def nnx_mode(model: Any, is_trained: bool) -> Any:
    (model.train if is_trained else model.eval)()
    return model


def keras_mode(model: Any, is_trained: bool) -> Any:
    return model  # it is told by each call


FAMILIES = {
    "perceptron": Family(perceptron, tensors(6), torch_mode),
    "llama": Family(llama, tokens, torch_mode),
    "flax block": Family(lambda: in_flax.Block(nnx.Rngs(0)), numbers(5, in_torch.WIDTH), nnx_mode),
    "keras cnn": Family(in_keras.cnn, numbers(16, 16, 3), keras_mode),
    "convolutions": Family(convolutions, tensors(3, 16, 16), torch_mode),
    "recurrent": Family(Recurrent, tokens, torch_mode),
    "encoder": Family(encoder, tensors(5, 16), torch_mode),
    "gpt2": Family(gpt2, tokens, torch_mode),
    "bert": Family(bert, tokens, torch_mode),
    "vit": Family(vit, images, torch_mode),
    "flax cnn": Family(lambda: in_flax.Cnn(nnx.Rngs(0)), numbers(16, 16, 3), nnx_mode),
    "keras block": Family(in_keras.block, numbers(5, in_keras.WIDTH), keras_mode),
}
NAMES = slow_after(4, list(FAMILIES))
IN_TORCH = [name for name, family in FAMILIES.items() if family.mode is torch_mode]


def entries(model: Any, batch: Any) -> dict[str, PlanEntry]:
    return {entry.name: entry for entry in glorot.plan(model, "auto", inputs=batch)}


def assert_same(one: dict[str, Any], other: dict[str, Any], which: str) -> None:
    assert one.keys() == other.keys(), which
    for name, entry in one.items():
        assert entry == other[name], (which, name)


@pytest.mark.parametrize("name", NAMES)
def test_no_batch_and_no_mode_changes_a_plan(name: str):
    family = FAMILIES[name]
    model = family.mode(family.build(), False)
    first = entries(model, family.batch(2, 0))
    assert any(entry.seen for entry in first.values())
    for size, seed, is_trained in ((1, 0, False), (8, 0, False), (2, 1, False), (2, 0, True), (8, 1, True)):
        other = entries(family.mode(model, is_trained), family.batch(size, seed))
        assert_same(first, other, f"{size} examples of seed {seed}, {'train' if is_trained else 'eval'} mode")


@pytest.mark.parametrize("name", slow_after(2, IN_TORCH))
def test_a_model_on_meta_gets_the_plan_of_a_real_one(name: str):
    family = FAMILIES[name]
    with torch.device("meta"):
        on_meta = family.mode(family.build(), False)
    real = family.mode(family.build(), False)
    batch = family.batch(2, 0)
    assert_same(entries(real, batch), entries(on_meta, batch), "meta")


@pytest.mark.parametrize("name", slow_after(2, list(FAMILIES)))
def test_other_weights_get_the_same_plan(name: str):
    family = FAMILIES[name]
    one = family.mode(family.build(), False)
    batch = family.batch(2, 0)
    first = entries(one, batch)
    other = glorot.initialize(one, "auto", seed=3, inputs=batch)
    assert_same(first, entries(other, batch), "initialized")


@pytest.mark.parametrize("size", [8, 24])
def test_only_the_size_of_maps_changes_fans(size: int):
    model = convolutions().eval()
    one, other = entries(model, tensors(3, 16, 16)(2, 0)), entries(model, tensors(3, size, size)(2, 0))
    same = {"0.weight", "0.bias", "4.weight", "4.bias"}  # the convolutions, whose borders weigh more on smaller maps
    assert_same(
        {n: e for n, e in one.items() if n not in same}, {n: e for n, e in other.items() if n not in same}, "size"
    )
    for name in same:
        found, expected = other[name], one[name]
        assert (found.role, found.fed_by, found.axes, found.seen) == (
            expected.role,
            expected.fed_by,
            expected.axes,
            True,
        )
        assert found.fans != expected.fans
