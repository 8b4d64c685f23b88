"""What people type, and the page that they get: `tests/data/asked.txt` holds a line for each, taken from tutorials."""

import importlib
import re
from pathlib import Path

import pytest

import glorot
from glorot.dropins import table
from glorot.errors import GlorotError
from glorot.report.explanation import explanation
from glorot.report.explanation.asked import answer_of
from glorot.report.explanation.elsewhere import CAFFE_FILLERS, note_on
from glorot.report.explanation.page import CATALOGUES
from glorot.topics import TOPICS

LINES = (Path(__file__).parents[1] / "data" / "asked.txt").read_text(encoding="utf-8").splitlines()
ASKED = [tuple(line.rsplit(" → ", 1)) for line in LINES]


@pytest.mark.parametrize(("typed", "page"), ASKED, ids=[typed for typed, _ in ASKED])
def test_what_people_type_finds_its_page(typed: str, page: str) -> None:
    answer = answer_of(typed)
    assert f"{answer.kind}:{CATALOGUES[answer.kind].factory(answer.name).__name__}" == page


def test_every_topic_is_asked_for() -> None:
    assert {page for _, page in ASKED} >= {f"topic:{name}" for name in TOPICS}
    assert len(ASKED) >= 500


TF1 = """    W = tf.get_variable("W", shape=[784, 256],
           initializer=tf.contrib.layers.xavier_initializer())
    b = tf.Variable(tf.zeros([256]))"""
TORCH = """def init_weights(m):
    if isinstance(m, nn.Linear):
        torch.nn.init.xavier_uniform_(m.weight)
        m.bias.data.fill_(0.01)
"""
CAFFE = """layer {
  name: "ip1"
  type: "InnerProduct"
  inner_product_param {
    num_output: 500
    weight_filler { type: "xavier" }
    bias_filler { type: "constant" }
  }
}"""
NUMPY = "        self.W1 = np.random.randn(inputs, hidden) * np.sqrt(2. / inputs)\n        self.b1 = np.zeros(hidden)"
KERAS = "model = Sequential()\nmodel.add(Dense(64, kernel_initializer='he_normal', activation='relu'))"
PLAIN_LAYER = "class Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(784, 10)"
IN_PLACE = "n = m.in_features\ny = 1.0/np.sqrt(n)\nm.weight.data.uniform_(-y, y)"


@pytest.mark.parametrize(
    ("code", "page", "note"),
    [
        (TF1, "scheme:xavier_uniform", "TensorFlow 1: set `tf.contrib = glorot.keras.contrib`"),
        (TORCH, "scheme:xavier_uniform", "PyTorch: `from glorot.torch import init`"),
        (CAFFE, "scheme:caffe_xavier", "Caffe: the filler `xavier`"),
        (NUMPY, "scheme:he_normal", "Read from code: the square root in it. The block is indented"),
        (KERAS, "scheme:he_normal", "Read from code: `he_normal`."),
        (PLAIN_LAYER, "recipe:pytorch", "`nn.Linear` of PyTorch starts from this by itself."),
        (IN_PLACE, "recipe:standard", "Read from code: the square root in it."),
    ],
    ids=["TensorFlow 1", "PyTorch", "Caffe", "NumPy", "Keras", "a layer", "in place"],
)
def test_pasted_code_finds_the_start_in_it(code: str, page: str, note: str) -> None:
    answer = answer_of(code)
    assert f"{answer.kind}:{answer.name}" == page
    assert answer.note.startswith(note)
    assert ("indented" in answer.note) == code.startswith(" ")


def test_the_note_is_the_first_thing_after_the_name() -> None:
    lines = explanation(TF1).splitlines()
    assert lines[0].startswith("xavier_uniform · scheme")
    assert lines[1].startswith("→ TensorFlow 1: set `tf.contrib = glorot.keras.contrib`")
    assert '<p class="note">TensorFlow 1: set <code>tf.contrib = ' in explanation(TF1, html=True)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("xaiver", "xavier"), ("glorrot", "glorot"), ("kaming", "kaiming"), ("kaimming normal", "kaiming_normal"),
        ("vanishng gradients", "vanishing_gradients"), ("explodng gradients", "exploding_gradients"),
        ("initalization", "initialization"), ("weight initalisation", "initialization"), ("simmetry", "symmetry"),
        ("varience", "variance"), ("saturaton", "saturation"), ("overfiting", "overfitting"), ("rleu", "relu"),
        ("convergance", "convergence"), ("lerning rate", "learning_rate"), ("sigmod", "sigmoid"), ("fan_inn", "fans"),
    ],
)  # fmt: skip
def test_a_slip_gets_the_one_name_that_is_meant_and_the_list(typed: str, name: str) -> None:
    with pytest.raises(GlorotError) as caught:
        explanation(typed)
    told = str(caught.value)
    assert told.startswith(f"unknown name {typed!r} (did you mean {name!r}?); topics: activation_functions, bias, ")
    assert told.endswith("; `glorot explain` lists all names")


