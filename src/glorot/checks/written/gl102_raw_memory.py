"""GL102: memory that nothing wrote."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.text import number

LARGEST = 1e15
"""No weight and no table is larger; squares and sums of smaller ones stay in the range of float32."""

SMALLEST = float(np.finfo(np.float32).tiny)
"""Below it float32 loses digits: a draw never gets there, while the halves of an address in memory do."""

ORDINARY = 1e-15
"""A number above it beside one below `SMALLEST`: no rule makes both in a row."""

NOTHING_ELSE = "holds nothing but numbers below 1e-38"
"""What the small whole numbers of memory are when they are read as floats."""

CHUNK = 1 << 17
"""Elements that are looked at together, for they stay in the processor's cache."""

LARGEST_INDEX = 1 << 40
"""No table of positions or indices reaches so far; addresses in memory do."""


class RawMemory(Check):
    """A parameter or a buffer holds what lay in its memory before.

    What it does:
        Looks for numbers that no start writes: beyond 1e15; below 1e-38, next to ordinary ones or with none in
        between; integers beyond 2⁴⁰. Masks of attention, which hold one large negative number, are let pass.

        Setting: `raw-memory = 1e+15`, the size that no number may pass.

    Why it matters:
        A model that is built on the meta device gets its memory from `to_empty`, which writes nothing. What the
        constructor would have written, such as a scalar or the tables of rotary embeddings, is lost unless the init
        writes it as well. Buffers that are not persistent are in no checkpoint, so loading one does not mend them.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(3, 4)
        >>> _ = torch.nn.init.constant_(layer.bias, 3e29)
        >>> print(glorot.check(layer, select="GL102").findings[0])
        GL102 error: bias: holds numbers past 1e+15, as memory does that nothing wrote (3e+29, expected below 1e+15)

    What to do:
        Write the tensor after `to_empty`: a parameter by `glorot.apply(plan, model, seed=0)`, a buffer as the
        constructor of its module does. Or build the model under `glorot.torch.deferred()`, which makes buffers for
        real.
    """

    code = "GL102"
    name = "raw-memory"
    threshold = LARGEST
    severity = "error"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        limit = self.limit(evidence)
        for tensors in (evidence.weights, evidence.buffers):
            for path, values in tensors.items():
                found = self._of_numbers(path, values, tensors is evidence.buffers, limit)
                if found is not None:
                    yield found

    def _of_numbers(self, path: str, values: Array, is_buffer: bool, limit: float) -> Finding | None:
        remedy = "write it after to_empty: a parameter by glorot.apply, a buffer as its module's constructor does"
        if values.dtype.kind in "iu":
            largest = _largest_index(values)
            if largest <= LARGEST_INDEX:
                return None
            why = "holds integers past 2⁴⁰, as memory does that nothing wrote"
            return self.finding(path, why, remedy=remedy, figure=float(largest), expected="an index")
        if values.dtype.kind not in "fc" or not values.size:
            return None
        flat = values.reshape(-1)
        if not _is_suspect(flat, limit):
            return None
        sizes = np.abs(flat)
        huge = np.isfinite(flat) & (sizes > limit)
        if huge.any() and not (is_buffer and _is_sentinel(flat, flat[huge])):
            return self.finding(
                path,
                f"holds numbers past {number(limit)}, as memory does that nothing wrote",
                remedy=remedy,
                figure=float(sizes[huge].max()),
                expected=f"below {number(limit)}",
            )
        why = _below(sizes)
        if not why:
            return None
        is_sure = why == NOTHING_ELSE and not (sizes.size > 1 and sizes.all())  # decay makes no zeros beside them
        return self.finding(
            path,
            f"{why}, as memory does that nothing wrote",
            remedy=remedy,
            figure=float(sizes[sizes > 0].min()),
            expected="above 1e-38",
            severity="error" if is_buffer or is_sure or _largest(sizes) > 1e3 else "warning",
        )


def _is_suspect(flat: Array, limit: float) -> bool:
    """Tell, without a copy of the whole, whether values hold any number that no start writes."""
    for start in range(0, flat.size, CHUNK):
        sizes = np.abs(flat[start : start + CHUNK])
        if not float(sizes.max()) <= limit or ((sizes < SMALLEST) & (sizes > 0)).any():
            return True
    return False


def _largest_index(values: Array) -> int:
    """Return the largest integer but for the ends of its type, which mark what is not there."""
    if values.dtype.itemsize < 8 or not values.size:
        return 0
    ends = np.iinfo(values.dtype)
    usual = values[(values != ends.min) & (values != ends.max)]
    return max(int(usual.max()), -int(usual.min())) if usual.size else 0


def _is_sentinel(values: Array, huge: Array) -> bool:
    """Tell whether large numbers stand for infinity: the end of a type, or one negative number beside one other."""
    if not (huge == huge[0]).all():
        return False
    ends = [float(np.finfo(kind).max) for kind in (np.float32, np.float64)]
    ends.append(float.fromhex("0x1.fep127"))  # that of bfloat16
    others = values[values != huge[0]]
    is_mask = values.size == 1 or (others.size > 0 and bool((others == others[0]).all()))
    return abs(float(np.real(huge[0]))) in ends or (is_mask and bool(np.real(huge[0]) < 0))


def _below(sizes: Array) -> str:
    """Return what is odd about the numbers of a tensor that are almost zero; "" where they may be meant.

    A window or a decay that falls to them smoothly has all sizes.
    """
    is_tiny = (sizes > 0) & (sizes < SMALLEST)
    if not is_tiny.any():
        return ""
    is_ordinary = sizes > ORDINARY
    if (is_tiny[1:] & is_ordinary[:-1]).any() or (is_tiny[:-1] & is_ordinary[1:]).any():
        return "holds numbers below 1e-38 next to ordinary ones"
    if _largest(sizes) < SMALLEST:
        return NOTHING_ELSE
    falls = ((sizes >= SMALLEST) & (sizes <= ORDINARY)).any()
    return "" if falls or sizes.all() else "holds numbers below 1e-38, ordinary ones, and none in between"


def _largest(sizes: Array) -> float:
    return float(sizes.max(initial=0.0, where=np.isfinite(sizes)))
