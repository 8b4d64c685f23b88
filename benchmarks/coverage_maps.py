"""Small models of libraries that make maps of maps: MONAI, and diffusers. Each library is imported by its function."""

from collections.abc import Callable
from typing import Any

import torch
from coverage_cases import Cases, image, of_classes


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
