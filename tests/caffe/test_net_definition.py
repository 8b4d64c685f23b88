"""From a file to the layers of a net: inputs of every age, the old `layers`, solvers, phases, levels and stages."""

import pytest
import torch

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.caffe import parse_net, read_net, to_torch
from glorot.errors import GlorotError

RELU = '\nlayer { name: "relu" type: "ReLU" bottom: "data" top: "relu" }\n'
FC = 'layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ {} }} }}\n'.format


def paths(net):
    return [parameter.path for parameter in inventory(net).parameters]


def names(net):
    return [node.layer.name for node in net.nodes]


# --- inputs

INPUTS = {
    "Input": 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } } }',
    "a list": 'layer { name: "in" type: "Input" top: "data" input_param { shape: [{ dim: [2, 3, 4, 5] }] } }',
    "input_dim": 'input: "data" input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5',
    "input_shape": 'input: "data" input_shape { dim: 2 dim: 3 dim: 4 dim: 5 }',
    "DummyData": 'layer { type: "DummyData" top: "data" dummy_data_param { shape { dim: [2, 3, 4, 5] } } }',
    "DummyData of old": (
        'layer { type: "DummyData" top: "data" dummy_data_param { num: 2 channels: 3 height: 4 width: 5 } }'
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_every_age(name):
    net = parse_net(INPUTS[name] + RELU)
    assert net.inputs == {"data": (2, 3, 4, 5)}
    assert net.shapes == {"data": (2, 3, 4, 5), "relu": (2, 3, 4, 5)}
    assert net.outputs == ["relu"]


def test_several_inputs():
    two = 'input: "data" input: "other" '
    sizes = "input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5 input_dim: 6 input_dim: 7 input_dim: 8 "
    assert parse_net(two + sizes + RELU).inputs == {"data": (1, 2, 3, 4), "other": (5, 6, 7, 8)}
    shapes = "input_shape { dim: 1 } input_shape { dim: 5 dim: 6 } "
    assert parse_net(two + shapes + RELU).inputs == {"data": (1,), "other": (5, 6)}
    one_for_both = 'layer { type: "Input" top: "data" top: "other" input_param { shape { dim: 4 dim: 2 } } }'
    assert parse_net(one_for_both + RELU).inputs == {"data": (4, 2), "other": (4, 2)}
    one_for_each = one_for_both.replace("} } }", "} shape { dim: 4 } } }")
    assert parse_net(one_for_each + RELU).inputs == {"data": (4, 2), "other": (4,)}


def test_data_whose_shape_the_user_gives():
    net = 'layer { name: "digits" type: "Data" top: "data" top: "label" data_param { source: "lmdb" batch_size: 64 } }'
    read = parse_net(net + RELU, input_shapes={"data": (64, 1, 28, 28)})
    assert read.inputs == {"data": (64, 1, 28, 28), "label": (64,)}
    read = parse_net(net + RELU, input_shapes={"data": [8, 1, 28, 28], "label": (8, 2)})
    assert read.inputs == {"data": (8, 1, 28, 28), "label": (8, 2)}
    for kind in ("ImageData", "WindowData"):
        assert parse_net(net.replace("Data", kind, 1) + RELU, input_shapes={"data": (9, 3, 5, 5)}).inputs["label"] == (
            9,
        )


def test_data_of_which_nothing_is_known():
    files = 'layer { name: "digits" type: "HDF5Data" top: "data" top: "label" }'
    shapes = {"data": (7, 3), "label": (7, 2)}
    assert parse_net(files + RELU, input_shapes=shapes).inputs == shapes
    both = files + RELU + 'layer { type: "Eltwise" bottom: "label" bottom: "label" top: "twice" }'
    for missing in shapes:
        with pytest.raises(
            GlorotError, match=f"the net does not tell the shape of blob '{missing}'; give it on the command line"
        ):
            parse_net(both, input_shapes={name: shape for name, shape in shapes.items() if name != missing})


@pytest.mark.parametrize("kind", ["HDF5Data", "Python", "AnnotatedData"])
def test_labels_that_only_a_loss_reads_need_no_shape(kind):
    files = f'layer {{ name: "digits" type: "{kind}" top: "data" top: "label" top: "weight" }}'
    loss = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "relu" bottom: "label" top: "loss" }'
    score = 'layer { name: "score" type: "Accuracy" bottom: "relu" bottom: "label" top: "score" }'
    net = parse_net(files + RELU + loss + score, input_shapes={"data": (7, 3), "weight": (7,)})
    assert net.inputs == {"data": (7, 3), "weight": (7,)}
    assert [one.name for one in net.left_out if one.name != "digits"] == ["loss", "score"]
    assert net.outputs == ["weight", "relu"]
    module = to_torch(net)
    assert module(torch.ones(7, 3)).shape == (7, 3)
    with pytest.raises(
        GlorotError, match=r"layer 'loss' \(SoftmaxWithLoss\): it is not in the module, so there is no total_"
    ):
        module.total_loss(torch.ones(7, 3))


