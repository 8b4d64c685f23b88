"""The stream on NVIDIA GPUs: Triton kernels that meet the NumPy reference bit for bit.

A thread makes whole Philox blocks: four words, four values. Two kernels write them: `write_runs` where the stream and
the memory go the same way, 16 bytes a thread at once for float32, and `write_strided` for any other layout. A
program is one warp, because only a warp can branch by itself: it walks through many blocks and enters the tail of the
quantile only where a word of its own is there.

Every product and sum is rounded by itself: launch with OPTIONS. Powers of two stand where they save an
operation and no rounding notices: U and T are 2³¹ u and 2³¹ t.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import triton
import triton.language as tl

from glorot.errors import GlorotError
from glorot.stream import philox, spec

THREE_SIGMA = 0.0027  # the probability beyond; the tail of the quantile begins at 3.08 sigma

WARP = tl.constexpr(32)  # Philox blocks that a program makes at a time
OPTIONS = {"num_warps": 1, "enable_fp_fusion": False}
# Triton would compile anew for a key of 1, and for one that 16 divides.
UNSPECIALIZED = ("k0", "k1", "first", "blocks", "count", "stride", "chunks", "tiles", "steps")

ROUNDS = tl.constexpr(philox.ROUNDS)
MULTIPLIER_0, MULTIPLIER_1 = (tl.constexpr(int(multiplier)) for multiplier in philox.MULTIPLIERS)
KEY_STEP_0, KEY_STEP_1 = (tl.constexpr(step) for step in philox.KEY_STEPS)

LARGEST_MAGNITUDE = tl.constexpr(int(spec.LARGEST_MAGNITUDE))
MANTISSA_BITS, HALF_BITS = tl.constexpr(int(spec.MANTISSA_BITS)), tl.constexpr(int(spec.HALF_BITS))
ONE_BITS = tl.constexpr(int(spec.ONE_BITS))
UNITS_BITS = tl.constexpr(int(spec.ONE_BITS) + (62 << 23))  # of 2⁶², the unit of T (2³¹ + U)
UNIT = tl.constexpr(2.0**31)

OCTAVE, SPLIT = tl.constexpr(float(spec.OCTAVE)), tl.constexpr(float(spec.SPLIT))
LOG = tl.constexpr(tuple(map(float, spec.LOG)))
CENTRAL_BEND, CENTRAL = tl.constexpr(float(spec.CENTRAL_BEND)), tl.constexpr(tuple(map(float, spec.CENTRAL)))
TAIL_SHIFT, TAIL_BEND = tl.constexpr(float(spec.TAIL_SHIFT)), tl.constexpr(float(spec.TAIL_BEND))
TAIL = tl.constexpr(tuple(map(float, spec.TAIL)))
LOG_LENGTH, CENTRAL_LENGTH, TAIL_LENGTH = (tl.constexpr(len(p)) for p in (spec.LOG, spec.CENTRAL, spec.TAIL))


class KernelLaw(NamedTuple):
    """What the kernels are compiled for, and the numbers that they are given."""

    kind: str
    has_tail: bool
    numbers: tuple[float, ...]


def kernel_law(law: spec.Law) -> KernelLaw:
    """Return a law of the reference as the kernels know it: other units, and the easy cases by themselves.

    Raises:
        GlorotError: if the law is sparse.
    """
    if law.is_sparse:
        raise GlorotError("the GPU kernels draw one word for an element, and a sparse law needs two; use stream.fill")
    kind, numbers = law.kind, law.numbers
    if kind == "normal":
        mean, std = numbers
        return KernelLaw(kind, True, (mean, std * 2.0**-31))
    if kind == "truncated_normal":
        middle, half, upper, lower, *rest = numbers
        is_symmetric = middle == 0 and upper == lower
        kind = "symmetric_cut" if is_symmetric else kind
        return KernelLaw(kind, min(upper, lower) < THREE_SIGMA, (middle, half * 2.0**-31, upper, lower, *rest))
    return KernelLaw(kind, False, numbers)


def axes_for_kernel(axes: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Return axes, each (extent, step of the index, stride), as the kernels take them: every number odd and above 1.

    Triton compiles anew where an integer in a tuple is 1 or a multiple of 16, and cannot be told not to.

    Raises:
        GlorotError: if a number leaves no room for that in 64 bits.
    """
    axes = [tuple(axis) for axis in axes]
    largest = max(itertools.chain(*axes), default=0)
    if largest >= 2**62:
        raise GlorotError(f"neighbours on an axis lie {largest} elements apart; the GPU kernels count up to 2**62")
    return tuple(tuple(2 * number + 3 for number in axis) for axis in axes)


