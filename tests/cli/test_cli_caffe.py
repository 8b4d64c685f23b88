"""The command line on Caffe nets: plans, weights in files that others read, and one clear message for bad input."""

import json
import resource
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

import glorot
from glorot.caffe import read_caffemodel
from glorot.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples" / "caffe"
LENET = (EXAMPLES / "lenet.prototxt").read_text()
DATA = """
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { source: "x" batch_size: 9 } }
layer { name: "input" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 4 dim: 4 } } include { phase: TEST stage: "deploy" } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lenet.prototxt").write_text(LENET)
    (tmp_path / "data.prototxt").write_text(DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["glorot", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_a_net_is_planned_by_its_fillers_and_by_better_ones(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plan", "lenet.prototxt", "-o", "caffe.json") == 0
    text = capsys.readouterr().out
    assert text.startswith("plan: caffe · 8 parts")
    assert "conv2.0  50×20×5×5  500 → 555.6" in text
    assert "weight_filler xavier, FAN_IN 500" in text
    assert run(monkeypatch, "plan", "lenet.prototxt", "--recipe", "auto", "--diff", "caffe.json") == 1
    changed = capsys.readouterr().out
    assert "caffe_xavier 0.04472" in changed
    assert "balanced(fed_by='relu')" in changed
    assert run(monkeypatch, "plan", "lenet.prototxt", "--diff", "caffe.json") == 0


def test_weights_are_written_in_three_formats_and_run_by_opencv(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "plan", "lenet.prototxt", "-o", "plan.json")
    for suffix in ("caffemodel", "safetensors", "npz"):
        assert run(monkeypatch, "apply", "plan.json", "lenet.prototxt", "--seed", "7", "-o", f"lenet.{suffix}") == 0
    expected = glorot.apply(glorot.Plan.load("plan.json"), "lenet.prototxt", seed=7)
    with np.load("lenet.npz") as arrays:
        saved = [read_caffemodel("lenet.caffemodel"), load_file("lenet.safetensors"), dict(arrays)]
    for weights in saved:
        assert set(weights) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(weights[name], array)
    net = cv2.dnn.readNetFromCaffe("lenet.prototxt", "lenet.caffemodel")
    np.testing.assert_array_equal(np.asarray(net.getParam("conv1", 0)), expected["conv1.0"])


def test_a_model_of_pytorch_is_saved_as_safetensors_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "model.py").write_text("from torch import nn\n\ndef small():\n    return nn.Linear(3, 2)\n")
    run(monkeypatch, "plan", "model.py:small", "-o", "plan.json")
    assert run(monkeypatch, "apply", "plan.json", "model.py:small", "--seed", "0", "-o", "w.safetensors") == 0
    assert {name: array.shape for name, array in load_file("w.safetensors").items()} == {"weight": (2, 3), "bias": (2,)}


def test_what_a_file_leaves_open_is_told_by_options(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("plan", "data.prototxt", "--format", "json")
    assert run(monkeypatch, *words, "--phase", "train", "--input-shape", "data=9,2,4,4") == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["shape"] == [3, 32]
    assert run(monkeypatch, *words, "--stage", "deploy") == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["shape"] == [3, 16]


ZOOMED = """
input: "x" input_shape { dim: [2, 3, 8, 8] }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 2 } }
layer { name: "up" type: "Zoom" bottom: "x" top: "up" }
layer { name: "b" type: "InnerProduct" bottom: "up" top: "b" inner_product_param { num_output: 2 } }
"""


@pytest.mark.filterwarnings("default:.* unknown layer type:UserWarning")
def test_the_shape_of_a_layer_of_an_unknown_type_is_told_by_an_option(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "zoomed.prototxt").write_text(ZOOMED)
    assert run(monkeypatch, "plan", "zoomed.prototxt", "--format", "json") == 0
    out, told = capsys.readouterr()
    assert [entry["name"] for entry in json.loads(out)["entries"]] == ["a.0", "a.1"]
    assert "layer 'up': unknown layer type 'Zoom'; what depends on its shape is left out: b; give its shape" in told
    assert run(monkeypatch, "plan", "zoomed.prototxt", "--format", "json", "--shape", "up=2,3,16,16") == 0
    out, told = capsys.readouterr()
    assert (json.loads(out)["entries"][2]["shape"], told) == ([2, 3 * 16 * 16], "")


def test_a_layer_by_itself_is_planned_applied_and_compared_once_its_input_has_a_shape(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, shape = str(EXAMPLES / "pieces" / "conv1.prototxt"), ("--input-shape", "data=64,1,12,12")
    assert run(monkeypatch, "plan", file, *shape, "-o", "plan.json") == 0
    assert run(monkeypatch, "apply", "plan.json", file, *shape, "--seed", "0", "-o", "conv1.caffemodel") == 0
    assert read_caffemodel("conv1.caffemodel")["conv1.0"].shape == (20, 1, 5, 5)
    capsys.readouterr()
    few = ("--seeds", "1", "--epochs", "1", "--recipe", "caffe", "-o", "out.json")
    assert run(monkeypatch, "compare", file, *shape, *few) == 0
    out, _ = capsys.readouterr()
    assert "with a mean over positions and an InnerProduct of 10 added" in " ".join(out.split())


@pytest.mark.filterwarnings("default:.* it is left out$:UserWarning")
def test_a_field_of_a_fork_is_told_and_the_net_still_planned(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "fork.prototxt").write_text(LENET.replace("kernel_size: 5", "kernel_size: 5 pad_l: 1", 1))
    assert run(monkeypatch, "plan", "fork.prototxt") == 0
    assert "unknown field 'pad_l' of convolution_param" in capsys.readouterr().err


BAD = {
    "plan zoomed.prototxt --shape up=2,3,x": "error: --shape 'up=2,3,x': write LAYER=N,C,H,W, as in up1=64,32,28,28",
    "plan zoomed.prototxt --shape =2,3": "error: --shape '=2,3': write LAYER=N,C,H,W, as in up1=64,32,28,28",
    "plan zoomed.prototxt --shape up=0": (
        "error: shape for layer 'up': expected positive sizes such as (64, 1, 28, 28), got (0,)"
    ),
    "plan zoomed.prototxt --shape up=1,2 --shape up=1,3": "error: --shape gives the shape of 'up' twice; give it once",
    "plan zoomed.prototxt --shape a=1,2": "error: shape for layer 'a': glorot knows the type of this layer",
    "plan zoomed.prototxt --input-shape x=1,2 --input-shape x=1,3": (
        "error: --input-shape gives the shape of 'x' twice; give it once"
    ),
    "plan nets.py:model --shape up=1,2": "error: --shape belongs to a Caffe .prototxt; nets.py:model is none",
    "plan lonely.prototxt": (
        "error: lonely.prototxt:17:9: layer 'conv1' (Convolution): it reads blob 'data', which no layer before it makes in "
        "phase TEST; if it is an input of the net, give its shape on the command line with --input-shape data=64,1,28,28"
    ),
    "plan data.prototxt": (
        "error: data.prototxt:4:49: layer 'fc' (InnerProduct): it reads blob 'data', which no layer before it makes in phase "
        "TEST"
    ),
    "plan data.prototxt --phase TRAIN": (
        "error: data.prototxt:2:1: layer 'mnist' (Data): the net does not tell the shape of blob 'data'; give it on the "
        "command line with --input-shape data=64,1,28,28, or as input_shapes={'data': (64, 1, 28, 28)} of "
        "glorot.caffe.read_net"
    ),
    "plan data.prototxt --phase TRAIN --input-shape data=9,x": (
        "error: --input-shape 'data=9,x': write BLOB=N,C,H,W, as in data=64,1,28,28"
    ),
    "plan data.prototxt --phase TRAIN --input-shape data=9,-1": (
        "error: input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got (9, -1)"
    ),
    "plan lenet.prototxt --input-shape dat=1,1,28,28": (
        "error: input shape for 'dat': the net has no such input (did you mean 'data'?); inputs here: data, label"
    ),
    "plan broken.prototxt": "error: broken.prototxt:2:1: expected a field name, got '}'",
    "plan nowhere.prototxt": "error: cannot read nowhere.prototxt: No such file or directory; give the path of a .prototxt",
    "plan nets.py:model --phase TEST": "error: --phase belongs to a Caffe .prototxt; nets.py:model is none",
    "apply good.json lenet.prototxt --seed 0 -o w.pt": (
        "error: w.pt: expected a file name that ends in .caffemodel, .safetensors or .npz for the weights of a Caffe net"
    ),
    "apply good.json data.prototxt --seed 0 --stage deploy -o w.npz": "error: this plan was made for another model",
    "compare lenet.prototxt --depth 3": "error: --depth belongs to the digits; a Caffe net has its own layers",
    "compare data.prototxt --stage deploy --phase TEST": (
        "error: data.prototxt: digits have ten classes, and need a net that ends in N×10 scores; 'fc' has shape 1×3"
    ),
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_gets_one_message_and_exit_code_2(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (place / "broken.prototxt").write_text('name: "x"\n}')
    (place / "zoomed.prototxt").write_text(ZOOMED)
    (place / "lonely.prototxt").write_text((EXAMPLES / "pieces" / "conv1.prototxt").read_text())
    glorot.plan("lenet.prototxt").save("good.json")
    before = sorted(path.name for path in place.iterdir())
    assert run(monkeypatch, *words.split()) == 2
    out, told = capsys.readouterr()
    assert BAD[words] in told
    assert (out, "Traceback" in told) == ("", False)
    assert sorted(path.name for path in place.iterdir()) == before


def test_a_name_that_steers_the_terminal_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.prototxt").write_text(LENET.replace('"conv1"', r'"a\n\033[31mb\000"'))
    assert run(monkeypatch, "plan", "odd.prototxt") == 2
    out, told = capsys.readouterr()
    assert r'name must be text without control characters, got "a\n\x1b[31mb\x00"' in told
    assert out == ""


WIDE = """
import torch
from torch import nn

