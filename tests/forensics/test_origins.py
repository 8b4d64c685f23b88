"""What is said of tensors whose origin is known."""

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.forensics import Origin, examine
from glorot.forensics.judging import judge
from glorot.forensics.stored import Stored

Array = NDArray[np.float32]


def _judge(array: Array, name: str = "w") -> Origin:
    return judge(Stored.of_array(name, array))


def _normal(shape: tuple[int, ...] = (96, 128), std: float = 0.02, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, std, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("bound", "rule", "axes"),
    [
        (math.sqrt(6 / 364), "torch xavier_uniform_", "(out, in)"),
        (math.sqrt(6 / 300), "torch kaiming_uniform_", "(out, in)"),
        (math.sqrt(6 / 64), "torch kaiming_uniform_", "(in, out)"),
        (1 / math.sqrt(300), "torch Linear and Conv", "(out, in)"),
        (1 / math.sqrt(16), "torch RNN, LSTM and GRU", "(4·out, in)"),
        (0.05, "keras RandomUniform", ""),
    ],
)
def test_a_uniform_draw_is_explained_by_its_rule_and_fans_alone(bound: float, rule: str, axes: str) -> None:
    drawn = np.random.default_rng(1).uniform(-bound, bound, (64, 300)).astype(np.float32)
    origin = _judge(drawn)
    assert origin.verdict == "drawn"
    assert any(one.rule.startswith(rule) and one.axes == axes for one in origin.explanations)
    assert all(abs(one.law.std / (bound / math.sqrt(3)) - 1) < 1e-3 for one in origin.explanations)
    assert origin.is_sealed


def test_laws_of_one_spread_are_told_apart_by_their_shape() -> None:
    rng, std = np.random.default_rng(2), 0.05
    cut = rng.normal(0, 1, 400_000)
    cut = cut[np.abs(cut) < 2][: 64 * 300].reshape(64, 300) * std / 0.87962566
    drawn = {"normal": _normal((64, 300), std), "truncated_normal": cut.astype(np.float32)}
    for law, array in drawn.items():
        origin = _judge(array)
        assert {one.law for one in origin.laws} == {law}
        assert origin.std == pytest.approx(std, rel=0.02)


def test_a_spread_that_no_start_has_is_drawn_without_an_explanation() -> None:
    origin = _judge(_normal((256, 300), 0.0371))
    assert (origin.verdict, origin.explanations) == ("drawn", ())
    assert origin.because == "normal, of a spread that no known start has"


def test_what_is_not_written_is_told() -> None:
    nan, huge = _normal(), _normal()
    nan[3, 5], huge[0, 0] = np.nan, -1e30
    said = {
        "nan": _judge(nan).because,
        "huge": _judge(huge).because,
        "bytes": _judge(np.full(4096, 0xA5, np.uint8).view(np.float32)).because,
        "integers": _judge(np.arange(1, 5001, dtype=np.int32).view(np.float32)).because,
    }
    assert said == {
        "nan": "it holds NaN",
        "huge": "it holds values up to 1e+30",
        "bytes": "each of its bytes is 0xa5, a pattern of memory",
        "integers": "100.0% of it are denormal numbers, as in memory of other use",
    }
    assert _judge(nan).verdict == "unwritten"


def test_what_is_computed_is_constant() -> None:
    angles = np.arange(64)[:, None] / 10000 ** (np.arange(32) / 32)
    line = np.array([0.25, 0.75, 0.75, 0.25])
    said = {
        "zeros": np.zeros((32, 32)),
        "ones": np.ones(100),
        "identity": 0.5 * np.eye(40),
        "forget": np.repeat([0.0, 1.0, 0.0, 0.0], 64),
        "steps": np.arange(2000.0),
        "sinusoids": np.concatenate([np.sin(angles), np.cos(angles)], 1),
        "bilinear": np.broadcast_to(np.outer(line, line), (8, 8, 4, 4)) + np.zeros((8, 8, 1, 1)),
        "tiled": np.broadcast_to(np.log(np.arange(1, 65)), (64, 64)),
        "mask": np.triu(np.full((64, 64), -np.inf), 1),
    }
    origins = examine({name: array.astype(np.float32) for name, array in said.items()})
    assert {one.name: one.because for one in origins} == {
        "zeros": "every element is 0",
        "ones": "every element is 1",
        "identity": "an identity, times 0.5",
        "forget": "the values 0, 1 alone",
        "steps": "numbers in equal steps of 1",
        "sinusoids": "a table of sinusoids",
        "bilinear": "the kernel of bilinear interpolation",
        "tiled": "the same slice along the first axis",
        "mask": "a mask: 0, and the least number there is",
    }
    assert {one.verdict for one in origins} == {"constant"}


