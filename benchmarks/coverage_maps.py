"""Small models of libraries that make maps of maps: MONAI, and diffusers. Each library is imported by its function."""

from collections.abc import Callable
from typing import Any

import torch
from coverage_cases import Cases, image, of_classes


def _noisy(channels: int = 3, **more: Any) -> Callable[[], Any]:
    """Return what makes a noisy sample, a time, and other inputs by their shapes."""
    return lambda: {
        "sample": torch.randn(1, channels, 16, 16),
        "timestep": torch.tensor([3]),
        **{name: torch.randn(shape) for name, shape in more.items()},
    }


FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
STEPS = {"channels": (8, 16, 32), "strides": (2, 2)}
VIT = {
    "in_channels": 1,
    "img_size": 64,
    "patch_size": 16,
    "spatial_dims": 2,
    "hidden_size": 48,
    "mlp_dim": 64,
    "num_layers": 2,
    "num_heads": 4,
}
MONAI: dict[str, Any] = {
    "UNet": {**FLAT, **STEPS, "num_res_units": 1},
    "AttentionUnet": {**FLAT, **STEPS},
    "BasicUNet": {**FLAT, "features": (8, 8, 16, 16, 32, 8)},
    "BasicUNetPlusPlus": {**FLAT, "features": (8, 8, 16, 16, 32, 8)},
    "DynUNet": {**FLAT, "kernel_size": (3, 3, 3), "strides": (1, 2, 2), "upsample_kernel_size": (2, 2)},
    "SegResNet": {**FLAT, "init_filters": 8},
    "SegResNetVAE": {
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 2,
        "init_filters": 8,
        "input_image_size": (64, 64),
    },
    "VNet": ({**FLAT}, image(64, 1)),
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
    "ViT": {**VIT, "classification": True},
    "ViTAutoEnc": VIT,
    "AutoEncoder": {**FLAT, "channels": (8, 16), "strides": (2, 2)},
    "VarAutoEncoder": {
        "spatial_dims": 2,
        "out_channels": 1,
        "channels": (8, 16),
        "strides": (2, 2),
        "in_shape": (1, 64, 64),
        "latent_size": 8,
    },
    "DenseNet121": {**FLAT},
    "EfficientNetBN": {
        "model_name": "efficientnet-b0",
        "spatial_dims": 2,
        "in_channels": 1,
        "num_classes": 2,
        "pretrained": False,
    },
    "HighResNet": {**FLAT},
    "ResNet": {
        "block": "basic",
        "layers": [1, 1, 1, 1],
        "block_inplanes": [8, 16, 16, 32],
        "spatial_dims": 2,
        "n_input_channels": 1,
        "num_classes": 2,
    },
    "SENet154": {"spatial_dims": 2, "in_channels": 1, "num_classes": 2, "layers": (1, 1, 1, 1)},
    "Classifier": {"in_shape": (1, 64, 64), "classes": 2, **STEPS},
    "Regressor": {"in_shape": (1, 64, 64), "out_shape": (2,), **STEPS},
    "Discriminator": {"in_shape": (1, 64, 64), **STEPS},
    "FullyConnectedNet": (
        {"in_channels": 6, "out_channels": 2, "hidden_channels": [8, 8]},
        lambda: (torch.randn(2, 6),),
    ),
    "AutoencoderKL": {**FLAT, "num_res_blocks": (1, 1), "channels": (32, 32), "attention_levels": (False, True)},
    "VQVAE": {
        **FLAT,
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
            **FLAT,
            "num_res_blocks": 1,
            "channels": (32, 32),
            "attention_levels": (False, True),
            "num_head_channels": 8,
        },
        lambda: (torch.randn(2, 1, 32, 32), torch.tensor([3, 7])),
    ),
    "MedNeXtSmall": FLAT,
    "PatchDiscriminator": {"spatial_dims": 2, "in_channels": 1, "channels": 8},
}

SMALL: dict[str, Any] = {"block_out_channels": (32, 64), "layers_per_block": 1, "norm_num_groups": 8}
DOWN, UP = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
CROSS = {
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "cross_attention_dim": 16,
    "attention_head_dim": 8,
}
CODER = {
    "block_out_channels": (16, 32),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "norm_num_groups": 8,
}

TEXT = (1, 5, 16)
HEADS = {"num_attention_heads": 2, "attention_head_dim": 8}
DIFFUSERS: dict[str, Any] = {
    "UNet2DModel": ({**SMALL, "sample_size": 16, "down_block_types": DOWN, "up_block_types": UP}, _noisy()),
    "UNet2DConditionModel": ({**SMALL, **CROSS, "sample_size": 16}, _noisy(4, encoder_hidden_states=TEXT)),
    "UNet2DConditionModel linear": (
        {**SMALL, **CROSS, "sample_size": 16, "use_linear_projection": True},
        _noisy(4, encoder_hidden_states=TEXT),
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
            **SMALL,
            "down_block_types": CROSS["down_block_types"],
            "cross_attention_dim": 16,
            "attention_head_dim": 8,
            "conditioning_embedding_out_channels": (8, 16),
        },
        _noisy(4, encoder_hidden_states=TEXT, controlnet_cond=(1, 3, 32, 32)),
    ),
    "AutoencoderKL": (CODER, image(32, count=1)),
    "VQModel": ({**CODER, "num_vq_embeddings": 16, "latent_channels": 3}, image(32, count=1)),
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
            "down_block_types": CODER["down_block_types"],
            "down_block_out_channels": (16, 32),
            "up_block_types": CODER["up_block_types"],
            "up_block_out_channels": (16, 32),
            "norm_num_groups": 8,
        },
        image(32, count=1),
    ),
    "DiTTransformer2DModel": (
        {
            **HEADS,
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
        {**HEADS, "in_channels": 16, "norm_num_groups": 4, "cross_attention_dim": 16},
        lambda: {"hidden_states": torch.randn(1, 16, 8, 8), "encoder_hidden_states": torch.randn(TEXT)},
    ),
    "SD3Transformer2DModel": (
        {
            **HEADS,
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
            "encoder_hidden_states": torch.randn(TEXT),
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
            "encoder_hidden_states": torch.randn(TEXT),
            "pooled_projections": torch.randn(1, 12),
            "timestep": torch.tensor([0.3]),
            "img_ids": torch.randn(16, 3),
            "txt_ids": torch.randn(5, 3),
        },
    ),
    "PriorTransformer": (
        {**HEADS, "num_layers": 2, "embedding_dim": 16, "num_embeddings": 5, "additional_embeddings": 4},
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


def monai() -> Cases:
    """Return networks of MONAI, in two dimensions where they allow it."""
    from monai.networks import nets

    return of_classes(nets, MONAI, image(64, 1))


def diffusers() -> Cases:
    """Return models of diffusers."""
    import diffusers as home

    return of_classes(home, DIFFUSERS, image())
