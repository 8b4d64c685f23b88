"""Known answers: every backend must reproduce tests/data/stream_vectors.txt.

python tests/stream/test_stream_vectors.py      # writes the provisional lines of that file again
"""

import json
from pathlib import Path

import numpy as np
import pytest

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform, from_json
from glorot.stream import Key, fill, key_of
from glorot.stream.philox import philox_rounds

VECTORS = Path(__file__).parents[1] / "data" / "stream_vectors.txt"
PROVISIONAL = "# Provisional until version 1 of the stream is frozen.\n"
LENGTH = 8
LINES = [line for line in VECTORS.read_text("utf-8").splitlines() if line and line[0] != "#"]


def lines(kind: str) -> list[str]:
    return [line.removeprefix(f"{kind} ") for line in LINES if line.startswith(f"{kind} ")]


def hexes(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def bits(key: Key, law: Distribution, first: int) -> list[int]:
    out = np.empty(LENGTH, np.float32)
    fill(out, key, law, (2**40,), box=((first, first + LENGTH),))
    return out.view(np.uint32).tolist()


def test_every_line_is_of_a_known_kind():
    assert {line.split()[0] for line in LINES} == {"philox", "key", "values"}


@pytest.mark.parametrize("line", lines("philox"))
def test_philox(line: str):
    counter, key, expected = (hexes(part) for part in line.split("|"))
    words = philox_rounds(Key(*key), *(np.array([word], np.uint64) for word in counter))
    assert words[0].tolist() == expected


@pytest.mark.parametrize("line", lines("key"))
def test_key(line: str):
    seed, name, expected = line.split("|")
    assert list(key_of(int(seed), json.loads(name))) == hexes(expected)


@pytest.mark.parametrize("line", lines("values"))
def test_values(line: str):
    key, first, law, expected = line.split("|")
    assert bits(Key(*hexes(key)), from_json(json.loads(law)), int(first)) == hexes(expected)


def provisional_lines() -> str:
    names = [(0, ""), (0, "layers.0.weight"), (1, "layers.0.weight"), (0, "layers.0.attn[q]")]
    names += [(42, "Schicht.größe"), (2**63, "重み.0"), (2**64 - 1, "poids.🧊")]
    laws = [Uniform.symmetric(0.05), Uniform(-1.0, 3.0), Uniform.symmetric(2.0**-64)]
    laws += [Normal(), Normal(std=0.02), Normal(mean=1.0, std=0.5), TruncatedNormal(0.0, 1.0, -2.0, 2.0)]
    laws += [TruncatedNormal(0.0, 0.02, -0.01, 0.05), TruncatedNormal(1.0, 0.5, 4.0, 100.0)]
    text = ""
    for seed, name in names:
        text += f"key {seed} | {json.dumps(name)} | {words(key_of(seed, name))}\n"
    key = key_of(0, "layers.0.weight")
    for law in laws:
        for first in (0, 1001, 2**34 + 6):
            values = words(bits(key, law, first))
            text += f"values {words(key)} | {first} | {json.dumps(law.to_json())} | {values}\n"
    return text


def words(numbers: list[int] | Key) -> str:
    return " ".join(f"{number:08x}" for number in numbers)


if __name__ == "__main__":
    published = VECTORS.read_text("utf-8").split(PROVISIONAL)[0]
    VECTORS.write_text(published + PROVISIONAL + provisional_lines(), "utf-8")
