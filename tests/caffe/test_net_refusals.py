"""What a net gets that cannot be: its layers, its blobs, its file and its size."""

import re
import time
import tracemalloc

import pytest

from glorot.caffe import parse_net, read_net
from glorot.errors import GlorotError

X = 'input: "x" input_shape { dim: [2, 6, 8, 8] } input: "y" input_shape { dim: [2, 3] }\n'
XY = 'bottom: "x" bottom: "y" top: "it"'
conv = "convolution_param {{ num_output: 4 {} }}".format
TELL = (
    "give its shape on the command line with --shape {0}=64,32,28,28, or as shapes={{'{0}': (64, 32, 28, 28)}} of "
    "glorot.caffe.read_net"
)
GIVE = (
    "; if it is an input of the net, give its shape on the command line with --input-shape {0}=64,1,28,28, or as "
    "input_shapes={{'{0}': (64, 1, 28, 28)}} of glorot.caffe.read_net"
)
RELU = ' layer { type: "ReLU" bottom: "a" top: "r" }'


def it(kind, settings="", ends='bottom: "x" top: "it"'):
    """Write a net of one layer on line 2, whose settings stand on line 3."""
    return X + f'layer {{ name: "it" type: "{kind}" {ends}\n  {settings} }}'


REFUSED = {  # net, what is wrong and where
    "misspelt type": (
        it("Convolutoin"),
        "2:26: layer 'it': unknown layer type 'Convolutoin' (did you mean 'Convolution' or 'Deconvolution'?)",
    ),
    "strange type": (
        it("Quux"),
        "2:26: layer 'it': unknown layer type 'Quux'; " + TELL.format("it"),
    ),
    "type in small letters": (
        it("relu"),
        "2:26: layer 'it': unknown layer type 'relu' (did you mean 'ReLU'?)",
    ),
    "unknown bottom": (
        it("ReLU", ends='bottom: "z" top: "it"'),
        "2:41: layer 'it' (ReLU): it reads blob 'z', which no layer before it makes in phase TEST" + GIVE.format("z"),
    ),
    "misspelt bottom": (
        X
        + 'layer { name: "conv1" type: "ReLU" bottom: "x" top: "conv1" }\nlayer { name: "it" type: "ReLU" bottom: "conv_1" top: "it" }',
        "3:41: layer 'it' (ReLU): it reads blob 'conv_1', which no layer before it makes in phase TEST (did you mean 'conv1'?)"
        + GIVE.format("conv_1"),
    ),
    "bottom of a later layer": (
        X
        + 'layer { name: "a" type: "ReLU" bottom: "b" top: "a" }\nlayer { name: "b" type: "ReLU" bottom: "x" top: "b" }',
        "2:40: layer 'a' (ReLU): it reads blob 'b', which no layer before it makes in phase TEST",
    ),
    "too few bottoms": (
        it("ReLU", ends='top: "it"'),
        "2:1: layer 'it' (ReLU): expected 1 bottom blobs, got 0",
    ),
    "too many bottoms": (
        it("ReLU", ends=XY),
        "2:1: layer 'it' (ReLU): expected 1 bottom blobs, got 2",
    ),
    "a sum of one": (
        it("Eltwise"),
        "2:1: layer 'it' (Eltwise): expected at least 2 bottom blobs, got 1",
    ),
    "no top": (
        it("ReLU", ends='bottom: "x"'),
        "2:1: layer 'it' (ReLU): expected 1 top blobs, got 0",
    ),
    "too many tops": (
        it("Pooling", "pooling_param { kernel_size: 2 }", ends='bottom: "x" top: "a" top: "b" top: "c"'),
        "2:1: layer 'it' (Pooling): expected 1 to 2 top blobs, got 3",
    ),
    "loss without labels": (
        it("SoftmaxWithLoss"),
        "2:1: layer 'it' (SoftmaxWithLoss): expected 2 bottom blobs, got 1",
    ),
    "an input that reads": (
        it("Input"),
        "2:1: layer 'it' (Input): expected 0 bottom blobs, got 1",
    ),
    "duplicate top": (
        X + 'layer { name: "a" type: "ReLU" bottom: "x" top: "y" }',
        "2:49: layer 'a' (ReLU): its top 'y' is made by a layer before it; give it a name of its own",
    ),
    "top twice": (
        it("Slice", ends='bottom: "x" top: "a" top: "a"'),
        "2:51: layer 'it' (Slice): a top is named twice",
    ),
    "another shape in place": (
        X + 'layer { name: "a" type: "InnerProduct" bottom: "x" top: "x" inner_product_param { num_output: 3 } }',
        "2:57: layer 'a' (InnerProduct): its top 'x' is changed in place to another shape; give it a name of its own",
    ),
    "no type": (
        X + 'layer { name: "a" bottom: "x" top: "y" }',
        "2:1: layer 'a' has no type; expected one such as \"Convolution\"",
    ),
    "two of one name": (
        X + 2 * 'layer { name: "a" type: "Scale" bottom: "x" top: "x" }\n',
        "3:1: layer 'a' (Scale): a layer with weights needs a name that no other one has",
    ),
    "weights without a name": (
        X + 'layer { type: "Scale" bottom: "x" top: "x" }\n',
        "2:1: layer '' (Scale): a layer with weights needs a name that no other one has",
    ),
    "too many params": (
        it("Scale", "param { } param { }"),
        "2:1: layer 'it' (Scale): 2 param for 1 blobs of weights; give one for each at most",
    ),
    "params without weights": (
        it("ReLU", "param { lr_mult: 1 }"),
        "2:1: layer 'it' (ReLU): 1 param for 0 blobs of weights; give one for each at most",
    ),
    "share": (
        X
        + 'layer { name: "a" type: "Scale" bottom: "x" top: "a" param { name: "w" } }\nlayer { name: "b" type: "InnerProduct" bottom: "x" top: "b" param { name: "w" } inner_product_param { num_output: 3 } }',
        "3:1: layer 'b' (InnerProduct): its blob 0 shares 'w' with a.0: expected shape 6, got shape 3×384",
    ),
    "permissive": (
        X
        + 'layer { name: "a" type: "Scale" bottom: "x" top: "a" param { name: "w" } }\nlayer { name: "b" type: "InnerProduct" bottom: "x" top: "b" param { name: "w" share_mode: PERMISSIVE } inner_product_param { num_output: 3 } }',
        "3:1: layer 'b' (InnerProduct): its blob 0 shares 'w' with a.0: expected 6 elements, got shape 3×384",
    ),
    "empty": (
        "",
        "1:1: no layer is here; expected a net with `layer { … }`, or a solver that has one",
    ),
    "a name alone": (
        'name: "n"',
        "1:1: no layer is here; expected a net with `layer { … }`, or a solver that has one",
    ),
    "both ages": (
        X + 'layers { type: RELU bottom: "x" top: "a" }\nlayer { name: "b" type: "ReLU" bottom: "x" top: "b" }',
        "2:1: old `layers` and new `layer` stand in one net; write all of them as `layer`",
    ),
    "first format": (
        'layers {\n  layer { name: "conv1" type: "conv" num_output: 20 }\n  bottom: "data" }',
        "2:3: this is the first format of Caffe, of 2013, a layer inside `layers`; upgrade the file with Caffe's upgrade_net_proto_text, or write it as `layer`",
    ),
    "type in quotes": (
        'input: "x" input_dim: [1, 1, 1, 1] layers { name: "a" type: "RELU" bottom: "x" top: "a" }',
        '1:61: type must be a name that is known here, got "RELU"; write it without quotes',
    ),
    "misspelt old type": (
        'input: "x" input_dim: [1, 1, 1, 1] layers { name: "a" type: CONVOLUTON bottom: "x" top: "a" }',
        "1:61: layer 'a': unknown layer type 'CONVOLUTON' (did you mean 'Convolution' or 'Deconvolution'?)",
    ),
    "no old type": (
        'input: "x" input_dim: [1, 1, 1, 1] layers { name: "a" bottom: "x" top: "a" }',
        "1:36: layer 'a' has no type; expected one such as CONVOLUTION",
    ),
    "old type that is unknown": (
        'input: "x" input_dim: [1, 1, 1, 1] layers { name: "a" type: IM2COL bottom: "x" top: "a" }',
        "1:61: layer 'a': unknown layer type 'Im2col'; " + TELL.format("a"),
    ),
    "input without a shape": (
        'input: "data"\nlayer { name: "a" type: "ReLU" bottom: "data" top: "a" }',
        "1:8: the net does not tell the shape of blob 'data'; give it on the command line with --input-shape data=64,1,28,28, or as input_shapes={'data': (64, 1, 28, 28)} of glorot.caffe.read_net",
    ),
    "data without a shape": (
        'layer { name: "mnist" type: "Data" top: "data" top: "label" }',
        "1:1: layer 'mnist' (Data): the net does not tell the shape of blob 'data'; give it on the command line with --input-shape data=64,1,28,28, or as input_shapes={'data': (64, 1, 28, 28)} of glorot.caffe.read_net",
    ),
    "Input without a shape": (
        'layer { name: "in" type: "Input" top: "data" }',
        "1:1: layer 'in' (Input): the net does not tell the shape of blob 'data'; give it on the command line with --input-shape data=64,1,28,28, or as input_shapes={'data': (64, 1, 28, 28)} of glorot.caffe.read_net",
    ),
    "too few input_dim": (
        'input: "a" input_dim: [1, 2, 3] ' + RELU,
        "1:24: 1 inputs need 4 input_dim, got 3",
    ),
    "too few input_shape": (
        'input: "a" input: "b" input_shape { dim: 2 } ' + RELU,
        "1:23: 2 inputs need 2 input_shape, got 1",
    ),
    "input_dim and input_shape": (
        'input: "a" input_dim: [1, 2, 3, 4] input_shape { dim: 2 } ' + RELU,
        "1:24: input_shape and input_dim are both given; give one of them",
    ),
    "input twice": (
        'input: "a" input: "a" ' + RELU,
        "1:8: an input is named twice",
    ),
    "tops and shapes": (
        'layer { name: "in" type: "Input" top: "a" top: "b" top: "c" input_param { shape { dim: 1 } shape { dim: 2 } } }',
        "1:1: layer 'in' (Input): expected one shape, or one for each of 3 tops, got 2",
    ),
    "sizes of unequal count": (
        'layer { name: "d" type: "DummyData" top: "a" dummy_data_param { num: 1 num: 2 channels: 3 height: 4 width: 5 } }',
        "1:70: layer 'd' (DummyData): num, channels, height and width must be given equally often",
    ),
    "both kinds of rules": (
        it("ReLU", "include { phase: TEST }\nexclude { phase: TRAIN }"),
        "4:1: a layer may have include rules or exclude rules, not both",
    ),
    "phase": (
        it("ReLU", "include { phase: DEPLOY }"),
        "3:20: phase must be one of TRAIN, TEST, got DEPLOY",
    ),
    "solver gone": (
        'net: "gone.prototxt"',
        "1:6: the solver's net 'gone.prototxt' is not there, nor beside the solver",
    ),
    "huge input": (
        'input: "x" input_shape { dim: [99999, 99999] } layer { name: "a" type: "ReLU" bottom: "x" top: "a" }',
        "1:1: blob 'x' of shape 99999×99999 has more than the 2147483647 elements that Caffe allows",
    ),
    "huge": (
        it("InnerProduct", "inner_product_param { num_output: 2147483647 }"),
        "2:1: layer 'it' (InnerProduct): blob 'it' of shape 2×2147483647 has more than the 2147483647 elements that Caffe allows",
    ),
    "huge blob": (
        it("InnerProduct", "inner_product_param { num_output: 1000000000 }"),
        "2:1: layer 'it' (InnerProduct): a blob of weights of shape 1000000000×384 has more than the 2147483647 elements that Caffe allows",
    ),
    "huge 64": (
        it("InnerProduct", "inner_product_param { num_output: 9223372036854775807 }"),
        "2:1: layer 'it' (InnerProduct): blob 'it' of shape 2×9223372036854775807 has more than the 2147483647 elements that Caffe allows",
    ),
    "more": (
        it("InnerProduct", "inner_product_param { num_output: 99999999999999999999 }"),
        "3:37: num_output must be a whole number of at most 64 bits, got 99999999999999999999",
    ),
    "huge kernel": (
        it("Convolution", conv("kernel_size: 1000000 pad: 1000000")),
        "2:1: layer 'it' (Convolution): blob 'it' of shape 2×4×1000009×1000009 has more than the 2147483647 elements that Caffe allows",
    ),
    "huge deconv": (
        it("Deconvolution", conv("kernel_size: 9223372036854775807")),
        "2:1: layer 'it' (Deconvolution): blob 'it' of shape 2×4×9223372036854775814×9223372036854775814 has more than the 2147483647 elements that Caffe allows",
    ),
    "tiles": (
        it("Tile", "tile_param { tiles: 1000000000000 }"),
        "2:1: layer 'it' (Tile): blob 'it' of shape 2×6000000000000×8×8 has more than the 2147483647 elements that Caffe allows",
    ),
    "too many axes": (
        'input: "x" input_shape { dim: [' + 32 * "1, " + '1] } layer { type: "ReLU" bottom: "x" top: "a" }',
        "1:1: blob 'x' has 33 axes; Caffe allows 32",
    ),
    "empty dims": (
        'input: "x" input_shape { dim: [2, 0] } layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 3 } }',
        "1:40: layer 'a' (InnerProduct): inputs must be a positive integer, got 0",
    ),
    "embed huge": (
        it("Embed", "embed_param { input_dim: 9999999 num_output: 9999999 }"),
        "2:1: layer 'it' (Embed): blob 'it' of shape 2×6×8×8×9999999 has more than the 2147483647 elements that Caffe allows",
    ),
    "lstm huge": (
        X
        + 'input: "z" input_shape { dim: [2, 6] } layer { name: "it" type: "LSTM" bottom: "x" bottom: "z" top: "it" recurrent_param { num_output: 100000 } }',
        "2:40: layer 'it' (LSTM): a blob of weights of shape 400000×100000 has more than the 2147483647 elements that Caffe allows",
    ),
}

