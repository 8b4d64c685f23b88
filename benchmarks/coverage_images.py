"""Small models of libraries for images. Each library is imported by its function, for no environment has them all."""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch
from coverage_cases import Case, Cases, image, of_classes
from torch import nn

LARGE = r"giant|huge|large|gigantic|enormous|so\d+m|_\d+b\b|_\d+b_|x\d+|\d\d\dd?_|[a-z]1[0-9]\d|[hl]\d\d_|_base"


def timm(every: int = 2) -> Cases:
    """Return every second model of timm by name, but for the large ones, which are others of more layers."""
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


def vit_pytorch() -> Cases:
    """Return models of vit-pytorch."""
    base = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 32, "depth": 2, "heads": 2, "mlp_dim": 64}
    simple = {**base}
    rows: dict[str, dict[str, Any]] = {
        "vit.ViT": base,
        "deepvit.DeepViT": base,
        "simple_vit.SimpleViT": simple,
        "simple_vit_with_qk_norm.SimpleViT": simple,
        "simple_vit_with_register_tokens.SimpleViT": simple,
        "simple_vit_with_patch_dropout.SimpleViT": simple,
        "simple_vit_with_value_residual.SimpleViT": simple,
        "simple_vit_with_fft.SimpleViT": {**simple, "freq_patch_size": 8},
        "simple_vit_with_hyper_connections.SimpleViT": {**simple, "num_residual_streams": 2},
        "simple_flash_attn_vit.SimpleViT": simple,
        "parallel_vit.ViT": base,
        "vit_with_patch_merger.ViT": {**base, "patch_merge_layer": 1, "patch_merge_num_tokens": 4},
        "vit_with_patch_dropout.ViT": base,
        "vit_for_small_dataset.ViT": base,
        "learnable_memory_vit.ViT": base,
        "rvt.RvT": base,
        "normalized_vit.nViT": base,
        "ats_vit.ViT": {**base, "max_tokens_per_depth": (8, 4)},
        "cait.CaiT": {**base, "cls_depth": 1},
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
        "pit.PiT": {**base, "depth": (1, 1), "patch_size": 4},
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
        "xcit.XCiT": {**base, "cls_depth": 1, "local_patch_kernel_size": 3},
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
    sizes = {
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
    cases = {}
    for name, arguments in rows.items():
        file, _, kind = name.partition(".")

        def built(file: str = file, kind: str = kind, arguments: dict[str, Any] = arguments) -> nn.Module:
            model: nn.Module = getattr(importlib.import_module(f"vit_pytorch.{file}"), kind)(**arguments)
            return model

        cases[name] = Case(built, image(sizes.get(file, 32)))
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


def monai() -> Cases:
    """Return networks of MONAI, in two dimensions where they allow it."""
    from monai.networks import nets

    flat = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
    steps = {"channels": (8, 16, 32), "strides": (2, 2)}
    rows = {
        "UNet": {**flat, **steps, "num_res_units": 1},
        "AttentionUnet": {**flat, **steps},
        "BasicUNet": {**flat, "features": (8, 8, 16, 16, 32, 8)},
        "BasicUNetPlusPlus": {**flat, "features": (8, 8, 16, 16, 32, 8)},
        "DynUNet": {**flat, "kernel_size": (3, 3, 3), "strides": (1, 2, 2), "upsample_kernel_size": (2, 2)},
        "SegResNet": {**flat, "init_filters": 8},
        "SegResNetVAE": {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 2,
            "init_filters": 8,
            "input_image_size": (64, 64),
        },
        "VNet": ({**flat}, image(64, 1)),
        "UNETR": {
            "in_channels": 1,
            "out_channels": 2,
            "img_size": 64,
            "spatial_dims": 2,
            "feature_size": 8,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_heads": 4,
        },
        "SwinUNETR": {
            "in_channels": 1,
            "out_channels": 2,
            "spatial_dims": 2,
            "feature_size": 12,
            "depths": (1, 1, 1, 1),
        },
        "ViT": {
            "in_channels": 1,
            "img_size": 64,
            "patch_size": 16,
            "spatial_dims": 2,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_layers": 2,
            "num_heads": 4,
            "classification": True,
        },
        "ViTAutoEnc": {
            "in_channels": 1,
            "img_size": 64,
            "patch_size": 16,
            "spatial_dims": 2,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_layers": 2,
            "num_heads": 4,
        },
        "AutoEncoder": {**flat, "channels": (8, 16), "strides": (2, 2)},
        "VarAutoEncoder": {
            "spatial_dims": 2,
            "out_channels": 1,
            "channels": (8, 16),
            "strides": (2, 2),
            "in_shape": (1, 64, 64),
            "latent_size": 8,
        },
        "DenseNet121": {**flat},
        "EfficientNetBN": {
            "model_name": "efficientnet-b0",
            "spatial_dims": 2,
            "in_channels": 1,
            "num_classes": 2,
            "pretrained": False,
        },
        "HighResNet": {**flat},
        "ResNet": {
            "block": "basic",
            "layers": [1, 1, 1, 1],
            "block_inplanes": [8, 16, 16, 32],
            "spatial_dims": 2,
            "n_input_channels": 1,
            "num_classes": 2,
        },
        "SENet154": {"spatial_dims": 2, "in_channels": 1, "num_classes": 2, "layers": (1, 1, 1, 1)},
        "Classifier": {"in_shape": (1, 64, 64), "classes": 2, **steps},
        "Regressor": {"in_shape": (1, 64, 64), "out_shape": (2,), **steps},
        "Discriminator": {"in_shape": (1, 64, 64), **steps},
        "FullyConnectedNet": (
            {"in_channels": 6, "out_channels": 2, "hidden_channels": [8, 8]},
            lambda: (torch.randn(2, 6),),
        ),
        "AutoencoderKL": {**flat, "num_res_blocks": (1, 1), "channels": (32, 32), "attention_levels": (False, True)},
        "VQVAE": {
            **flat,
            "channels": (16, 16),
            "num_res_layers": 1,
            "num_res_channels": (16, 16),
            "downsample_parameters": ((2, 4, 1, 1), (2, 4, 1, 1)),
            "upsample_parameters": ((2, 4, 1, 1, 0), (2, 4, 1, 1, 0)),
            "num_embeddings": 8,
            "embedding_dim": 8,
        },
        "DiffusionModelUNet": (
            {
                **flat,
                "num_res_blocks": 1,
                "channels": (32, 32),
                "attention_levels": (False, True),
                "num_head_channels": 8,
            },
            lambda: (torch.randn(2, 1, 32, 32), torch.tensor([3, 7])),
        ),
        "MedNeXtSmall": flat,
        "PatchDiscriminator": {"spatial_dims": 2, "in_channels": 1, "channels": 8},
    }
    return of_classes(nets, rows, image(64, 1))


def diffusers() -> Cases:
    """Return models of diffusers."""
    import diffusers as home

    small: dict[str, Any] = {"block_out_channels": (32, 64), "layers_per_block": 1, "norm_num_groups": 8}
    down, up = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
    cross = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 8,
    }
    coder = {
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "norm_num_groups": 8,
    }

    def noisy(channels: int = 3, **more: Any) -> Callable[[], Any]:
        return lambda: {
            "sample": torch.randn(1, channels, 16, 16),
            "timestep": torch.tensor([3]),
            **{name: torch.randn(shape) for name, shape in more.items()},
        }

    text = (1, 5, 16)
    heads = {"num_attention_heads": 2, "attention_head_dim": 8}
    rows: dict[str, Any] = {
        "UNet2DModel": ({**small, "sample_size": 16, "down_block_types": down, "up_block_types": up}, noisy()),
        "UNet2DConditionModel": ({**small, **cross, "sample_size": 16}, noisy(4, encoder_hidden_states=text)),
        "UNet2DConditionModel linear": (
            {**small, **cross, "sample_size": 16, "use_linear_projection": True},
            noisy(4, encoder_hidden_states=text),
        ),
        "UNet1DModel": (
            {
                "sample_size": 32,
                "in_channels": 2,
                "out_channels": 2,
                "extra_in_channels": 16,
                "block_out_channels": (32, 32, 64),
            },
            lambda: {"sample": torch.randn(1, 2, 256), "timestep": torch.tensor([3])},
        ),
        "ControlNetModel": (
            {
                **small,
                "down_block_types": cross["down_block_types"],
                "cross_attention_dim": 16,
                "attention_head_dim": 8,
                "conditioning_embedding_out_channels": (8, 16),
            },
            noisy(4, encoder_hidden_states=text, controlnet_cond=(1, 3, 32, 32)),
        ),
        "AutoencoderKL": (coder, image(32, count=1)),
        "VQModel": ({**coder, "num_vq_embeddings": 16, "latent_channels": 3}, image(32, count=1)),
        "AutoencoderTiny": (
            {
                "encoder_block_out_channels": (16, 16),
                "decoder_block_out_channels": (16, 16),
                "num_encoder_blocks": (1, 1),
                "num_decoder_blocks": (1, 1),
            },
            image(32, count=1),
        ),
        "AsymmetricAutoencoderKL": (
            {
                "down_block_types": coder["down_block_types"],
                "down_block_out_channels": (16, 32),
                "up_block_types": coder["up_block_types"],
                "up_block_out_channels": (16, 32),
                "norm_num_groups": 8,
            },
            image(32, count=1),
        ),
        "DiTTransformer2DModel": (
            {
                **heads,
                "in_channels": 4,
                "out_channels": 8,
                "num_layers": 2,
                "sample_size": 8,
                "num_embeds_ada_norm": 9,
                "norm_num_groups": 4,
            },
            lambda: {
                "hidden_states": torch.randn(1, 4, 8, 8),
                "timestep": torch.tensor([3]),
                "class_labels": torch.tensor([2]),
            },
        ),
        "Transformer2DModel": (
            {**heads, "in_channels": 16, "norm_num_groups": 4, "cross_attention_dim": 16},
            lambda: {"hidden_states": torch.randn(1, 16, 8, 8), "encoder_hidden_states": torch.randn(text)},
        ),
        "SD3Transformer2DModel": (
            {
                **heads,
                "sample_size": 8,
                "in_channels": 4,
                "num_layers": 2,
                "joint_attention_dim": 16,
                "caption_projection_dim": 16,
                "pooled_projection_dim": 12,
                "out_channels": 4,
                "pos_embed_max_size": 8,
            },
            lambda: {
                "hidden_states": torch.randn(1, 4, 8, 8),
                "encoder_hidden_states": torch.randn(text),
                "pooled_projections": torch.randn(1, 12),
                "timestep": torch.tensor([3]),
            },
        ),
        "FluxTransformer2DModel": (
            {
                "in_channels": 4,
                "num_layers": 1,
                "num_single_layers": 1,
                "attention_head_dim": 16,
                "num_attention_heads": 2,
                "joint_attention_dim": 16,
                "pooled_projection_dim": 12,
                "axes_dims_rope": (4, 6, 6),
                "guidance_embeds": False,
            },
            lambda: {
                "hidden_states": torch.randn(1, 16, 4),
                "encoder_hidden_states": torch.randn(text),
                "pooled_projections": torch.randn(1, 12),
                "timestep": torch.tensor([0.3]),
                "img_ids": torch.randn(16, 3),
                "txt_ids": torch.randn(5, 3),
            },
        ),
        "PriorTransformer": (
            {**heads, "num_layers": 2, "embedding_dim": 16, "num_embeddings": 5, "additional_embeddings": 4},
            lambda: {
                "hidden_states": torch.randn(1, 16),
                "timestep": torch.tensor([3]),
                "proj_embedding": torch.randn(1, 16),
                "encoder_hidden_states": torch.randn(1, 5, 16),
            },
        ),
        "T5FilmDecoder": (
            {
                "input_dims": 8,
                "targets_length": 6,
                "d_model": 32,
                "num_layers": 2,
                "num_heads": 2,
                "d_kv": 16,
                "d_ff": 48,
            },
            lambda: {
                "encodings_and_masks": [(torch.randn(1, 5, 32), torch.ones(1, 5))],
                "decoder_input_tokens": torch.randn(1, 6, 8),
                "decoder_noise_time": torch.tensor([0.3]),
            },
        ),
    }
    return of_classes(home, rows, image())
