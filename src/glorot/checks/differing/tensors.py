"""Compare tensors of the same paths: the same bits, one law, another law, or too few elements to tell."""

import math
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.checks.differing.result import Difference, Differences, Kind, Untold, joined
from glorot.checks.differing.samples import EFFECT, Contrast, Sample, contrast, log_of
from glorot.checks.evidence import part_of
from glorot.checks.paths import path_text
from glorot.checks.plan.following import rounding_of
from glorot.checks.running import ALPHA, passing
from glorot.checks.stored import without_prefix
from glorot.errors import GlorotError
from glorot.forensics.evidence import as_matrix, gather
from glorot.forensics.families import FAMILIES, fit
from glorot.forensics.formats import Bits, Format
from glorot.forensics.stored import Stored
from glorot.inventory import Part, path_of
from glorot.text import brief, counted, number, shape_text

BLOCK = 2**18
"""How many elements are read at a time."""

SAMPLE = 2**16
"""How many elements of a large tensor are compared."""

FEW = 16
"""The number of elements below which a sample says nothing about its law."""

TOO_FEW = "too few elements"
"""The reason that is given for small samples."""

LEVELS = 4
"""A tensor with at most this many different values was set, as an identity is, and not drawn."""

LINES = 16
"""How many rows or columns are looked at to tell whether a matrix is orthogonal."""

FITS = 1e-3
"""The smallest p at which a tensor may have been drawn from a family of laws."""


@dataclass(frozen=True)
class Held:
    """A tensor that is to be compared.

    Attributes:
        stored: its name, shape and elements.
        dtype: the name of its dtype; "" where that is not known.
        parts: the parts that lie in it, of the parameter of a model.
        tied_to: the path of the tensor whose memory it shares, which may stand for it.
    """

    stored: Stored
    dtype: str
    parts: tuple[Part, ...] = ()
    tied_to: str | None = None


class _Verdict(NamedTuple):
    """The verdict on a tensor, or on a piece of one.

    Attributes:
        path: its path.
        tell: function that returns what differs.
        found: how the samples differ, where a statistical test decides.
        untold: why it cannot be told whether it differs.
    """

    path: str
    tell: Callable[[], Difference] | None = None
    found: Contrast | None = None
    untold: str = ""


class _Sides(NamedTuple):
    """A tensor, or a piece of one, on both sides: where it is stored, its bits, and how these are to be read."""

    stored: tuple[Stored, Stored]
    bits: tuple[Bits, Bits]
    forms: tuple[Format, Format]
    rounding: float

    def samples(self) -> tuple[Sample, Sample]:
        """Return some elements of each."""
        one, other = (_sample(*pair) for pair in zip(self.bits, self.forms, strict=True))
        return one, other


def differences_of_tensors(a: str, one: Mapping[str, Held], b: str, other: Mapping[str, Held]) -> Differences:
    """Compare tensors by their paths.

    Args:
        a: what the first are called.
        one: the first, by path.
        b: what the others are called.
        other: the others.

    Returns:
        What differs: missing tensors, shapes, dtypes, constants and laws. The tests of all tensors together have one
        error rate, α = .001.

    Raises:
        GlorotError: if they have no path in common.
    """
    one, other, prefixes = _without_prefixes(one, other)
    common = {path: None for path in one if path in other and not _is_tied(one[path], other[path])}
    if not common:
        raise nothing_in_common(a, one, b, other)
    found = [*_missing(one, other, "A"), *_missing(other, one, "B")]
    same: set[str] = set()
    verdicts: list[_Verdict] = []
    for path in common:
        mine, theirs = one[path], other[path]
        is_equal = _is_equal(mine.stored, theirs.stored)
        if mine.dtype and theirs.dtype and mine.dtype != theirs.dtype:
            how = ", with the same values" + " but for rounding" * (not is_equal)
            is_equal = is_equal or _is_equal(mine.stored, theirs.stored, _rounding(mine, theirs))
            why = f"is {mine.dtype} in A, and {theirs.dtype} in B{how * is_equal}"
            found.append(Difference("dtype", (path,), why))
        if is_equal:
            same.add(path)
        else:
            verdicts += _compared(path, mine, theirs)
    return replace(
        _judged(found, verdicts, same, common),
        a=a,
        b=b,
        notes=(*prefixes, *_notes(one[path].stored.size for path in common if path not in same)),
    )


