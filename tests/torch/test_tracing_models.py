"""Tracing whole models: PyTorch's transformers, and those of a library."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from zoo import traced

import glorot
from glorot.adapters import take_inventory as inventory

# transformers

ENCODERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "relu by default": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), "relu"),
    "gelu by name": (lambda: nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), "gelu"),
    "a function": (lambda: nn.TransformerEncoderLayer(8, 2, 16, activation=F.silu, batch_first=True), "silu"),
    "a module": (lambda: nn.TransformerEncoderLayer(8, 2, 16, activation=nn.GELU("tanh")), "gelu_tanh"),
}


@pytest.mark.parametrize("inputs", [None, torch.linspace(-1, 1, 2 * 3 * 8).reshape(2, 3, 8)], ids=["unseen", "run"])
@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("training", [True, False])
def test_encoder_layers(kind: str, inputs: Tensor | None, training: bool) -> None:
    build, activation = ENCODERS[kind]
    encoder = nn.TransformerEncoder(build(), 2, enable_nested_tensor=False)
    model = nn.Sequential(encoder, nn.Linear(8, 3)).train(training)
    expected = {}
    for n in range(2):
        place = f"0.layers.{n}"
        expected |= {
            f"{place}.self_attn[q]": (4 * n + 1, "identity", "identity"),
            f"{place}.self_attn[k]": (4 * n + 1, "identity", "identity"),
            f"{place}.self_attn[v]": (4 * n + 1, "identity", "identity"),
            f"{place}.self_attn.out_proj": (4 * n + 2, "identity", "identity"),
            f"{place}.linear1": (4 * n + 3, "identity", activation),
            f"{place}.linear2": (4 * n + 4, activation, "identity"),
        }
    found = {
        part.name.replace(".in_proj_weight", "").removesuffix(".weight"): (part.depth, part.fed_by, part.followed_by)
        for part in inventory(model, inputs).parts
        if part.role == "kernel"
    }
    assert found == expected | {"1": (9, "identity", "identity")}


LIBRARY = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_layer": 2, "n_embd": 16, "n_head": 2, "n_positions": 8}),
    "bert": (
        "BertModel",
        "BertConfig",
        {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32},
    ),
    "llama": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32},
    ),
}
IDS = {"input_ids": torch.arange(6).reshape(2, 3)}


def library_model(name: str) -> nn.Module:
    import transformers

    model, config, sizes = LIBRARY[name]
    small = {**sizes, "vocab_size": 11, "bos_token_id": 1, "eos_token_id": 2}
    return getattr(transformers, model)(getattr(transformers, config)(**small))  # type: ignore[no-any-return]


@pytest.fixture(params=LIBRARY)
def library(request: pytest.FixtureRequest) -> tuple[str, nn.Module]:
    return request.param, library_model(request.param)


MLPS = {
    "gpt2": {"transformer.h.{}.mlp.c_fc": ("identity", "gelu_tanh"), "transformer.h.{}.mlp.c_proj": ("gelu_tanh", "")},
    "bert": {
        "encoder.layer.{}.intermediate.dense": ("identity", "gelu"),
        "encoder.layer.{}.output.dense": ("gelu", ""),
        "encoder.layer.{}.attention.output.dense": ("identity", ""),
    },
    "llama": {
        "model.layers.{}.mlp.gate_proj": ("identity", "silu"),
        "model.layers.{}.mlp.up_proj": ("identity", ""),
        "model.layers.{}.mlp.down_proj": ("silu × identity", ""),
    },
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers and what it imports
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_models_of_a_library(library: tuple[str, nn.Module]) -> None:
    name, model = library
    rows = traced(model, IDS)
    for block in range(2):
        for pattern, (fed_by, followed_by) in MLPS[name].items():
            assert rows[pattern.format(block)][1:] == (fed_by, followed_by or "identity"), pattern
    depths = [depth for depth, _, _ in rows.values()]
    assert sorted(depths) == list(range(1, len(rows) + 1))
    plan = glorot.plan(model, "auto", inputs=IDS)
    assert all(entry.distribution is not None for entry in plan.entries)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_ties_and_transposed_layers_of_gpt2() -> None:
    found = inventory(library_model("gpt2"))
    ties = {parameter.path: parameter.tied_to for parameter in found.parameters if parameter.tied_to}
    assert ties == {"lm_head.weight": "transformer.wte.weight"}
    (part,) = found.parameter("transformer.h.0.mlp.c_fc.weight").parts  # type: ignore[union-attr]
    assert (part.axes, part.shape, part.fans) == ("oi", (64, 16), glorot.fans.dense(16, 64))
