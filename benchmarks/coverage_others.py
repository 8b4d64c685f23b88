"""Small models of libraries for text, graphs and physics, and of adapters. Each library is imported by its function."""

from collections.abc import Callable
from typing import Any

import torch
from coverage_cases import Case, Cases, image, of_classes, words
from torch import nn

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "swiglu": {"ff_glu": True, "ff_swish": True},
    "relu squared": {"ff_relu_squared": True},
    "rotary": {"rotary_pos_emb": True},
    "alibi": {"alibi_pos_bias": True, "alibi_num_heads": 1},
    "relative bias": {"rel_pos_bias": True},
    "dynamic bias": {"dynamic_pos_bias": True, "dynamic_pos_bias_log_distance": False},
    "rmsnorm": {"use_rmsnorm": True},
    "simple rmsnorm": {"use_simple_rmsnorm": True},
    "scalenorm": {"use_scalenorm": True},
    "qk norm": {"attn_qk_norm": True},
    "qk norm, learned": {"attn_qk_norm": True, "attn_qk_norm_dim_scale": True},
    "one key": {"attn_one_kv_head": True},
    "grouped keys": {"attn_kv_heads": 1},
    "memory keys": {"attn_num_mem_kv": 4},
    "talking heads": {"attn_pre_talking_heads": True, "attn_post_talking_heads": True},
    "values gated": {"attn_gate_values": True},
    "on attention": {"attn_on_attn": True},
    "gated residual": {"gate_residual": True},
    "scaled residual": {"scale_residual": True},
    "macaron": {"macaron": True},
    "sandwich": {"sandwich_coef": 1},
    "shifted tokens": {"shift_tokens": 1},
    "post norm": {"pre_norm": False},
}
"""Options of a decoder of x-transformers."""


def x_transformers() -> Cases:
    """Return models of x-transformers, each with an option or two."""
    import x_transformers as library

    def decoder(more: dict[str, Any]) -> nn.Module:
        layers = library.Decoder(dim=32, depth=2, heads=2, attn_dim_head=16, **more)
        model: nn.Module = library.TransformerWrapper(num_tokens=100, max_seq_len=16, attn_layers=layers)
        return model

    layers = {"dim": 32, "depth": 2, "heads": 2, "attn_dim_head": 16}
    cases = {f"Decoder, {name}": Case(lambda more=more: decoder(more), words()) for name, more in OPTIONS.items()}
    return {
        **cases,
        "Encoder": Case(
            lambda: library.TransformerWrapper(
                num_tokens=100, max_seq_len=16, num_memory_tokens=3, attn_layers=library.Encoder(**layers)
            ),
            words(),
        ),
        "ViTransformerWrapper": Case(
            lambda: library.ViTransformerWrapper(
                image_size=32, patch_size=8, num_classes=5, attn_layers=library.Encoder(**layers)
            ),
            image(),
        ),
        "ContinuousTransformerWrapper": Case(
            lambda: library.ContinuousTransformerWrapper(
                dim_in=6, dim_out=7, max_seq_len=16, attn_layers=library.Encoder(**layers)
            ),
            lambda: (torch.randn(2, 9, 6),),
        ),
        "XTransformer": Case(
            lambda: library.XTransformer(
                dim=32,
                enc_num_tokens=100,
                enc_depth=2,
                enc_heads=2,
                enc_max_seq_len=16,
                dec_num_tokens=100,
                dec_depth=2,
                dec_heads=2,
                dec_max_seq_len=16,
            ),
            lambda: (*words()(), *words()()),
        ),
    }


def mambapy() -> Cases:
    """Return models of mambapy."""
    from mambapy import jamba, mamba

    small = {"d_model": 32, "n_layers": 2, "d_state": 4}

    def sequence() -> Any:
        return (torch.randn(2, 8, 32),)

    return {
        "Mamba": Case(lambda: mamba.Mamba(mamba.MambaConfig(**small)), sequence),
        "Mamba, sequential": Case(lambda: mamba.Mamba(mamba.MambaConfig(**small, pscan=False)), sequence),
        "Mamba, inner norms": Case(lambda: mamba.Mamba(mamba.MambaConfig(**small, inner_layernorms=True)), sequence),
        "ResidualBlock": Case(lambda: mamba.ResidualBlock(mamba.MambaConfig(**small)), sequence),
        "Jamba": Case(
            lambda: jamba.Jamba(
                jamba.JambaLMConfig(
                    d_model=32,
                    n_layers=4,
                    mlp_size=48,
                    d_state=4,
                    num_attention_heads=2,
                    num_key_value_heads=1,
                    attn_layer_offset=1,
                    attn_layer_period=2,
                    expert_layer_offset=1,
                    expert_layer_period=2,
                    num_experts=3,
                    num_experts_per_tok=2,
                    vocab_size=96,
                    pad_token_id=0,
                )
            ),
            sequence,
        ),
    }


