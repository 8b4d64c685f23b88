"""Suspects: the starts of frameworks and of well-known code, which may explain a tensor by its shape and its spread.

A file does not say which axes of a tensor are summed over, so each order is tried, and a rule is told with its fans.
"""

import functools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.dropins.laws import Scaled
from glorot.dropins.table import TABLE
from glorot.fans import Fans

DEEPEST = 64
"""Layers up to which rules that go by depth are tried."""

FUSED = (2, 3, 4)
"""Matrices that may be stored as one along the axis of outputs: gate and up; q, k and v; the gates of an LSTM."""


class Suspect(NamedTuple):
    """A start.

    Attributes:
        rule: its name, and who uses it.
        law: fans → distribution; or a distribution where fans do not matter.
    """

    rule: str
    law: Callable[[Fans], Distribution] | Distribution


class Charge(NamedTuple):
    """A suspect's law for one shape, under one reading of its axes.

    Attributes:
        rule: the suspect's.
        law: the law.
        fans: the fans, None where they do not matter.
        axes: how the axes were read.
    """

    rule: str
    law: Distribution
    fans: Fans | None
    axes: str


def _cut(std: float, at: float) -> TruncatedNormal:
    return TruncatedNormal(0.0, std, -at * std, at * std)


def _of_dropins() -> Iterator[Suspect]:
    """Yield the laws of the drop-ins that go by fans: PyTorch does not cut its normals, Keras and JAX do."""
    for row in TABLE:
        if row.keras is None or row.jax is None or not isinstance(row.keras.law, Scaled):
            continue
        law = row.keras.law
        others = f"keras {row.keras.name}, jax {row.jax.name}"
        if law.distribution == "uniform":
            yield Suspect(f"torch {row.torch.name}, {others}" if row.torch else others, law.for_fans)
            continue
        yield Suspect(others, law.for_fans)
        name = f"torch {row.torch.name}" if row.torch else "N(0, 1/fan_in), as in T5"
        yield Suspect(name, law._replace(distribution="normal").for_fans)


SUSPECTS = (
    Suspect("torch Linear and Conv, U(±1/√fan_in)", Scaled(1 / 3, "fan_in", "uniform").for_fans),
    Suspect("torch RNN, LSTM and GRU, U(±1/√hidden)", Scaled(1 / 3, "fan_out", "uniform").for_fans),
    *_of_dropins(),
    Suspect("caffe xavier by FAN_OUT", Scaled(1.0, "fan_out", "uniform").for_fans),
    Suspect("caffe msra by AVERAGE", Scaled(2.0, "fan_avg", "normal").for_fans),
    *(
        Suspect(f"{name}, {kind}", Scaled(scale, mode, kind).for_fans)
        for name, scale, mode in (
            ("torch kaiming by fan_out", 2.0, "fan_out"),
            ("torch kaiming for leaky_relu(0.2)", 2 / 1.04, "fan_in"),
            ("torch kaiming for leaky_relu(0.2) by fan_out", 2 / 1.04, "fan_out"),
            ("torch kaiming for tanh", 25 / 9, "fan_in"),
            ("torch xavier for tanh", 25 / 9, "fan_avg"),
            ("torch xavier for relu", 2.0, "fan_avg"),
        )
        for kind in ("uniform", "normal")
    ),
    Suspect("keras VarianceScaling(2, fan_out)", Scaled(2.0, "fan_out", "truncated_normal").for_fans),
    Suspect("keras VarianceScaling(1, fan_out)", Scaled(1.0, "fan_out", "truncated_normal").for_fans),
    Suspect("N(0, 1/fan_out), as flax Embed", Scaled(1.0, "fan_out", "normal").for_fans),
    Suspect("TensorFlow 1 xavier_initializer(uniform=False)", lambda n: _cut(math.sqrt(2.6 / _both(n)), 2)),
    Suspect("Xavier's normal cut at 2σ", lambda n: _cut(math.sqrt(2 / _both(n)), 2)),
    Suspect("OLMo fan_in", lambda n: _cut(1 / math.sqrt(n.fan_in), 3)),
    Suspect("SIREN, first layer", lambda n: Uniform.symmetric(1 / n.fan_in)),
    Suspect("SIREN, hidden layer", Scaled(2 / 900, "fan_in", "uniform").for_fans),
    Suspect("small init, √(2/(5·width))", Scaled(2 / 5, "fan_in", "normal").for_fans),
    Suspect("CLIP c_fc, 1/√(2·width)", Scaled(1 / 2, "fan_in", "normal").for_fans),
    Suspect("nanochat, .4·√(3/width)", Scaled(0.16, "fan_in", "uniform").for_fans),
    Suspect("T5 q, 1/√(64·width)", Scaled(1 / 64, "fan_in", "normal").for_fans),
    Suspect("N(0, 1), as torch Embedding", Normal(0.0, 1.0)),
    Suspect("N(0, 0.02), as GPT-2 and BERT in transformers", Normal(0.0, 0.02)),
    Suspect("truncated N(0, 0.02), as the original BERT", _cut(0.02, 2)),
    Suspect("OLMo normal", _cut(0.02, 3)),
    Suspect("keras RandomNormal", Normal(0.0, 0.05)),
    Suspect("keras TruncatedNormal", _cut(0.05, 2)),
    Suspect("keras RandomUniform, Embedding", Uniform.symmetric(0.05)),
    Suspect("torch trunc_normal_", _cut(1.0, 2)),
    Suspect("truncated N(0, 0.1), as TensorFlow's tutorials", _cut(0.1, 2)),
    Suspect("torch uniform_, U(0, 1)", Uniform(0.0, 1.0)),
    Suspect("U(±0.1)", Uniform.symmetric(0.1)),
    Suspect("U(±0.08), as early LSTMs", Uniform.symmetric(0.08)),
    Suspect("jax uniform, U(0, 0.01)", Uniform(0.0, 0.01)),
    Suspect("RWKV embedding, U(±0.0001)", Uniform.symmetric(1e-4)),
    Suspect("N(1, 0.02), as DCGAN's norms", Normal(1.0, 0.02)),
    *(Suspect(f"N(0, {std:g})", Normal(0.0, std)) for std in (1e-6, 0.001, 0.006, 0.01, 0.1, 0.5, 0.8)),
    *(Suspect(f"GPT-2, .02/√(2·{n}) of {n} blocks", Normal(0.0, 0.02 / math.sqrt(2 * n))) for n in range(1, DEEPEST)),
    *(
        Suspect(f"GPT-NeoX, 2/({n}·√width) of {n} blocks", Scaled(4 / n**2, "fan_in", "normal").for_fans)
        for n in range(1, DEEPEST)
    ),
    *(
        Suspect(f"CLIP, 1/√(2·{n}·width) of {n} blocks", Scaled(1 / (2 * n), "fan_in", "normal").for_fans)
        for n in range(2, DEEPEST)
    ),
)
"""The starts that are known of matrices and kernels."""

