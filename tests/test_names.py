"""What names say: the role of a parameter that no graph shows and no class explains, and never its fans."""

import pytest
import torch
from torch import nn

import glorot
from glorot import GlorotError
from glorot.inventory import Inventory, Parameter, Part
from glorot.inventory.names import named

NAMES = {
    "ViT.cls_token": "token",
    "Embeddings.mask_token": "token",
    "Head.probe": "token",
    "QFormer.query_tokens": "token",
    "Resampler.latents": "token",
    "CLIPVisionEmbeddings.class_embedding": "token",
    "Wav2Vec2Model.masked_spec_embed": "token",
    "Tracker.no_memory_embedding": "token",
    "PixelDecoder.level_embed": "token",
    "Tracker.memory_temporal_positional_encoding": "position",
    "ViTEmbeddings.position_embeddings": "position",
    "Encoder.pos_embed": "position",
    "Embeddings.cls_position_embedding": "position",
    "Attention.relative_position_bias_table": "relative_bias",
    "Attention.rel_pos_h": "relative_bias",
    "DinoLayerScale.lambda1": "layer_scale",
    "ConvNextLayer.layer_scale_parameter": "layer_scale",
    "ConvNextLayer.gamma": "layer_scale",
    "MyLayerNorm2d.gamma": "scale",
    "RMSNormGated.weight": "scale",
    "MyLayerNorm2d.beta": "shift",
    "CLIPModel.logit_scale": "temperature",
    "Attention.sinks": "sink",
    "MambaMixer.A_log": "state_rate",
    "MambaMixer.dt_bias": "state_step",
    "ConformerAttention.pos_bias_u": "bias",
    "Router.weight": "unknown",
    "Experts.gate_up_proj": "unknown",
    "Attention.q": "unknown",
    "Net.tokens_per_expert": "unknown",
}


@pytest.mark.parametrize(("name", "role"), NAMES.items())
def test_a_name_stands_for_a_role(name: str, role: str) -> None:
    layer, _, leaf = name.partition(".")
    path = f"blocks.0.{leaf}"
    found = named(
        Inventory("torch", (Parameter(path, (3, 4), "float32", (Part(path, "", (3, 4), "unknown", layer),)),))
    )
    (part,) = found.parts
    assert part.role == role
    assert not part.seen


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, 8))
        self.no_tokens = nn.Parameter(torch.empty(1, 0, 8))
        self.mask_token = nn.Parameter(torch.empty(1, 1, 8))
        self.mixture = nn.Parameter(torch.empty(8, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(torch.cat([self.cls_token.expand(len(x), -1, -1), x @ self.mixture], 1))
        return y


def test_what_a_batch_does_not_reach_is_told_by_its_name_on_meta_as_with_memory() -> None:
    with torch.device("meta"):
        on_meta = Tokens()
    plan = glorot.plan(on_meta, inputs=torch.randn(2, 3, 8))
    entry = plan["mask_token"]
    assert (entry.role, entry.seen, str(entry.scheme)) == ("token", False, "normal(std=0.02)")
    assert entry.why == "tokens start small beside the signal (provisional); told by its name alone"
    assert plan["cls_token"].seen
    assert "told by its name" not in plan["cls_token"].why
    assert plan["no_tokens"].why == "left alone: it has no elements"
    real = glorot.plan(Tokens(), inputs=torch.randn(2, 3, 8))
    assert [one.scheme for one in real.entries] == [one.scheme for one in plan.entries]


def test_the_axes_of_a_kernel_are_never_told_by_its_name() -> None:
    with torch.device("meta"):
        model = Tokens()
    with pytest.raises(GlorotError, match=r"owns these parameters:\n  mixture  8×8  in Tokens\n"):
        glorot.plan(model, inputs=False)
    assert glorot.plan(model, inputs=False, axes={"mixture": "io"})["mixture"].role == "kernel"
