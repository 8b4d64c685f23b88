"""Both networks in Flax NNX, and what their parameters are called in the plan."""

import jax
from flax import nnx

WIDTH, HEADS = 32, 4


class Cnn(nnx.Module):
    """The convolutional network, for images (batch, row, column, channel)."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(3, 8, (3, 3), padding="VALID", rngs=rngs)
        self.depthwise = nnx.Conv(8, 16, (3, 3), padding="VALID", feature_group_count=8, rngs=rngs)
        self.up = nnx.ConvTranspose(16, 6, (4, 4), strides=2, padding="VALID", rngs=rngs)
        self.head = nnx.Linear(6, 10, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the scores of images."""
        h = nnx.relu(self.conv(images))
        h = nnx.relu(self.depthwise(h))
        h = nnx.tanh(self.up(h))
        return self.head(h.mean((1, 2)))


CNN_NAMES = {f"{layer}.kernel": f"{layer}.weight" for layer in ("conv", "depthwise", "up", "head")}


class Block(nnx.Module):
    """The transformer block; Flax keeps q, k and v apart."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm1 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
        self.norm2 = nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
        self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the block's output for x (batch, position, unit)."""
        x = x + self.attention(self.norm1(x))
        return x + self.down(nnx.gelu(self.up(self.norm2(x)), approximate=False))


BLOCK_NAMES = {
    **{f"norm{n}.scale": f"norm{n}.weight" for n in (1, 2)},
    **{f"{layer}.kernel": f"{layer}.weight" for layer in ("up", "down")},
    "attention.out.kernel": "attention.out_proj.weight",
    "attention.out.bias": "attention.out_proj.bias",
    **{f"attention.{name}.kernel": f"attention.in_proj_weight[{name[0]}]" for name in ("query", "key", "value")},
    **{f"attention.{name}.bias": f"attention.in_proj_bias[{name[0]}]" for name in ("query", "key", "value")},
}
