"""Tensors that frameworks draw, with the law that each is drawn from; for `forensics.py`."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from glorot.distributions import Distribution, Normal, Orthogonal, SparseNormal, TruncatedNormal, Uniform


class Tensor(NamedTuple):
    """A tensor of the population: its name, its array, what it truly is, its law if drawn, its change if trained."""

    name: str
    array: Any
    kind: str
    law: Distribution | None = None
    change: float = math.nan


def _uniform(bound: float) -> Distribution:
    return Uniform.symmetric(bound)


def _cut(std: float, at: float = 2.0) -> Distribution:
    return TruncatedNormal(0.0, std, -at * std, at * std)


def _exact_cut(variance: float) -> Distribution:
    return _cut(math.sqrt(variance) / TruncatedNormal(0.0, 1.0, -2.0, 2.0).std)


MATRICES = [
    (32, 32), (64, 32), (32, 64), (48, 40), (64, 64), (100, 30), (128, 64), (96, 288), (300, 100), (256, 128),
    (10, 784), (784, 128), (384, 128), (512, 512), (1024, 256), (768, 768), (50, 1000), (2048, 512), (16, 4096),
]  # fmt: skip
KERNELS = [
    (16, 8, 3, 3),
    (32, 16, 3, 3),
    (64, 3, 7, 7),
    (64, 32, 5, 5),
    (128, 64, 3, 3),
    (256, 128, 1, 1),
    (96, 3, 16, 16),
]


def of_torch(seed: int) -> Iterator[Tensor]:
    """Yield what `torch.nn.init` and modules draw."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    init = nn.init
    for shape in MATRICES + KERNELS:
        rest = math.prod(shape[2:])
        fan_in, fan_out = shape[1] * rest, shape[0] * rest
        both = fan_in + fan_out
        rules: list[tuple[str, Callable[[Any], Any], Distribution]] = [
            ("xavier_uniform_", init.xavier_uniform_, _uniform(math.sqrt(6 / both))),
            ("xavier_uniform_tanh", lambda t: init.xavier_uniform_(t, 5 / 3), _uniform(5 / 3 * math.sqrt(6 / both))),
            ("xavier_normal_", init.xavier_normal_, Normal(0.0, math.sqrt(2 / both))),
            ("kaiming_uniform_", init.kaiming_uniform_, _uniform(math.sqrt(6 / fan_in))),
            ("kaiming_uniform_sqrt5", lambda t: init.kaiming_uniform_(t, 5**0.5), _uniform(1 / math.sqrt(fan_in))),
            ("kaiming_normal_", init.kaiming_normal_, Normal(0.0, math.sqrt(2 / fan_in))),
            (
                "kaiming_normal_fan_out",
                lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
                Normal(0.0, math.sqrt(2 / fan_out)),
            ),
            ("normal_", lambda t: init.normal_(t, 0.0, 0.02), Normal(0.0, 0.02)),
            ("normal_own", lambda t: init.normal_(t, 0.0, 0.0137), Normal(0.0, 0.0137)),
            ("uniform_own", lambda t: init.uniform_(t, -0.031, 0.031), _uniform(0.031)),
            ("trunc_normal_", lambda t: init.trunc_normal_(t, std=0.02), Normal(0.0, 0.02)),
            ("trunc_normal_one", init.trunc_normal_, _cut(1.0)),
            ("trunc_normal_three", lambda t: init.trunc_normal_(t, std=0.02, a=-0.06, b=0.06), _cut(0.02, 3.0)),
            ("orthogonal_", init.orthogonal_, Orthogonal(1.0)),
            ("depth", lambda t: init.normal_(t, 0.0, 0.02 / math.sqrt(24)), Normal(0.0, 0.02 / math.sqrt(24))),
        ]
        for name, fill, law in rules:
            text = f"torch/{seed}/{name}/{'x'.join(map(str, shape))}"
            array = fill(torch.empty(shape)).numpy()
            yield Tensor(text, array, "drawn", law)
    yield from _of_torch_modules(seed)


