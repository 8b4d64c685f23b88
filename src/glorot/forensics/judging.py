"""From what is measured of a tensor to a verdict: unwritten, constant, drawn from a law, or trained."""

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Distribution, Normal, Orthogonal, PositiveUnitball, SparseNormal, TruncatedNormal
from glorot.distributions import Uniform as UniformLaw
from glorot.forensics.evidence import Evidence, as_matrix, gather, lines_of
from glorot.forensics.families import FAMILIES, NORMAL, UNIFORM, Family, Fit, fit
from glorot.forensics.formats import Bits, Format
from glorot.forensics.origin import Explanation, Origin, Verdict
from glorot.forensics.seals import CLEAR, box_muller
from glorot.forensics.stored import Stored
from glorot.forensics.structure import Moments, neighbours, signs
from glorot.forensics.suspects import charges
from glorot.forensics.tables import MOST_LEVELS, describe
from glorot.text import counted, number

FEWEST = 20
"""Elements from which laws are told apart."""

ERRORS = 3.0
"""Standard errors within which the spread of a law explains that of a tensor."""

BY_ENDS = 12.0
"""The same where it is taken from the ends of a law: the chance of so wide a gap is e⁻¹²."""

DOUBT = {True: 1e-3, False: 1e-2}
"""The chance, over all tests of a tensor, below which it is taken for trained: where a start explains its spread, and
where none does."""

SEALED = 1e-6
"""The same for a tensor whose start bears the seal of a generator: only a part of it can have been changed."""

SHARE = 1 / 3
"""The share of trained weights from which the others of a file are taken for trained, unless something seals them."""

DENORMAL = 1e-3
"""Share of denormal numbers above which a tensor is memory that was not written."""

SPARSE = 0.02
"""Share of zeros, outside of whole rows and columns of them, from which a law is a sparse one."""

SHORT = 16
"""Bits of the fraction up to which a seal is lost in rounding."""

SOME = 2**7
"""Elements of a sorted sample that mostly show that it has more than a few values."""

HEAD = 2**13
"""Elements from the start of a tensor that neighbours and tables are looked for in."""


@dataclass(frozen=True)
class _Case:
    """A tensor under judgement: where it is stored, its bits, and what was measured."""

    tensor: Stored
    form: Format
    bits: Bits
    found: Evidence

    def says(self, verdict: Verdict, because: str, **more: Any) -> Origin:
        """Return a verdict, with the figures of the evidence."""
        found, tensor = self.found, self.tensor
        figures = {key: getattr(found, key) for key in ("mean", "std", "low", "high", "summed")}
        return Origin(tensor.name, tensor.shape, tensor.dtype, verdict, because, **figures | more)

    @functools.cached_property
    def head(self) -> NDArray[np.float64]:
        """The first elements."""
        with np.errstate(invalid="ignore"):  # NaN that signals
            return self.form.decode(self.bits[:HEAD]).astype(np.float64)


def judge(tensor: Stored, beside: tuple[int, ...] = ()) -> Origin:
    """Say where the values of a tensor come from.

    Args:
        tensor: where it is stored.
        beside: the shape of the weight that a bias belongs to, if there is one.

    Returns:
        The verdict, with what explains it.

    Example:
        >>> drawn = np.random.default_rng(0).uniform(-0.1, 0.1, (64, 100)).astype(np.float32)
        >>> origin = judge(Stored.of_array("fc.weight", drawn))
        >>> origin.verdict, str(origin.explanations[0])
        ('drawn', 'torch Linear and Conv, U(±1/√fan_in) on (out, in)')
    """
    form = tensor.format
    if form is None:
        return Origin(tensor.name, tensor.shape, tensor.dtype, "cannot tell", f"{tensor.dtype} holds no weights")
    if not tensor.size:
        return Origin(tensor.name, tensor.shape, tensor.dtype, "cannot tell", "it has no elements")
    bits = tensor.load()
    case = _Case(tensor, form, bits, gather(tensor, form, bits))
    return _unwritten(case) or _constant(case) or _of_whole_matrices(case) or _drawn_or_trained(case, beside)


def _unwritten(case: _Case) -> Origin | None:
    found = case.found
    if not found.is_sane:
        levels = np.unique(case.head)
        if len(levels) == 2 and levels[1] == 0 and not math.isnan(found.low):
            return case.says("constant", "a mask: 0, and the least number there is")
        what = "NaN" if math.isnan(found.low) else f"values up to {number(max(found.high, -found.low))}"
        return case.says("unwritten", f"it holds {what}")
    if found.denormal > DENORMAL:
        return case.says("unwritten", f"{found.denormal:.1%} of it are denormal numbers, as in memory of other use")
    if found.low == found.high and found.low and len(set(case.bits[:1].tobytes())) == 1:
        return case.says("unwritten", f"each of its bytes is {case.bits[:1].tobytes()[0]:#04x}, a pattern of memory")
    return None