def _is_tied(mine: Held, theirs: Held) -> bool:
    """Tell whether both sides hold a tensor in the memory of the same other one, which is compared already."""
    return mine.tied_to is not None and mine.tied_to == theirs.tied_to


def _judged(found: list[Difference], verdicts: list[_Verdict], same: set[str], common: Container[str]) -> Differences:
    """Combine the verdicts on all tensors that both sides have, with one error rate over all tests."""

    def owner(path: str) -> str:
        return path if path in common else path_of(path)

    tested = [(one, one.found) for one in verdicts if one.found is not None]
    passed = passing([contrast.p for _, contrast in tested])
    differing = [one for one in verdicts if one.found is None] + [tested[n][0] for n in sorted(passed)]
    found = found + [verdict.tell() for verdict in differing if verdict.tell is not None]
    blamed = {owner(path) for one in found for path in one.paths}
    rest = [pair for n, pair in enumerate(tested) if n not in passed]
    seen = {owner(one.path): contrast.visible(ALPHA / len(tested)) for one, contrast in rest}
    alike = [visible for path, visible in seen.items() if path not in blamed and math.isfinite(visible)]
    untold = {owner(one.path): one.untold for one in verdicts if one.untold}
    untold |= {path: TOO_FEW for path, visible in seen.items() if math.isinf(visible)}
    return Differences(
        "A",
        "B",
        joined(found),
        same=len(same - blamed),
        alike=len(alike),
        visible=(min(alike), max(alike)) if alike else None,
        untold=tuple(Untold(path, why) for path, why in untold.items() if path not in blamed),
        tests=len(tested),
    )


def _without_prefixes(
    one: Mapping[str, Held], other: Mapping[str, Held]
) -> tuple[Mapping[str, Held], Mapping[str, Held], list[str]]:
    """Return both sides without a prefix before the names of one, such as "model.", and a note on it."""
    notes, sides = [], [one, other]
    for n, letter in enumerate("AB"):
        named = without_prefix([replace(held.stored, name=path) for path, held in sides[n].items()], sides[1 - n])
        if named.prefix:
            sides[n] = {name: sides[n][stored.name] for name, stored in named.tensors.items()}
            notes.append(f"names in {letter} have the prefix {named.prefix!r}, which is left out here")
    return sides[0], sides[1], notes


def nothing_in_common(a: str, one: Mapping[str, object], b: str, other: Mapping[str, object]) -> GlorotError:
    """Return the error for sides that share no path."""
    names = [path_text(list(some)[:3]) or "nothing" for some in (one, other)]
    return GlorotError(
        f"{a} and {b} have no tensor in common: A has {names[0]}, B has {names[1]}; compare two versions of "
        "one network, with the same names"
    )


def _missing(one: Mapping[str, Held], other: Mapping[str, Held], side: str) -> Iterator[Difference]:
    for path, held in one.items():
        if path not in other and held.tied_to not in other:
            held_as = ", ".join([shape_text(held.stored.shape) or "a number", *([held.dtype] if held.dtype else [])])
            texts = (held_as, "") if side == "A" else ("", held_as)
            yield Difference("missing", (path,), f"is in {side} alone", texts[0], texts[1])


def _compared(path: str, mine: Held, theirs: Held) -> Iterator[_Verdict]:
    """Yield the verdicts on a tensor whose bits differ, piece by piece."""
    one, other = mine.stored, theirs.stored
    if one.shape != other.shape:
        how = "is transposed" if one.shape == other.shape[::-1] else "has another shape"
        yield _certain(path, "shape", how, shape_text(one.shape) or "a number", shape_text(other.shape) or "a number")
        return
    if one.format is None or other.format is None:
        is_whole = all(tensor.format is None and not tensor.dtype.startswith("complex") for tensor in (one, other))
        what = "whole number" if is_whole else "value"
        yield _certain(path, "values", f"holds other {what}s" if one.size > 1 else f"is another {what}")
        return
    rounding = _rounding(mine, theirs)
    parts = next((side.parts for side in (mine, theirs) if len(side.parts) > 1), ())
    names = [path + part.name.removeprefix(part.path) for part in parts]  # the path here may lack a prefix
    pieces = [(name, piece_of(one, part), piece_of(other, part)) for name, part in zip(names, parts, strict=True)] or [
        (path, one, other)
    ]
    for name, some, others in pieces:
        if some.format is not None and others.format is not None and not (parts and _is_equal(some, others)):
            bits = some.load(), others.load()
            yield _of_values(name, _Sides((some, others), bits, (some.format, others.format), rounding))


