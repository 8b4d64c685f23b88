"""Both networks in Keras, and what their parameters are called in the plan."""

import keras
from keras import layers

WIDTH, HEADS = 32, 4


def cnn() -> keras.Model:
    """Return the convolutional network, for images (batch, row, column, channel)."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            layers.Conv2DTranspose(6, 4, strides=2, activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )


CNN_LAYERS = {"layers.0": "conv", "layers.1": "depthwise", "layers.2": "up", "layers.4": "head"}
CNN_NAMES = {f"{path}.kernel": f"{name}.weight" for path, name in CNN_LAYERS.items()}
CNN_NAMES |= {f"{path}.bias": f"{name}.bias" for path, name in CNN_LAYERS.items()}


class Block(keras.Model):
    """The transformer block; Keras keeps q, k and v apart."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = layers.LayerNormalization(epsilon=1e-5)
        self.attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.norm2 = layers.LayerNormalization(epsilon=1e-5)
        self.up = layers.Dense(4 * WIDTH, activation="gelu")
        self.down = layers.Dense(WIDTH)

    def call(self, x):
        """Return the block's output for x (batch, position, unit)."""
        h = self.norm1(x)
        x = x + self.attention(h, h)
        return x + self.down(self.up(self.norm2(x)))


def block() -> keras.Model:
    """Return the transformer block, built by a call."""
    model = Block()
    model(keras.ops.zeros((1, 1, WIDTH)))
    return model


BLOCK_NAMES = {
    **{f"norm{n}.gamma": f"norm{n}.weight" for n in (1, 2)},
    **{f"norm{n}.beta": f"norm{n}.bias" for n in (1, 2)},
    **{f"{layer}.kernel": f"{layer}.weight" for layer in ("up", "down")},
    "attention.output.kernel": "attention.out_proj.weight",
    "attention.output.bias": "attention.out_proj.bias",
    **{f"attention.{name}.kernel": f"attention.in_proj_weight[{name[0]}]" for name in ("query", "key", "value")},
    **{f"attention.{name}.bias": f"attention.in_proj_bias[{name[0]}]" for name in ("query", "key", "value")},
}
