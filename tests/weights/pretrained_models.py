"""Tiny models of transformers, by name."""

from collections.abc import Callable
from typing import Any

import transformers as tf

Made = Callable[[], tf.PreTrainedModel]

SIZES: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 120,
}  # fmt: skip
FEWER: dict[str, Any] = {"num_key_value_heads": 2}
TOKENS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LLAMA: dict[str, Any] = SIZES | FEWER | TOKENS
PICTURE: dict[str, Any] = {**SIZES, "image_size": 32, "patch_size": 8}
SEQ2SEQ: dict[str, Any] = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "vocab_size": 120, "max_position_embeddings": 32,
}  # fmt: skip

QUICK: dict[str, Made] = {
    "gpt2": lambda: tf.GPT2LMHeadModel(tf.GPT2Config(n_layer=2, n_embd=32, n_head=4, vocab_size=120, **TOKENS)),
    "llama, tied head": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**LLAMA, tie_word_embeddings=True)),
    "mixtral, merged experts": lambda: tf.MixtralForCausalLM(tf.MixtralConfig(**LLAMA, num_local_experts=4)),
}

MORE: dict[str, Made] = {
    "llama": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**LLAMA)),
    "qwen3 moe, merged experts": lambda: tf.Qwen3MoeForCausalLM(
        tf.Qwen3MoeConfig(**LLAMA, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, head_dim=8)
    ),
    "gemma2, tied head": lambda: tf.Gemma2ForCausalLM(tf.Gemma2Config(**LLAMA, head_dim=8)),
    "bert": lambda: tf.BertModel(tf.BertConfig(**SIZES)),
    "roberta, tied head": lambda: tf.RobertaForMaskedLM(tf.RobertaConfig(**SIZES, pad_token_id=1)),
    "gpt-neox, interleaved": lambda: tf.GPTNeoXForCausalLM(tf.GPTNeoXConfig(**SIZES)),
    "bloom, interleaved": lambda: tf.BloomForCausalLM(
        tf.BloomConfig(hidden_size=32, n_layer=2, n_head=4, vocab_size=120)
    ),
    "falcon": lambda: tf.FalconForCausalLM(
        tf.FalconConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, vocab_size=120, **TOKENS)
    ),
    "bart, tied in three places": lambda: tf.BartForConditionalGeneration(tf.BartConfig(**SEQ2SEQ, **TOKENS)),
    "opt": lambda: tf.OPTForCausalLM(
        tf.OPTConfig(**{key: SIZES[key] for key in SIZES if key != "intermediate_size"}, ffn_dim=64,
                     max_position_embeddings=32, word_embed_proj_dim=32)
    ),
    "phi3, fused gate and up": lambda: tf.Phi3ForCausalLM(tf.Phi3Config(**LLAMA)),
    "vit": lambda: tf.ViTModel(tf.ViTConfig(**{key: PICTURE[key] for key in PICTURE if key != "vocab_size"})),
    "resnet, with running statistics": lambda: tf.ResNetModel(
        tf.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic")
    ),
    "electra": lambda: tf.ElectraModel(tf.ElectraConfig(**SIZES, embedding_size=16)),
    "distilbert": lambda: tf.DistilBertModel(
        tf.DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=120)
    ),
}  # fmt: skip