CONTROLS = ("\\n", "\\0", "\\r", "\\033[31m")
TURNED = "\\342\\200\\256"  # a letter that turns round what stands behind it


@pytest.mark.parametrize("name", REFUSED)
def test_a_net_is_refused_with_a_place(name):
    text, problem = REFUSED[name]
    with pytest.raises(GlorotError, match=rf"^net:{re.escape(problem)}$"):
        parse_net(text, "net")


@pytest.mark.parametrize("piece", [*CONTROLS, TURNED])
@pytest.mark.parametrize("field", ["name", "type", "bottom", "top"])
def test_names_are_shown_on_one_line(piece, field):
    twice = 2 * 'layer { name: "a" type: "ReLU" bottom: "x" top: "t" } '
    text = X + twice.replace(f'{field}: "', f'{field}: "{piece}')
    problem = f"{field} must be text without control characters, got" if piece in CONTROLS else "layer '.+"
    with pytest.raises(GlorotError, match=rf"^net:2:\d+: {problem}.*$") as caught:
        parse_net(text, "net")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("field", ["type", "bottom"])
def test_a_name_without_end_is_cut(field):
    layer = 'layer { name: "a" type: "ReLU" bottom: "x" top: "t" }'
    text = X + layer.replace(f'{field}: "', f'{field}: "' + 1_000_000 * "a")
    with pytest.raises(GlorotError, match=rf"^net:2:\d+: layer 'a'.*{40 * 'a'}…") as caught:
        parse_net(text, "net")
    assert len(str(caught.value)) < 1000


