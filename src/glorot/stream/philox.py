"""The words of the stream: Philox4x32-10 under a key hashed from seed and name."""

import hashlib
import operator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

DOMAIN = b"glorot-stream/1\0"
ROUNDS = 10
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = 0x9E3779B9, 0xBB67AE85
LOW_HALF, HALF_WIDTH = np.uint64(0xFFFFFFFF), np.uint64(32)

Words = NDArray[np.uint32]
Indices = NDArray[np.uint64]


class Key(NamedTuple):
    """The two 32-bit words that name one stream."""

    k0: int
    k1: int


def key_of(seed: int, name: str) -> Key:
    r"""Return the key of a part's stream.

    The first two little-endian 32-bit words of
    SHA-256(b"glorot-stream/1\0" ‖ seed as 8 bytes little-endian ‖ name as UTF-8).

    Args:
        seed: a whole number, 0 ≤ seed < 2**64.
        name: the structural path of the part, such as "layers.0.weight".

    Returns:
        The key.

    Raises:
        GlorotError: if the seed is not such a number, or the name is not text.

    Example:
        >>> key_of(0, "layers.0.weight")
        Key(k0=168265420, k1=173724426)
    """
    if not isinstance(name, str):
        raise GlorotError(f"name must be a string such as 'layers.0.weight', got {name!r}")
    try:
        text = name.encode()
    except UnicodeEncodeError:
        raise GlorotError(f"name {name!r} cannot be written as UTF-8; rename the part") from None
    digest = hashlib.sha256(DOMAIN + checked_seed(seed).to_bytes(8, "little") + text).digest()
    return Key(int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little"))


def checked_seed(seed: int) -> int:
    """Return a seed as an int.

    Raises:
        GlorotError: if it is something else.

    Example:
        >>> checked_seed(2**64 - 1)
        18446744073709551615
    """
    expected = "seed must be a whole number with 0 <= seed < 2**64"
    if seed is None:
        raise GlorotError(f"{expected}, got None; choose one, as in seed=0: weights are a function of it")
    try:
        number = operator.index(seed)
    except TypeError:
        number = None
    if number is None or isinstance(seed, bool | np.bool_):
        raise GlorotError(f"{expected}, got {seed!r} ({type(seed).__name__}); pass an int, as in seed=0")
    if not 0 <= number < 2**64:
        raise GlorotError(f"{expected}, got {number}; to fold any integer into that range use seed % 2**64")
    return number


def words_of_run(key: Key, first: int, count: int, r: int = 0) -> Words:
    """Return the words of the elements first, first + 1, …, first + count - 1, the first ones where r is 0."""
    skipped = first % 4
    blocks = np.arange((skipped + count + 3) // 4, dtype=np.uint64) + np.uint64(first // 4)
    return philox(key, blocks, r).reshape(-1)[skipped : skipped + count]


def words_at(key: Key, index: Indices, r: int = 0) -> Words:
    """Return the words of the elements at ascending indices; a block that they share is computed once."""
    block = index >> np.uint64(2)
    is_new = np.ones(index.shape, np.bool_)
    np.not_equal(block[1:], block[:-1], out=is_new[1:])
    row = np.cumsum(is_new) - 1
    words: Words = philox(key, block[is_new], r)[row, (index & np.uint64(3)).astype(np.intp)]
    return words


def philox(key: Key, blocks: Indices, r: int = 0) -> Words:
    """Return Philox4x32-10 of the counters (b mod 2³², b div 2³², r, 0), one row of four words for each b."""
    low, high = blocks & LOW_HALF, blocks >> HALF_WIDTH
    return philox_rounds(key, low, high, np.full_like(blocks, r), np.zeros_like(blocks))


def philox_rounds(key: Key, *counter: Indices) -> Words:
    """Return Philox4x32-10 of counters: four arrays of 32-bit words in uint64, which it overwrites."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c1 ^= product1 >> HALF_WIDTH
        c1 ^= np.uint64(k0)
        c3 ^= product0 >> HALF_WIDTH
        c3 ^= np.uint64(k1)
        c0, c1, c2, c3 = c1, product1 & LOW_HALF, c3, product0 & LOW_HALF
        k0, k1 = (k0 + KEY_STEPS[0]) % 2**32, (k1 + KEY_STEPS[1]) % 2**32
    words = np.empty((len(c0), 4), np.uint32)
    for lane, word in enumerate((c0, c1, c2, c3)):
        words[:, lane] = word
    return words