def _constant(case: _Case) -> Origin | None:
    found = case.found
    if found.low == found.high:
        return case.says("constant", f"every element is {number(found.low)}")
    levels = _levels(found.sample)
    if found.size < FEWEST and len(levels) > 2:
        return case.says(
            "cannot tell",
            f"{counted(found.size, 'element')} {'is' if found.size == 1 else 'are'} too few to tell laws apart",
        )
    known = describe(case.head, case.tensor.shape, levels)
    return case.says("constant", known) if known else None


def _levels(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the different values of a sorted sample; of one that has many, not all."""
    some = sample[:: 1 + len(sample) // SOME]
    for values in (some, sample):
        levels = values[np.flatnonzero(np.diff(values, prepend=-math.inf))]
        if len(levels) > max(2, MOST_LEVELS):
            break
    return levels


def _of_whole_matrices(case: _Case) -> Origin | None:
    """Return a verdict on laws of a whole matrix: orthogonal, or rows that sum to 1."""
    for by_last in (False, True)[: len(case.found.panels)]:
        matrix = as_matrix(case.bits, case.tensor.shape, by_last)
        is_wide = len(matrix) <= matrix[0].size
        some = (range(min(8, len(matrix))), slice(None)) if is_wide else (range(len(matrix)), slice(8))
        few = lines_of(case.tensor, case.bits, by_last, *some)
        few = few if is_wide else np.ascontiguousarray(few.T)
        lines = case.form.decode(few.reshape(-1)).astype(np.float64).reshape(few.shape)
        norms = np.sqrt(np.einsum("ij,ij->i", lines, lines))
        if case.found.low >= 0 and np.allclose(lines.sum(axis=1), 1, rtol=1e-3) and is_wide:
            law: Distribution = PositiveUnitball()
            return case.says(
                "drawn",
                "the slices sum to 1",
                explanations=(Explanation("caffe positive_unitball", law),),
                is_sealed=True,
            )
        if len(lines) < 5 or not norms.min() or np.ptp(norms) >= 0.02 * norms.mean():
            continue
        cosines = np.einsum("ij,ij->i", lines[1:], lines[:-1]) / (norms[1:] * norms[:-1])
        strayed = math.sqrt(float(np.mean(cosines**2)) * lines[0].size)
        if strayed < max(0.02, 2.0**-case.form.digits):
            law = Orthogonal(float(norms.mean()))
            short = "rows" if is_wide else "columns"
            explained = Explanation(f"orthogonal of gain {number(law.gain)}", law)
            return case.says(
                "drawn", f"its {short} are orthogonal", explanations=(explained,), laws=(law,), is_sealed=True
            )
    return None


def _drawn_or_trained(case: _Case, beside: tuple[int, ...]) -> Origin:
    kept, density = _without_zeros(case)
    found = kept.found
    step = 2.0 ** -min(case.form.digits, found.digits)
    is_sealed = found.digits > SHORT and box_muller(case.head) > CLEAR
    fits = [fit(family, found, found.sample, step) for family in FAMILIES]
    fitting = [one for one in fits if _least(one.chances) > (SEALED if is_sealed else DOUBT[True])]
    if not fitting:
        best = max(fits, key=lambda one: _least(one.chances))
        return kept.says("trained", f"no law fits: {_sign(best.chances)} of a {best.family.name} law")
    best = max(fitting, key=lambda one: _least(one.chances))
    chances = _structure(kept, best.family) if density == 1 else {}
    explained = tuple(_explanations(kept, fitting, beside, density))
    if _least(chances | best.chances) < (SEALED if is_sealed else DOUBT[bool(explained)]):
        return kept.says("trained", f"not independent: {_sign(chances | best.chances)}")
    if len(case.tensor.shape) == 1 and not explained:
        return kept.says("trained", "no start of a framework draws a vector of this spread")
    laws = tuple(one.family.law(one.mean, one.std) for one in fitting)
    is_sealed |= best.by_ends and bool(explained)
    why = (
        f"{best.family.name}, {'of a spread that starts have' if explained else 'of a spread that no known start has'}"
    )
    return kept.says("drawn", why, explanations=explained, laws=laws, is_sealed=is_sealed)


def _least(chances: dict[str, float]) -> float:
    """Return the chance of the least likely of several figures, for as many as there are."""
    return min(chances.values(), default=1.0) * len(chances)


def _sign(chances: dict[str, float]) -> str:
    what = min(chances, key=lambda key: chances[key])
    return f"{what} has a chance of {chances[what]:.1g}"


def _without_zeros(case: _Case) -> tuple[_Case, float]:
    """Return the case without its zeros, if they are no small numbers rounded, and the density of a sparse law."""
    found = case.found
    smallest = 2.0 ** (case.form.least - case.form.digits)
    if not found.zeros or smallest > 1e-3 * found.std:
        return case, 1.0
    panels = tuple(panel[np.ix_(panel.any(axis=1), panel.any(axis=0))] for panel in found.panels)
    density = min((float(np.count_nonzero(panel)) / max(1, panel.size) for panel in panels), default=1 - found.zeros)
    kept = found.sample[found.sample != 0]
    found = replace(
        found,
        size=round(found.size * (1 - found.zeros)),
        summed=len(kept) if found.zeros > 1e-3 else found.summed,
        mean=float(kept.mean()) if found.zeros > 1e-3 else found.mean,
        std=float(kept.std()) if found.zeros > 1e-3 else found.std,
        sample=kept,
        panels=panels,
    )
    return replace(case, found=found), density if density < 1 - SPARSE else 1.0


def _structure(case: _Case, family: Family) -> dict[str, float]:
    """Return the chances of all that would show that elements are not independent."""
    chances: dict[str, float] = {}
    moments = Moments(family.moment(4), family.moment(6))
    for panel, order in zip(case.found.panels, ("", " by the last axis"), strict=False):
        shown = signs(panel, case.found.mean, moments)
        chances |= {what + order: chance for what, chance in shown.items()}
    steps = itertools.accumulate((1, *case.tensor.shape[:0:-1]), operator.mul)
    return chances | neighbours(case.head, tuple(sorted(set(steps))))


def _explanations(case: _Case, fitting: list[Fit], beside: tuple[int, ...], density: float) -> Iterator[Explanation]:
    """Yield the starts whose law is of a family that fits, and as wide as the tensor."""
    found = case.found
    if density < 1:
        for one in (one for one in fitting if one.family is NORMAL):
            law = SparseNormal(0.0, one.std, density)
            yield Explanation(f"torch sparse_ or caffe gaussian with sparse, std {number(one.std)}", law)
        return
    known = charges(case.tensor.shape, beside)
    for one in fitting:
        mean_error = 4 * one.std / math.sqrt(found.summed)
        std_error = (BY_ENDS if one.by_ends else ERRORS) * one.error
        for charge in known.near(one.mean, mean_error, one.std, std_error):
            if family_of(charge.law) is one.family and _holds_all(charge.law, found, one.error):
                yield Explanation(*charge)


def family_of(law: Distribution) -> Family | None:
    """Return the family of a law, None where it is of none."""
    if isinstance(law, UniformLaw):
        return UNIFORM
    if isinstance(law, Normal):
        return NORMAL
    if isinstance(law, TruncatedNormal):
        return next((one for one in FAMILIES if abs(law.cuts[1] - one.cut) < 0.01), None)
    return None


def _holds_all(law: Distribution, found: Evidence, margin: float) -> bool:
    """Tell whether no element lies outside of a law's bounds, by more than rounding."""
    if not isinstance(law, UniformLaw | TruncatedNormal):
        return True
    slack = (
        2.0 ** (1 - found.digits) * max(abs(law.low), abs(law.high)) if isinstance(law, UniformLaw) else 0.02 * law.std
    )
    return law.low - slack <= found.low and found.high <= law.high + slack


def settle(origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """Judge again what a tensor alone cannot show: a normal law, unsealed, in a file where many weights are trained.

    A small matrix that training has moved by a fifth may fit a normal law as well as it did before. In a file where
    a third of the weights show that they were trained, it is taken for trained too.

    Args:
        origins: what each tensor shows alone.

    Returns:
        The same, in which some of the drawn ones are trained.
    """
    weights = [one for one in origins if one.verdict in ("drawn", "trained")]
    trained = sum(one.verdict == "trained" for one in weights)
    if trained < max(2, SHARE * len(weights)):
        return tuple(origins)
    because = f"it fits a law, with no sign that it is untouched, and {trained} of {len(weights)} weights are trained"
    return tuple(
        replace(one, verdict="trained", because=because, explanations=())
        if one.verdict == "drawn" and not one.is_sealed
        else one
        for one in origins
    )
