"""Both networks in PyTorch. Their parameters give the plan its names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

WIDTH, HEADS = 32, 4


class Cnn(nn.Module):
    """A convolution, a depthwise one, a transposed one, and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 16, 3, groups=8)
        self.up = nn.ConvTranspose2d(16, 6, 4, stride=2)
        self.head = nn.Linear(6, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of images (batch, channel, row, column)."""
        h = F.relu(self.conv(images))
        h = F.relu(self.depthwise(h))
        h = torch.tanh(self.up(h))
        return self.head(h.mean((2, 3)))


class Block(nn.Module):
    """A transformer block; PyTorch keeps q, k and v of its attention in one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output for x (batch, position, unit)."""
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x))))
