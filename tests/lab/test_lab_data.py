"""The files that the lab page is built from are what glorot computes today."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

import lab_digits
import lab_facts
import lab_vectors
from lab_nets import ACTIVATIONS, FOLDER

from glorot.comparison.digits import load_digits


@pytest.fixture(autouse=True)
def _one_thread():
    """These nets are small: more threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


REMEDY = "run `make lab-data`, look at what changed, and commit it"


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_the_facts_are_those_of_today():
    assert lab_facts.facts() == read(FOLDER / "facts.json"), REMEDY


def test_the_digits_are_those_of_scikit_learn():
    assert lab_digits.digits() == read(FOLDER / "digits.json"), REMEDY


def test_the_page_scales_the_digits_as_compare_does():
    (x_train, _), (x_test, _) = load_digits()
    images, labels = lab_digits.shuffled()
    ours = lab_digits.scaled(images)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, np.concatenate([x_train, x_test])))
    assert set(labels[lab_digits.TRAIN :].tolist()) == set(range(10))


VECTORS = read(lab_vectors.FILE)


@pytest.mark.parametrize("rule", lab_vectors.RULES)
def test_the_weights_in_the_vectors_are_those_of_today(rule: str):
    known = {case["activation"]: case for case in VECTORS["weights"] if case["rule"] == rule}
    assert set(known) == set(ACTIVATIONS)
    for activation, case in known.items():
        fresh = lab_vectors.weights_of(rule, activation)
        assert fresh.get("sha256") == case.get("sha256"), REMEDY
        if rule == "orthogonal":
            np.testing.assert_allclose(np.concatenate(fresh["rows"]), np.concatenate(case["rows"]), atol=1e-6)


CASES = list(lab_vectors.cases())
NUMBERS = [
    pytest.param(number, marks=pytest.mark.slow if number % 5 else (), id=f"{number}-{case.rule}-{case.activation}")
    for number, case in enumerate(CASES)
]


def test_every_case_is_in_the_file():
    ours = [asdict(case) for case in CASES]
    assert [{key: case[key] for key in ours[0]} for case in VECTORS["cases"]] == ours, REMEDY


@pytest.mark.parametrize("number", NUMBERS)
def test_signal_gradient_and_training_are_those_of_today(number: int):
    case, fresh = VECTORS["cases"][number], lab_vectors.answers(CASES[number])
    np.testing.assert_allclose(fresh["losses"], case["losses"], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(fresh["trained"]), np.ravel(case["trained"]), rtol=1e-5, atol=1e-7)
    for ours, theirs in zip(fresh["layers"], case["layers"], strict=True):
        for key, expected in theirs.items():
            np.testing.assert_allclose(ours[key], expected, rtol=1e-5, atol=1e-9, err_msg=f"{key}: {REMEDY}")


def test_the_net_of_the_vectors_adds_skips_and_takes_norms():
    net = lab_vectors.LabNet(8, 2, "identity", skips=True, norms=True)
    x = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    first, second, last = net.layers
    once = first(x)
    normed = (once - once.mean(1, keepdim=True)) / (once.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    twice = once + second(normed)
    normed = (twice - twice.mean(1, keepdim=True)) / (twice.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(net(x), last(normed))
