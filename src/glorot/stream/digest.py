r"""Digests: sums over the elements of weights, which shards make by themselves and which add up.

With γ = 0x9E3779B97F4A7C15 and all arithmetic modulo 2⁶⁴, an element with the bits w at the row-major index i of a
tensor of key k adds the pair (a, b) to its tensor:

    a = mix(mix(k + (i + 1)·γ) ^ w)        b = mix(a + γ)

mix is that of SplitMix64; k is the first 8 bytes, little-endian, of SHA-256(b"glorot-digest/1\0" ‖ path as UTF-8).
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glorot import native
from glorot.errors import GlorotError
from glorot.stream.pieces import Shape, tiles

DOMAIN = b"glorot-digest/1\0"
GAMMA = 0x9E3779B97F4A7C15
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
LANE = 2**64
TILE = 2**16
"""Elements that NumPy works on together."""

Bits = NDArray[np.unsignedinteger]
Lanes = tuple[int, int]
"""Two sums modulo 2⁶⁴."""


@dataclass(frozen=True)
class Digest:
    """A digest of weights, tensor by tensor: equal for the same bits at the same places under the same names.

    It finds errors, such as a shard of another seed or a file that was cut and patched; it is no protection against
    anyone who wants to be mistaken for another.

    Attributes:
        tensors: the sum of each tensor, 128 bits, by its path.
        by_name: paths of tensors of which a part counts by its name alone, since its law draws a whole matrix, which
            is promised to 1e-5 and not to the bit, or since its layer computes it from others.

    Example:
        >>> whole = Digest({"w": 5, "b": 7})
        >>> print(whole)
        0000000000000000000000000000000c
        >>> whole == Digest({"w": 2}) + Digest({"w": 3, "b": 7})
        True
        >>> whole.differing(Digest({"w": 5, "b": 8}))
        ['b']
    """

    tensors: Mapping[str, int]
    by_name: frozenset[str] = field(default=frozenset())

    @property
    def value(self) -> int:
        """The sum over all tensors, 128 bits."""
        return _joined(map(_split, self.tensors.values()))

    @property
    def hex(self) -> str:
        """The sum over all tensors as 32 hexadecimal digits."""
        return f"{self.value:032x}"

    def __str__(self) -> str:
        return self.hex

    def __add__(self, other: "Digest") -> "Digest":
        if not isinstance(other, Digest):
            return NotImplemented
        paths = dict.fromkeys([*self.tensors, *other.tensors])
        tensors = {
            path: _joined(_split(one.tensors[path]) for one in (self, other) if path in one.tensors) for path in paths
        }
        return Digest(tensors, self.by_name | other.by_name)

    def __radd__(self, other: object) -> "Digest":
        return self if other == 0 else NotImplemented  # so that `sum` adds up the digests of shards

    def __hash__(self) -> int:
        return hash(self.value)

    def differing(self, other: "Digest") -> list[str]:
        """Return the paths of tensors that differ, or that one of the two lacks.

        Raises:
            GlorotError: if `other` is no digest.
        """
        if not isinstance(other, Digest):
            raise GlorotError(f"a digest is compared with another digest, got {type(other).__name__}")
        paths = dict.fromkeys([*self.tensors, *other.tensors])
        return [path for path in paths if self.tensors.get(path) != other.tensors.get(path)]


def _split(value: int) -> Lanes:
    return value // LANE, value % LANE


def _joined(lanes: Iterable[Lanes]) -> int:
    pairs = list(lanes)
    first, second = (sum(pair[n] for pair in pairs) % LANE for n in (0, 1))
    return first * LANE + second


def digest_key(path: str) -> int:
    """Return the key of a tensor, 64 bits.

    Example:
        >>> hex(digest_key("layers.0.weight"))
        '0x8f48b59a88685db1'
    """
    return int.from_bytes(hashlib.sha256(DOMAIN + path.encode()).digest()[:8], "little")


def digest_of_name(name: str) -> int:
    """Return what a part adds that counts by its name alone."""
    first = _mix(np.array([digest_key(name)], np.uint64))
    return _joined([(int(first[0]), int(_mix(first + np.uint64(GAMMA))[0]))])


def digest_of(bits: Bits, key: int, first: int, steps: Shape) -> int:
    """Return what a block of a tensor adds to its digest, 128 bits.

    Args:
        bits: the bits of its elements, in memory of any strides.
        key: the key of the tensor.
        first: the row-major index, in the whole tensor, of the block's first element.
        steps: by how much the index grows along each axis.

    Example:
        A matrix adds what its two columns add:

        >>> bits = np.arange(6, dtype=np.uint32).reshape(3, 2)
        >>> columns = [digest_of(bits[:, n : n + 1], 9, n, (2, 1)) for n in (0, 1)]
        >>> digest_of(bits, 9, 0, (2, 1)) == summed(columns)
        True
    """
    if not bits.size:
        return 0
    if not bits.ndim:
        bits, steps = bits.reshape(1), (1,)
    order = sorted(range(bits.ndim), key=lambda axis: -abs(bits.strides[axis]))
    bits, steps = bits.transpose(order), tuple(steps[axis] % LANE for axis in order)
    if native.chosen() != "numpy":
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return _joined([native.digest(bits, key, first % LANE, steps, threads)])
    return _joined(_lanes(bits[tile], key, first, steps, tile) for tile in tiles(bits.shape, TILE))


def summed(values: Iterable[int]) -> int:
    """Return the sum of digests, each lane of 64 bits by itself."""
    return _joined(map(_split, values))


def _lanes(bits: Bits, key: int, first: int, steps: Shape, tile: tuple[slice, ...]) -> Lanes:
    """Return the two sums of a tile of a block."""
    start = first + sum(cut.start * step for cut, step in zip(tile, steps, strict=True))
    index: NDArray[np.uint64] = np.array([(start + 1) % LANE], np.uint64)
    for extent, step in zip(bits.shape, steps, strict=True):
        along = np.arange(extent, dtype=np.uint64) * np.uint64(step)
        index = (index[..., np.newaxis] + along).astype(np.uint64, copy=False)
    one = _mix(_mix(index.reshape(bits.shape) * np.uint64(GAMMA) + np.uint64(key)) ^ bits)
    other = _mix(one + np.uint64(GAMMA))
    return int(one.sum(dtype=np.uint64)), int(other.sum(dtype=np.uint64))


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the output function of SplitMix64."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(FIRST_FACTOR)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(SECOND_FACTOR)
    return numbers ^ (numbers >> np.uint64(31))
