"""What the pages say of OpenCV's reader of Caffe nets, of OpenCV itself."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_claims import assert_said

import glorot
from glorot.caffe import parse_net, save

PAGE, EXAMPLES = "docs/caffe.md", Path(__file__).parents[2] / "examples" / "caffe"
HEAD = 'name: "net" layer {{ name: "in" type: "Input" top: "x" input_param {{ shape {{ {} }} }} }}\n'
DEPARTS = (
    "it ignores `transpose` of an InnerProduct, `k` of an LRN and the settings of a Log, gives a dilated Deconvolution "
    "another size, and cannot read `round_mode`, losses and phases"
)


def answer(layer: str, folder: Path, shape: tuple[int, ...] = (2, 6, 5, 5), untrained: bool = False) -> Any:
    """Return what OpenCV computes by one layer from a value of 0.5 everywhere; its weights are 0, 1, 2, … or untrained."""
    text = HEAD.format(" ".join(f"dim: {size}" for size in shape)) + layer
    net = parse_net(text)
    (folder / "net.prototxt").write_text(text)
    blobs = [(node.path(index), blob.shape) for node in net.nodes for index, blob in enumerate(node.blobs)]
    weights = {path: np.arange(math.prod(blob), dtype=np.float32).reshape(blob) for path, blob in blobs}
    if untrained:
        weights = glorot.apply(glorot.plan(net), net, seed=0)
    model = str(save(folder / "net.caffemodel", net, weights)) if weights else ""
    read = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), model)
    read.setInput(np.full(shape, 0.5, np.float32))
    return read.forward()


def layer(kind: str, settings: str) -> str:
    return f'layer {{ name: "y" type: "{kind}" bottom: "x" top: "y" {settings} }}'


@pytest.mark.parametrize(
    ("kind", "settings", "ignored", "shape"),
    [
        ("InnerProduct", "inner_product_param {{ num_output: 6 bias_term: false {} }}", "transpose: true", (2, 6)),
        ("LRN", "lrn_param {{ local_size: 5 alpha: 0.7 {} }}", "k: 2", (2, 6, 5, 5)),
        ("Log", "log_param {{ {} }}", "base: 3 scale: 2 shift: 0.3", (2, 6, 5, 5)),
    ],
)
def test_opencv_ignores_some_settings(
    kind: str, settings: str, ignored: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    assert_said(PAGE, DEPARTS)
    with_it, without = (answer(layer(kind, settings.format(text)), tmp_path, shape) for text in (ignored, ""))
    np.testing.assert_array_equal(with_it, without)


def test_opencv_gives_a_dilated_deconvolution_another_size(tmp_path: Path) -> None:
    settings = "convolution_param { num_output: 4 kernel_size: 3 dilation: 2 }"
    net = parse_net(HEAD.format("dim: 2 dim: 6 dim: 5 dim: 5") + layer("Deconvolution", settings))
    assert net.shapes["y"] == (2, 4, 9, 9)  # 5 + (3 - 1)·2, as Caffe has it
    assert answer(layer("Deconvolution", settings), tmp_path).shape == (2, 4, 7, 7)


def test_opencv_reads_no_round_mode(tmp_path: Path) -> None:
    settings = "pooling_param {{ kernel_size: 2 stride: 2 {} }}"
    assert answer(layer("Pooling", settings.format("")), tmp_path).shape == (2, 6, 3, 3)
    with pytest.raises(cv2.error):
        answer(layer("Pooling", settings.format("round_mode: FLOOR")), tmp_path)


def test_opencv_runs_the_examples_but_lenet(tmp_path: Path) -> None:
    assert_said("examples/caffe/README.md", "runs all of these nets but LeNet as they are; the solver is not a net.")
    for file in EXAMPLES.glob("*.prototxt"):
        net = glorot.caffe.read_net(file)
        weights = save(tmp_path / "net.caffemodel", net, glorot.apply(glorot.plan(net), net, seed=0))
        if file.stem == "solver":
            continue
        read = cv2.dnn.readNetFromCaffe(str(file), str(weights))
        for name, shape in net.inputs.items():
            read.setInput(np.zeros(shape, np.float32), name)
        if file.stem == "lenet":
            with pytest.raises(cv2.error, match='create layer "loss"'):
                read.forward()
        else:
            assert np.isfinite(read.forward()).all(), file.name


def test_an_untrained_batch_norm_multiplies_by_316(tmp_path: Path) -> None:
    assert_said(
        PAGE, "in phase TEST each BatchNorm of an untrained net divides by √eps: it multiplies the signal by 316."
    )
    values = answer(layer("BatchNorm", ""), tmp_path, untrained=True)
    np.testing.assert_allclose(values / 0.5, 316.23, rtol=1e-4)