def _of_torch_modules(seed: int) -> Iterator[Tensor]:
    from torch import nn

    modules: list[tuple[str, nn.Module, Callable[[str, tuple[int, ...]], Distribution | None]]] = []
    for inputs, outputs in ((40, 1024), (64, 2048), (300, 1500), (784, 1024)):
        law = _uniform(1 / math.sqrt(inputs))
        modules.append((f"linear{inputs}", nn.Linear(inputs, outputs), lambda name, shape, law=law: law))
    conv = nn.Conv2d(24, 48, 3)
    modules.append(("conv", conv, lambda name, shape: _uniform(1 / math.sqrt(24 * 9)) if len(shape) > 1 else None))
    swapped = nn.ConvTranspose2d(24, 48, 3)
    modules.append(("conv_t", swapped, lambda name, shape: _uniform(1 / math.sqrt(48 * 9)) if len(shape) > 1 else None))
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        for hidden in (64, 400):
            law = _uniform(1 / math.sqrt(hidden))
            modules.append((f"{kind.__name__}{hidden}", kind(32, hidden), lambda name, shape, law=law: law))
    for width in (64, 128, 256):
        attention = nn.MultiheadAttention(width, 4)
        fused, out = _uniform(math.sqrt(6 / (4 * width))), _uniform(1 / math.sqrt(width))
        modules.append(
            (f"attention{width}", attention, lambda name, shape, a=fused, b=out: a if "in_proj" in name else b)
        )
    modules.append(("embedding", nn.Embedding(500, 64), lambda name, shape: Normal(0.0, 1.0)))
    for title, module, law_of in modules:
        for name, parameter in module.named_parameters():
            if parameter.numel() >= 1024 and (parameter.ndim > 1 or "linear" in title or "LSTM" in title):
                law = law_of(name, tuple(parameter.shape))
                is_zero = not bool(parameter.detach().any())
                kind = "constant" if is_zero else "drawn"
                yield Tensor(f"torch/{seed}/{title}.{name}", parameter.detach().numpy(), kind, None if is_zero else law)


def of_dtypes(seed: int) -> Iterator[Tensor]:
    """Yield what is drawn in float32 and rounded to another dtype, and what PyTorch draws in that dtype itself."""
    import torch
    from torch.nn import init

    torch.manual_seed(seed + 1000)
    for shape in ((64, 64), (128, 256), (512, 512), (64, 32, 3, 3)):
        rest = math.prod(shape[2:])
        bound = math.sqrt(6 / ((shape[0] + shape[1]) * rest))
        laws = {
            "normal": (lambda t: init.normal_(t, 0.0, 0.02), Normal(0.0, 0.02)),
            "uniform": (init.xavier_uniform_, _uniform(bound)),
            "embedding": (lambda t: init.normal_(t, 0.0, 1.0), Normal(0.0, 1.0)),
        }
        for title, (fill, law) in laws.items():
            for dtype in (torch.bfloat16, torch.float16, torch.float64):
                name = str(dtype).removeprefix("torch.")
                text = f"{seed}/{title}/{'x'.join(map(str, shape))}"
                yield Tensor(f"rounded-{name}/{text}", _bits(fill(torch.empty(shape)).to(dtype)), "drawn", law)
                yield Tensor(f"native-{name}/{text}", _bits(fill(torch.empty(shape, dtype=dtype))), "drawn", law)
            stored = fill(torch.empty(shape)).to(torch.bfloat16).float().numpy()
            yield Tensor(f"bfloat16-in-float32/{text}", stored, "drawn", law)
            for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
                name = str(dtype).removeprefix("torch.")
                yield Tensor(f"rounded-{name}/{text}", _bits(fill(torch.empty(shape)).to(dtype)), "drawn", law)


def _bits(tensor: Any) -> np.ndarray[Any, Any]:
    """Return a tensor as an array of NumPy's or of ml_dtypes."""
    import ml_dtypes
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    if name in ("float16", "float32", "float64"):
        return tensor.numpy()
    return tensor.view(torch.uint8 if name[5] == "8" else torch.int16).numpy().view(getattr(ml_dtypes, name))


