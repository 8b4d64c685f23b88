"""Branches and purposes in real models, small but whole."""

from typing import Any

import pytest
import torch

import glorot

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

IDS = torch.arange(3, 17).reshape(2, 7)
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TEXT = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**TEXT, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SPACE = {name: TEXT[name] for name in ("vocab_size", "hidden_size", "num_hidden_layers")}
GATED = {**TEXT, "intermediate_size": 64, "num_key_value_heads": 2}
VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}


def plan(name: str, config: str, settings: dict[str, Any], **batch: torch.Tensor) -> glorot.Plan:
    """Return the plan of a small model of transformers."""
    made = getattr(transformers, config)(**settings)
    return glorot.plan(getattr(transformers, name)(made).eval(), inputs=batch or {"input_ids": IDS})


def branches(planned: glorot.Plan) -> list[tuple[str, int, int, int]]:
    """Return (path without its weight, stream, index, count) of the kernels that end branches, in order."""
    ends = [one for one in planned if one.branch is not None and one.role == "kernel"]
    ends.sort(key=lambda one: (one.branch.stream, one.branch.index))
    return [(one.name.removesuffix(".weight"), one.branch.stream, one.branch.index, one.branch.count) for one in ends]


def purposes(planned: glorot.Plan) -> dict[str, str]:
    return {one.name.replace(".weight", ""): one.purpose for one in planned if one.purpose}


def test_gpt2_has_one_stream_of_two_branches_a_layer():
    settings = {"n_layer": 12, "n_embd": 32, "n_head": 4, "vocab_size": 64, "n_positions": 16}
    gpt2 = plan("GPT2LMHeadModel", "GPT2Config", {**settings, "bos_token_id": 1, "eos_token_id": 2})
    kinds = [(layer, kind) for layer in range(12) for kind in ("attn", "mlp")]
    assert branches(gpt2) == [
        (f"transformer.h.{layer}.{kind}.c_proj", 1, n, 24) for n, (layer, kind) in enumerate(kinds, start=1)
    ]
    found = purposes(gpt2)
    assert [found[f"transformer.h.3.attn.c_attn[{n}]"] for n in "qkv"] == ["q", "k", "v"]
    assert (found["transformer.h.3.attn.c_proj"], found["transformer.h.3.mlp.c_fc"]) == ("o", "up")
    assert (found["transformer.h.3.mlp.c_proj"], found["transformer.wte"]) == ("down", "head")


def test_llama_has_gates():
    llama = plan("LlamaForCausalLM", "LlamaConfig", GATED)
    assert branches(llama)[-1] == ("model.layers.1.mlp.down_proj", 1, 4, 4)
    found = purposes(llama)
    layer = "model.layers.0."
    assert {path.removeprefix(layer): purpose for path, purpose in found.items() if path.startswith(layer)} == {
        **{f"self_attn.{n}_proj": n for n in "qkvo"}, **{f"mlp.{n}_proj": n for n in ("gate", "up", "down")},
    }  # fmt: skip
    assert found["lm_head"] == "head"


def test_bert_has_its_norms_after_its_merges_and_no_head_where_hidden_states_are_returned():
    bert = plan("BertModel", "BertConfig", {**TEXT, "intermediate_size": 64})
    ends = [f"encoder.layer.{n}.{kind}.dense" for n in range(2) for kind in ("attention.output", "output")]
    assert branches(bert) == [(path, 1, n, 4) for n, path in enumerate(ends, start=1)]
    assert set(purposes(bert).values()) == {"q", "k", "v", "o", "up", "down"}
    masked = plan("BertForMaskedLM", "BertConfig", {**TEXT, "intermediate_size": 64})
    assert purposes(masked)["cls.predictions.bias"] == "output bias"


