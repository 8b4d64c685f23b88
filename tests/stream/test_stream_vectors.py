"""Known answers: every backend must reproduce tests/data/stream_vectors.txt, to the bit and for ever.

Version 1 of the stream is frozen. Where a test here fails, the code is wrong, not the file.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from glorot.distributions import Distribution, from_json
from glorot.stream import Key, fill, kernels, key_of
from glorot.stream.elements import BFLOAT16
from glorot.stream.philox import philox_rounds

VECTORS = Path(__file__).parents[1] / "data" / "stream_vectors.txt"
FROZEN = {  # the number of lines: what they are, for ever; new laws add lines at the end
    56: "55eca14a44cf3dc896518ae6f065ffd147af3a6b719f7fae1de34b50fcbfce2b",
    76: "e0b75c11ef9ce0390a7cbdf28706aab78450ad0a7df776072a7effe73df06e61",
}
LENGTH = 8
LINES = [line for line in VECTORS.read_text("utf-8").splitlines() if line and line[0] != "#"]


def lines(kind: str) -> list[str]:
    return [line.removeprefix(f"{kind} ") for line in LINES if line.startswith(f"{kind} ")]


def hexes(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def run(key: Key, law: Distribution, first: int, count: int, dtype: np.dtype, kernel: str) -> np.ndarray:
    out = np.empty(count, dtype)
    with kernels.using(kernel):
        fill(out, key, law, (2**63,), box=((first, first + count),))
    return out


def test_every_line_is_of_a_known_kind():
    assert {line.split()[0] for line in LINES} == {"philox", "key", "values", "values2", "digest"}


def test_the_file_itself_is_frozen():
    assert len(LINES) == max(FROZEN)
    for count, digest in FROZEN.items():
        assert hashlib.sha256("\n".join(LINES[:count]).encode()).hexdigest() == digest


@pytest.mark.parametrize("line", lines("philox"))
def test_philox(line: str):
    counter, key, expected = (hexes(part) for part in line.split("|"))
    words = philox_rounds(Key(*key), *(np.array([word], np.uint64) for word in counter))
    assert words[0].tolist() == expected


@pytest.mark.parametrize("line", lines("key"))
def test_key(line: str):
    seed, name, expected = line.split("|")
    assert list(key_of(int(seed), json.loads(name))) == hexes(expected)


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize("line", [*lines("values"), *lines("values2")])
def test_values(line: str, kernel: str):
    key, first, law, expected = line.split("|")
    values = run(Key(*hexes(key)), from_json(json.loads(law)), int(first), LENGTH, np.dtype(np.float32), kernel)
    assert values.view(np.uint32).tolist() == hexes(expected)


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize("line", lines("digest"))
def test_a_million_values_at_once(line: str, kernel: str):
    key, first, count, law, element, expected = (part.strip() for part in line.split("|"))
    dtype = BFLOAT16 if element == "bfloat16" else np.dtype(element).newbyteorder("=")
    values = run(Key(*hexes(key)), from_json(json.loads(law)), int(first), int(count), dtype, kernel)
    assert hashlib.sha256(values.tobytes()).hexdigest() == expected
