"""The plan format through its versions: old files are read, new fields are defaulted, unknown ones are kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.inventory import View
from glorot.plans import VERSION, Plan
from glorot.plans.file import KNOWN, NEEDED

PLANS = Path(__file__).parent / "data" / "plans"
LENET = Path(__file__).parents[1] / "examples" / "caffe" / "lenet.prototxt"


class Net(nn.Module):
    """The network of `version_1_torch.json`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8, padding_idx=0)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.gru = nn.GRU(8, 6)
        self.conv = nn.Conv1d(6, 4, 3, groups=2)
        self.up = nn.ConvTranspose1d(4, 2, 3, groups=2)
        self.head = nn.Linear(2, 3)


def net_in_torch() -> tuple[Any, Plan]:
    model = Net()
    return model, glorot.plan(model, "auto", rules=[("head.bias", "skip"), ("gru.weight_hh_l0*", "orthogonal")])


def net_in_keras() -> tuple[Any, Plan]:
    model = keras.Sequential([keras.Input((10, 5)), keras.layers.GRU(4), keras.layers.Dense(2)])
    return model, glorot.plan(model, "xavier")


def net_in_caffe() -> tuple[Any, Plan]:
    return LENET, glorot.plan(LENET)


NETS = {"torch": net_in_torch, "keras": net_in_keras, "caffe": net_in_caffe}


def arrays_of(model: Any) -> dict[str, np.ndarray]:
    if isinstance(model, dict):
        return model
    if isinstance(model, nn.Module):
        return {name: tensor.detach().numpy().copy() for name, tensor in model.named_parameters()}
    return {weight.path: np.asarray(weight) for weight in model.weights if "seed" not in weight.path}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("framework", NETS)
def test_a_plan_of_an_older_version_is_read_and_gives_the_weights_that_its_laws_give(
    framework: str, version: int
) -> None:
    model, today = NETS[framework]()
    plan = Plan.load(PLANS / f"version_{version}_{framework}.json")
    assert plan.version == version
    assert {entry.view for entry in plan} == {None if version == 1 else entry.view for entry in today}
    assert {entry.tensor_shape for entry in plan} == {None}
    assert not plan.diff(today)
    assert plan.fingerprint == today.fingerprint
    started = arrays_of(glorot.apply(plan, model, seed=3))
    again = arrays_of(glorot.apply(today, model, seed=3))
    assert started.keys() == again.keys() != set()
    for name, array in started.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("framework", NETS)
def test_a_plan_that_was_read_is_written_as_it_was(framework: str, version: int, tmp_path: Path) -> None:
    file = PLANS / f"version_{version}_{framework}.json"
    saved = Plan.load(file).save(tmp_path / "again.json")
    assert saved.read_bytes() == file.read_bytes()


def test_each_entry_says_where_its_part_lies_in_the_stored_tensor() -> None:
    _, plan = net_in_torch()
    assert plan.version == VERSION == 3
    assert plan["attention.in_proj_weight[k]"].view == View(box=((8, 16), (0, 8)))
    assert plan["attention.out_proj.weight"].view is None
    data = {row["name"]: row for row in plan.to_json()["entries"]}
    assert data["attention.in_proj_weight[k]"]["view"] == {
        "box": ((8, 16), (0, 8)), "unfold": None, "order": None, "flip": (),
    }  # fmt: skip
    assert data["attention.out_proj.weight"]["view"] is None


def stored(array: np.ndarray, view: View | None) -> np.ndarray:
    """Return the elements that a view speaks of, in the order of the part: what the view's docstring says."""
    if view is None:
        return array
    cut = array if view.box is None else array[tuple(slice(start, stop) for start, stop in view.box)]
    unfolded = cut if view.unfold is None else cut.reshape(view.unfold)
    ordered = unfolded if view.order is None else unfolded.transpose(view.order)
    return np.flip(ordered, view.flip) if view.flip else ordered


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_the_views_of_a_saved_plan_find_each_part_in_the_weights(framework: str, tmp_path: Path) -> None:
    model, plan = NETS[framework]()
    plan = Plan.load(plan.save(tmp_path / "plan.json"))
    started = glorot.apply(plan, model, seed=5)
    if framework == "torch":
        weights = arrays_of(started)
    else:
        names = ("layers.0.kernel", "layers.0.recurrent_kernel", "layers.0.bias")  # the others lie as they are planned
        weights = dict(zip(names, map(np.asarray, started.weights[:3]), strict=True))
    met = 0
    for entry in plan:
        path = entry.name.partition("[")[0]
        if path not in weights or entry.distribution is None or entry.scheme == "orthogonal":
            continue
        part = stored(weights[path], entry.view).reshape(entry.shape)
        key = glorot.stream.key_of(5, entry.name)
        drawn = glorot.stream.draw(key, entry.distribution, entry.shape, axes=entry.axes)
        np.testing.assert_array_equal(part, drawn, err_msg=entry.name)
        met += entry.view is not None
    assert met >= 9


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return glorot.plan(nn.Linear(3, 2), "xavier").save(tmp_path / "plan.json")


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    edit(data)
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_newer(data: dict[str, Any]) -> None:
    data["graph"] = {"steps": [1, 2]}
    data["entries"][0] |= {"rate": 0.5, "role": "router"}
    data["entries"][1]["rate"] = None


def test_what_a_newer_glorot_wrote_is_kept_and_reported(saved: Path, tmp_path: Path) -> None:
    change(saved, write_newer)
    words = (
        r"plan\.json was written by a newer glorot: fields 'graph', 'rate' and roles 'router' are unknown to this one; "
        "they are kept, and what they mean is left out of account$"
    )
    with pytest.warns(UserWarning, match=words) as caught:
        plan = Plan.load(saved)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the warning names the line that read the plan
    assert plan.more == {"graph": {"steps": [1, 2]}}
    assert (plan["weight"].role, plan["weight"].more, plan["bias"].more) == ("router", {"rate": 0.5}, {"rate": None})
    assert json.loads(plan.save(tmp_path / "again.json").read_bytes()) == json.loads(saved.read_bytes())
    model = glorot.apply(plan, nn.Linear(3, 2), seed=0)
    assert torch.equal(model.weight, glorot.initialize(nn.Linear(3, 2), "xavier", seed=0).weight)


def test_fields_with_a_default_may_be_missing(saved: Path) -> None:
    assert sorted(KNOWN - NEEDED) == [
        "branch", "computed", "purpose", "seen", "source", "tensor_shape", "view", "way",
    ]  # fmt: skip
    plan = Plan.load(saved)
    change(saved, lambda data: [row.pop("view") for row in data["entries"]])
    assert Plan.load(saved) == plan


def test_a_part_left_alone_has_no_distribution_and_its_reason(tmp_path: Path) -> None:
    plan = glorot.plan(nn.Linear(3, 2), rules=[("bias", "skip")])
    row = plan.to_json()["entries"][1]
    assert (row["distribution"], row["why"]) == (None, "left alone: rule 'bias', skip")
    assert Plan.load(plan.save(tmp_path / "plan.json")) == plan


def test_a_plan_can_be_hashed_with_what_a_newer_glorot_wrote(saved: Path) -> None:
    change(saved, write_newer)
    with pytest.warns(UserWarning, match="newer glorot"):
        one, other = Plan.load(saved), Plan.load(saved)
    assert hash(one) == hash(other)
    assert one == other