@triton.jit
def _philox(low: tl.tensor, high: tl.tensor, k0: tl.tensor, k1: tl.tensor) -> tl.tuple:
    """Return the four words of the blocks with these halves of the counter."""
    c0 = low
    c1 = high
    c2 = tl.full([], 0, tl.uint32)
    c3 = tl.full([], 0, tl.uint32)
    for _ in tl.static_range(ROUNDS):
        product0 = c0.to(tl.uint64) * MULTIPLIER_0  # one instruction, where umulhi beside a low product is two
        product1 = c2.to(tl.uint64) * MULTIPLIER_1
        c0 = (product1 >> 32).to(tl.uint32) ^ c1 ^ k0
        c1 = product1.to(tl.uint32)
        c2 = (product0 >> 32).to(tl.uint32) ^ c3 ^ k1
        c3 = product0.to(tl.uint32)
        k0 += KEY_STEP_0
        k1 += KEY_STEP_1
    return c0, c1, c2, c3


@triton.jit
def _horner(
    x: tl.tensor, value: tl.tensor, coefficients: tl.constexpr, start: tl.constexpr, stop: tl.constexpr
) -> tl.tensor:
    """Go on with Horner's rule from a first value."""
    for i in tl.static_range(start, stop):
        value = value * x + coefficients[i]
    return value


@triton.jit
def _log(q: tl.tensor, one_bits: tl.constexpr) -> tl.tensor:
    """Return the multiple of log q that the bent axes start from, with q in units of a power of two."""
    bits = q.to(tl.int32, bitcast=True)
    mantissa = ((bits & MANTISSA_BITS) | HALF_BITS).to(tl.float32, bitcast=True)
    return (bits - one_bits).to(tl.float32) * OCTAVE + _horner(mantissa, mantissa + LOG[0], LOG, 1, LOG_LENGTH)


@triton.jit
def _central(v: tl.tensor) -> tl.tensor:
    x = (v + CENTRAL_BEND) * v
    return _horner(x, x * CENTRAL[0] + CENTRAL[1], CENTRAL, 2, CENTRAL_LENGTH)


@triton.jit
def _tail(v: tl.tensor) -> tl.tensor:
    v += TAIL_SHIFT
    x = (v + TAIL_BEND) * v
    return _horner(x, x * TAIL[0] + TAIL[1], TAIL, 2, TAIL_LENGTH)


@triton.jit
def _slopes(v0: tl.tensor, v1: tl.tensor, v2: tl.tensor, v3: tl.tensor, has_tail: tl.constexpr) -> tl.tuple:
    """Return z/u for four words of each thread.

    A warp meets the tail in one of four rounds, and then mostly in one thread: each thread gives up its farthest
    word, and once more as long as any has one.
    """
    z0 = _central(v0)
    z1 = _central(v1)
    z2 = _central(v2)
    z3 = _central(v3)
    if has_tail:
        farthest = tl.maximum(tl.maximum(v0, v1), tl.maximum(v2, v3))
        while _any_in_tail(farthest):
            far = tl.where(farthest >= SPLIT, farthest, float("inf"))
            z = _tail(farthest)
            z0 = tl.where(v0 == far, z, z0)
            z1 = tl.where(v1 == far, z, z1)
            z2 = tl.where(v2 == far, z, z2)
            z3 = tl.where(v3 == far, z, z3)
            v0 = tl.where(v0 == far, 0.0, v0)
            v1 = tl.where(v1 == far, 0.0, v1)
            v2 = tl.where(v2 == far, 0.0, v2)
            v3 = tl.where(v3 == far, 0.0, v3)
            farthest = tl.maximum(tl.maximum(v0, v1), tl.maximum(v2, v3))
    return z0, z1, z2, z3


@triton.jit
def _any_in_tail(farthest: tl.tensor) -> tl.tensor:
    """Compare as integers, whose greatest in a warp is one instruction; their order is that of floats above 0."""
    split = tl.full([], SPLIT, tl.float32).to(tl.int32, bitcast=True)
    return tl.max(farthest.to(tl.int32, bitcast=True), 0) >= split