def test_t5_has_a_stream_in_its_encoder_and_one_in_its_decoder():
    settings = {"vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    t5 = plan("T5ForConditionalGeneration", "T5Config", settings, input_ids=IDS, decoder_input_ids=IDS)
    assert [tuple(place) for _, *place in branches(t5)] == [
        *((1, n, 4) for n in range(1, 5)), *((2, n, 6) for n in range(1, 7)),
    ]  # fmt: skip
    assert purposes(t5)["decoder.block.0.layer.1.EncDecAttention.o"] == "o"


def test_a_shortcut_with_its_own_convolution_is_part_of_the_stream_of_a_resnet():
    settings = {"embedding_size": 8, "hidden_sizes": [8, 16, 32], "depths": [2, 2, 2], "num_labels": 5}
    resnet = plan("ResNetForImageClassification", "ResNetConfig", settings, pixel_values=IMAGES)
    blocks = [f"resnet.encoder.stages.{stage}.layers.{block}.layer.2." for stage in range(3) for block in range(2)]
    assert branches(resnet) == [(f"{path}convolution", 1, n, 6) for n, path in enumerate(blocks, start=1)]
    norms = [one.name for one in resnet if one.branch is not None and one.role == "scale"]
    assert norms == [f"{path}normalization.weight" for path in blocks]
    found = purposes(resnet)
    assert found["classifier.1"] == "head"
    shortcuts = [path for path, purpose in found.items() if purpose == "shortcut"]
    assert shortcuts == [
        f"resnet.encoder.stages.{stage}.layers.0.shortcut.{kind}"
        for stage in (1, 2)
        for kind in ("convolution", "normalization")
    ]


def test_a_layer_scale_ends_the_branch_of_its_kernel():
    dinov2 = plan("Dinov2ForImageClassification", "Dinov2Config", VISION, pixel_values=IMAGES)
    scales = {one.name: one.branch.index for one in dinov2 if one.role == "layer_scale"}
    assert scales == {
        f"dinov2.encoder.layer.{layer}.layer_scale{n}.lambda1": 2 * layer + n for layer in range(2) for n in (1, 2)
    }
    assert {one.branch.count for one in dinov2 if one.branch is not None} == {4}


def test_the_parallel_branches_of_gpt_neox_end_at_one_merge():
    neox = plan("GPTNeoXForCausalLM", "GPTNeoXConfig", {**TEXT, "intermediate_size": 64})
    kernels = ("attention.dense", "mlp.dense_4h_to_h")
    ends = {(f"gpt_neox.layers.{n}.{kernel}", 1, n + 1, 2) for n in range(2) for kernel in kernels}
    assert set(branches(neox)) == ends
    assert purposes(neox)["gpt_neox.layers.0.attention.query_key_value[k]"] == "k"


@pytest.mark.parametrize(
    ("name", "settings", "router", "experts"),
    [
        ("Mixtral", {"num_local_experts": 4}, "mlp.gate", "mlp.experts"),
        ("GptOss", {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8}, "mlp.router", "mlp.experts"),
    ],
)
def test_routers_and_experts_are_told(name: str, settings: dict[str, int], router: str, experts: str):
    mixture = plan(f"{name}ForCausalLM", f"{name}Config", {**GATED, **settings})
    found = {path.removeprefix("model.layers.1."): purpose for path, purpose in purposes(mixture).items()}
    assert found[router] == "router"
    assert found[f"{experts}.down_proj"] == "expert down"
    assert {found[path] for path in found if path.startswith(f"{experts}.gate_up_proj[")} == {
        "expert gate",
        "expert up",
    }
    assert [place[2] for place in branches(mixture)] == [1, 2, 3, 4]


def test_experts_whose_inputs_are_weighed_are_told_as_well():
    settings = {"num_local_experts": 4, "intermediate_size_mlp": 64, "head_dim": 8, "interleave_moe_layer_step": 1}
    llama4 = plan("Llama4ForCausalLM", "Llama4TextConfig", {**GATED, **settings})
    layer = "model.layers.1.feed_forward."
    found = {path.removeprefix(layer): purpose for path, purpose in purposes(llama4).items() if path.startswith(layer)}
    assert found == {
        "router": "router",
        **{f"experts.gate_up_proj[{n}]": f"expert {n}" for n in ("gate", "up")},
        "experts.down_proj": "expert down",
        **{f"shared_expert.{n}_proj": n for n in ("gate", "up", "down")},
    }


def test_queries_and_keys_that_meet_distances_too_are_told():
    settings = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 4}
    settings |= {"max_position_embeddings": 16, "intermediate_size": 64}
    deberta = plan("DebertaV2Model", "DebertaV2Config", {**TEXT, **settings})
    found = purposes(deberta)
    layer = "encoder.layer.1.attention."
    assert [found.get(f"{layer}self.{n}_proj") for n in ("query", "key", "value")] == ["q", "k", "v"]
    assert found[f"{layer}output.dense"] == "o"


def test_the_gate_of_a_state_space_is_told():
    mamba = plan("MambaForCausalLM", "MambaConfig", {**SPACE, "state_size": 4})
    gates = {path: purpose for path, purpose in purposes(mamba).items() if "in_proj" in path}
    assert gates == {f"backbone.layers.{n}.mixer.in_proj[1]": "gate" for n in range(2)}


def test_a_shared_expert_ends_its_branch_beside_the_routed_ones():
    settings = {
        "moe_intermediate_size": 32, "n_routed_experts": 8, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2,
        "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
        "first_k_dense_replace": 1, "num_key_value_heads": 4,
    }  # fmt: skip
    deepseek = plan("DeepseekV3ForCausalLM", "DeepseekV3Config", {**GATED, **settings})
    ends = [path for path, _, index, _ in branches(deepseek) if index == 4]
    assert ends == ["model.layers.1.mlp.experts.down_proj", "model.layers.1.mlp.shared_experts.down_proj"]
    assert purposes(deepseek)["model.layers.1.mlp.shared_experts.down_proj"] == "down"


def test_two_projections_that_are_compared_are_heads():
    text = {**TEXT, "intermediate_size": 64, "projection_dim": 16}
    vision = {**VISION, "intermediate_size": 64, "projection_dim": 16}
    settings = {"text_config": text, "vision_config": vision, "projection_dim": 16}
    clip = plan("CLIPModel", "CLIPConfig", settings, input_ids=IDS, pixel_values=IMAGES)
    heads = {path for path, purpose in purposes(clip).items() if purpose == "head"}
    assert heads == {"visual_projection", "text_projection"}
    assert {one.branch.stream for one in clip if one.branch is not None} == {1, 2}