def piece_of(tensor: Stored, part: Part) -> Stored:
    """Return a part of a tensor, in the axes of the part, read when it is asked for."""

    def load() -> Bits:
        return np.ascontiguousarray(part_of(tensor.load().reshape(tensor.shape), part)).reshape(-1)

    return Stored(part.name, part.shape, tensor.dtype, load)


def _rounding(mine: Held, theirs: Held) -> float:
    """Return the relative error that two dtypes may make between the same numbers; 0 for one dtype."""
    return max(rounding_of(mine.dtype), rounding_of(theirs.dtype)) if mine.dtype != theirs.dtype else 0.0


def _is_equal(one: Stored, other: Stored, rounding: float = 0.0) -> bool:
    """Tell whether all elements are the same, to the bit where two dtypes can hold them, or up to a relative error."""
    if one.shape != other.shape:
        return False
    if one.format is None or other.format is None:
        if one.dtype == other.dtype:
            return one.load().tobytes() == other.load().tobytes()
        return bool(np.array_equal(_numbers(one), _numbers(other)))
    if one.format is other.format and not rounding:
        return bool(np.array_equal(one.load(), other.load()))
    pairs = zip(_blocks(one.load()), _blocks(other.load()), strict=True)
    wide = ((one.format.decode(x).astype(np.float64), other.format.decode(y).astype(np.float64)) for x, y in pairs)
    if rounding:
        least = max(2.0 ** (form.least - form.digits) for form in (one.format, other.format))
        with np.errstate(invalid="ignore"):
            return all(bool(np.all(np.abs(x - y) <= rounding * np.abs(x) + least)) for x, y in wide)
    return all(np.array_equal(x.view(np.uint64), y.view(np.uint64)) for x, y in wide)


def _numbers(tensor: Stored) -> NDArray[Any]:
    """Return all elements as numbers, of a whole or a floating dtype."""
    return tensor.load() if tensor.format is None else tensor.format.decode(tensor.load())


def _of_values(path: str, sides: _Sides) -> _Verdict:
    """Judge whether floating-point numbers that are not all equal can come from one law."""
    size = sides.stored[0].size
    ends = [_ends(bits, form) for bits, form in zip(sides.bits, sides.forms, strict=True)]
    finite = [math.isfinite(low) and math.isfinite(high) for low, high in ends]
    if not all(finite):
        if any(finite):
            return _certain(path, "not finite", f"holds NaN or infinity in {'AB'[finite.index(False)]} alone")
        return _Verdict(path, untold="NaN or infinity in both")
    constant = [low == high and size > 1 for low, high in ends]
    if any(constant):
        texts = [number(low) if low == high else f"{number(low)} to {number(high)}" for low, high in ends]
        if all(constant) and ends[0] != ends[1]:
            return _certain(path, "values", f"is {number(ends[0][0])} in A, and {number(ends[1][0])} in B")
        if not all(constant):
            first, second = "AB"[constant.index(True)], "AB"[constant.index(False)]
            return _certain(path, "values", f"is constant in {first}, and not in {second}", *texts)
    samples = sides.samples()
    levels = [np.unique(sample) for sample in samples]
    is_set = all(1 < len(some) <= LEVELS for some in levels) and size >= FEW and min(f.digits for f in sides.forms) > 3
    if is_set:
        texts = [", ".join(map(number, some)) for some in levels]
        return _certain(path, "values", "holds only a few different values, and some elements differ", *texts)
    if size < FEW:
        return _Verdict(path, untold=TOO_FEW)
    orthogonal = [_is_orthogonal(*side) for side in zip(sides.stored, sides.bits, sides.forms, strict=True)]
    if any(orthogonal) and not all(orthogonal):
        return _certain(path, "law", f"is orthogonal in {'AB'[orthogonal.index(True)]} alone")
    found = contrast(*samples, sides.rounding)
    return _Verdict(path, lambda: _law(path, sides, samples, found), found)