def wide():
    turned = nn.Conv2d(3, 4, 5, bias=False).to(memory_format=torch.channels_last)
    return nn.Sequential(nn.Linear(3000, 4000, bias=False), turned)
"""
WIDE_NET = """input: "x" input_shape { dim: 1 dim: 3000 }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4000 bias_term: false } }
"""
OUTPUTS = [("model.py:wide", "w.pt"), ("model.py:wide", "w.npz"), ("model.py:wide", "w.safetensors")]
OUTPUTS += [("wide.prototxt", "w.npz"), ("wide.prototxt", "w.safetensors"), ("wide.prototxt", "w.caffemodel")]


@pytest.fixture
def wide(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("model.py").write_text(WIDE)
    Path("wide.prototxt").write_text(WIDE_NET)
    run(monkeypatch, "plan", "model.py:wide", "-o", "model.json")
    run(monkeypatch, "plan", "wide.prototxt", "-o", "wide.json")


@pytest.mark.parametrize(("target", "output"), OUTPUTS)
@pytest.mark.usefixtures("wide")
def test_weights_go_to_their_file_without_another_copy(
    monkeypatch: pytest.MonkeyPatch, target: str, output: str
) -> None:
    plan = f"{target.partition('.')[0]}.json"
    tracemalloc.start()
    assert run(monkeypatch, "apply", plan, target, "--seed", "0", "-o", output) == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = Path(output).stat().st_size
    assert size > 48e6
    assert peak < (1.5 if target == "wide.prototxt" else 0.5) * size, "memory of PyTorch is not counted"


@pytest.mark.parametrize(("target", "output"), OUTPUTS)
@pytest.mark.usefixtures("wide")
def test_a_full_disk_is_one_message_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: str, output: str
) -> None:
    before = sorted(Path().iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        assert run(monkeypatch, "apply", f"{target.partition('.')[0]}.json", target, "--seed", "0", "-o", output) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = capsys.readouterr().err
    assert f"error: cannot write {output}: " in told
    assert "File too large" in told
    assert sorted(Path().iterdir()) == before


@pytest.mark.usefixtures("wide")
def test_weights_that_lie_in_another_order_are_saved_in_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for output in ("w.npz", "w.safetensors"):
        assert run(monkeypatch, "apply", "model.json", "model.py:wide", "--seed", "0", "-o", output) == 0
    with np.load("w.npz") as arrays:
        np.testing.assert_array_equal(load_file("w.safetensors")["1.weight"], arrays["1.weight"])


@pytest.mark.filterwarnings("default:.* it is left out$:UserWarning")
def test_a_field_that_looks_misspelt_is_told_and_the_net_still_planned(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "typo.prototxt").write_text(LENET.replace("weight_filler", "weight_filer", 1))
    assert run(monkeypatch, "plan", "typo.prototxt") == 0
    out, told = capsys.readouterr()
    assert "no weight_filler: Caffe's 0" in out
    assert told.startswith("warning: typo.prototxt:")
    assert told.endswith(
        "unknown field 'weight_filer' of convolution_param (did you mean 'weight_filler'?); it is left out\n"
    )
