"""One small net in PyTorch and in JAX, with the same weights, and a batch for it."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from torch import nn


def mlp_in_torch() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def mlp_in_jax(model: Any) -> dict[str, Any]:
    return {
        name: {"w": jnp.asarray(model[n].weight.detach().numpy().T), "b": jnp.asarray(model[n].bias.detach().numpy())}
        for name, n in (("0", 0), ("2", 2))
    }


def run(tree: Any, x: Any) -> Any:
    return jnp.tanh(x @ tree["0"]["w"] + tree["0"]["b"]) @ tree["2"]["w"] + tree["2"]["b"]


VALUES = np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)
