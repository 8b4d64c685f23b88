"""The nets in `examples/caffe`: planned, filled, written, and computed by OpenCV as by us."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import read_net, save, to_torch

FOLDER = Path(__file__).parents[2] / "examples/caffe"
NETS = ["alexnet_like", "inception_like", "lenet", "old_style", "siamese"]
WEIGHTS = {
    "alexnet_like": 60_965_224,
    "inception_like": 80_309,
    "lenet": 431_080,
    "old_style": 78_946,
    "siamese": 74_258,
}


def path_of(name):
    return FOLDER / f"{name}.prototxt"


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return read_net(path_of(request.param))


def name_of(net):
    return Path(net.source).stem


def laws(plan):
    return {entry.name: entry.distribution for entry in plan.entries}


def test_every_net_here_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.prototxt")) == sorted([*NETS, "solver"])


@pytest.mark.parametrize("recipe", ["caffe", "xavier", "he", "auto"])
def test_a_net_is_planned(net, recipe):
    plan = glorot.plan(net, recipe)
    assert [entry.name for entry in plan.entries] == [part.name for part in inventory(net).parts]
    assert all(entry.distribution is not None for entry in plan.entries)


def test_caffe_and_auto_start_kernels_by_different_laws(net):
    caffe, auto = laws(glorot.plan(net, "caffe")), laws(glorot.plan(net, "auto"))
    for part in inventory(net).parts:
        if part.role == "kernel":
            assert caffe[part.name] != auto[part.name], part.name
        if part.role in ("scale", "running_mean"):
            assert caffe[part.name] == auto[part.name], part.name


def test_fillers_are_those_of_the_file():
    std = {name: law.std for name, law in laws(glorot.plan(path_of("alexnet_like"), "caffe")).items()}
    assert std["stem.0"] == 0.01
    assert std["wide1.0"] == 0.005
    assert std["shape2.0"] == pytest.approx((2 / (192 * 9)) ** 0.5)  # a group sees half of the 384 maps
    assert std["classes.0"] == pytest.approx(4096**-0.5)
    means = {name: law.mean for name, law in laws(glorot.plan(path_of("alexnet_like"), "caffe")).items()}
    assert (means["texture.1"], means["shape1.1"]) == (0.1, 0)
    slopes = laws(glorot.plan(path_of("siamese"), "caffe"))["left/slope.0"]
    assert slopes.mean == pytest.approx(0.1)


def test_auto_sees_what_the_fillers_do_not():
    """LeNet's last layer stands behind ReLU, which halves the square of the signal."""
    caffe, auto = laws(glorot.plan(path_of("lenet"), "caffe")), laws(glorot.plan(path_of("lenet"), "auto"))
    assert caffe["ip2.0"].std == pytest.approx(500**-0.5)
    assert auto["ip2.0"].std != pytest.approx(500**-0.5, rel=0.05)


def test_a_net_is_filled(net):
    weights = glorot.apply(glorot.plan(net, "caffe"), net, seed=0)
    parameters = inventory(net).parameters
    assert {path: array.shape for path, array in weights.items()} == {p.path: p.shape for p in parameters}
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    assert sum(weights[p.path].size for p in parameters if p.tied_to is None) == WEIGHTS[name_of(net)]
    assert all(np.isfinite(array).all() for array in weights.values())


# --- OpenCV


def readable(name, folder):
    """Return the file of a net as OpenCV reads it, which knows no phases, no labels and no losses."""
    layers = re.split(r"(?m)^(?=layers? \{)", path_of(name).read_text())
    unread = [text for text in layers if "SoftmaxWithLoss" in text or "Accuracy" in text or 'name: "label"' in text]
    assert len(unread) == (3 if name == "lenet" else 0)
    path = folder / f"{name}.prototxt"
    path.write_text("".join(text for text in layers if text not in unread))
    return path


