"""Models of `transformers` that norm their weights: planned with no rule, each weight by its own path."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import glorot

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 10,
    "conv_dim": (8, 8), "conv_kernel": (10, 3), "conv_stride": (5, 2), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip


def encodec() -> Any:
    config = transformers.EncodecConfig(
        num_filters=4, hidden_size=8, codebook_dim=8, codebook_size=16, upsampling_ratios=[2, 2]
    )
    return transformers.EncodecModel(config)


MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "hubert": (lambda: transformers.HubertModel(transformers.HubertConfig(**SMALL)), "encoder.pos_conv_embed.conv.weight"),
    "wav2vec2": (
        lambda: transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SMALL)), "encoder.pos_conv_embed.conv.weight",
    ),
    "encodec": (encodec, "decoder.layers.0.conv.weight"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the plan overwrites what may be meant")
@pytest.mark.parametrize(("make", "path"), MODELS.values(), ids=MODELS)
def test_a_model_that_norms_its_weights_is_planned_seen_and_written(make: Callable[[], Any], path: str) -> None:
    model, sound = make().eval(), torch.linspace(-1, 1, 800).sin().reshape(1, -1)
    batch = {"input_values": sound[:, None] if "encodec" in type(model).__name__.lower() else sound}
    keys = list(model.state_dict())
    plan = glorot.plan(model, inputs=batch)
    assert not [entry.name for entry in plan.entries if "original" in entry.name]
    entry = plan[path]
    assert (entry.role, entry.seen) == ("kernel", True)
    assert entry.why.endswith("; stored as its norm and its direction")
    glorot.apply(plan, model, seed=0)
    assert list(model.state_dict()) == keys
    weight = model.get_submodule(path.removesuffix(".weight")).weight.detach()
    assert entry.distribution is not None
    assert float(weight.std()) == pytest.approx(entry.distribution.std, rel=0.2)
    with torch.no_grad():
        model(**batch)


def test_a_dense_layer_that_is_stored_the_other_way_round_is_known_under_a_norm() -> None:
    layer = parametrizations.weight_norm(transformers.pytorch_utils.Conv1D(12, 8))
    plan = glorot.plan(nn.Sequential(layer), inputs=False)
    plain = glorot.plan(nn.Sequential(transformers.pytorch_utils.Conv1D(12, 8)), inputs=False)
    assert plan.fingerprint == plain.fingerprint
