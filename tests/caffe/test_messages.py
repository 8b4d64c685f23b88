"""Fields read as the type that is expected of them, and the one line that says where they are something else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.prototxt import parse
from glorot.errors import GlorotError

POOL = {"MAX": 0, "AVE": 1, "STOCHASTIC": 2}
LAYER_TYPES = {
    name: number
    for number, name in enumerate(
        ("ABSVAL", "ACCURACY", "ARGMAX", "BNLL", "CONCAT", "CONVOLUTION", "DATA", "DROPOUT", "TANH")
    )
}

NET = """name: "LeNet"
layer {
  name: "conv1"  bottom: "data" bottom: "label"
  convolution_param <
    num_output: 20 kernel_size: [5, 0x3] kernel_size: 07
    weight_filler { type: "gaussian" std: .01 sparse: 15 }
  >
}
layer { fork_param { rate: [[ } }
"""


def net() -> Message:
    return parse(NET.replace("[[", "[1, {}]"), "lenet.prototxt")


def test_a_net_is_read_by_names_and_types():
    layer, forked = net().messages("layer")
    assert (net().text("name"), layer.text("name"), layer.texts("bottom")) == ("LeNet", "conv1", ["data", "label"])
    convolution = layer.message("convolution_param")
    assert (convolution.integer("num_output"), convolution.integers("kernel_size", least=3)) == (20, [5, 3, 7])
    filler = convolution.message("weight_filler")
    assert (filler.number("std"), filler.number("sparse"), filler.number("mean", 0.5)) == (0.01, 15.0, 0.5)
    assert forked.names() == ["fork_param"]  # nobody reads what it holds


def test_a_message_tells_where_it_opens_and_what_it_holds():
    layer = net().messages("layer")[0]
    assert (net().source, net().line, net().column) == ("lenet.prototxt", 1, 1)
    assert (layer.source, layer.line, layer.column) == ("lenet.prototxt", 2, 1)
    convolution = layer.message("convolution_param")
    assert (convolution.line, convolution.column) == (4, 3)
    assert convolution.names() == ["num_output", "kernel_size", "weight_filler"]
    assert convolution.has("num_output")
    assert not convolution.has("bias_filler")
    listed = parse("a: [{ },\n  { }]").messages("a")
    assert [(message.line, message.column) for message in listed] == [(1, 5), (2, 3)]


def test_what_is_absent_has_its_default_or_is_nothing():
    layer = net().messages("layer")[0]
    pooling = layer.message("pooling_param")
    assert (pooling.names(), pooling.line, pooling.column) == ([], 2, 1)
    assert (pooling.integer("stride", 1), pooling.number("alpha", 1e-4), pooling.text("type", "none")) == (
        1,
        1e-4,
        "none",
    )
    assert (pooling.flag("global_pooling"), pooling.flag("bias_term", True)) == (False, True)
    assert pooling.choice("pool", "MAX", POOL) == "MAX"
    for several in (pooling.messages, pooling.integers, pooling.texts):
        assert several("anything") == []
    assert pooling.choices("anything", POOL) == []


def test_an_empty_list_is_nothing():
    message = parse("a: []")
    assert (message.has("a"), message.names(), message.integers("a"), message.messages("a")) == (False, [], [], [])


def test_what_must_be_given_is_missed_where_the_message_opens():
    layer = net().messages("layer")[1]
    with pytest.raises(GlorotError, match=r"\Alenet\.prototxt:9:1: layer has no name\Z"):
        layer.text("name")
    with pytest.raises(GlorotError, match=r"\Alenet\.prototxt:9:1: convolution_param has no num_output\Z"):
        layer.message("convolution_param").integer("num_output", least=1)
    with pytest.raises(GlorotError, match=r"\Alenet\.prototxt:1:1: the text has no rate\Z"):
        net().number("rate")


@pytest.mark.parametrize(
    ("value", "found"),
    [("0", 0), ("-5", -5), ("- 5", -5), ("0x1F", 31), ("-0Xf", -15), ("017", 15), ("-017", -15), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63))],
)  # fmt: skip
def test_whole_numbers(value, found):
    assert parse(f"n: {value}").integer("n") == found
    assert parse(f"n: [{value}]").integers("n") == [found]


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["d", "#x", "o"]))
def test_every_whole_number_of_64_bits_is_read_in_every_base(number, base):
    text = format(number, base).replace("0o", "0") if base != "o" else f"{'-' * (number < 0)}0{abs(number):o}"
    assert parse(f"n: {text}").integer("n") == number


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"twenty"', '1:8: num must be a whole number, got "twenty"'),
        ("twenty", "1:8: num must be a whole number, got twenty"),
        ("1.5", "1:8: num must be a whole number, got 1.5"),
        ("1e3", "1:8: num must be a whole number, got 1e3"),
        ("- 1f", "1:8: num must be a whole number, got -1f"),
        ("{ }", "1:3: num must be a whole number, got a message { … }"),
        ("9223372036854775808", "1:8: num must be a whole number of at most 64 bits, got 9223372036854775808"),
        ("9" * 5000, "1:8: num must be a whole number of at most 64 bits, got " + "9" * 40 + "…"),
        ("-0x8000000000000001", "1:8: num must be a whole number of at most 64 bits, got -0x8000000000000001"),
        ("0", "1:8: num must be at least 1, got 0"),
        ("-0x3", "1:8: num must be at least 1, got -0x3"),
        ("[4]", "1:9: num takes one value, got a list; leave out its [ ]"),
        ("[]", "1:1: num takes one value, got a list; leave out its [ ]"),
    ],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(value, message):
    with pytest.raises(GlorotError) as caught:
        parse(f"  num: {value}", "net").integer("num", least=1)
    assert str(caught.value) == f"net:{message}"


def test_every_one_of_several_whole_numbers_is_checked():
    with pytest.raises(GlorotError, match=r"net:2:8: dim must be at least 0, got -1"):
        parse("dim: 1\n  dim: -1", "net").integers("dim", least=0)
    with pytest.raises(GlorotError, match=r'net:1:10: dim must be a whole number, got "2"'):
        parse("dim: [1, '2']", "net").integers("dim")


@pytest.mark.parametrize(
    ("value", "found"),
    [("1", 1.0), ("-2", -2.0), ("1.", 1.0), (".5", 0.5), ("1e-3", 0.001), ("1.5F", 1.5), ("-0", -0.0), ("1e999", math.inf), ("9" * 5000, math.inf),
     ("inf", math.inf), ("-Infinity", -math.inf), ("INFf", math.inf), ("nan", math.nan), ("-nanf", math.nan)],
)  # fmt: skip
def test_numbers(value, found):
    number = parse(f"n: {value}").number("n")
    assert repr(number).lstrip("-" if math.isnan(found) else "") == repr(found)


@pytest.mark.parametrize(
    ("value", "got"), [("0x1F", "0x1F"), ("017", "017"), ("-00", "-00"), ("'1'", '"1"'), ("one", "one"), ("< >", "a message { … }")]
)  # fmt: skip
def test_what_is_no_decimal_number_is_refused(value, got):
    with pytest.raises(GlorotError) as caught:
        parse(f"std: {value}", "net").number("std")
    assert str(caught.value).endswith(f"std must be a decimal number, got {got}")


@pytest.mark.parametrize(("value", "got"), [("conv1", "conv1"), ("1", "1"), ("{ }", "a message { … }")])
def test_what_is_no_text_is_refused(value, got):
    with pytest.raises(GlorotError) as caught:
        parse(f"name: {value}", "net").text("name")
    assert str(caught.value).endswith(f": name must be text in quotes, got {got}")


def test_bytes_that_are_no_text_are_refused_only_where_text_is_read():
    net = parse(r'name: "caf\351" top: "caf\303" "\251"', "net")
    assert net.text("top") == "café"
    with pytest.raises(GlorotError, match=r'net:1:7: name must be text in UTF-8, got "caf\\udce9"'):
        net.text("name")


@pytest.mark.parametrize(
    "escape", [r"\000", r"\n", r"\t", r"\033", r"\037", r"\177", r"\302\200", r"\302\237", "\x7f", "\x9b"]
)
def test_control_characters_are_refused_where_text_is_read(escape):
    net = parse(f'name: "a{escape}[31m" top: "b" top: "{escape}"', "net")
    with pytest.raises(GlorotError, match=r'^net:1:7: name must be text without control characters, got "a\\.+\[31m"$'):
        net.text("name")
    with pytest.raises(GlorotError, match=r'^net:1:\d+: top must be text without control characters, got "\\.+"$'):
        net.texts("top")


@pytest.mark.parametrize("letter", [" ", "~", "\xa0", "é", "\u2028"])
def test_letters_beside_the_control_characters_are_text(letter):
    assert parse(f'name: "{letter}"').text("name") == letter


def test_a_text_is_shown_on_one_line_and_cut():
    with pytest.raises(GlorotError) as caught:
        parse(r'std: "\n\302\205' + "é" * 99 + '"', "net").number("std")
    assert str(caught.value) == r'net:1:6: std must be a decimal number, got "\n\x85' + "é" * 38 + '…"'


@pytest.mark.parametrize("value", ["true", "True", "t", "1", "01", "0x1"])
def test_true(value):
    assert parse(f"b: {value}").flag("b") is True


@pytest.mark.parametrize("value", ["false", "False", "f", "0", "00", "0x0"])
def test_false(value):
    assert parse(f"b: {value}").flag("b", True) is False


@pytest.mark.parametrize(
    ("value", "got"), [("yes", "yes"), ("TRUE", "TRUE"), ("2", "2"), ("10", "10"), ("-1", "-1"), ("1.", "1."), ('"true"', '"true"'), ("{ }", "a message { … }")]
)  # fmt: skip
def test_what_is_neither_true_nor_false_is_refused(value, got):
    with pytest.raises(GlorotError) as caught:
        parse(f"b: {value}", "net").flag("b")
    assert str(caught.value).endswith(f": b must be true or false, got {got}")


@pytest.mark.parametrize(("value", "found"), [("MAX", "MAX"), ("AVE", "AVE"), ("1", "AVE"), ("0x2", "STOCHASTIC")])
def test_an_enum_is_given_by_name_or_number(value, found):
    assert parse(f"pool: {value}").choice("pool", "MAX", POOL) == found
    assert parse(f"pool: [{value}, MAX]").choices("pool", POOL) == [found, "MAX"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("MAXX", "one of MAX, AVE, STOCHASTIC, got MAXX (did you mean 'MAX'?)"),
        ("ave", "one of MAX, AVE, STOCHASTIC, got ave (did you mean 'AVE'?)"),
        ("3", "one of MAX, AVE, STOCHASTIC, got 3"),
        ("1.0", "one of MAX, AVE, STOCHASTIC, got 1.0"),
        ('"MAX"', "one of MAX, AVE, STOCHASTIC, got \"MAX\"; write it without quotes"),
        ("{ }", "one of MAX, AVE, STOCHASTIC, got a message { … }"),
        ("9" * 30, "a whole number of at most 64 bits, got " + "9" * 30),
    ],
)  # fmt: skip
def test_what_is_no_value_of_the_enum_is_refused(value, message):
    with pytest.raises(GlorotError) as caught:
        parse(f"pool: {value}", "net").choice("pool", "MAX", POOL)
    assert str(caught.value).partition(" pool must be ")[2] == message


def test_of_many_values_only_the_nearest_are_named():
    with pytest.raises(GlorotError) as caught:
        parse("type: Convolutions", "net").choice("type", "NONE", LAYER_TYPES)
    assert (
        str(caught.value)
        == "net:1:7: type must be a name that is known here, got Convolutions (did you mean 'CONVOLUTION'?)"
    )


@pytest.mark.parametrize("value", ["1", "'a'", "a", "[1, { }]"])
def test_what_is_no_message_is_refused(value):
    with pytest.raises(GlorotError, match=r"net:1:\d+: param must be a message \{ … \}, got"):
        parse(f"param: {value}", "net").messages("param")


def test_one_message_may_not_be_two_or_a_list():
    with pytest.raises(GlorotError, match="net:2:1: filler takes one value, but is given on line 1 and on line 2"):
        parse("filler { }\nfiller { }", "net").message("filler")
    with pytest.raises(GlorotError, match=r"net:1:10: filler takes one value, got a list; leave out its \[ \]"):
        parse("filler: [{ }]", "net").message("filler")


@pytest.mark.parametrize("text", ["n: 5\nb: t\nn: 5\nn: 6", "n: [5]\n\nn: 5", "n: 5\n\nn: { }"])
def test_one_value_may_not_be_two(text):
    with pytest.raises(GlorotError, match=r"net:3:\d: n takes one value, but is given on line 1 and on line 3\Z"):
        parse(text, "net").integer("n")


def test_others_tell_of_problems_where_a_field_or_the_message_stands():
    layer = net().messages("layer")[0]
    assert str(layer.error("it is odd")) == "lenet.prototxt:2:1: it is odd"
    assert str(layer.error("there is no such blob", "bottom")) == "lenet.prototxt:3:26: there is no such blob"
    assert str(layer.error("it is odd", "convolution_param")) == "lenet.prototxt:4:3: it is odd"
    assert str(layer.error("it needs one", "top")) == "lenet.prototxt:2:1: it needs one"
    assert isinstance(layer.error("it is odd"), GlorotError)


def test_messages_within_one_are_found_by_their_fields():
    net = parse("a { b: 1 } c: 2 d { } d: 3 d { e { } }", "net.prototxt")
    assert [(name, inner.name, inner.column) for name, inner in net.nested()] == [
        ("a", "a", 1),
        ("d", "d", 17),
        ("d", "d", 28),
    ]
    assert net.name == ""


def test_a_bare_word_is_told_from_text_and_numbers():
    net = parse('a: WORD b: "WORD" c: 1 d: X d: Y e { }', "net.prototxt")
    assert [net.bare_word(name) for name in "abcdef"] == ["WORD", None, None, None, None, None]