@pytest.mark.parametrize("code", ["    x = 3\n    print(x)", "import torch", "torch.empty(3, 5)"])
def test_code_without_a_start_gets_a_hint(code: str) -> None:
    told = (
        "no initialiser is named in .*: explain takes a name such as 'xavier', or code that calls one, such as nn.init"
    )
    with pytest.raises(GlorotError, match=told):
        explanation(code)


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(GlorotError) as caught:
        explanation("qx " * 10_000)
    assert len(str(caught.value)) < 700


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        "nn.init.xavier_uniform_", "nn.init.trunc_normal_(w)", "keras.initializers.HeNormal", "GlorotUniform",
        "jax.nn.initializers.glorot_normal()", "flax.linen.initializers.lecun_normal()", "tf.contrib.layers.xavier_initializer",
    ],
)  # fmt: skip
def test_what_a_note_names_is_there(asked: str) -> None:
    for package in ("torch", "keras", "jax", "tensorflow"):
        pytest.importorskip(package)
    note = answer_of(asked).note
    (path,) = re.findall(
        r"glorot\.[\w.]+(?=[`, ])", note.replace("`from glorot.torch import init`, then `", "`glorot.torch.")
    )
    module, _, name = path.rpartition(".")
    assert hasattr(importlib.import_module(module), name), note


def test_a_note_names_what_the_table_of_drop_ins_has() -> None:
    for name in table.TORCH:
        assert answer_of(f"nn.init.{name}(w)").note.endswith(f"`init.{name}` as in torch.nn.init.")
    for name in table.JAX:
        assert answer_of(f"jax.nn.initializers.{name}()").note.startswith(f"JAX: `glorot.jax.initializers.{name}`")
    for name in table.KERAS:
        assert answer_of(f"keras.initializers.{name}()").note.startswith(f"Keras: `glorot.keras.{name}`")


def test_every_filler_of_caffe_has_a_page_and_a_note() -> None:
    for filler, scheme in CAFFE_FILLERS.items():
        answer = answer_of(f'weight_filler {{ type: "{filler}" }}')
        assert (answer.kind, answer.name) == ("scheme", scheme)
        assert answer.note == note_on(f'type: "{filler}"', filler) != ""


def test_arguments_of_other_libraries_are_no_error_and_those_of_glorot_are() -> None:
    assert answer_of("GlorotUniform(seed=0)").call == "GlorotUniform"
    assert answer_of("HeNormal(mode='fan_out')").call == "HeNormal(mode='fan_out')"
    with pytest.raises(GlorotError, match="normal: std must be a positive number, got -1"):
        explanation("normal(std=-1)")


@pytest.mark.parametrize("typed", ["topics", "Topics", "help", "?", "Schemes"])
def test_words_that_ask_for_a_list_get_it(typed: str) -> None:
    kind = typed.lower().removesuffix("s")
    page = glorot.explain(typed)
    assert ("Topics, for the words" in page) == (kind in ("topic", "help", "?"))
    assert ("Schemes decide" in page) == (kind in ("scheme", "help", "?"))


def test_a_check_is_asked_for_by_its_code_where_a_topic_has_its_name() -> None:
    assert explanation("vanishing-gradient").startswith("vanishing gradients · topic")
    assert explanation("gl 502") == explanation("GL502")
    assert explanation("wrong-fan").startswith("GL301 wrong-fan")


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("Xavier", "fan_in"), ("XAVIER", "fan_in"), ("Xavier Initialization", "fan_in"), ("xavier_uniform_", "fan_in"),
        ("kaiming_normal_", "fan_in"), ("xavier_initializer", "fan_in"), ("zero", "same"), ("initialization", "weight"),
        ("symmetry", "alike"), ("saturation", "slope"), ("vanishing", "gradient"), ("exploding", "gradient"),
        ("dead relu", "0"), ("overfitting", "unseen"), ("variance", "Var"), ("fan_in", "input"), ("fan_out", "output"),
        ("fans", "input"), ("mean_field", "variance"), ("batch norm", "mean 0"), ("residual", "x_{l+1}"),
        ("order and chaos", "alike"), ("seed", "same"), ("learning rate", "step"), ("bias", "0"), ("epoch", "one pass"),
    ],
)  # fmt: skip
def test_the_words_of_introductions_are_explained(asked: str, word: str) -> None:
    assert word in glorot.explain(asked)


def test_fan_in_is_told_for_both_orders_of_axes() -> None:
    for name in ("xavier", "fans"):
        page = glorot.explain(name, full=True)
        assert re.search(r"\brows?\b", page)
        assert re.search(r"\bcolumns?\b", page)