@triton.jit
def _probabilities(word: tl.tensor) -> tl.tuple:
    """Return U with the sign of the word, and T."""
    x = word.to(tl.int32, bitcast=True)
    m = x ^ (x >> 31)
    u = m.to(tl.float32) + 0.5
    t = (tl.full([], LARGEST_MAGNITUDE, tl.int32) - m).to(tl.float32) + 0.5
    return _with_sign(u, x), t


@triton.jit
def _with_sign(magnitude: tl.tensor, x: tl.tensor) -> tl.tensor:
    return (magnitude.to(tl.int32, bitcast=True) | (x & -0x80000000)).to(tl.float32, bitcast=True)


@triton.jit
def _cut(r: tl.tensor, t: tl.tensor, numbers: tl.tuple, is_symmetric: tl.constexpr) -> tl.tuple:
    """Return ±u and t of a normal law cut on both sides, from ±U and T of the word."""
    middle, half, upper, lower = numbers[0], numbers[1], numbers[2], numbers[3]
    if is_symmetric:
        u = half * r
        t = upper + half * t
    else:
        u = middle + half * r
        below = u < 0
        gap = tl.where(below == (r < 0), t, tl.abs(r) + UNIT)
        t = tl.where(below, lower, upper) + half * gap
    return u, t


@triton.jit
def _start(word: tl.tensor, numbers: tl.tuple, law: tl.constexpr) -> tl.tuple:
    """Return ±u, in units of the law, and the v of its quantile."""
    u, t = _probabilities(word)
    if law == "normal":
        v = _log(t * (tl.abs(u) + UNIT), UNITS_BITS)
    else:
        u, t = _cut(u, t, numbers, law == "symmetric_cut")
        v = _log(t * (tl.abs(u) + 1.0), ONE_BITS)
    return u, v


@triton.jit
def _end(z: tl.tensor, numbers: tl.tuple, law: tl.constexpr) -> tl.tensor:
    if law == "normal":
        value = numbers[0] + numbers[1] * z
    else:
        value = _clamp(numbers[4] + numbers[5] * z, numbers[6], numbers[7])
    return value


@triton.jit
def _uniform(word: tl.tensor, numbers: tl.tuple) -> tl.tensor:
    value = numbers[0] + numbers[1] * word.to(tl.int32, bitcast=True).to(tl.float32)
    return _clamp(value, numbers[2], numbers[3])


@triton.jit
def _clamp(value: tl.tensor, low: tl.tensor, high: tl.tensor) -> tl.tensor:
    return tl.minimum(tl.maximum(value, low), high)


@triton.jit
def _values(
    block: tl.tensor,
    k0: tl.tensor,
    k1: tl.tensor,
    numbers: tl.tuple,
    law: tl.constexpr,
    has_tail: tl.constexpr,
    high: tl.tensor,
) -> tl.tuple:
    """Return the four values of each block."""
    w0, w1, w2, w3 = _philox(block.to(tl.uint32), high, k0.to(tl.uint32, bitcast=True), k1.to(tl.uint32, bitcast=True))
    if law == "uniform":
        y0 = _uniform(w0, numbers)
        y1 = _uniform(w1, numbers)
        y2 = _uniform(w2, numbers)
        y3 = _uniform(w3, numbers)
    else:
        u0, v0 = _start(w0, numbers, law)
        u1, v1 = _start(w1, numbers, law)
        u2, v2 = _start(w2, numbers, law)
        u3, v3 = _start(w3, numbers, law)
        z0, z1, z2, z3 = _slopes(v0, v1, v2, v3, has_tail)
        y0 = _end(u0 * z0, numbers, law)
        y1 = _end(u1 * z1, numbers, law)
        y2 = _end(u2 * z2, numbers, law)
        y3 = _end(u3 * z3, numbers, law)
    return y0, y1, y2, y3


@triton.jit
def _high(block: tl.tensor, first: tl.tensor, is_wide: tl.constexpr) -> tl.tensor:
    """Return the upper halves of the counters: one for all, unless the box goes beyond a multiple of 2³² blocks."""
    return ((block if is_wide else first) >> 32).to(tl.uint32)


@triton.jit
def _number(axes: tl.tuple, axis: tl.constexpr, place: tl.constexpr) -> tl.tensor:
    """Return a number of an axis, as `axes_for_kernel` wrote it."""
    return (axes[axis][place].to(tl.int64) - 3) >> 1