def litgpt() -> Cases:
    """Return models of litgpt: the families of its table of configurations, made small."""
    from litgpt import GPT, Config

    kinds = [
        "pythia-14m",
        "Llama-3.2-1B",
        "phi-2",
        "Phi-3-mini-4k-instruct",
        "Gemma-2-2b",
        "Gemma-3-1b-it",
        "falcon-7b",
        "stablelm-3b-4e1t",
        "Mistral-7B-v0.1",
        "Mixtral-8x7B-v0.1",
        "Qwen2.5-0.5B",
        "Qwen3-0.6B",
        "OLMo-1B-hf",
        "open_llama_3b",
        "CodeLlama-7b-hf",
        "tiny-llama-1.1b",
        "Qwen3-30B-A3B",
        "SmolLM2-135M",
        "LongChat-7B-16K",
    ]

    def built(kind: str) -> nn.Module:
        usual = Config.from_name(kind)
        heads = 4
        groups = heads if usual.n_query_groups == usual.n_head else 1 if usual.n_query_groups == 1 else 2
        more: dict[str, Any] = (
            {"n_expert": 3, "n_expert_per_token": 2, "moe_intermediate_size": 24} if usual.n_expert else {}
        )
        return GPT(
            Config.from_name(
                kind,
                n_layer=2,
                n_embd=32,
                n_head=heads,
                head_size=8,
                n_query_groups=groups,
                intermediate_size=48,
                padded_vocab_size=96,
                vocab_size=96,
                block_size=16,
                **more,
            )
        )

    names = {config["name"] for config in __import__("litgpt.config", fromlist=["configs"]).configs}
    return {kind: Case(lambda kind=kind: built(kind), words(many=90)) for kind in kinds if kind in names}


def torch_geometric() -> Cases:
    """Return models and convolutions of torch-geometric, on a small graph."""
    from torch_geometric import nn as home

    def graph(**more: Any) -> Callable[[], Any]:
        def made() -> Any:
            edges = torch.tensor([[0, 1, 2, 3, 4, 5, 0, 2], [1, 2, 3, 4, 5, 0, 3, 5]])
            return {"x": torch.randn(6, 8), "edge_index": edges, **{key: make() for key, make in more.items()}}

        return made

    sizes = {"in_channels": 8, "hidden_channels": 16, "num_layers": 2, "out_channels": 4}
    models = dict.fromkeys(("GCN", "GraphSAGE", "GIN", "GAT", "EdgeCNN"), sizes)
    pair = {"in_channels": 8, "out_channels": 4}
    convolutions = {
        "GCNConv": pair,
        "SAGEConv": pair,
        "GATConv": {**pair, "heads": 2},
        "GATv2Conv": {**pair, "heads": 2},
        "TransformerConv": {**pair, "heads": 2},
        "ChebConv": {**pair, "K": 3},
        "GraphConv": pair,
        "TAGConv": pair,
        "SGConv": pair,
        "ARMAConv": pair,
        "LEConv": pair,
        "ClusterGCNConv": pair,
        "ResGatedGraphConv": pair,
        "FiLMConv": pair,
        "SuperGATConv": {**pair, "heads": 2},
        "GeneralConv": pair,
        "MFConv": pair,
        "SSGConv": {**pair, "alpha": 0.1},
        "FeaStConv": {**pair, "heads": 2},
        "EGConv": {**pair, "num_heads": 2, "num_bases": 2},
        "AntiSymmetricConv": {"in_channels": 8},
    }
    kinds = graph(edge_type=lambda: torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    relations = {**pair, "num_relations": 3}
    cases = of_classes(home, {**models, **convolutions}, graph())
    cases |= of_classes(home, {"RGCNConv": relations, "RGCNConv basis": {**relations, "num_bases": 2}}, kinds)
    cases |= of_classes(home, {"RGATConv": {**relations}}, kinds)
    return cases


def e3nn() -> Cases:
    """Return networks of e3nn, whose layers keep all their weights in one vector."""
    from e3nn import nn as layers
    from e3nn import o3

    scalars, few = "8x0e + 4x1o", "6x0e + 3x1o"

    def signal(size: int = 20) -> Callable[[], Any]:
        return lambda: (torch.randn(5, size),)

    return {
        "Linear": Case(lambda: o3.Linear(scalars, few), signal()),
        "Linear, biases": Case(lambda: o3.Linear(scalars, few, biases=True), signal()),
        "FullyConnectedTensorProduct": Case(
            lambda: o3.FullyConnectedTensorProduct(scalars, "1x0e + 1x1o", few),
            lambda: (torch.randn(5, 20), torch.randn(5, 4)),
        ),
        "FullTensorSquare": Case(lambda: o3.TensorSquare(scalars, few), signal()),
        "FullyConnectedNet": Case(lambda: layers.FullyConnectedNet([8, 16, 4], torch.relu), signal(8)),
        "BatchNorm": Case(lambda: nn.Sequential(o3.Linear(scalars, few), layers.BatchNorm(few)), signal()),
    }


def einops() -> Cases:
    """Return nets of einops' layers."""
    from einops.layers.torch import EinMix, Rearrange, Reduce

    mixer = nn.Sequential
    return {
        "EinMix": Case(lambda: EinMix("b t c -> b t d", "c d", "d", c=8, d=16), lambda: (torch.randn(2, 5, 8),)),
        "EinMix by heads": Case(
            lambda: EinMix("b t (h c) -> b t (h d)", "h c d", "h d", h=2, c=4, d=6), lambda: (torch.randn(2, 5, 8),)
        ),
        "EinMix over positions": Case(
            lambda: EinMix("b t c -> b u c", "t u", "u", t=5, u=6), lambda: (torch.randn(2, 5, 8),)
        ),
        "Patches": Case(
            lambda: mixer(
                Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=8, q=8),
                nn.Linear(192, 16),
                nn.ReLU(),
                nn.Linear(16, 4),
            ),
            image(),
        ),
        "Reduce": Case(
            lambda: mixer(nn.Conv2d(3, 8, 3), nn.ReLU(), Reduce("b c h w -> b c", "mean"), nn.Linear(8, 4)), image()
        ),
        "Mixer": Case(
            lambda: mixer(
                EinMix("b c (h p) (w q) -> b (h w) d", "c p q d", "d", p=8, q=8, c=3, d=16, h=4, w=4),
                nn.LayerNorm(16),
                EinMix("b t d -> b u d", "t u", "u", t=16, u=32),
                nn.GELU(),
                EinMix("b u d -> b t d", "u t", "t", t=16, u=32),
                Reduce("b t d -> b d", "mean"),
                nn.Linear(16, 4),
            ),
            image(),
        ),
    }


