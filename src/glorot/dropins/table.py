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


GAIN_AND_FANS = "that gain and fans give"  # the number that PyTorch's arguments come to

XAVIER_UNIFORM = Scaled(1.0, "fan_avg", "uniform")
XAVIER_NORMAL = Scaled(1.0, "fan_avg", "truncated_normal")
HE_UNIFORM = Scaled(2.0, "fan_in", "uniform")
HE_NORMAL = Scaled(2.0, "fan_in", "truncated_normal")
LECUN_UNIFORM = Scaled(1.0, "fan_in", "uniform")
LECUN_NORMAL = Scaled(1.0, "fan_in", "truncated_normal")

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
    Row(
        Form("xavier_uniform_", laws.symmetric, (f"the bound {GAIN_AND_FANS}",)),
        Form("XavierUniform", XAVIER_UNIFORM),
        Form("xavier_uniform", XAVIER_UNIFORM),
    ),
    Row(
        Form("xavier_normal_", laws.normal_around_zero, (f"the std {GAIN_AND_FANS}",)),
        Form("XavierNormal", XAVIER_NORMAL),
        Form("xavier_normal", XAVIER_NORMAL),
    ),
    Row(
        Form("kaiming_uniform_", laws.symmetric, (f"the bound {GAIN_AND_FANS}",)),
        Form("HeUniform", HE_UNIFORM),
        Form("he_uniform", HE_UNIFORM),
    ),
    Row(
        Form("kaiming_normal_", laws.normal_around_zero, (f"the std {GAIN_AND_FANS}",)),
        Form("HeNormal", HE_NORMAL),
        Form("he_normal", HE_NORMAL),
    ),
    Row(None, Form("LecunUniform", LECUN_UNIFORM), Form("lecun_uniform", LECUN_UNIFORM)),
    Row(None, Form("LecunNormal", LECUN_NORMAL), Form("lecun_normal", LECUN_NORMAL)),
)

TORCH = {row.torch.name: row.torch for row in TABLE if row.torch}
KERAS = {row.keras.name: row.keras for row in TABLE if row.keras}
JAX = {row.jax.name: row.jax for row in TABLE if row.jax}