def test_the_user_may_change_a_shape():
    for text in INPUTS.values():
        assert parse_net(text + RELU, input_shapes={"data": (1, 9)}).inputs == {"data": (1, 9)}
    assert parse_net('input: "data"' + RELU, input_shapes={"data": (6,)}).shapes["relu"] == (6,)


def test_data_in_memory_has_a_shape():
    param = "memory_data_param { batch_size: 8 channels: 3 height: 4 width: 5 }"
    net = parse_net(f'layer {{ type: "MemoryData" top: "data" top: "label" {param} }}' + RELU)
    assert net.inputs == {"data": (8, 3, 4, 5), "label": (8,)}


def test_a_parameter_is_no_input():
    net = parse_net('layer { name: "p" type: "Parameter" top: "data" parameter_param { shape { dim: 3 } } }' + RELU)
    assert net.inputs == {}
    assert paths(net) == ["p.0"]


def test_outputs_are_what_no_layer_reads():
    two = INPUTS["Input"] + RELU + RELU.replace('"relu"', '"second"')
    assert parse_net(two).outputs == ["relu", "second"]
    in_place = RELU.replace('top: "relu"', 'top: "data"')
    assert parse_net(INPUTS["Input"] + in_place).outputs == ["data"]
    silenced = 'layer { name: "quiet" type: "Silence" bottom: "second" }'
    assert parse_net(two + silenced).outputs == ["relu"]


# --- the old format

NEW = """
name: "net"
input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  param { name: "w" lr_mult: 1 decay_mult: 3 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "d" type: "Convolution" bottom: "data" top: "d" param { name: "w" share_mode: PERMISSIVE }
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "j" type: "Concat" bottom: "c" bottom: "d" top: "j" concat_param { axis: 1 } }
layer { name: "p" type: "InnerProduct" bottom: "j" top: "p" inner_product_param { num_output: 5 } }
"""
OLD = """
name: "net"
input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" param: "w" param: ""
  blobs_lr: 1 blobs_lr: 2 weight_decay: 3 weight_decay: 0
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "d" type: CONVOLUTION bottom: "data" top: "d" param: "w" blob_share_mode: PERMISSIVE
  convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "j" type: CONCAT bottom: "c" bottom: "d" top: "j" concat_param { concat_dim: 1 } }
layers { name: "p" type: 14 bottom: "j" top: "p" inner_product_param { num_output: 5 } }
"""


def test_an_old_net_is_the_new_one():
    old, new = parse_net(OLD), parse_net(NEW)
    assert old.shapes == new.shapes
    for before, after in zip(old.nodes, new.nodes, strict=True):
        for what in ("name", "kind", "bottoms", "tops", "params"):
            assert getattr(before.layer, what) == getattr(after.layer, what)
        assert (before.blobs, before.owners) == (after.blobs, after.owners)
    assert glorot.plan(old, "caffe") == glorot.plan(new, "caffe")


V1 = {
    "ABSVAL": "AbsVal", "BNLL": "BNLL", "DROPOUT": "Dropout", "EXP": "Exp", "FLATTEN": "Flatten", "LRN": "LRN", "MVN": "MVN",
    "POWER": "Power", "RELU": "ReLU", "SIGMOID": "Sigmoid", "SOFTMAX": "Softmax", "SPLIT": "Split", "TANH": "TanH",
    "THRESHOLD": "Threshold", "ARGMAX": "ArgMax", "SLICE": "Slice",
}  # fmt: skip