def peft() -> Cases:
    """Return a small GPT-2 and a small Llama under adapters."""
    import peft as library
    from transformers import AutoConfig, AutoModelForCausalLM

    def built(config: Any, kind: str) -> nn.Module:
        sizes = {
            "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 100},
            "llama": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "intermediate_size": 48,
                "vocab_size": 100,
            },
        }[kind]
        base = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, use_cache=False))
        model: nn.Module = library.get_peft_model(base, config)
        return model

    targets = {"target_modules": ["q_proj", "v_proj"]}
    task = {"task_type": "CAUSAL_LM"}
    configs: dict[str, tuple[Any, str]] = {
        "LoRA of GPT-2": (library.LoraConfig(r=4, **task), "gpt2"),
        "LoRA": (library.LoraConfig(r=4, **targets, **task), "llama"),
        "DoRA": (library.LoraConfig(r=4, use_dora=True, **targets, **task), "llama"),
        "LoHa": (library.LoHaConfig(r=4, **targets, **task), "llama"),
        "LoKr": (library.LoKrConfig(r=4, **targets, **task), "llama"),
        "AdaLoRA": (library.AdaLoraConfig(init_r=4, target_r=2, total_step=10, **targets, **task), "llama"),
        "IA3": (
            library.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], **task),
            "llama",
        ),
        "VeRA": (library.VeraConfig(r=4, **targets, **task), "llama"),
        "OFT": (library.OFTConfig(oft_block_size=4, **targets, **task), "llama"),
        "prompt tuning": (library.PromptTuningConfig(num_virtual_tokens=4, **task), "llama"),
        "prefix tuning": (library.PrefixTuningConfig(num_virtual_tokens=4, **task), "llama"),
        "P-tuning": (library.PromptEncoderConfig(num_virtual_tokens=4, encoder_hidden_size=16, **task), "llama"),
        "FourierFT": (library.FourierFTConfig(n_frequency=10, **targets, **task), "llama"),
        "HRA": (library.HRAConfig(r=4, **targets, **task), "llama"),
        "LN tuning": (library.LNTuningConfig(target_modules=["input_layernorm"], **task), "llama"),
    }
    return {
        name: Case(lambda row=row: built(*row), lambda: {"input_ids": words()()[0]})  # type: ignore[misc]
        for name, row in configs.items()
    }
