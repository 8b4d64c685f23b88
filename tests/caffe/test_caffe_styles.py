"""Nets in the style of published ones with fields of forks, against OpenCV's reader, layer by layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from caffe_styles import STYLES, resnet
from numpy.typing import NDArray

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import Net, parse_net, save, to_torch
from glorot.errors import GlorotError

cv2 = pytest.importorskip("cv2")

Arrays = dict[str, NDArray[Any]]


def weights_of(net: Net) -> Arrays:
    """Return weights by He's rule, with averages and factors in which nothing is 0 or alike."""
    weights = glorot.apply(glorot.plan(net, "he"), net, seed=2)
    numbers = np.random.default_rng(0)
    for node in net.nodes:
        if node.layer.kind in ("BatchNorm", "Scale", "Normalize"):
            for index, blob in enumerate(node.blobs):
                low, high = (1, 1) if blob.shape == (1,) else (-0.2, 0.2) if index == 0 else (0.5, 1.5)
                weights[node.path(index)] = numbers.uniform(low, high, blob.shape).astype(np.float32)
    return weights


def by_opencv(folder: Path, text: str, net: Net, weights: Arrays, batch: NDArray[Any], names: list[str]) -> Arrays:
    (folder / "net.prototxt").write_text(text)
    model = save(folder / "net.caffemodel", net, weights)
    reader = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(model))
    reader.setInput(batch)
    return dict(zip(names, reader.forward(names), strict=True))


def by_torch(net: Net, weights: Arrays, batch: NDArray[Any]) -> Arrays:
    """Return what each layer makes, by its name."""
    module, found = to_torch(net, weights=weights).eval(), {}
    for name, layer in module.named_children():
        layer.register_forward_hook(lambda layer, read, made, name=name: found.update({name: made.clone().numpy()}))
    with torch.no_grad():
        module(torch.from_numpy(batch))
    return found


@pytest.mark.parametrize("style", STYLES)
def test_every_layer_has_the_shape_and_the_numbers_that_opencv_gives_it(style: str, tmp_path: Path) -> None:
    text = STYLES[style]()
    net = parse_net(text)
    weights, (shape,) = weights_of(net), net.inputs.values()
    batch = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    ours = by_torch(net, weights, batch)
    read = [node for node in net.nodes if node.layer.bottoms and node.layer.kind != "DetectionOutput"]
    names = [node.layer.name for node in read]
    assert list(ours) == names
    theirs = by_opencv(tmp_path, text, net, weights, batch, names)
    for node in read:
        name = node.layer.name
        assert theirs[name].shape == node.tops[0], name
        largest = np.abs(theirs[name]).max()
        assert largest > 0, name
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4 * largest, err_msg=name)


def test_what_is_detected_has_a_row_of_seven_numbers_for_each(tmp_path: Path) -> None:
    """Caffe gives one row before anything is detected; OpenCV as many as are."""
    text = STYLES["ssd"]()
    net = parse_net(text)
    batch = np.random.default_rng(1).normal(0, 1, net.inputs["data"]).astype(np.float32)
    theirs = by_opencv(tmp_path, text, net, weights_of(net), batch, ["found"])["found"]
    assert net.shapes["found"] == (1, 1, 1, 7)
    assert (theirs.shape[:2], theirs.shape[3]) == ((1, 1), 7)
    assert theirs.shape[2] > 1


@pytest.mark.parametrize("style", STYLES)
def test_every_recipe_plans_it_without_a_word(style: str) -> None:
    net = parse_net(STYLES[style]())  # any warning is an error here
    for recipe in ("caffe", "auto", "he"):
        plan = glorot.plan(net, recipe)
        assert all(entry.distribution is not None for entry in plan.entries)


SIZES = {
    "densenet": {"convolution1": 26, "pool1": 13, "transition0": 6, "transition1": 3},  # 14, 8 and 4 rounded up
    "resnet": {"pool1": 16},  # 17 rounded up
    "squeezenet": {"pool1": 16, "pool3": 8},  # 15 and 7 rounded down
    "inception": {"stem_pool": 16, "stem": 16, "reduction_pool": 7, "reduction": 7},  # the pools 17 and 8 rounded up
    "ssd": {"fc6": 6, "found": 1},
    "mobile": {"relu62": 17, "larger": 33},  # of 9: 9 + 8·3
}


@pytest.mark.parametrize("style", STYLES)
def test_sizes_are_those_that_are_counted_by_hand(style: str) -> None:
    shapes = parse_net(STYLES[style]()).shapes
    assert {name: shapes[name][2] for name in SIZES[style]} == SIZES[style]


def test_a_field_left_out_would_be_seen() -> None:
    """The nets are such that each of the fields changes a shape or a blob."""
    with pytest.raises(GlorotError, match="expected blob .* to agree with .*, 2×6×17×17"):
        parse_net(STYLES["inception"]().replace("ceil_mode: false", ""))
    blobs = {
        text: len(inventory(parse_net(text)).parameters)
        for text in (resnet(), resnet().replace("scale_bias: true", ""))
    }
    assert list(blobs.values()) == [10 + 2 + 10 * 5, 10 + 2 + 10 * 3]  # convolutions, the last layer, norms
