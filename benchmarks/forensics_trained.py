"""Tensors of nets that are trained here, with how far they moved; others that no law draws; for `forensics.py`."""

import ast
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from forensics_drawn import Tensor, _bits
from sklearn.datasets import load_digits
from torch import nn

torch.set_num_threads(1)  # the nets are small


def of_training(seed: int) -> Iterator[Tensor]:
    """Yield all tensors of nets on digits and text, at two stages, with how far each has moved."""
    images, labels = load_digits(return_X_y=True)
    inputs = torch.tensor((images - images.mean()) / images.std(), dtype=torch.float32)
    targets = torch.tensor(labels)

    def digits(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(inputs[batch]), targets[batch])

    def copying(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(model(inputs[batch]), inputs[batch])

    for title, build, loss, (name, optimizer) in _digit_runs(digits, copying):
        torch.manual_seed(seed)
        stages = (100, 600)
        yield from _run(f"trained/{seed}/{title}/{name}", build(), optimizer, loss, len(targets), stages)
    text = _text()

    def next_letters(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        pieces = torch.stack([text[start : start + 33] for start in batch[:16].tolist()])
        return nn.functional.cross_entropy(model(pieces[:, :-1]).flatten(0, 1), pieces[:, 1:].flatten())

    for (width, start), (name, optimizer) in itertools.product(((64, "default"), (96, "gpt2")), _optimizers()[1:]):
        torch.manual_seed(seed)
        net = _Letters(int(text.max()) + 1, width, start)
        yield from _run(f"trained/{seed}/text{width}/{name}", net, optimizer, next_letters, len(text) - 33, (120, 400))


Optimizer = Callable[[Any], torch.optim.Optimizer]


def _optimizers() -> list[tuple[str, Optimizer]]:
    return [
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ("adam", lambda p: torch.optim.Adam(p, lr=1e-3)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=0.05)),
    ]


def _digit_runs(digits: Any, copying: Any) -> Iterator[tuple[str, Callable[[], nn.Module], Any, tuple[str, Optimizer]]]:
    starts: dict[str, Callable[[torch.Tensor], Any]] = {
        "default": lambda t: None,
        "xavier_uniform": nn.init.xavier_uniform_,
        "he_normal": nn.init.kaiming_normal_,
        "normal.02": lambda t: nn.init.normal_(t, 0.0, 0.02),
        "orthogonal": nn.init.orthogonal_,
    }
    for (title, start), (width, phi) in itertools.product(
        starts.items(), ((64, nn.Tanh), (128, nn.ReLU), (1100, nn.ReLU))
    ):
        for optimizer in _optimizers():
            yield f"mlp{width}-{title}", lambda w=width, f=phi, s=start: _started(_mlp(w, f), s), digits, optimizer
    for (title, start), optimizer in itertools.product(starts.items(), _optimizers()):
        yield f"cnn-{title}", lambda s=start: _started(_cnn(), s), digits, optimizer
        yield f"auto-{title}", lambda s=start: _started(_autoencoder(), s), copying, optimizer
    for optimizer in _optimizers():
        yield "lstm", _Rows, digits, optimizer


def _started(model: nn.Module, start: Callable[[torch.Tensor], Any]) -> nn.Module:
    for parameter in model.parameters():
        if parameter.ndim > 1:
            start(parameter.data)
    return model


def _mlp(width: int, phi: Callable[[], nn.Module]) -> nn.Module:
    hidden = min(width, 256)
    return nn.Sequential(nn.Linear(64, width), phi(), nn.Linear(width, hidden), phi(), nn.Linear(hidden, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


def _autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 96), nn.Tanh(), nn.Linear(96, 24), nn.Linear(24, 96), nn.Tanh(), nn.Linear(96, 64)
    )


class _Rows(nn.Module):
    """Reads a digit row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x.view(-1, 8, 8))[0][:, -1])


class _Letters(nn.Module):
    """A small language model of letters."""

    def __init__(self, letters: int, width: int, start: str) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(letters, width), nn.Embedding(32, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.blocks, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, letters)
        if start == "gpt2":
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, 0.0, 0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(self.blocks(self.token(x) + self.position.weight[: x.shape[1]], mask, is_causal=True))


def _text() -> torch.Tensor:
    """Return the letters of a module of Python's own, as numbers."""
    letters = [min(ord(letter), 126) - 9 for letter in Path(str(ast.__file__)).read_text()]
    return torch.tensor([max(0, letter) for letter in letters])


def _run(
    title: str, model: nn.Module, optimizer: Optimizer, loss: Any, examples: int, stages: tuple[int, ...]
) -> Iterator[Tensor]:
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    steps, draw = optimizer(model.parameters()), torch.Generator().manual_seed(7)
    for step in range(1, stages[-1] + 1):
        steps.zero_grad()
        loss(model, torch.randint(examples, (64,), generator=draw)).backward()
        steps.step()
        if step in stages:
            for name, parameter in model.named_parameters():
                old, new = before[name], parameter.detach()
                change = float((new - old).norm() / old.norm().clamp_min(1e-30))
                yield Tensor(f"{title}/{step}/{name}", new.clone().numpy(), "trained", None, change)


def planted(
    seed: int, side: int, rank: int, change: float, law: str, rows: float = 1.0
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a drawn matrix with an update of a rank and of a relative size; of some rows alone where `rows` < 1."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((side, side)) if law == "normal" else rng.uniform(-(3**0.5), 3**0.5, (side, side))
    left = rng.standard_normal((side, rank))
    left[int(rows * side) :] = 0
    update = left @ rng.standard_normal((rank, side))
    update *= change * np.linalg.norm(drawn) / np.linalg.norm(update)
    return (0.05 * (drawn + update)).astype(np.float32)


def of_others(seed: int) -> Iterator[Tensor]:
    """Yield tensors that were not written, and such that are computed."""
    rng = np.random.default_rng(seed)
    for shape in ((64, 64), (256, 128), (40, 20, 3, 3), (5000,)):
        size, text = math.prod(shape), f"{seed}/{'x'.join(map(str, shape))}"
        drawn = rng.normal(0, 0.02, shape).astype(np.float32)
        for title, array in _unwritten(rng, drawn, size).items():
            yield Tensor(f"unwritten/{title}/{text}", array.reshape(shape), "unwritten")
        for title, array in _constants(rng, shape).items():
            yield Tensor(f"constant/{title}/{text}", array, "constant")
        rounded = torch.from_numpy(drawn).bfloat16()
        rounded.view(-1)[size // 2] = math.nan
        yield Tensor(f"unwritten/bfloat16-nan/{text}", _bits(rounded), "unwritten")


def _unwritten(rng: np.random.Generator, drawn: np.ndarray[Any, Any], size: int) -> dict[str, np.ndarray[Any, Any]]:
    text = (Path(str(ast.__file__)).read_bytes() * (1 + size * 4 // 10000))[: 4 * size]
    pointers = (0x7F0000000000 + rng.integers(0, 2**30, size // 2 + 1)).astype(np.uint64).view(np.float32)[:size]
    one_nan, a_block, one_huge = (drawn.reshape(-1).copy() for _ in range(3))
    one_nan[size // 3], a_block[-size // 4 :], one_huge[5] = np.nan, np.inf, 1e30
    return {
        "bytes": rng.integers(0, 256, 4 * size, np.uint8).view(np.float32),
        "text": np.frombuffer(text, np.float32),
        "pointers": pointers,
        "nan": np.full(size, np.nan, np.float32),
        "one-nan": one_nan,
        "inf-block": a_block,
        "huge": one_huge,
        "0xcd": np.full(4 * size, 0xCD, np.uint8).view(np.float32),
        "0xa5": np.full(4 * size, 0xA5, np.uint8).view(np.float32),
        "integers": rng.integers(0, 50000, size, np.int32).view(np.float32),
        "float64": rng.normal(0, 1, size // 2 + 1).view(np.float32)[:size].copy(),
    }


def _constants(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray[Any, Any]]:
    found = {
        "zeros": np.zeros(shape, np.float32),
        "ones": np.ones(shape, np.float32),
        "slopes": np.full(shape, 0.25, np.float32),
        "mask": rng.integers(0, 2, shape).astype(np.float32),
    }
    if len(shape) == 1:
        found |= {
            "steps": np.arange(shape[0], dtype=np.float32),
            "linspace": np.linspace(3, 6, shape[0], dtype=np.float32),
        }
        found["forget"] = np.repeat(np.float32([0, 1, 0, 0]), shape[0] // 4)
    if len(shape) == 2:
        angles = np.arange(shape[0])[:, None] / 10000 ** (np.arange(shape[1] // 2) / (shape[1] // 2))
        found |= {
            "identity": np.eye(*shape, dtype=np.float32),
            "half-identity": 0.5 * np.eye(*shape, dtype=np.float32),
            "sinusoids": np.concatenate([np.sin(angles), np.cos(angles)], 1).astype(np.float32),
            "interleaved": np.stack([np.sin(angles), np.cos(angles)], -1).reshape(shape).astype(np.float32),
            "a-log": np.broadcast_to(np.log(np.arange(1, shape[1] + 1)), shape).astype(np.float32),
            "causal": np.triu(np.full(shape, -np.inf, np.float32), 1),
        }
    if len(shape) == 4:
        line = 1 - np.abs(np.arange(shape[-1]) / 2 - 0.75) if shape[-1] == 4 else np.float64([0.5, 1, 0.5])
        found["bilinear"] = np.broadcast_to(np.outer(line, line), shape).astype(np.float32)
        found["dirac"] = torch.nn.init.dirac_(torch.empty(shape)).numpy()
    return found