@triton.jit
def _corner(program: tl.tensor, axes: tl.tuple, start: tl.constexpr) -> tl.tuple:
    """Return index and place of a point of the outer axes."""
    rest = program.to(tl.int64)
    index = rest * 0
    place = rest * 0
    for axis in tl.static_range(start, len(axes)):
        extent = _number(axes, axis, 0)
        index += rest % extent * _number(axes, axis, 1)
        place += rest % extent * _number(axes, axis, 2)
        rest = rest // extent
    return index, place


@triton.jit(do_not_specialize=UNSPECIALIZED)
def write_runs(
    out: tl.tensor,
    k0: tl.int32,
    k1: tl.int32,
    first: tl.int64,
    blocks: tl.int64,
    axes: tl.tuple,
    chunks: tl.int32,
    steps: tl.int32,
    numbers: tl.tuple,
    law: tl.constexpr,
    has_tail: tl.constexpr,
    is_wide: tl.constexpr,
) -> None:
    """Write rows of whole, consecutive blocks into rows of consecutive places, aligned to 16 bytes.

    first and blocks count blocks; the axes of the rows come innermost first.
    """
    program = tl.program_id(0)
    start = (program % chunks).to(tl.int64) * (steps * WARP)
    index, place = _corner(program // chunks, axes, 0)
    lane = tl.arange(0, WARP)
    block = first + (index.to(tl.uint64) >> 2).to(tl.int64) + start + lane
    left = tl.minimum(blocks - start, steps * WARP).to(tl.int32)
    places = out + (tl.multiple_of(place, 4) + start * 4) + (lane[:, None] * 4 + tl.arange(0, 4)[None, :])
    for _ in range(steps):
        y0, y1, y2, y3 = _values(block, k0, k1, numbers, law, has_tail, _high(block, first, is_wide))
        y = tl.reshape(tl.join(tl.join(y0, y2), tl.join(y1, y3)), (WARP, 4))
        tl.store(places, y.to(out.dtype.element_ty), mask=(lane < left)[:, None])
        block += WARP
        left -= WARP
        places += 4 * WARP


@triton.jit(do_not_specialize=("out", *UNSPECIALIZED))
def write_strided(
    out: tl.tensor,
    k0: tl.int32,
    k1: tl.int32,
    first: tl.int64,
    count: tl.int64,
    stride: tl.int64,
    axes: tl.tuple,
    chunks: tl.int32,
    tiles: tl.int32,
    steps: tl.int32,
    numbers: tl.tuple,
    law: tl.constexpr,
    has_tail: tl.constexpr,
    is_wide: tl.constexpr,
    lanes: tl.constexpr,
) -> None:
    """Write rows of consecutive elements into places of any strides.

    first and count are in elements. Lanes go along axes[0], whose neighbours are near each other in memory, and each
    walks along its row from block to block; what remains of a warp takes the next blocks.
    """
    program = tl.program_id(0)
    thread = tl.arange(0, WARP)
    chunk = (program % chunks).to(tl.int64) * (steps * (WARP // lanes))
    lane = (program // chunks % tiles).to(tl.int64) * lanes + thread % lanes
    index, place = _corner(program // chunks // tiles, axes, 1)
    index += first + lane * _number(axes, 0, 1)
    skipped = (index & 3).to(tl.int32)  # elements of the first block that lie before the row
    block = ((index.to(tl.uint64) >> 2) + (chunk + thread // lanes)).to(tl.int64)
    # Within the chunk, a row's elements count from `along`; only in the first chunk are those before 0 no part of it.
    along = 4 * (thread // lanes) - skipped
    lowest = tl.where(chunk == 0, 0, -3)
    extent = (tl.minimum(count - 4 * chunk, 2**30) - lowest).to(tl.uint32)
    extent = tl.where(lane < _number(axes, 0, 0), extent, 0)
    places = out + (place + lane * _number(axes, 0, 2) + (4 * chunk + along) * stride)
    for _ in range(steps):
        y0, y1, y2, y3 = _values(block, k0, k1, numbers, law, has_tail, _high(block, first.to(tl.uint64) >> 2, is_wide))
        seen = (along - lowest).to(tl.uint32)
        tl.store(places, y0.to(out.dtype.element_ty), mask=seen < extent)
        tl.store(places + stride, y1.to(out.dtype.element_ty), mask=seen + 1 < extent)
        tl.store(places + 2 * stride, y2.to(out.dtype.element_ty), mask=seen + 2 < extent)
        tl.store(places + 3 * stride, y3.to(out.dtype.element_ty), mask=seen + 3 < extent)
        block += WARP // lanes
        along += 4 * (WARP // lanes)
        places += 4 * (WARP // lanes) * stride
