"""The narrow band that the lab page shows is what nets and theory say today."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

import lab_bands
from lab_nets import ACTIVATIONS, FOLDER

REMEDY = "run `python lab/data/lab_bands.py`, look at what changed, and commit it"
FILE: dict[str, Any] = json.loads((FOLDER / "bands.json").read_text(encoding="utf-8"))
ROWS = (0, 4, 9)


@pytest.fixture(autouse=True)
def _one_thread():
    """These nets are small: more threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def map_of(activation: str, name: str, kind: type) -> Any:
    raw = base64.b64decode(FILE["activations"][activation][name])
    return np.frombuffer(raw, kind).reshape(lab_bands.STEPS, lab_bands.STEPS).astype(int)


def test_the_file_has_every_map_on_the_grid_of_today():
    assert FILE["depths"] == lab_bands.DEPTHS
    assert FILE["scales"] == lab_bands.SCALES
    assert len(set(lab_bands.DEPTHS)) == lab_bands.STEPS
    assert (FILE["width"], FILE["rate"], FILE["batch"]) == (lab_bands.WIDTH, lab_bands.RATE, lab_bands.BATCH)
    assert set(FILE["activations"]) == set(ACTIVATIONS)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_signal_and_gradient_are_those_of_today(activation: str):
    ratios = lab_bands.measured(activation, [lab_bands.DEPTHS[row] for row in ROWS])
    for name, ratio in zip(("signal", "gradient"), ratios, strict=True):
        kept = map_of(activation, name, np.int8)[list(ROWS)]
        fresh = np.clip(10 * np.log10(ratio), -127, 127)
        assert np.abs(kept - fresh).max() < 0.6, f"{name}: {REMEDY}"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_theory_says_what_is_measured_while_depth_is_far_below_the_width(activation: str):
    for name in ("signal", "gradient"):
        theory = map_of(activation, f"theory_{name}", np.int8)
        within = (np.array(lab_bands.DEPTHS)[:, None] <= lab_bands.WIDTH / 3) & (np.abs(theory) < 20)
        assert within.sum() > 60
        gap = map_of(activation, name, np.int8) - theory
        assert np.median(np.abs(gap[within])) <= 1  # a tenth of a power of ten


def test_the_accuracy_of_one_hidden_layer_is_that_of_today():
    fresh = lab_bands.accuracies("tanh", 1).astype(int)
    assert np.abs(fresh - map_of("tanh", "accuracy", np.uint8)[0]).max() <= 1, REMEDY


def test_the_theory_is_that_of_today():
    scale = lab_bands.SCALES[20]
    images, _ = lab_bands.examples(torch.float64)
    signal, gradient = lab_bands.chain("tanh", scale, images[: lab_bands.EXAMPLES].square().mean(1).numpy())
    std = float(images[: lab_bands.EXAMPLES].std(correction=0))
    for name, fresh in (("theory_signal", signal / std), ("theory_gradient", gradient)):
        kept = map_of("tanh", name, np.int8)[:, 20]
        assert np.abs(kept - np.clip(10 * np.log10(fresh), -127, 127)).max() < 0.6, f"{name}: {REMEDY}"
