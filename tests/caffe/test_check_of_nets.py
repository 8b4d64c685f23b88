"""A Caffe net is checked as it would start: drawn by its fillers, run on noise or on a batch."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import glorot
from glorot.caffe import parse_net, read_net, to_torch
from glorot.caffe.adapter import arrays, to_check
from glorot.checks import Report
from glorot.cli import main
from glorot.errors import GlorotError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "caffe").glob("*.prototxt"))
HEAD = 'name: "net" input: "data" input_shape { dim: 4 dim: 3 dim: 16 dim: 16 }\n'
FIT = 'weight_filler { type: "msra" }'


def conv(name: str, bottom: str, filler: str = FIT, kind: str = "Convolution", more: str = "") -> str:
    settings = f"convolution_param {{ num_output: 32 kernel_size: 3 {filler} {more} }}"
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {settings} }}\n'


def relu(name: str) -> str:
    return f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'


def product(bottom: str, filler: str = 'weight_filler { type: "xavier" }', outputs: int = 10) -> str:
    settings = f"inner_product_param {{ num_output: {outputs} {filler} }}"
    return f'layer {{ name: "ip" type: "InnerProduct" bottom: "{bottom}" top: "ip" {settings} }}\n'


HEALTHY = HEAD + conv("c1", "data") + relu("c1") + conv("c2", "c1") + relu("c2") + product("c2")
WIDE = 'weight_filler { type: "gaussian" std: 1 }'


def codes(report: Report) -> dict[str, set[str]]:
    """Return what each code of a report blames."""
    found: dict[str, set[str]] = {}
    for one in report.findings:
        found.setdefault(one.code, set()).update(one.paths)
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_nets_start(path: Path) -> None:
    report = glorot.check(path)
    assert report.ok, str(report)
    assert report.signal is not None
    assert any("drawn by its fillers with seed 0, and run on 8 examples of noise" in one for one in report.notes)


def test_a_path_and_a_net_are_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(HEALTHY.replace(FIT, WIDE))
    by_path, by_net = glorot.check(str(path)), glorot.check(read_net(path))
    assert codes(by_path) == codes(by_net)
    assert codes(by_path)["GL302"] == {"c1.0", "c2.0"}


@pytest.mark.parametrize(
    ("right", "wrong", "code", "blamed"),
    [
        (HEALTHY, HEALTHY.replace(FIT, WIDE), "GL302", {"c1.0", "c2.0"}),
        (HEALTHY, HEALTHY.replace('weight_filler { type: "xavier" }', WIDE), "GL303", {"ip.0"}),
        (HEALTHY, HEALTHY.replace(FIT, ""), "GL205", {"c1.0", "c2.0"}),
        (
            HEAD + conv("c1", "data", kind="Deconvolution", filler='weight_filler { type: "gaussian" std: 0.3 }'),
            HEAD + conv("c1", "data", kind="Deconvolution", filler='weight_filler { type: "xavier" }'),
            "GL301",
            {"c1.0"},
        ),
    ],
    ids=["std 1", "head of std 1", "no fillers", "xavier of a Deconvolution counts outputs"],
)  # fmt: skip
def test_a_filler_may_be_wrong(right: str, wrong: str, code: str, blamed: set[str]) -> None:
    rest = "" if "ip" in right else relu("c1") + product("c1")
    report = glorot.check(parse_net(wrong + rest))
    assert codes(report).get(code) == blamed, str(report)
    assert not glorot.check(parse_net(right + rest)).findings


def test_a_filler_is_found_wrong_in_the_module_too() -> None:
    wrong, right = (glorot.check(to_torch(parse_net(text))) for text in (HEALTHY.replace(FIT, WIDE), HEALTHY))
    assert codes(wrong)["GL302"] == {"c1.0", "c2.0"}
    assert not right.findings


def test_layers_whose_own_code_says_how_they_start_are_believed() -> None:
    norm = 'layer { name: "bn" type: "BatchNorm" bottom: "c1" top: "c1" }\n'
    scale = 'layer { name: "sc" type: "Scale" bottom: "c1" top: "c1" scale_param { bias_term: true } }\n'
    up = HEAD + conv("c1", "data") + (
        'layer { name: "up" type: "Deconvolution" bottom: "c1" top: "up" convolution_param { num_output: 32 group: 32 '
        'kernel_size: 4 stride: 2 bias_term: false weight_filler { type: "bilinear" } } }\n'
    )  # fmt: skip
    for text in (HEAD + conv("c1", "data") + norm + scale + relu("c1") + product("c1"), up + product("up")):
        report = glorot.check(parse_net(text))
        assert not report.findings, str(report)


def test_a_net_that_is_made_to_load_weights_is_told_from_one_that_forgot() -> None:
    bare = parse_net(HEALTHY.replace(FIT, "").replace('weight_filler { type: "xavier" }', ""), "deploy.prototxt")
    report = glorot.check(bare)
    assert report.notes[0].startswith("deploy.prototxt has no weight_filler, as a net that is made to load weights")
    assert "pass the .caffemodel" in report.notes[0]
    assert not any("made to load" in one for one in glorot.check(parse_net(HEALTHY.replace(FIT, ""))).notes)


def test_a_batch_of_the_users_is_run() -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(size=(16, 3, 16, 16)).astype(np.float32)
    net, targets = parse_net(HEALTHY), np.arange(16) % 10
    for inputs in ({"data": images}, {"data": torch.from_numpy(images)}, images, (images,)):
        report = glorot.check(net, inputs, targets)
        assert report.ok
        assert "GL409" in report.asked
        assert report.notes == ("the net was drawn by its fillers with seed 0",)
    pixels = glorot.check(net, {"data": 128 + 40 * images}, targets)
    assert "GL409" in codes(pixels), str(pixels)
    with pytest.raises(GlorotError, match=r"there is no input 'image'; inputs here: data"):
        glorot.check(net, {"image": images})


def test_labels_are_left_out_and_indices_are_drawn() -> None:
    labelled = (
        'layer { name: "d" type: "Input" top: "data" top: "label" '
        "input_param { shape { dim: 4 dim: 20 } shape { dim: 4 } } }\n"
        + product("data")
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }'
    )
    assert list(to_check(parse_net(labelled)).inputs) == ["data"]
    words = (
        'input: "words" input_shape { dim: 4 dim: 7 }\n'
        'layer { name: "e" type: "Embed" bottom: "words" top: "e" embed_param { input_dim: 50 num_output: 16 '
        'weight_filler { type: "uniform" min: -0.1 max: 0.1 } } }\n' + product("e")
    )
    indices = to_check(parse_net(words)).inputs["words"]
    assert indices.shape == (8, 7)
    assert 0 <= int(indices.min()) < int(indices.max()) < 50
    assert glorot.check(parse_net(words)).ok


def test_the_declared_batch_is_taken_where_the_net_needs_it() -> None:
    fixed = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: 2 dim: 1536 } } }\n'
    noise = to_check(parse_net(HEAD + fixed + product("r"))).inputs["data"]
    assert noise.shape == (4, 3, 16, 16)


def test_a_layer_without_a_module_leaves_the_weights_to_check() -> None:
    text = (
        'input: "x" input_shape { dim: 5 dim: 4 dim: 8 } input: "cont" input_shape { dim: 5 dim: 4 }\n'
        'layer { name: "l" type: "LSTM" bottom: "x" bottom: "cont" top: "l" recurrent_param { num_output: 16 '
        'weight_filler { type: "gaussian" std: STD } } }\n' + product("l")
    )
    wrong, right = (glorot.check(parse_net(text.replace("STD", std))) for std in ("5", "0.2"))
    assert "GL302" in codes(wrong), str(wrong)
    assert not right.findings, str(right)
    assert right.signal is None
    assert right.notes == (
        "the net was drawn by its fillers and not run: <text>:2:1: layer 'l' (LSTM): to_torch has no such layer",
    )
    with pytest.raises(GlorotError, match=r"cannot be run on a batch: .* to_torch has no such layer"):
        glorot.check(parse_net(text.replace("STD", "0.2")), {"x": np.ones((5, 4, 8), np.float32)})


def test_a_seed_draws_the_fillers_and_is_compared_with_a_plan() -> None:
    net = parse_net(HEALTHY)
    own, other = glorot.plan(net, "caffe"), glorot.plan(net, "xavier")
    assert not codes(glorot.check(net, plan=own, seed=3)).keys() & {"GL701", "GL702"}
    assert "GL701" in codes(glorot.check(net, plan=other, seed=3))
    assert "drawn by its fillers with seed 3" in glorot.check(net, seed=3).notes[0]


def test_what_a_net_starts_from_is_what_its_module_holds() -> None:
    net = parse_net(HEALTHY)
    held = dict(to_torch(net, seed=0).named_parameters())
    drawn = arrays(net)
    assert drawn.keys() == held.keys()
    assert all(np.array_equal(drawn[path], held[path].detach().numpy()) for path in held)


def test_the_command_line_checks_a_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = 'layer { name: "d" type: "Data" top: "data" }\n'
    (tmp_path / "net.prototxt").write_text(data + HEALTHY.partition("\n")[2].replace(FIT, WIDE))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["glorot", "check", "net.prototxt", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    assert run() == 2
    assert "--input-shape" in capsys.readouterr().err
    assert run("--input-shape", "data=4,3,16,16", "--strict") == 1
    assert "GL302 warning: c1.0, c2.0: multiplies the signal by far too much" in capsys.readouterr().out
    assert run("--input-shape", "data=4,3,16,16") == 0