def of_jax(seed: int) -> Iterator[Tensor]:
    """Yield what `jax.nn.initializers` draw, which Flax, Equinox and Haiku use."""
    import jax

    starts, key = jax.nn.initializers, jax.random.key(seed)
    for n, shape in enumerate([*MATRICES, (3, 3, 8, 16), (3, 3, 32, 64), (5, 5, 16, 32), (1, 1, 64, 128)]):
        rest = math.prod(shape[:-2])
        fan_in, fan_out = shape[-2] * rest, shape[-1] * rest
        rules = {
            "lecun_normal": (starts.lecun_normal(), _exact_cut(1 / fan_in)),
            "lecun_uniform": (starts.lecun_uniform(), _uniform(math.sqrt(3 / fan_in))),
            "he_normal": (starts.he_normal(), _exact_cut(2 / fan_in)),
            "he_uniform": (starts.he_uniform(), _uniform(math.sqrt(6 / fan_in))),
            "xavier_normal": (starts.xavier_normal(), _exact_cut(2 / (fan_in + fan_out))),
            "xavier_uniform": (starts.xavier_uniform(), _uniform(math.sqrt(6 / (fan_in + fan_out)))),
            "normal": (starts.normal(0.02), Normal(0.0, 0.02)),
            "truncated_normal": (starts.truncated_normal(0.02), _cut(0.02)),
            "embed": (
                starts.variance_scaling(1.0, "fan_in", "normal", out_axis=0),
                Normal(0.0, 1 / math.sqrt(shape[-1])),
            ),
            "orthogonal": (starts.orthogonal(), Orthogonal(1.0)),
        }
        for m, (name, (start, law)) in enumerate(rules.items()):
            if name == "embed" and len(shape) > 2:
                continue
            array = np.asarray(start(jax.random.fold_in(jax.random.fold_in(key, n), m), shape, np.float32))
            yield Tensor(f"jax/{seed}/{name}/{'x'.join(map(str, shape))}", array, "drawn", law)


def of_keras(seed: int) -> Iterator[Tensor]:
    """Yield what layers of Keras draw."""
    import keras

    starts = keras.initializers
    for shape in [*MATRICES[:14], (3, 3, 8, 16), (3, 3, 32, 64), (5, 5, 16, 32), (7, 7, 3, 64)]:
        rest = math.prod(shape[:-2])
        fan_in, fan_out = shape[-2] * rest, shape[-1] * rest
        rules = {
            "GlorotUniform": _uniform(math.sqrt(6 / (fan_in + fan_out))),
            "GlorotNormal": _exact_cut(2 / (fan_in + fan_out)),
            "HeUniform": _uniform(math.sqrt(6 / fan_in)),
            "HeNormal": _exact_cut(2 / fan_in),
            "LecunUniform": _uniform(math.sqrt(3 / fan_in)),
            "LecunNormal": _exact_cut(1 / fan_in),
            "RandomNormal": Normal(0.0, 0.05),
            "RandomUniform": _uniform(0.05),
            "TruncatedNormal": _cut(0.05),
            "Orthogonal": Orthogonal(1.0),
        }
        for name, law in rules.items():
            array = np.asarray(getattr(starts, name)(seed=seed)(shape))
            yield Tensor(f"keras/{seed}/{name}/{'x'.join(map(str, shape))}", array, "drawn", law)


def of_tensorflow(seed: int) -> Iterator[Tensor]:
    """Yield what code of TensorFlow 1 draws."""
    import tensorflow as tf

    tf.random.set_seed(seed)
    for shape in MATRICES:
        text = f"{seed}/{'x'.join(map(str, shape))}"
        yield Tensor(
            f"tf/truncated.02/{text}", tf.random.truncated_normal(shape, stddev=0.02).numpy(), "drawn", _cut(0.02)
        )
        yield Tensor(
            f"tf/truncated.1/{text}", tf.random.truncated_normal(shape, stddev=0.1).numpy(), "drawn", _cut(0.1)
        )
        std = math.sqrt(2.6 / sum(shape))
        yield Tensor(f"tf/xavier/{text}", tf.random.truncated_normal(shape, stddev=std).numpy(), "drawn", _cut(std))
        yield Tensor(f"tf/normal/{text}", tf.random.normal(shape, stddev=0.02).numpy(), "drawn", Normal(0.0, 0.02))


def of_caffe(seed: int) -> Iterator[Tensor]:
    """Yield what Caffe's fillers draw, through glorot's own form of them."""
    import glorot

    for out, inputs in MATRICES:
        for scheme, law in {
            "caffe_xavier": _uniform(math.sqrt(3 / inputs)),
            "caffe_xavier(variance_norm='AVERAGE')": _uniform(math.sqrt(6 / (inputs + out))),
            "caffe_msra": Normal(0.0, math.sqrt(2 / inputs)),
            "normal(std=0.01)": Normal(0.0, 0.01),
            f"sparse_normal(std=1, density={min(1.0, 15 / out)})": SparseNormal(0.0, 1.0, min(1.0, 15 / out)),
        }.items():
            if isinstance(law, SparseNormal) and not 0.01 < law.density < 0.9:
                continue
            name = f"caffe/{seed}/{scheme}/{out}x{inputs}"
            yield Tensor(
                name, glorot.draw(scheme, (out, inputs), seed=seed, name=name, in_axis=1, out_axis=0), "drawn", law
            )
