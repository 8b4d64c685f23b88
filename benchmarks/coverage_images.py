"""Small models of libraries for images. Each library is imported by its function, for no environment has them all."""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from coverage_cases import Case, Cases, image
from torch import nn

LARGE = r"giant|huge|large|gigantic|enormous|so\d+m|_\d+b\b|_\d+b_|x\d+|\d\d\dd?_|[a-z]1[0-9]\d|[hl]\d\d_|_base"

DEEP = (
    r"_(384|408|448|[ms]36|36|24|320|1280|l|xl|x)(_|$)|_b[5-8]$|f[2-6]$|(1[05]\d|[23][05]\d|269)[a-z]?$|_\d{3}m_"
    r"|volo_d[2-5]|v[mi]t_m"
)


def timm(every: int = 2) -> Cases:
    """Return every second model of timm by name, but for large and deep ones, which are others of more layers."""
    import timm as library

    def built(name: str) -> nn.Module:
        model: nn.Module = library.create_model(name)
        return model

    def batch(name: str) -> Any:
        size = library.get_pretrained_cfg(name)
        return (torch.randn(2, *(size.input_size if size is not None else (3, 224, 224))),)

    return {
        name: Case(lambda name=name: built(name), lambda name=name: batch(name))  # type: ignore[misc]
        for name in [name for name in library.list_models() if not re.search(LARGE, name)][::every]
        if not re.search(DEEP, name)
    }


def torchvision() -> Cases:
    """Return every model of torchvision that is not quantised: those are the same nets again."""
    import torchvision.models as home

    cases = {}
    for name in home.list_models():
        if name.startswith("quantized"):
            continue
        sizes = {"inception_v3": 299, "googlenet": 224}
        batch: Callable[[], Any] = image(sizes.get(name, 224))
        if home.list_models(module=home.video) and name in home.list_models(module=home.video):
            size = 224 if "mvit" in name else 112
            batch = lambda size=size: (torch.randn(1, 3, 16, size, size),)  # noqa: E731
        elif name in home.list_models(module=home.detection):
            batch = lambda: ([torch.rand(3, 256, 256)],)  # noqa: E731
        elif name in home.list_models(module=home.optical_flow):
            batch = lambda: (torch.randn(1, 3, 128, 128), torch.randn(1, 3, 128, 128))  # noqa: E731

        def built(name: str = name) -> nn.Module:
            takes = inspect.signature(home.get_model_builder(name)).parameters
            more = {"weights_backbone": None} if "weights_backbone" in takes else {}
            model: nn.Module = home.get_model(name, weights=None, **more)
            return model

        cases[name] = Case(built, batch)
    return cases


