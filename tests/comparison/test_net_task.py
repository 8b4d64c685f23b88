"""Caffe nets as the task of a comparison: digits as large as the net's input, and its own learning rates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import glorot
from glorot.caffe import Net, parse_net, read_net
from glorot.comparison.nets import net_task, stretched
from glorot.comparison.run import run_comparison
from glorot.comparison.task import as_task
from glorot.comparison.training import optimizer_for
from glorot.errors import GlorotError

LENET = Path(__file__).parents[2] / "examples" / "caffe" / "lenet.prototxt"
SMALL = """
name: "small"
input: "data" input_shape {{ dim: 32 dim: 2 dim: 12 dim: 10 }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" param {{ lr_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 4 kernel_size: 3 stride: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "score" type: "InnerProduct" bottom: "conv" top: "score" inner_product_param {{ num_output: {classes}
  weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
{end}
"""
PROB = 'layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }'


def small(classes: int = 10, end: str = "") -> Net:
    return parse_net(SMALL.format(classes=classes, end=end), "small.prototxt")


def test_digits_are_stretched_to_the_input_of_the_net() -> None:
    task = net_task(small())
    assert task.train[0].shape == (1347, 2, 12, 10)
    assert task.test[0].shape == (450, 2, 12, 10)
    assert (task.batch_size, task.loss) == (32, None)
    assert task.name == "handwritten digits, small of small.prototxt, momentum 0.01"
    np.testing.assert_array_equal(task.train[0][:, 0], task.train[0][:, 1])


def test_stretching_keeps_what_a_digit_looks_like() -> None:
    rows = np.zeros((1, 64), np.float32)
    rows[0, 8 * 2 + 5] = 1  # row 2, column 5
    (image,) = stretched(rows, (1, 1, 16, 16))[0]
    assert np.unravel_index(image.argmax(), image.shape) in {(4, 10), (4, 11), (5, 10), (5, 11)}
    assert image.sum() == pytest.approx(4.0)
    np.testing.assert_array_equal(stretched(rows, (1, 1, 8, 8)).reshape(1, 64), rows)


def test_the_fillers_of_a_net_are_trained_beside_other_starts() -> None:
    result = run_comparison(net_task(small()), ["caffe", "auto", "zeros"], seeds=1, epochs=3)
    accuracy = {name: result[name].runs[0].epochs[-1].test_accuracy for name in ("caffe", "auto", "zeros")}
    assert accuracy["caffe"] > 0.5
    assert accuracy["auto"] > 0.5
    assert accuracy["zeros"] < 0.2  # no gradient passes
    assert result["caffe"].plan["score.0"].distribution == glorot.distributions.Normal(0.0, 0.01)
    assert [layer.layer for layer in result["auto"].runs[0].start.layers] == ["conv", "score"]


def test_a_net_that_ends_in_probabilities_learns_by_their_logarithm() -> None:
    task = net_task(small(end=PROB))
    probabilities = torch.softmax(torch.tensor([[1.0, 2.0, 0.5]]), 1)
    expected = torch.nn.functional.cross_entropy(torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([2]))
    assert task.loss is not None
    assert task.loss(probabilities, torch.tensor([2])).item() == pytest.approx(expected.item())
    result = run_comparison(task, ["auto"], seeds=1, epochs=2)
    assert result["auto"].runs[0].epochs[-1].train_loss < 0.7 * result["auto"].runs[0].epochs[0].train_loss


def test_learning_rates_and_decays_are_those_of_the_net() -> None:
    task = net_task(small(), "sgd", 0.1)
    assert task.parameters is not None
    module = task.build()
    optimizer = optimizer_for(task, module)
    groups = {(group["lr"], group["weight_decay"]): group["params"] for group in optimizer.param_groups}
    assert set(groups) == {(0.1, 5e-4), (0.2, 0.0)}
    assert [tuple(tensor.shape) for tensor in groups[0.2, 0.0]] == [(4,)]


def test_an_optimiser_of_ones_own_learns_as_many_times_as_fast(tmp_path: Path) -> None:
    frozen = 'layer { name: "thin" type: "Dropout" bottom: "score" top: "score" include { phase: TRAIN } }'
    path = tmp_path / "small.prototxt"
    path.write_text(SMALL.format(classes=3, end=frozen).replace("lr_mult: 1", "lr_mult: 0"))
    x, y = np.zeros((4, 2, 12, 10), np.float32), np.arange(4) % 3
    task = as_task(path, (x, y, x, y), optimizer=lambda groups: torch.optim.SGD(groups, lr=0.5, weight_decay=0.1))
    module = task.build()
    assert [node.layer.name for node in module.net.nodes][-1] == "thin"  # read for phase TRAIN
    groups = [
        (group["lr"], group["weight_decay"], len(group["params"])) for group in optimizer_for(task, module).param_groups
    ]
    assert sorted(groups) == [(0.5, 0.1, 2), (1.0, 0.0, 1)]  # conv.0 learns nothing


def test_a_net_of_phase_train_gives_its_scores_and_keeps_its_losses_for_labels() -> None:
    task = net_task(read_net(LENET, phase="TRAIN"))
    module = task.build()
    assert task.loss is None
    assert module(torch.from_numpy(task.train[0][:3])).shape == (3, 10)


def test_compare_takes_a_net_or_its_path_with_data_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "small.prototxt"
    path.write_text(SMALL.format(classes=10, end=""))
    x = np.random.default_rng(0).normal(size=(64, 2, 12, 10)).astype(np.float32)
    y = (x.mean((1, 2, 3)) > 0).astype(np.int64)
    for build in (path, str(path), small()):
        result = glorot.compare(build, (x, y, x, y), ["caffe"], seeds=1, epochs=1)
        assert [run.seed for run in result["caffe"].runs] == [0]


REFUSED = {
    "too few classes": (
        small(9),
        "small.prototxt: digits have ten classes, and need a net that ends in N×10 scores; 'score' has shape 32×9",
    ),
    "no images": (
        parse_net('input: "x" input_shape { dim: 4 dim: 64 } layer { name: "r" type: "ReLU" bottom: "x" top: "y" }', "flat.prototxt"),
        "flat.prototxt: digits are images, and need a net whose first input has shape N×C×H×W; its first input is 'x' of "
        "shape 4×64",
    ),
    "an end that is neither a row of scores nor maps": (
        parse_net('input: "x" input_dim: [4, 1, 8, 8] layer { name: "r" type: "Flatten" bottom: "x" top: "y" flatten_param { axis: 2 } }',
                  "image.prototxt"),
        "image.prototxt: digits have ten classes, and need a net that ends in N×10 scores; 'y' has shape 4×1×64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_net_that_cannot_learn_digits_is_refused(case: str) -> None:
    net, message = REFUSED[case]
    with pytest.raises(GlorotError) as caught:
        net_task(net)
    assert str(caught.value) == message


MAPS = """
input: "data" input_shape { dim: [16, 1, 12, 10] }
layer { name: "mean" type: "Convolution" bottom: "data" top: "mean" convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "mean" top: "scores" }
"""


def test_a_net_that_ends_in_maps_gets_a_mean_over_positions_and_a_last_layer_and_says_so() -> None:
    task = net_task(parse_net(MAPS, "maps.prototxt"))
    assert task.name == (
        "handwritten digits, the net of maps.prototxt, with a mean over positions and an InnerProduct of 10 added, "
        "momentum 0.01"
    )
    module = task.build()
    images = torch.from_numpy(task.train[0][:5])
    with torch.no_grad():
        maps = torch.relu(functional.conv2d(images, module.state_dict()["mean.0"], module.state_dict()["mean.1"]))
        weights = {name: values for name, values in module.state_dict().items() if name.startswith("scores_")}
        assert {name: tuple(values.shape) for name, values in weights.items()} == {
            "scores_.0": (10, 6),
            "scores_.1": (10,),
        }
        expected = maps.mean((2, 3)) @ weights["scores_.0"].T + weights["scores_.1"]
        torch.testing.assert_close(module(images), expected)  # names that the net has itself are left to it


def test_a_net_that_ends_in_maps_learns() -> None:
    result = run_comparison(net_task(parse_net(MAPS, "maps.prototxt")), ["caffe"], seeds=1, epochs=3)
    losses = [epoch.train_loss for epoch in result["caffe"].runs[0].epochs]
    assert losses[-1] < losses[0] - 0.05
    assert "InnerProduct of 10 added" in result.task
    assert result["caffe"].plan["scores_.0"].why == "weight_filler xavier, FAN_IN 6"


def test_maps_of_probabilities_are_passed_over() -> None:
    """SqueezeNet and its like end in a Softmax of maps; the last layer reads the scores before it."""
    softmax = 'layer { name: "prob" type: "Softmax" bottom: "scores" top: "prob" }'
    task = net_task(parse_net(MAPS + softmax, "maps.prototxt"))
    assert task.loss is None
    head = task.build().net.nodes[-2:]
    assert [node.layer.bottoms for node in head] == [("scores",), ("mean_",)]


def test_a_loss_that_nobody_reads_does_not_stop_a_comparison() -> None:
    loss = 'layer { name: "loss" type: "Python" bottom: "score" bottom: "data" top: "loss" loss_weight: 1 }'
    task = net_task(small(end=loss))
    assert task.build()(torch.from_numpy(task.train[0][:3])).shape == (3, 10)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(GlorotError, match="^optimizer must be one of sgd, momentum, adam, got 'lbfgs'$"):
        net_task(small(), "lbfgs")
    with pytest.raises(GlorotError, match="^the learning rate must be a positive number, got 0$"):
        net_task(small(), "sgd", 0)


def test_images_beyond_the_memory_are_refused_before_any_is_asked_for() -> None:
    text = """
        input: "data" input_dim: [1, 1, 40000, 40000]
        layer { name: "all" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true } }
        layer { name: "score" type: "InnerProduct" bottom: "p" top: "s" inner_product_param { num_output: 10 } }
    """
    message = r"^<text>: 1797 digits of 1×40000×40000 numbers take 10711.0 GiB, and there are [\d.]+ GiB of memory$"
    with pytest.raises(GlorotError, match=message):
        net_task(parse_net(text))