def test_an_orthogonal_matrix_is_known_either_way_round_with_its_gain() -> None:
    q = np.linalg.qr(np.random.default_rng(3).standard_normal((200, 60)))[0].astype(np.float32)
    for array in (2 * q, 2 * q.T):
        (one,) = _judge(array).explanations
        assert one.rule == "orthogonal of gain 2"


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_an_update_of_low_rank_is_found_in_a_matrix_of_128(law: str) -> None:
    rng = np.random.default_rng(4)
    drawn = rng.standard_normal((128, 128)) if law == "normal" else rng.uniform(-1, 1, (128, 128))
    update = np.outer(rng.standard_normal(128), rng.standard_normal(128))
    update *= 0.2 * np.linalg.norm(drawn) / np.linalg.norm(update)
    assert _judge(drawn.astype(np.float32)).verdict == "drawn"
    assert _judge((drawn + update).astype(np.float32)).verdict == "trained"


def test_a_row_of_padding_and_a_row_that_was_trained_are_told_apart() -> None:
    embedding = _normal((500, 64), 1.0)
    embedding[0] = 0
    assert _judge(embedding).verdict == "drawn"
    embedding[7] *= 3
    assert _judge(embedding).verdict == "trained"


def test_a_weight_that_looks_drawn_in_a_file_of_trained_ones_is_taken_for_trained() -> None:
    rng = np.random.default_rng(5)
    moved = {f"{n}": (_normal(seed=n) + np.outer(rng.standard_normal(96), np.ones(128)) * 0.02) for n in range(2)}
    bound = 1 / math.sqrt(128)
    sealed = rng.uniform(-bound, bound, (96, 128))
    weights = moved | {"looks drawn": _normal(seed=9), "is drawn": sealed}
    origins = examine({name: array.astype(np.float32) for name, array in weights.items()})
    assert [one.verdict for one in origins] == ["trained", "trained", "trained", "drawn"]
    assert "2 of 4 weights are trained" in origins["looks drawn"].because
    assert examine({"looks drawn": weights["looks drawn"]})["looks drawn"].verdict == "drawn"


def test_a_bias_is_explained_by_the_fans_of_its_weight() -> None:
    rng, bound = np.random.default_rng(6), 1 / math.sqrt(40)
    weights = {"fc.weight": (1024, 40), "fc.bias": (1024,)}
    drawn = {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in weights.items()}
    assert examine(drawn)["fc.bias"].explanations[0].axes == "(out), of its weight"


def test_what_cannot_be_told_says_why() -> None:
    origins = examine({"ids": np.arange(9), "few": _normal((10,)), "none": np.zeros((0, 3), np.float32)})
    assert [one.verdict for one in origins] == ["cannot tell"] * 3
    assert [one.because for one in origins] == [
        "int64 holds no weights",
        "10 elements are too few to tell laws apart",
        "it has no elements",
    ]


def test_a_large_tensor_is_summed_in_part_and_every_element_is_looked_at_for_its_size() -> None:
    large = np.tile(_normal((1024, 1024)), (3, 1))
    large[2000, 1000] = np.inf
    assert _judge(large).verdict == "unwritten"
    large[2000, 1000] = 0.01
    origins = examine({"w": large})
    assert origins["w"].summed == 2**20
    assert "of 1 large one a sample was summed" in origins.summary


def test_the_result_prints_as_a_table_and_goes_to_json() -> None:
    origins = examine({"fc.weight": _normal(), "fc.bias": np.full(64, np.nan, np.float32)})
    head, _, *lines = str(origins).splitlines()
    assert head == "the mapping: 2 tensors: 1 drawn, 1 unwritten"
    assert lines[2].split()[:5] == ["fc.weight", "96×128", "float32", "0.01995", "drawn"]
    assert lines[3].endswith("unwritten  it holds NaN")
    data = json.loads(json.dumps(origins.to_json(), allow_nan=False))
    assert [one["verdict"] for one in data["tensors"]] == ["drawn", "unwritten"]
    with pytest.raises(GlorotError, match=r"^the mapping has no tensor 'x'; it has 2, such as 'fc.weight', 'fc.bias'$"):
        origins["x"]