BASE = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 32, "depth": 2, "heads": 2, "mlp_dim": 64}
VITS: dict[str, dict[str, Any]] = {
    "vit.ViT": BASE,
    "deepvit.DeepViT": BASE,
    "simple_vit.SimpleViT": BASE,
    "simple_vit_with_qk_norm.SimpleViT": BASE,
    "simple_vit_with_register_tokens.SimpleViT": BASE,
    "simple_vit_with_patch_dropout.SimpleViT": BASE,
    "simple_vit_with_value_residual.SimpleViT": BASE,
    "simple_vit_with_fft.SimpleViT": {**BASE, "freq_patch_size": 8},
    "simple_vit_with_hyper_connections.SimpleViT": {**BASE, "num_residual_streams": 2},
    "simple_flash_attn_vit.SimpleViT": BASE,
    "parallel_vit.ViT": BASE,
    "vit_with_patch_merger.ViT": {**BASE, "patch_merge_layer": 1, "patch_merge_num_tokens": 4},
    "vit_with_patch_dropout.ViT": BASE,
    "vit_for_small_dataset.ViT": BASE,
    "learnable_memory_vit.ViT": BASE,
    "rvt.RvT": BASE,
    "normalized_vit.nViT": BASE,
    "ats_vit.ViT": {**BASE, "max_tokens_per_depth": (8, 4)},
    "cait.CaiT": {**BASE, "cls_depth": 1},
    "cross_vit.CrossViT": {
        "image_size": 32,
        "num_classes": 5,
        "depth": 1,
        "sm_dim": 32,
        "lg_dim": 64,
        "sm_patch_size": 8,
        "lg_patch_size": 16,
        "sm_enc_depth": 1,
        "lg_enc_depth": 1,
        "sm_enc_heads": 2,
        "lg_enc_heads": 2,
        "sm_enc_mlp_dim": 64,
        "lg_enc_mlp_dim": 64,
    },
    "pit.PiT": {**BASE, "depth": (1, 1), "patch_size": 4},
    "levit.LeViT": {
        "image_size": 64,
        "num_classes": 5,
        "stages": 2,
        "dim": (32, 64),
        "depth": 1,
        "heads": (2, 4),
        "mlp_mult": 2,
    },
    "cct.CCT": {
        "img_size": 32,
        "embedding_dim": 32,
        "n_conv_layers": 1,
        "num_layers": 2,
        "num_heads": 2,
        "mlp_ratio": 2.0,
        "num_classes": 5,
        "positional_embedding": "learnable",
    },
    "cvt.CvT": {"num_classes": 5, "s1_emb_dim": 16, "s2_emb_dim": 32, "s3_emb_dim": 64, "s3_depth": 2},
    "twins_svt.TwinsSVT": {
        "num_classes": 5,
        "s1_emb_dim": 16,
        "s1_local_patch_size": 4,
        "s2_emb_dim": 32,
        "s2_local_patch_size": 4,
        "s3_emb_dim": 64,
        "s3_local_patch_size": 2,
        "s4_emb_dim": 64,
        "s4_local_patch_size": 1,
        "s4_global_k": 1,
        "s1_global_k": 2,
        "s2_global_k": 2,
        "s3_global_k": 1,
        "s3_depth": 2,
        "s4_depth": 1,
    },
    "nest.NesT": {
        "image_size": 32,
        "patch_size": 4,
        "dim": 16,
        "heads": 2,
        "num_hierarchies": 2,
        "block_repeats": (1, 1),
        "num_classes": 5,
    },
    "mobile_vit.MobileViT": {
        "image_size": (64, 64),
        "dims": [16, 24, 32],
        "channels": [16, 16, 16, 16, 24, 24, 24, 24, 32, 32, 64],
        "num_classes": 5,
    },
    "xcit.XCiT": {**BASE, "cls_depth": 1, "local_patch_kernel_size": 3},
    "max_vit.MaxViT": {
        "num_classes": 5,
        "dim_conv_stem": 16,
        "dim": 16,
        "dim_head": 8,
        "depth": (1, 1),
        "window_size": 2,
    },
    "regionvit.RegionViT": {"dim": (16, 32, 48, 64), "depth": (1, 1, 1, 1), "window_size": 7, "num_classes": 5},
    "scalable_vit.ScalableViT": {
        "num_classes": 5,
        "dim": 16,
        "heads": (1, 2, 2, 2),
        "depth": (1, 1, 1, 1),
        "ssa_dim_key": (8, 8, 8, 8),
        "ssa_dim_value": (8, 8, 8, 8),
        "reduction_factor": (2, 2, 1, 1),
        "window_size": (8, 4, None, None),
    },
    "sep_vit.SepViT": {
        "num_classes": 5,
        "dim": 16,
        "dim_head": 8,
        "heads": (1, 2, 2, 2),
        "depth": (1, 1, 1, 1),
        "window_size": 7,
    },
    "crossformer.CrossFormer": {
        "num_classes": 5,
        "dim": (64, 64, 64, 64),
        "depth": (1, 1, 1, 1),
        "global_window_size": (8, 4, 2, 1),
        "local_window_size": 7,
    },
}
SIZES = {
    "levit": 64,
    "mobile_vit": 64,
    "cvt": 64,
    "twins_svt": 64,
    "max_vit": 64,
    "regionvit": 224,
    "scalable_vit": 256,
    "sep_vit": 224,
    "crossformer": 224,
}


def vit_pytorch() -> Cases:
    """Return models of vit-pytorch."""
    cases = {}
    for name, arguments in VITS.items():
        file, _, kind = name.partition(".")

        def built(file: str = file, kind: str = kind, arguments: dict[str, Any] = arguments) -> nn.Module:
            model: nn.Module = getattr(importlib.import_module(f"vit_pytorch.{file}"), kind)(**arguments)
            return model

        cases[name] = Case(built, image(SIZES.get(file, 32)))
    return cases


def open_clip() -> Cases:
    """Return models of open_clip: a tower for images beside one for text."""
    from open_clip import coca_model, model

    vision = {"layers": 2, "width": 64, "head_width": 16, "patch_size": 8, "image_size": 32}
    text = {"context_length": 9, "vocab_size": 100, "width": 32, "heads": 2, "layers": 2}
    resnet = {"layers": (1, 1, 1, 1), "width": 16, "patch_size": None, "image_size": 64}
    coca = {"context_length": 9, "vocab_size": 100, "width": 64, "heads": 2, "layers": 2}
    decoder = {"context_length": 9, "vocab_size": 100, "width": 64, "heads": 2, "layers": 2, "embed_cls": False}
    pooled = {**vision, "attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True}

    def pair(size: int = 32, length: int = 9) -> Callable[[], Any]:
        return lambda: {"image": torch.randn(2, 3, size, size), "text": torch.randint(1, 100, (2, length))}

    def of(vision: Any, text: Any = text, kind: Any = model.CLIP, size: int = 32, **more: Any) -> Case:
        return Case(lambda: kind(embed_dim=32, vision_cfg=vision, text_cfg=text, **more), pair(size))

    return {
        "ViT": of(vision),
        "ViT, quick_gelu": of(vision, quick_gelu=True),
        "ViT, custom text": of(vision, kind=model.CustomTextCLIP),
        "ViT, layer scale, patch dropout": of({**vision, "ls_init_value": 0.1, "patch_dropout": 0.5}),
        "ViT, sigmoid loss": of(vision, init_logit_bias=-10.0, kind=model.CustomTextCLIP),
        "ViT, average pool": of({**vision, "pool_type": "avg"}),
        "ViT, attentional pool": of({**vision, "attentional_pool": True, "attn_pooler_heads": 4}),
        "ResNet": of(resnet, size=64),
        "CoCa": Case(
            lambda: coca_model.CoCa(
                embed_dim=64,
                multimodal_cfg=decoder,
                text_cfg={**coca, "embed_cls": True, "output_tokens": True},
                vision_cfg=pooled,
            ),
            pair(length=8),
        ),
    }
