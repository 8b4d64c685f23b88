"""Nets whose signal is predicted and measured: plain PyTorch, 512 units wide or wider where they are dense."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, TOKENS, WORDS = 512, 24, 400


class Net(NamedTuple):
    """A net, a batch and a start."""

    build: Callable[[], nn.Module]
    batch: Callable[[], Any]
    recipe: str = "auto"
    train: bool = False
    rules: tuple[tuple[str, str], ...] = ()


def dense(phi: Callable[[], nn.Module], depth: int = 6, width: int = WIDTH) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), phi())]
        return nn.Sequential(*layers, nn.Linear(width, width))

    return build


def between(*kinds: Callable[[], nn.Module], depth: int = 5) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        layers = [layer for _ in range(depth) for layer in (nn.Linear(WIDTH, WIDTH), *(kind() for kind in kinds))]
        return nn.Sequential(*layers, nn.Linear(WIDTH, WIDTH))

    return build


def vectors(count: int = 64) -> Tensor:
    return torch.randn(count, WIDTH)


class Residual(nn.Module):
    def __init__(self, depth: int = 6) -> None:
        super().__init__()
        self.up = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        self.down = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for up, down in zip(self.up, self.down, strict=True):
            x = x + down(torch.tanh(up(x)))
        return x


class Gated(nn.Module):
    def __init__(self, depth: int = 4) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.RMSNorm(WIDTH) for _ in range(depth))
        self.gate, self.up = (
            nn.ModuleList(nn.Linear(WIDTH, 2 * WIDTH, bias=False) for _ in range(depth)) for _ in "ab"
        )
        self.down = nn.ModuleList(nn.Linear(2 * WIDTH, WIDTH, bias=False) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for norm, gate, up, down in zip(self.norms, self.gate, self.up, self.down, strict=True):
            y = norm(x)
            x = x + down(functional.silu(gate(y)) * up(y))
        return x


class Convolutions(nn.Module):
    def __init__(self, pool: nn.Module | None = None, head: str = "map", padding_mode: str = "zeros") -> None:
        super().__init__()
        channels = (3, 192, 192, 192, 192)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, padding_mode=padding_mode) for a, b in itertools.pairwise(channels)
        )
        self.pool = pool or nn.Identity()
        self.head = nn.Linear(192, WIDTH) if head == "mean" else None

    def forward(self, x: Tensor) -> Tensor:
        for n, layer in enumerate(self.layers):
            x = torch.relu(layer(x))
            x = self.pool(x) if n < 2 else x
        return x if self.head is None else self.head(x.mean((2, 3)))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(2))
        self.short = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(y)) + self.short(x))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128)
        self.blocks = nn.Sequential(Block(128, 128, 1), Block(128, 256, 2), Block(256, 512, 2))
        self.head = nn.Linear(512, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.blocks(torch.relu(self.norm(self.stem(x)))).mean((2, 3)))
        return y


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(3, 128, 3, padding=1), nn.Conv2d(128, 256, 3, 2, 1)
        self.up, self.last = nn.ConvTranspose2d(256, 128, 2, 2), nn.Conv2d(256, 128, 3, padding=1)
        self.norms = nn.ModuleList((nn.GroupNorm(16, 128), nn.GroupNorm(16, 256), nn.GroupNorm(16, 256)))

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        down = self.down(functional.silu(self.norms[0](first)))
        up = self.up(functional.silu(self.norms[1](down)))
        return self.last(functional.silu(self.norms[2](torch.cat([first, up], 1))))  # type: ignore[no-any-return]


class Attention(nn.Module):
    def __init__(self, heads: int, causal: bool) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.heads, self.causal = heads, causal

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.o(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    def __init__(self, causal: bool, post: bool) -> None:
        super().__init__()
        self.attention = Attention(8, causal)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.post = post

    def forward(self, x: Tensor) -> Tensor:
        if self.post:
            x = self.norms[0](x + self.attention(x))
            return self.norms[1](x + self.down(functional.gelu(self.up(x))))  # type: ignore[no-any-return]
        x = x + self.attention(self.norms[0](x))
        return x + self.down(functional.gelu(self.up(self.norms[1](x))))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    def __init__(self, causal: bool = False, post: bool = False, depth: int = 3) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.layers = nn.Sequential(*(Layer(causal, post) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.words(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.norm(self.layers(y)))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.layer, self.head = kind(WIDTH, WIDTH, batch_first=True), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0])  # type: ignore[no-any-return]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            x = torch.tanh(self.layer(x))
        return self.head(x)  # type: ignore[no-any-return]


class Alike(nn.Module):
    """A signal beside its own norm: two that depend on each other."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return self.second(self.join(y, self.norm(y)))  # type: ignore[no-any-return]


