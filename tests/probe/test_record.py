"""A record of a training loop: its figures, its form, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot import probe
from glorot.errors import GlorotError

Loop = Callable[[nn.Module], None]


def net() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 4))
    glorot.initialize(model, "xavier", seed=0)
    return model


def train(model: nn.Module, steps: int = 7) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for n in range(steps):
        optimizer.zero_grad()
        loss(model, n).backward()
        optimizer.step()


def batch(n: int) -> Tensor:
    return torch.randn(8, 12, generator=torch.Generator().manual_seed(n))


def loss(model: nn.Module, n: int) -> Tensor:
    return nn.functional.cross_entropy(model(batch(n)), torch.arange(8) % 4)


@pytest.fixture(scope="module")
def recorded() -> probe.Record:
    model = net()
    with probe.record(model, every=3) as record:
        train(model)
    return record


def test_every_third_step_is_recorded(recorded: probe.Record) -> None:
    assert recorded.steps.tolist() == [0, 3, 6]
    assert len(recorded) == 3
    assert [layer.name for layer in recorded.layers] == ["0", "2", "4"]
    assert [layer.kernel for layer in recorded.layers] == ["0.weight", "2.weight", "4.weight"]
    assert recorded.notes == ()


def test_the_figures_are_those_of_a_plain_computation(recorded: probe.Record) -> None:
    for place, steps in enumerate((0, 3, 6)):
        model = net()
        train(model, steps)
        found, weight = recorded["2"], model[2].weight.detach().numpy().astype(np.float64)
        assert found.variance[place] == pytest.approx(weight.var(), rel=1e-6)
        assert found.mean[place] == pytest.approx(weight.mean(), rel=1e-4)
        largest = np.linalg.svd(weight, compute_uv=False)[0]
        assert found.largest_singular_value[place] == pytest.approx(largest, rel=1e-3)
        assert found.alignment[place] == pytest.approx(largest / (weight.std() * (16**0.5 + 20**0.5)), rel=1e-3)
        middle = model[:3](batch(steps))
        middle.retain_grad()
        nn.functional.cross_entropy(model[3:](middle), torch.arange(8) % 4).backward()
        assert middle.grad is not None
        assert found.second_moment[place] == pytest.approx(middle.square().mean().item(), rel=1e-5)
        assert found.gradient_std[place] == pytest.approx(middle.grad.square().mean().sqrt().item(), rel=1e-5)
        after = net()
        train(after, steps + 1)
        moved = np.linalg.norm(after[2].weight.detach().numpy() - weight) / np.linalg.norm(weight)
        assert found.update_ratio[place] == pytest.approx(moved, rel=1e-5)


def test_what_measure_shows_at_one_step_is_what_a_record_shows() -> None:
    model = net()
    measured = glorot.measure(model, batch(0), torch.arange(8) % 4, histograms=True)
    with probe.record(model) as record:
        train(model, 1)
    for layer in record.layers:
        step = measured.step(layer.name)
        assert layer.second_moment[0] == pytest.approx(step.second_moment, rel=1e-6)
        assert layer.gradient_std[0] == pytest.approx(step.gradient_std, rel=1e-6)
        assert layer.largest_singular_value[0] == pytest.approx(step.largest_singular_value, rel=1e-6)


def test_random_weights_have_an_alignment_of_one_and_a_rank_one_matrix_that_of_its_size() -> None:
    model = nn.Sequential(nn.Linear(300, 500), nn.Conv1d(1, 1, 1))[:1]
    with probe.record(model) as record:
        model(torch.randn(2, 300)).sum().backward()
    assert record["0"].alignment[0] == pytest.approx(1, abs=0.05)
    with torch.no_grad():
        model[0].weight.copy_(torch.outer(torch.randn(500).sign(), torch.randn(300).sign()))
    with probe.record(model) as record:
        model(torch.randn(2, 300)).sum().backward()
    assert record["0"].alignment[0] == pytest.approx(150000**0.5 / (500**0.5 + 300**0.5), rel=1e-2)


def test_a_record_is_a_table_in_the_terminal_and_in_a_notebook(recorded: probe.Record) -> None:
    lines = str(recorded).splitlines()
    assert lines[0] == "3 steps, number 0 to number 6: first → last"
    assert lines[1].split() == [
        "layer",
        "variance",
        "mean",
        "σ",
        "max",
        "alignment",
        "mean",
        "square",
        "gradient",
        "update",
    ]
    assert [line.split()[0] for line in lines[3:]] == ["0", "2", "4"]
    assert " → " in lines[3]
    html = recorded._repr_html_()
    assert "<table" in html
    assert "3 steps, number 0 to number 6" in html


def test_a_record_of_one_step_and_one_of_none_print() -> None:
    model = net()
    with probe.record(model) as record:
        assert str(record) == "no steps recorded"
        train(model, 1)
    assert str(record).splitlines()[0] == "1 step, number 0"
    assert "→" not in str(record)


def test_a_record_is_read_as_it_was_saved(recorded: probe.Record, tmp_path: Path) -> None:
    again = probe.Record.load(recorded.save(tmp_path / "record.json"))
    assert again.to_json() == recorded.to_json()
    assert again.steps.dtype == np.int64
    assert np.array_equal(again["2"].alignment, recorded["2"].alignment)
    assert str(again) == str(recorded)


def test_what_is_not_known_is_saved_as_null(tmp_path: Path) -> None:
    nothing = np.array([np.nan])
    kernel = probe.KernelRecord("0", "0.weight", *[nothing] * 7)
    path = probe.Record(1, np.array([0]), (kernel,)).save(tmp_path / "record.json")
    assert json.loads(path.read_text())["layers"][0]["mean"] == [None]
    assert np.isnan(probe.Record.load(path)["0"].mean).all()


def _with(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda data: {**data, **changes}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _with(format="glorot-signal/1"),
            "is not a record: its format is not glorot-record/1; save one with record.save",
        ),
        (
            _with(format="glorot-record/2"),
            "of format 'glorot-record/2'; this glorot reads glorot-record/1: record again",
        ),
        (_with(steps=[0, 3]), "is damaged: its columns have another length than its 2 steps"),
        (_with(steps=[0, 3, 6.5]), "is damaged: expected int, got 6.5"),
        (_with(layers=3), "is damaged: expected a list, got 3"),
    ],
)
def test_a_damaged_file_is_refused(
    change: Callable[[dict[str, Any]], dict[str, Any]], message: str, recorded: probe.Record, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(change(recorded.to_json())))
    with pytest.raises(GlorotError, match=message):
        probe.Record.load(path)


def test_a_name_that_is_not_there_is_a_key_error(recorded: probe.Record) -> None:
    with pytest.raises(KeyError, match="nowhere"):
        recorded["nowhere"]


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, -1, 2.0, True, "10"])
def test_every_is_a_positive_integer(every: Any) -> None:
    with pytest.raises(GlorotError) as caught:
        probe.record(net(), every=every)
    assert str(caught.value) == (
        f"every is how many training steps lie between two that are recorded, 1 or more, got {every!r}"
    )


def test_a_model_of_jax_is_refused_with_what_to_do_instead() -> None:
    import jax.numpy as jnp

    with pytest.raises(GlorotError) as caught:
        probe.record({"w": jnp.ones((3, 4))})
    assert str(caught.value) == (
        "the training loop of a dict is not recorded: only models of PyTorch have hooks that see it; call "
        "glorot.measure(model, inputs, targets, histograms=True) every few steps instead, and keep what it returns"
    )


def test_a_model_of_keras_is_refused_with_what_to_do_instead() -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4)])
    with pytest.raises(
        GlorotError, match=r"loop of a Sequential is not recorded: .*; call glorot\.measure\(model, inp"
    ):
        probe.record(model)


def test_a_block_within_a_block_of_the_same_model_is_refused_and_the_outer_one_goes_on() -> None:
    model = net()
    with probe.record(model) as record:
        for inner in (model, nn.Sequential(model), model[2]):
            with pytest.raises(
                GlorotError, match="or a layer of it, is being recorded already; leave that block before"
            ):
                probe.record(inner).__enter__()
        train(model, 2)
    assert len(record) == 2
    with probe.record(model) as record:  # after the block it may be recorded again
        train(model, 1)
    assert len(record) == 1


def test_a_model_on_meta_is_refused() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 4)
    with pytest.raises(GlorotError, match="weight is on meta and holds nothing; give the model memory"):
        probe.record(model).__enter__()


def test_a_model_compiled_in_place_is_refused() -> None:
    model = net()
    model.compile(backend="eager")
    with pytest.raises(GlorotError) as caught:
        probe.record(model).__enter__()
    assert str(caught.value) == (
        "the Sequential was compiled in place, by model.compile(), and then no hook of it runs; train what "
        "torch.compile(model) returns, and record that"
    )