@pytest.mark.parametrize("enum", V1)
def test_old_types_have_new_names(enum):
    text = f'input: "x" input_dim: [2, 3, 4, 5] layers {{ name: "it" type: {enum} bottom: "x" top: "y" }}'
    assert parse_net(text).nodes[0].layer.kind == V1[enum]


@pytest.mark.parametrize(
    ("enum", "kind"),
    [
        ("SOFTMAX_LOSS", "SoftmaxWithLoss"), ("ACCURACY", "Accuracy"), ("EUCLIDEAN_LOSS", "EuclideanLoss"),
        ("HINGE_LOSS", "HingeLoss"), ("MULTINOMIAL_LOGISTIC_LOSS", "MultinomialLogisticLoss"), ("ELTWISE", "Eltwise"),
        ("SIGMOID_CROSS_ENTROPY_LOSS", "SigmoidCrossEntropyLoss"), ("INFOGAIN_LOSS", "InfogainLoss"),
    ],
)  # fmt: skip
def test_old_types_of_two_blobs_have_new_names(enum, kind):
    inputs = 'input: "x" input: "t" input_shape { dim: [2, 1] } input_shape { dim: [2, 1] }'
    net = parse_net(f'{inputs} layers {{ name: "it" type: {enum} bottom: "x" bottom: "t" top: "y" }}')
    assert net.nodes[0].layer.kind == kind


# --- solvers