def _certain(path: str, kind: Kind, why: str, a: str = "", b: str = "") -> _Verdict:
    """Return a verdict on a difference that chance cannot explain."""
    difference = Difference(kind, (path,), why, a, b)
    return _Verdict(path, lambda: difference)


def _sample(bits: Bits, form: Format) -> Sample:
    """Return evenly spaced elements, which cover all columns of a matrix equally."""
    step = max(1, bits.size // SAMPLE)
    while math.gcd(step, bits.size) > 1:
        step -= 1
    return form.decode(np.ascontiguousarray(bits[::step][:SAMPLE])).astype(np.float64)


def _blocks(bits: Bits) -> Iterator[Bits]:
    """Yield the elements of a flat array in blocks, of which few are in memory at a time."""
    return (bits[start : start + BLOCK] for start in range(0, bits.size, BLOCK))


def _ends(bits: Bits, form: Format) -> tuple[float, float]:
    """Return the least and the largest element; NaN where there is one."""
    with np.errstate(invalid="ignore"):
        pairs = [(numbers.min(), numbers.max()) for numbers in map(form.decode, _blocks(bits))]
    return float(np.min([low for low, _ in pairs])), float(np.max([high for _, high in pairs]))


def _is_orthogonal(tensor: Stored, bits: Bits, form: Format) -> bool:
    """Tell whether the shorter of rows and columns are orthogonal and of one norm, judging by some of them."""
    if sum(length > 1 for length in tensor.shape) < 2:
        return False
    for by_last in (False, True):
        matrix = as_matrix(bits, tensor.shape, by_last)
        lines = matrix[:LINES] if matrix.shape[0] <= matrix.shape[1] else matrix[:, :LINES].T
        few = form.decode(np.ascontiguousarray(lines).reshape(-1)).astype(np.float64).reshape(lines.shape)
        products = few @ few.T
        scale = float(np.mean(np.diag(products)))
        near = max(1e-4, 8 * rounding_of(form.name) / math.sqrt(few[0].size)) * scale  # many roundings cancel
        if len(few) > 1 and scale and np.abs(products - scale * np.eye(len(few))).max() <= near:
            return True
    return False


def _law(path: str, sides: _Sides, samples: tuple[Sample, Sample], found: Contrast) -> Difference:
    """Describe how two laws differ."""
    kinds = [_families(*side) for side in zip(sides.stored, sides.bits, sides.forms, strict=True)]
    stds, means = [sample.std() for sample in samples], [sample.mean() for sample in samples]
    texts = [f"std {number(std)}" + f", {kind}" * bool(kind) for std, kind in zip(stds, kinds, strict=True)]
    if abs(log_of(found.ratio)) > EFFECT:
        why = f"has {brief(found.ratio)} times the std in B"
    elif abs(means[1] - means[0]) > 2 * EFFECT * max(stds):
        why = "has another mean"
        texts = [f"mean {number(mean)}, {text}" for mean, text in zip(means, texts, strict=True)]
    elif all(kinds) and kinds[0] != kinds[1]:
        why = f"is {kinds[0]} in A, and {kinds[1]} in B"
        texts = [f"std {number(std)}" for std in stds]
    else:
        why = f"reaches farther from its mean in {'AB'[found.reach > 1]}, with about the same std"
    return Difference("law", (path,), why, texts[0], texts[1], found.effect)


def _families(tensor: Stored, bits: Bits, form: Format) -> str:
    """Name the families of laws that a tensor can come from; "" if none fits."""
    found = gather(tensor, form, bits)
    if not found.is_sane or not found.std:
        return ""
    step = 2.0 ** -min(form.digits, found.digits)
    chances = {one.name: fit(one, found, found.sample, step).chances for one in FAMILIES}
    return " or ".join(name for name, some in chances.items() if min(some.values()) * len(some) > FITS)


def _notes(sizes: Iterator[int]) -> Iterator[str]:
    count = sum(size > SAMPLE for size in sizes)
    if count:
        yield f"{counted(count, 'tensor')} of more than {SAMPLE:,} elements: a sample of that size was compared"