class Mixture(nn.Module):
    """Shares of few features that weigh as many branches."""

    def __init__(self, count: int = 8) -> None:
        super().__init__()
        self.router, self.head = nn.Linear(WIDTH, count), nn.Linear(WIDTH, WIDTH)
        self.branches = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        shares = self.router(x).softmax(-1)
        y = sum(shares[:, n : n + 1] * branch(x) for n, branch in enumerate(self.branches))
        return self.head(y)  # type: ignore[no-any-return]


class Fused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.both, self.down = nn.Linear(WIDTH, 2 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.both(x).chunk(2, -1)
        return self.down(functional.silu(gate) * up)  # type: ignore[no-any-return]


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.arange(8)[:, None] < 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).masked_fill(self.mask, 0.0))  # type: ignore[no-any-return]


def words() -> Tensor:
    return torch.randint(0, WORDS, (4, TOKENS))


def images(size: int, count: int = 8) -> Callable[[], Tensor]:
    return lambda: torch.randn(count, 3, size, size)


NETS: dict[str, Net] = {
    "tanh, Xavier": Net(dense(nn.Tanh), vectors, "xavier"),
    "relu, PyTorch's start": Net(dense(nn.ReLU), vectors, "pytorch"),
    "gelu": Net(dense(nn.GELU), vectors),
    "sigmoid": Net(dense(nn.Sigmoid), vectors, "xavier"),
    "selu, orthogonal": Net(dense(nn.SELU), vectors, "orthogonal"),
    "layer norm and relu": Net(between(lambda: nn.LayerNorm(WIDTH), nn.ReLU), vectors),
    "batch norm and relu, in training": Net(between(lambda: nn.BatchNorm1d(WIDTH), nn.ReLU), vectors, "he", True),
    "dropout, in training": Net(between(nn.ReLU, lambda: nn.Dropout(0.3)), vectors, "he", True),
    "residual": Net(Residual, vectors),
    "gated (SwiGLU)": Net(Gated, vectors),
    "convolutions, zero padding": Net(Convolutions, images(12)),
    "convolutions, circular padding": Net(lambda: Convolutions(padding_mode="circular"), images(12)),
    "convolutions, mean over the map": Net(lambda: Convolutions(head="mean"), images(12)),
    "convolutions, mean-pools": Net(lambda: Convolutions(nn.AvgPool2d(2)), images(16)),
    "convolutions, max-pools": Net(lambda: Convolutions(nn.MaxPool2d(2)), images(16)),
    "convolutions, 40×40 in blocks": Net(Convolutions, images(40, 4)),
    "ResNet, in training": Net(ResNet, images(16), "he", True),
    "ResNet, evaluated": Net(ResNet, images(16), "he"),
    "U-Net, group norm": Net(UNet, images(12)),
    "encoder, norm before": Net(Transformer, words),
    "encoder, norm after": Net(lambda: Transformer(post=True), words),
    "decoder, causal": Net(lambda: Transformer(causal=True), words),
    "RNN": Net(lambda: Recurrent(nn.RNN), lambda: torch.randn(16, 2, WIDTH)),
    "LSTM": Net(lambda: Recurrent(nn.LSTM), lambda: torch.randn(16, 2, WIDTH)),
    "one layer four times": Net(Tied, vectors),
    "a signal times its own norm": Net(lambda: Alike(torch.mul), vectors),
    "a signal and its own norm": Net(lambda: Alike(torch.add), vectors),
    "a mixture of eight": Net(Mixture, vectors),
    "two pieces that start differently": Net(
        Fused, vectors, rules=(("both.weight[gate]", "normal(std=0.02)"), ("both.weight[up]", "normal(std=0.08)"))
    ),
    "positions behind a mask": Net(Masked, lambda: torch.randn(8, 8, WIDTH)),
    "convolutions, mean-pools with padding": Net(lambda: Convolutions(nn.AvgPool2d(3, 2, 1)), images(16)),
}
"""Each net by its name."""