STAGED = INPUTS["Input"] + RELU + 'layer { name: "own" type: "Split" bottom: "relu" top: "own" include { %s } }'
SOLVERS = {
    "net": ('net: "net.prototxt" base_lr: 0.1', STAGED % "phase: TRAIN", ["in", "relu", "own"]),
    "folder": ('net: "models/lenet/net.prototxt"', STAGED % "phase: TRAIN", ["in", "relu", "own"]),
    "train_net": ('train_net: "net.prototxt" train_state { stage: "a" }', STAGED % 'stage: "a"', ["in", "relu", "own"]),
    "no stage": ('net: "net.prototxt"', STAGED % 'stage: "a"', ["in", "relu"]),
    "stage": ('net: "net.prototxt" train_state { stage: "a" }', STAGED % 'stage: "a"', ["in", "relu", "own"]),
    "level": ('net: "net.prototxt" train_state { level: 3 }', STAGED % "min_level: 2", ["in", "relu", "own"]),
    "phase": ('net: "net.prototxt" test_state { phase: TEST }', STAGED % "phase: TRAIN", ["in", "relu", "own"]),
    "net_param": ("net_param { %s } max_iter: 4" % (STAGED % "phase: TRAIN"), "", ["in", "relu", "own"]),
    "train_net_param": ("train_net_param { %s }" % (STAGED % "phase: TRAIN"), "", ["in", "relu", "own"]),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_stands_for_its_net(tmp_path, name):
    solver, net, expected = SOLVERS[name]
    (tmp_path / "solver.prototxt").write_text(solver)
    (tmp_path / "net.prototxt").write_text(net)
    assert names(read_net(tmp_path / "solver.prototxt")) == expected


def test_a_net_is_looked_for_where_the_solver_was_started_last(tmp_path, monkeypatch):
    started, models = tmp_path / "started", tmp_path / "models"
    started.mkdir()
    models.mkdir()
    monkeypatch.chdir(started)
    (models / "solver.prototxt").write_text('net: "net.prototxt"')
    (started / "net.prototxt").write_text('name: "there"' + INPUTS["Input"] + RELU)
    assert read_net(models / "solver.prototxt").name == "there"
    (models / "net.prototxt").write_text('name: "beside"' + INPUTS["Input"] + RELU)
    assert read_net(models / "solver.prototxt").name == "beside"


def test_a_solver_decides_over_the_state_of_its_net():
    state = 'state { phase: TRAIN level: 1 stage: "n" }'
    net = parse_net(f"net_param {{ {state} {INPUTS['Input']} {RELU} }} train_state {{ level: 2 stage: 's' }}")
    assert (net.state.phase, net.state.level, net.state.stages) == ("TRAIN", 2, {"n", "s"})


def test_the_test_net_of_a_solver(tmp_path):
    solver = tmp_path / "solver.prototxt"
    train, test = INPUTS["Input"] + RELU, INPUTS["Input"] + RELU.replace('"relu"', '"other"')
    solver.write_text(
        f"train_net_param {{ {train} }} test_net_param {{ {test} }} test_state {{ stage: 't' }} test_iter: 1"
    )
    assert names(read_net(solver)) == names(read_net(solver, phase="TRAIN")) == ["in", "relu"]
    tested = read_net(solver, phase="TEST")
    assert (names(tested), tested.state.stages) == (["in", "other"], {"t"})


# --- states


def present(rules, state="", **wanted):
    """Tell whether a layer with some rules is in a net of some state."""
    text = INPUTS["Input"] + RELU + f'layer {{ name: "it" type: "Split" bottom: "relu" top: "it" {rules} }} {state}'
    return "it" in names(parse_net(text))


RULES = [  # rules, state of the net, whether the layer is there
    ("", "", True),
    ("include { phase: TEST }", "", True),
    ("include { phase: TRAIN }", "", False),
    ("include { phase: 0 }", "state { phase: TRAIN }", True),
    ("include { phase: TRAIN } include { phase: TEST }", "", True),
    ("exclude { phase: TEST }", "", False),
    ("exclude { phase: TRAIN }", "", True),
    ("exclude { phase: TRAIN } exclude { phase: TEST }", "", False),
    ("include { }", "", True),
    ("exclude { }", "", False),
    ("include { min_level: 1 }", "", False),
    ("include { min_level: 0 max_level: 0 }", "", True),
    ("include { min_level: 2 max_level: 4 }", "state { level: 4 }", True),
    ("include { min_level: 2 max_level: 4 }", "state { level: 5 }", False),
    ("include { min_level: -2 }", "state { level: -1 }", True),
    ('include { stage: "a" }', "", False),
    ('include { stage: "a" }', 'state { stage: "a" stage: "b" }', True),
    ('include { stage: "a" stage: "b" }', 'state { stage: "a" }', False),
    ('include { stage: "a" } include { stage: "b" }', 'state { stage: "a" }', True),
    ('include { not_stage: "a" }', "", True),
    ('include { not_stage: "a" }', 'state { stage: "a" }', False),
    ('include { stage: "b" not_stage: "a" }', 'state { stage: ["a", "b"] }', False),
    ('exclude { stage: "a" phase: TRAIN }', 'state { stage: "a" }', True),
]


@pytest.mark.parametrize(("rules", "state", "expected"), RULES)
def test_rules_decide_what_is_there(rules, state, expected):
    assert present(rules, state) is expected


def test_the_user_decides_over_the_file(tmp_path):
    file = tmp_path / "net.prototxt"
    file.write_text(STAGED % 'phase: TRAIN min_level: 2 stage: "a" stage: "b"' + 'state { stage: "a" level: 1 }')
    assert names(read_net(file)) == ["in", "relu"]
    net = read_net(file, phase="TRAIN", level=2, stages=["b"])
    assert names(net) == ["in", "relu", "own"]
    assert (net.state.phase, net.state.level, net.state.stages) == ("TRAIN", 2, {"a", "b"})
    assert str(net) == f"net of {file}, TRAIN, 3 layers"
    file.write_text('name: "Net" ' + STAGED % "phase: TRAIN" + "state { phase: TRAIN }")
    assert names(read_net(file)) == ["in", "relu", "own"]
    assert str(read_net(file, phase="TEST")) == f"Net of {file}, TEST, 2 layers"


def test_a_layer_that_is_absent_is_not_read():
    assert names(parse_net(STAGED % "phase: TRAIN" + 'layer { type: "Mine" exclude { } }')) == ["in", "relu"]


def test_a_solver_has_its_test_net_for_phase_test(tmp_path):
    (tmp_path / "train.prototxt").write_text(STAGED % "phase: TRAIN")
    (tmp_path / "test.prototxt").write_text(STAGED % 'stage: "deploy"')
    solver = tmp_path / "solver.prototxt"
    solver.write_text("""
        train_net: "train.prototxt" train_state { stage: "thin" }
        test_net: "test.prototxt" test_state { stage: "deploy" }
    """)
    train, test = read_net(solver), read_net(solver, phase="test")
    assert (names(train), train.state.phase, train.state.stages) == (["in", "relu", "own"], "TRAIN", {"thin"})
    assert (names(test), test.state.phase, test.state.stages) == (["in", "relu", "own"], "TEST", {"deploy"})


# --- forks


def test_unknown_fields_are_told_by_name_and_left_out():
    fork = """
    name: "net" profiler { on: true } [fork.options] { fast: 1 } force_backward: true
    input: "data" input_shape { dim: 2 dim: 6 names: "batch" }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" phase: TEST loss_weight: 0 propagate_down: false
      engine: CUDNN quantization { bits: 8 } my_param < a: [1, 2], b: {} >
      inner_product_param { num_output: 3 engine: MKL2017 weight_filler { type: "xavier" seed: 7 } } }
    """
    plain = 'input: "data" input_shape { dim: 2 dim: 6 }' + FC('num_output: 3 weight_filler { type: "xavier" }')
    with pytest.warns(UserWarning, match="it is left out$") as told:
        net = parse_net(fork, "net")
    assert [str(one.message) for one in told] == [
        "net:2:17: unknown field 'profiler'; it is left out",
        "net:2:39: unknown field '[fork.options]'; it is left out",
        "net:3:54: unknown field 'names' of input_shape; it is left out",
        "net:5:21: unknown field 'quantization' of type InnerProduct; it is left out",
        "net:5:46: unknown field 'my_param' of type InnerProduct (did you mean 'param'?); it is left out",
        "net:6:96: unknown field 'seed' of weight_filler; it is left out",
    ]
    assert glorot.plan(net, "caffe") == glorot.plan(parse_net(plain), "caffe")


def test_a_misspelt_field_is_told_and_left_out():
    settings = 'inner_product_param { num_output: 2 weight_filer { type: "xavier" } engine: CUDNN }'
    text = (
        'input: "x" input_dim: [1, 1, 2, 2]\nlayer { name: "a" type: "InnerProduct" bottom: "x" top: "a" '
        + settings
        + " }"
    )
    told = r"^net.prototxt:2:97: unknown field 'weight_filer' of inner_product_param \(did you mean 'weight_filler'\?\); it is left out$"
    with pytest.warns(UserWarning, match=told):
        net = parse_net(text, "net.prototxt")
    assert glorot.plan(net)["a.0"].why == "no weight_filler: Caffe's 0"


def test_a_layer_that_its_rules_leave_out_is_named_where_it_is_missed():
    text = INPUTS["Input"] + 'layer { name: "a" type: "ReLU" bottom: "data" top: "h" include { stage: "deep" } }\n'
    text += 'layer { name: "b" type: "ReLU" bottom: "h" top: "y" }'
    with pytest.raises(
        GlorotError,
        match="it reads blob 'h', which no layer before it makes in phase TEST; layer 'a' would, but its rules of phase, "
        "stage and level leave it out$",
    ):
        parse_net(text)


def test_what_the_doors_are_not_for(tmp_path):
    (tmp_path / "net.prototxt").write_text(INPUTS["Input"] + RELU)
    with pytest.raises(GlorotError, match=r"^stages must be a list of names, as in \['deploy'\], got 'deploy'$"):
        read_net(tmp_path / "net.prototxt", stages="deploy")
    with pytest.raises(GlorotError, match="^level must be a whole number, got 'a'$"):
        parse_net(RELU, level="a")
    with pytest.raises(GlorotError, match="^read_net takes the path of a .prototxt file, got NoneType$"):
        read_net(None)
    with pytest.raises(
        GlorotError, match="^parse_net takes the text of a .prototxt, got bytes; for a file use read_net$"
    ):
        parse_net(b"layer { }")
    with pytest.raises(GlorotError, match="^inputs: expected an array for blob 'data', got list: "):
        glorot.plan(tmp_path / "net.prototxt", inputs={"data": [[1], [1, 2]]})
