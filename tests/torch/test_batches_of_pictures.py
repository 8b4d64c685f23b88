"""Batches that glorot makes for models of text and pictures: one picture for each sentence, or the text alone."""

import pytest
import torch

import glorot

transformers = pytest.importorskip("transformers")


def tiny_qwen(**vision: object) -> torch.nn.Module:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = sizes | {"vocab_size": 100, "num_key_value_heads": 2, "rope_parameters": {"mrope_section": [2, 3, 3]}}
    eyes = {"depth": 2, "embed_dim": 64, "hidden_size": 64, "num_heads": 4, "mlp_ratio": 2} | vision
    config = transformers.AutoConfig.for_model(
        "qwen2_vl", text_config=text, vision_config=eyes, image_token_id=95, video_token_id=96
    )
    return transformers.AutoModel.from_config(config)


def test_each_sentence_gets_a_picture_and_a_place_for_it():
    plan = glorot.plan(tiny_qwen())
    unseen = [entry.name for entry in plan.entries if not entry.seen]
    assert unseen == []


def test_where_no_picture_fits_the_text_alone_shows_what_it_reaches():
    model = tiny_qwen()
    model.visual.forward = None  # which no picture passes
    plan = glorot.plan(model)
    seen = {entry.name for entry in plan.entries if entry.seen}
    assert {name for name, _ in model.language_model.named_parameters(prefix="language_model")} <= seen
    assert not any(name.startswith("visual.") for name in seen)