def started(net, recipe, seed):
    """Return weights from a recipe, with averages such as a BatchNorm has gathered after training."""
    weights = glorot.apply(glorot.plan(net, recipe), net, seed=seed)
    random = np.random.default_rng(seed)
    for node in net.nodes:
        if node.layer.kind == "BatchNorm":
            mean, variance, factor = (f"{node.layer.name}.{n}" for n in range(3))
            weights[mean] = random.normal(0, 10, weights[mean].shape).astype(np.float32)
            weights[variance] = random.uniform(2, 20, weights[variance].shape).astype(np.float32)
            weights[factor] = np.array([10], np.float32)  # both are sums over ten steps
    return weights


OF_OPENCV = [pytest.param(name, marks=[pytest.mark.slow] * (name == "alexnet_like")) for name in NETS]


@pytest.mark.parametrize("net", OF_OPENCV, indirect=True)
@pytest.mark.parametrize("recipe", ["caffe", "auto"])
def test_opencv_computes_what_we_compute(net, recipe, tmp_path):
    weights = started(net, recipe, seed=3)
    model = save(tmp_path / "net.caffemodel", net, weights)
    read = cv2.dnn.readNetFromCaffe(str(readable(name_of(net), tmp_path)), str(model))
    inputs = [shape for name, shape in net.inputs.items() if name != "label"]
    random = np.random.default_rng(0)
    batches = [random.normal(0, 1, (2, *shape[1:])).astype(np.float32) for shape in inputs]
    for name, batch in zip(net.inputs, batches, strict=False):
        read.setInput(batch, name)
    (last,) = net.nodes[-1].layer.bottoms
    their_scores, theirs = read.forward([last, "prob"])
    module, scores = to_torch(net, weights=weights).eval(), []
    module.get_submodule(last).register_forward_hook(lambda layer, inputs, made: scores.append(made))
    with torch.no_grad():
        ours = module(*map(torch.from_numpy, batches)).numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    largest = np.abs(their_scores).max()
    assert np.abs(scores[0].numpy() - their_scores).max() < 1e-4 * largest
    assert np.ptp(their_scores, axis=0).max() > 1e-3 * largest  # images are told apart


def test_labels_make_a_score():
    module = to_torch(path_of("lenet"), seed=0).eval()
    with torch.no_grad():
        outputs = module(torch.rand(64, 1, 28, 28), torch.arange(64) % 10)
    assert set(outputs) == {"accuracy", "prob"}
    torch.testing.assert_close(outputs["prob"].sum(1), torch.ones(64))


def test_lenet_trains():
    net = read_net(path_of("lenet"), phase="TRAIN", stages=["thinned"])
    assert net.outputs == ["loss"]
    module = to_torch(net, seed=0)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9)
    losses = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        images, labels = torch.randn(64, 1, 28, 28) / 2, torch.arange(64) % 10
        for _ in range(20):
            loss = module(images, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(10), rel=0.2)
    assert losses[-1] < 0.8 * losses[0], losses


# --- what each shows


def test_the_solver_stands_for_lenet():
    solved, lenet = read_net(path_of("solver")), read_net(path_of("lenet"), phase="TRAIN")
    assert (solved.state.phase, solved.state.stages) == ("TRAIN", {"thinned"})
    assert glorot.plan(solved, "caffe") == glorot.plan(lenet, "caffe")
    assert {node.layer.name for node in solved.nodes} - {node.layer.name for node in lenet.nodes} == {"drop1"}


def test_the_branches_of_the_pair_are_one():
    net = read_net(path_of("siamese"))
    tied = {parameter.path: parameter.tied_to for parameter in inventory(net).parameters if parameter.tied_to}
    assert tied == {f"right/{name}": f"left/{name}" for name in ("conv.0", "conv.1", "slope.0", "code.0", "code.1")}
    weights = glorot.apply(glorot.plan(net, "caffe"), net, seed=0)
    module = to_torch(net, weights=weights).eval()
    image = torch.randn(2, 1, 28, 28)
    with torch.no_grad():
        same = module(image, image)
    torch.testing.assert_close(same, torch.full((2, 2), 0.5))  # no difference, and no bias