# --- what the user gives

DATA = 'layer { name: "in" type: "Data" top: "data" top: "label" } layer { type: "ReLU" bottom: "data" top: "r" }'
GIVEN = {
    "misspelt": ({"dat": (1,), "data": (1, 2)}, "input shape for 'dat': the net has no such input (did you mean 'data'?); inputs here: data, label"),
    "none": ({"r": (1,), "data": (1, 2)}, "input shape for 'r': the net has no such input; inputs here: data, label"),
    "no size": ({"data": ()}, "input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got ()"),
    "zero": ({"data": (0, 3)}, "input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got (0, 3)"),
    "text": ({"data": "64,1"}, "input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got '64,1'"),
    "fraction": ({"data": (1.5,)}, "input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got (1.5,)"),
    "flag": ({"data": (True,)}, "input shape for 'data': expected positive sizes such as (64, 1, 28, 28), got (True,)"),
    "list": ([1, 2], "input_shapes must be a dict {blob: shape}, as in {'data': (64, 1, 28, 28)}, got [1, 2]"),
    "huge": ({"data": (2**31, 2)}, "net:1:1: layer 'in' (Data): blob 'data' of shape 2147483648×2 has more than the 2147483647 elements that Caffe allows"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_shapes_that_are_none(name):
    shapes, problem = GIVEN[name]
    with pytest.raises(GlorotError, match=f"^{re.escape(problem)}$"):
        parse_net(DATA, "net", input_shapes=shapes)


def test_files_that_are_none(tmp_path):
    net = tmp_path / "net.prototxt"
    net.write_text(X + 'layer { name: "a" type: "ReLU" bottom: "x" top: "a" }')
    with pytest.raises(GlorotError, match="^phase must be TRAIN or TEST, got 'training'$"):
        read_net(net, phase="training")
    with pytest.raises(GlorotError, match=r"cannot read .*gone\.prototxt: No such file or directory; give the path of"):
        read_net(tmp_path / "gone.prototxt")
    solver = tmp_path / "solver.prototxt"
    solver.write_text('base_lr: 0.1\nnet: "models/gone.prototxt"')
    problem = "the solver's net 'models/gone.prototxt' is not there, nor beside the solver"
    with pytest.raises(GlorotError, match=f"^{re.escape(f'{solver}:2:6: {problem}')}$"):
        read_net(solver)
    solver.write_text(f'net: "{5000 * "a"}"')
    with pytest.raises(
        GlorotError, match="solver.prototxt:1:6: the solver's net 'a{200}…' is not there, nor beside the solver$"
    ):
        read_net(solver)
    broken = tmp_path / "broken.prototxt"
    broken.write_text("layer {\n  name: }")
    solver.write_text(f'net: "{broken.name}"')
    with pytest.raises(
        GlorotError, match=f"^{re.escape(str(broken))}:2:9: expected a value or '{{' after 'name', got '}}'$"
    ):
        read_net(solver)


# --- the size of things

HUGE = [name for name in REFUSED if name.startswith("huge")]


def test_a_huge_net_is_refused_before_memory_is_asked_for():
    tracemalloc.start()
    start = time.process_time()
    for name in HUGE:
        with pytest.raises(GlorotError, match="elements that Caffe allows"):
            parse_net(REFUSED[name][0])
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 2**20