OF_VECTORS = (
    *SUSPECTS[:2],
    Suspect("caffe xavier, of a bias", Scaled(1.0, "fan_in", "uniform").for_fans),
    Suspect("N(0, 0.02), as gpt-oss", Normal(0.0, 0.02)),
    Suspect("N(0, 1e-06), as vision transformers", Normal(0.0, 1e-6)),
    Suspect("N(1, 0.02), as DCGAN's norms", Normal(1.0, 0.02)),
    Suspect("torch uniform_, U(0, 1)", Uniform(0.0, 1.0)),
)
"""Those of vectors, such as biases: few frameworks draw any."""


def _both(fans: Fans) -> float:
    return fans.fan_in + fans.fan_out


def readings(shape: tuple[int, ...], beside: tuple[int, ...] = ()) -> dict[Fans, str]:
    """Return the fans that a shape may have, and the order of axes that gives them.

    Args:
        shape: the stored shape.
        beside: the shape of the weight that a bias belongs to, if there is one.

    Returns:
        Each pair of fans once, that of PyTorch's order first.

    Example:
        >>> readings((100, 300))
        {Fans(fan_in=300.0, fan_out=100.0): '(out, in)', Fans(fan_in=300.0, fan_out=50.0): '(2·out, in)', \
Fans(fan_in=300.0, fan_out=25.0): '(4·out, in)', Fans(fan_in=100.0, fan_out=300.0): '(in, out)', \
Fans(fan_in=100.0, fan_out=150.0): '(in, 2·out)', Fans(fan_in=100.0, fan_out=100.0): '(in, 3·out)', \
Fans(fan_in=100.0, fan_out=75.0): '(in, 4·out)'}
    """
    found: dict[Fans, str] = {}
    for fan_in, fan_out, text in _orders(shape, beside):
        for pieces in (1, *FUSED):
            if fan_out % pieces == 0:
                piece = f"{pieces}·out" if pieces > 1 else "out"
                found.setdefault(Fans(float(fan_in), fan_out / pieces), text.replace("out", piece))
    return found


def _orders(shape: tuple[int, ...], beside: tuple[int, ...]) -> Iterator[tuple[int, int, str]]:
    size = math.prod(shape)
    if len(shape) == 1 or size == max(shape):
        if len(beside) > 1 and beside[0] == size:
            yield math.prod(beside[1:]), size, "(out), of its weight"
        else:
            yield size, size, "(out)"
        return
    first, second, before, last = shape[0], shape[1], shape[-2], shape[-1]
    kernel = ", …" if len(shape) > 2 else ""
    yield size // first, size // second, f"(out, in{kernel})"
    yield size // last, size // before, f"({'…, ' if kernel else ''}in, out)"
    if not kernel:
        return
    yield size // second, size // first, "(in, out, …)"
    yield size // before, size // last, "(…, out, in)"
    yield last, before, "a stack of (out, in)"
    yield before, last, "a stack of (in, out)"
    yield size // first, first, "(out, in·kernel)"
    yield last, size // last, "(out…, in)"
    yield size // last, last, "(in…, out)"


class Charges(NamedTuple):
    """All charges for one shape, and the means and standard deviations of their laws."""

    all: tuple[Charge, ...]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]

    def near(self, mean: float, mean_error: float, std: float, std_error: float) -> Iterator[Charge]:
        """Yield those whose mean and standard deviation are no farther from a tensor's than these."""
        is_near = (np.abs(self.means - mean) <= mean_error) & (np.abs(self.stds - std) <= std_error)
        return (self.all[n] for n in np.flatnonzero(is_near))


@functools.lru_cache(maxsize=1024)
def charges(shape: tuple[int, ...], beside: tuple[int, ...] = ()) -> Charges:
    """Return the laws of all suspects for a shape, under each reading of its axes.

    Example:
        >>> charge = charges((100, 300)).all[0]
        >>> charge.axes, round(charge.law.high, 6)
        ('(out, in)', 0.057735)
    """
    fans = readings(shape, beside)
    found: dict[tuple[str, Distribution], Charge] = {}
    for rule, law in SUSPECTS if len(shape) > 1 else OF_VECTORS:
        if isinstance(law, Distribution):
            found[rule, law] = Charge(rule, law, None, "")
            continue
        for pair, axes in fans.items():
            one = law(pair)
            found.setdefault((rule, one), Charge(rule, one, pair, axes))
    laws = [charge.law for charge in found.values()]
    return Charges(tuple(found.values()), np.array([law.mean for law in laws]), np.array([law.std for law in laws]))
