"""The table of drop-ins: each law, its name in each framework, and what its numbers are called there.

A drop-in is a row here and its thin form in a framework: a signature, a docstring and a call with its name.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from glorot.distributions import Distribution
from glorot.dropins import laws
from glorot.dropins.arguments import Argument
from glorot.dropins.laws import Scaled


class Form(NamedTuple):
    """A drop-in in one framework.

    Attributes:
        name: its name there.
        law: the law of its numbers, or of the fans; None where nothing is drawn, or the user chooses the law.
        arguments: what the numbers of the law are called there.
    """

    name: str
    law: Callable[..., Distribution] | Scaled | None = None
    arguments: tuple[str, ...] = ()

    def law_of(self, *numbers: Any) -> Distribution:
        """Return the law of numbers as the user gave them."""
        assert callable(self.law)
        return self.law(*[Argument(*pair) for pair in zip(self.arguments, numbers, strict=True)])

    @property
    def scaled(self) -> Scaled:
        """The law that goes by fans."""
        assert isinstance(self.law, Scaled)
        return self.law


class Row(NamedTuple):
    """A law in each framework; None where one has no drop-in for it."""

    torch: Form | None
    keras: Form | None
    jax: Form | None


def _by_fans(torch: str | None, keras: str, jax: str, scale: float, mode: str, distribution: str) -> Row:
    """Return the row of a law that goes by fans; PyTorch's has a gain, and is not cut."""
    law, is_uniform = Scaled(scale, mode, distribution), distribution == "uniform"
    number = f"the {'bound' if is_uniform else 'std'} that gain and fans give"
    of_number = laws.symmetric if is_uniform else laws.normal_around_zero
    return Row(Form(torch, of_number, (number,)) if torch else None, Form(keras, law), Form(jax, law))


TABLE = (
    Row(Form("constant_"), Form("Constant"), Form("constant")),
    Row(Form("zeros_"), Form("Zeros"), Form("zeros")),
    Row(Form("ones_"), Form("Ones"), Form("ones")),
    Row(Form("eye_"), Form("Identity"), None),
    Row(Form("dirac_"), None, None),
    Row(
        Form("uniform_", laws.uniform, ("a", "b")),
        Form("RandomUniform", laws.uniform, ("minval", "maxval")),
        Form("uniform", laws.uniform_from_zero, ("scale",)),
    ),
    Row(
        Form("normal_", laws.normal, ("mean", "std")),
        Form("RandomNormal", laws.normal, ("mean", "stddev")),
        Form("normal", laws.normal_around_zero, ("stddev",)),
    ),
    Row(
        Form("trunc_normal_", laws.cut_at_values, ("mean", "std", "a", "b")),
        Form("TruncatedNormal", laws.cut_at_two, ("mean", "stddev")),
        Form("truncated_normal", laws.cut_at_multiples, ("stddev", "lower", "upper")),
    ),
    Row(
        Form("orthogonal_", laws.orthogonal, ("gain",)),
        Form("Orthogonal", laws.orthogonal, ("gain",)),
        Form("orthogonal", laws.orthogonal, ("scale",)),
    ),
    Row(None, None, Form("delta_orthogonal", laws.orthogonal, ("scale",))),
    Row(Form("sparse_", laws.normal_around_zero, ("std",)), None, None),
    Row(None, Form("VarianceScaling"), Form("variance_scaling")),
    _by_fans("xavier_uniform_", "XavierUniform", "xavier_uniform", 1.0, "fan_avg", "uniform"),
    _by_fans("xavier_normal_", "XavierNormal", "xavier_normal", 1.0, "fan_avg", "truncated_normal"),
    _by_fans("kaiming_uniform_", "HeUniform", "he_uniform", 2.0, "fan_in", "uniform"),
    _by_fans("kaiming_normal_", "HeNormal", "he_normal", 2.0, "fan_in", "truncated_normal"),
    _by_fans(None, "LecunUniform", "lecun_uniform", 1.0, "fan_in", "uniform"),
    _by_fans(None, "LecunNormal", "lecun_normal", 1.0, "fan_in", "truncated_normal"),
)

TORCH = {row.torch.name: row.torch for row in TABLE if row.torch}
KERAS = {row.keras.name: row.keras for row in TABLE if row.keras}
JAX = {row.jax.name: row.jax for row in TABLE if row.jax}
