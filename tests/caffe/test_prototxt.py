"""Protobuf's text format: what is read agrees with protobuf's own parser, what is refused names its place."""

import math
import os

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from hypothesis import given
from hypothesis import strategies as st

from glorot.caffe.formats import prototxt
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.prototxt import parse, read
from glorot.caffe.formats.tokens import Source, content
from glorot.errors import GlorotError

COLOURS = {"RED": 0, "GREEN": 7, "BLUE": -1}

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)  # control characters are refused
FLOAT, DOUBLE = st.floats(width=32), st.floats()
TYPES = {  # the field of the oracle's schema → protobuf's type, what to fill it with, and how it is read
    "int32": ("TYPE_INT32", st.integers(-(2**31), 2**31 - 1), Message.integer, Message.integers),
    "uint32": ("TYPE_UINT32", st.integers(0, 2**32 - 1), Message.integer, Message.integers),
    "int64": ("TYPE_INT64", st.integers(-(2**63), 2**63 - 1), Message.integer, Message.integers),
    "uint64": ("TYPE_UINT64", st.integers(0, 2**63 - 1), Message.integer, Message.integers),
    "sint32": ("TYPE_SINT32", st.integers(-(2**31), 2**31 - 1), Message.integer, Message.integers),
    "fixed64": ("TYPE_FIXED64", st.integers(0, 2**63 - 1), Message.integer, Message.integers),
    "float": ("TYPE_FLOAT", FLOAT, lambda m, n: np.float32(m.number(n)), None),
    "double": ("TYPE_DOUBLE", DOUBLE, Message.number, None),
    "bool": ("TYPE_BOOL", st.booleans(), Message.flag, None),
    "string": ("TYPE_STRING", PLAIN, Message.text, Message.texts),
    "bytes": ("TYPE_BYTES", PLAIN.map(str.encode), lambda m, n: m.text(n).encode(), None),
    "enum": (
        "TYPE_ENUM", st.sampled_from(list(COLOURS.values())),
        lambda m, n: COLOURS[m.choice(n, "RED", COLOURS)],
        lambda m, n: [COLOURS[name] for name in m.choices(n, COLOURS)],
    ),
}  # fmt: skip


def oracle_class() -> type:
    """Return a class of messages with a field `x` and a repeated field `xs` of every type, nested ones included."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package="oracle", syntax="proto2")
    colours = file.enum_type.add(name="Colour")
    for name, number in COLOURS.items():
        colours.value.add(name=name, number=number)
    message = file.message_type.add(name="All")
    for name, kind in [*((name, row[0]) for name, row in TYPES.items()), ("message", "TYPE_MESSAGE")]:
        for label, suffix in ((kinds.LABEL_OPTIONAL, ""), (kinds.LABEL_REPEATED, "s")):
            field = message.field.add(name=name + suffix, number=len(message.field) + 1, label=label)
            field.type = getattr(kinds, kind)
            if name in ("message", "enum"):
                field.type_name = ".oracle.All" if name == "message" else ".oracle.Colour"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("oracle.All"))


Oracle = oracle_class()


@st.composite
def filled(draw, depth=3):
    """Draw a message of the oracle with some of its fields."""
    message = Oracle()
    for name in draw(st.lists(st.sampled_from(list(TYPES)), unique=True, max_size=4)):
        values = TYPES[name][1]
        if draw(st.booleans()):
            setattr(message, name, draw(values))
        if TYPES[name][3] is not None:
            getattr(message, name + "s").extend(draw(st.lists(values, max_size=3)))
    if depth:
        for _ in range(draw(st.integers(0, 2))):
            message.messages.append(draw(filled(depth - 1)))
        if draw(st.booleans()):
            message.message.CopyFrom(draw(filled(depth - 1)))
    return message


def assert_same(message: Message, oracle) -> None:
    assert set(message.names()) == {field.name for field, _ in oracle.ListFields()}
    for name, (_, _, one, several) in TYPES.items():
        if oracle.HasField(name):
            expected = getattr(oracle, name)
            np.testing.assert_equal(one(message, name), np.float32(expected) if name == "float" else expected)
        if several is not None:
            assert several(message, name + "s") == list(getattr(oracle, name + "s"))
    assert message.has("message") == oracle.HasField("message")
    if message.has("message"):
        assert_same(message.message("message"), oracle.message)
    for child, twin in zip(message.messages("messages"), oracle.messages, strict=True):
        assert_same(child, twin)


@given(filled(), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_what_protobuf_prints_is_read_as_it_was(oracle, one_line, short, pointed, colon, utf8):
    text = text_format.MessageToString(
        oracle, as_one_line=one_line, use_short_repeated_primitives=short, pointy_brackets=pointed,
        force_colon=colon, as_utf8=utf8,
    )  # fmt: skip
    assert_same(parse(text), oracle)


BOTH_READ = [
    "", " \n\t\v\f\r\n", "# only a comment", "#", "int32: 1", "int32:1", "int32 : 1", "int32\n:\n1", "int32: # what\n 1 # that",
    "int32: -1", "int32: 0x1F", "int32: 0XfF", "int32: -0x10", "int32: 017", "int32: -017", "int32: 0", "int32: -0", "int64: 00",
    "int32s: 1 int32s: 2", "int32s: [1, 2]", "int32s: []", "int32s: [ ]; int32s: 3", "int32s: [1] int32s: 2, int32s: [3,4]",
    "double: 1", "double: 1.", "double: .5", "double: -.5", "double: 1e-3", "double: 1E+3", "double: 1.5f", "double: 2F", "double: 1.f",
    "double: inf", "double: -inf", "double: INF", "double: Infinity", "double: -inff", "double: nan", "double: NaN", "double: -nan",
    "double: 1e999", "double: -1e999", "double: 1e-999", f"double: {'9' * 400}", "double: 0", "double: -0", "double: 0.5", "double: 0f",
    "bool: true", "bool: false", "bool: True", "bool: False", "bool: t", "bool: f", "bool: 1", "bool: 0",
    "string: 'a'", 'string: "a\'b"', "string: 'a\"b'", "string: ''", "string: 'a' 'b'", "string: 'a'\n# between\n\"b\"", "string: 'a''b'",
    r"string: '\\\'\"'", r"string: '\101\60x\0608'", r"string: '\x41\x4a\x414'", r"string: '\303\251'", r"string: '\xc3' '\xa9'",
    r"string: '\u00e9\u20AC'", r"string: '\U0001F600'", "string: 'é☃😀'", "string: '#{'", "strings: 'a' 'b' strings: 'c'", "strings: ['a' 'b', 'c']",
    "enum: GREEN", "enum: 7", "enum: -1", "enum: 0x7", "enums: [RED, 7]",
    "message { }", "message: { }", "message < >", "message: < >", "message{int32:1}", "message { message < message { bool: 1 } > }",
    "messages { } messages: { int32: 1 } messages: <>", "messages: [{ }, < int32: 1 >]", "messages: []", "messages [{ }]",
    "int32: 1, double: 2; string: 'a'", "message { int32: 1; }, bool: t;", "\r\nint32: 1\r\nbool: t\r\n",
]  # fmt: skip


@pytest.mark.parametrize("text", BOTH_READ)
def test_what_protobuf_reads_is_read_to_the_same_values(text):
    assert_same(parse(text), text_format.Parse(text, Oracle()))


BOTH_REFUSE = [
    "int32", "int32:", "int32 1", ": 1", "int32: 1 2", "int32: 1,, bool: t", ", int32: 1", "int32: 1;;", "int32 = 1", "1: 1", "int32:: 1",
    "int32: 08", "int32: 0x", "int32: 1x", "int32: --1", "int32: -", "int32: 1.5", "int32: 1e3", "int32: 'a'", "int32: a", "int32: 1f",
    "int64: 9223372036854775808", "int64: -9223372036854775809", "int32: { }", "int32 { }", "int32: [1]", "int32: 1 int32: 1",
    "int32s: [1", "int32s: [1,", "int32s: [1,]", "int32s: [,1]", "int32s: [1 2]", "int32s: [1; 2]", "int32s: [[1]]", "int32s: 1]", "int32s [1]",
    "double: 1.2.3", "double: 0x1F", "double: 017", "double: 1e", "double: .", "double: e5", "double: 'inf'", "double: infinite", "double: -true",
    "bool: 2", "bool: TRUE", "bool: yes", "bool: -1", "bool: 'true'", "bool: 1.0",
    "string: a", "string: 1", "string: 'a", "string: 'a\n'", "string: \"a'", "string: 'a' b", "string: '\\", r"string: '\x'", r"string: '\u12'",
    r"string: '\ud800'", r"string: '\U00110000'", r"string: '\377'", r"string: '\xff'", "string: ['a']", "string: -'a'",
    "enum: green", "enum: 3", "enum: 'GREEN'", "enum: PURPLE", "enum: 7.0",
    "message", "message:", "message: 1", "message {", "message { >", "message < }", "message }", "}", "{ }", "message {{ }}", "message [{ }]",
    "message { } message { }", "messages [", "messages [{ }", "messages: [{ }, 1]", "messages: [1]", "message { int32: 1 }}", "message ( )",
    "[", "[]: 1", "[1]: 1", "[a.]: 1", "[/a/b.c]: 1", "[a b", "/* c */", "// c", "int32: 1 // c", "$", "int32: 1 @", "messages: { } int32: 0xG",
]  # fmt: skip


def read_as_the_oracle(text: str) -> None:
    """Read every field of a text as the type that the oracle's schema gives it."""

    def read_all(message: Message) -> None:
        for name, (_, _, one, several) in TYPES.items():
            if message.has(name):
                one(message, name)
            if several is not None:
                several(message, name + "s")
        for child in [*message.messages("messages"), *[message.message("message")] * message.has("message")]:
            read_all(child)

    read_all(parse(text, "net"))


@pytest.mark.parametrize("text", BOTH_REFUSE)
def test_what_protobuf_refuses_is_refused_with_a_place(text):
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text, Oracle())
    with pytest.raises(GlorotError, match=r"\Anet:\d+:\d+: \S.*\Z"):
        read_as_the_oracle(text)


def test_every_text_that_both_read_is_read_by_the_types_of_the_schema():
    for text in BOTH_READ:
        read_as_the_oracle(text)
    with pytest.raises(GlorotError, match="net:1:8: int32 must be a whole number, got a"):  # so the test above can fail
        read_as_the_oracle("int32: a")


@pytest.mark.parametrize(
    "literal", [r"'\n\t\r\a\b\f\v\\\'\"'", r"'\101\7\0608'", r"'\x41\x4a\x9\x414'", r"'\0\177\302\205'"]
)
def test_every_escape_means_what_it_does_to_protobuf(literal):
    expected = text_format.Parse(f"string: {literal}", Oracle()).string
    assert content(Source("", literal), [(0, literal)]) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=8))
def test_what_protobuf_escapes_is_what_it_was(text):
    literal = text_format.MessageToString(Oracle(string=text)).removeprefix("string: ").strip()
    assert content(Source("", literal), [(0, literal)]) == text


ONLY_THE_CPP_PARSER_READS = {
    "n: - 1": -1,
    "n: -\n# below zero\n1": -1,
    "n: - inf": -math.inf,
    "\ufeffn: 1": 1,
}


@pytest.mark.parametrize("text", ONLY_THE_CPP_PARSER_READS)
def test_what_the_parser_of_caffe_itself_reads_is_read(text):
    assert parse(text).number("n") == ONLY_THE_CPP_PARSER_READS[text]


def test_a_question_mark_may_be_escaped_and_a_truth_value_be_any_zero_or_one():
    assert parse(r"s: 'really\?'").text("s") == "really?"
    assert [parse(f"b: {number}").flag("b") for number in ("01", "0x1", "00", "0x0")] == [True, True, False, False]


@pytest.mark.parametrize(
    "text", ["n: +1", "n: 1_000", "n:\xa01", "a-b: 1", "n: 1ff", r"s: '\q'", r"s: '\X41'", "s: 'a\\\nb'"]
)
def test_what_only_other_parsers_read_is_refused_as_caffe_does(text):
    with pytest.raises(GlorotError, match=r"net:\d+:\d+: "):
        parse(text, "net")


@pytest.mark.parametrize("name", ["[foo]", "[foo.bar]", "[type.googleapis.com/x.y]", "[a-b.c/d/x]", "[a%2Fb/x.y_1]"])
def test_names_in_brackets_hold_extensions_and_any(name):
    net = parse(f"{name} {{ x: 1 }} {name}: {{ x: 2 }} int: 3")
    assert net.names() == [name, "int"]
    assert [message.integer("x") for message in net.messages(name)] == [1, 2]
    assert parse(f"{name}: [1, 2]").integers(name) == [1, 2]


def test_a_name_in_brackets_may_be_spaced():
    assert parse("[ foo . # of a fork\n bar ]: 1").integer("[foo.bar]") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer {\n  type: }", "2:9: expected a value or '{' after 'type', got '}'"),
        ("layer {\n  type }", "2:8: expected ':' or '{' after 'type', got '}'"),
        ("type", "1:5: expected ':' or '{' after 'type', got the end of the text"),
        ("a: 1 {", "1:6: expected a field name, got '{'"),
        ('a: 1 "b"', '1:6: expected a field name, got "b"'),
        ("layer {\n param {\n  x: 1\n", "4:1: expected a field name, or '}' to close 'param' opened at 2:8, got the end of the text"),
        ("a { b: 2 >", "1:10: expected a field name, or '}' to close 'a' opened at 1:3, got '>'"),
        ("a < b: 2 }", "1:10: expected a field name, or '>' to close 'a' opened at 1:3, got '}'"),
        ("\n\nname: 'LeNet\ntype", "3:7: a string is not closed on its line: 'LeNet"),
        ("a: 08", "1:4: 08 is no number; write it as 12, 0x1F, 017, 1.5 or 1e-3, and a space behind it"),
        ("a: .5.", "1:4: .5. is no number; write it as"),
        ("kernel: 3x3", "1:9: 3x3 is no number; write it as"),
        ("dim: [1, 2", "1:11: expected ',' or ']' in the list of 'dim' opened at 1:6, got the end of the text"),
        ("dim: [1,]", "1:9: expected a value or '{' after 'dim', got ']'"),
        ("a: -b", "1:5: expected a number after '-', got 'b'"),
        ("[foo 'bar']", "1:6: expected ']' to close the name opened at 1:1, got 'bar'"),
        ("[foo { }", "1:6: expected ']' to close the name opened at 1:1, got '{'"),
        ("x: 1\n[foo..bar]: 2", "2:1: expected a name such as [my.extension], got '[foo..bar]'"),
        ("a: “x”", "1:4: expected a value or '{' after 'a', got '“' (LEFT DOUBLE QUOTATION MARK)"),
        ("\0", r"1:1: expected a field name, got '\x00'"),
        ("a: 'é\\q'", r"1:6: unknown escape \q in a string; write a backslash as \\"),
        ("a: 'b' '\\\\\\x41\\ud83d'", r"1:15: unknown escape \ud83d in a string"),
        (r"a: '\400'", r"1:5: unknown escape \400 in a string"),
        ("a" * 99 + ": }", "1:102: expected a value or '{' after '" + "a" * 40 + "…', got '}'"),
    ],
)  # fmt: skip
def test_an_error_of_syntax_says_what_was_expected_and_found(text, message):
    with pytest.raises(GlorotError) as caught:
        parse(text, "net.prototxt")
    assert str(caught.value).startswith(f"net.prototxt:{message}")


def test_messages_may_lie_a_hundred_deep():
    net = parse("a { " * 100 + "b: 1" + " }" * 100)
    for _ in range(100):
        net = net.message("a")
    assert net.integer("b") == 1
    with pytest.raises(
        GlorotError, match="net:1:403: messages lie more than 100 deep in each other; a net needs a few"
    ):
        parse("a { " * 101 + "}" * 101, "net")
    with pytest.raises(GlorotError, match="net:1:505: messages lie more than 100 deep in each other"):
        parse("a: [{" * 100 + "a: [{" + "}]" * 101, "net")
    assert parse("a: [{" * 100 + "}]" * 100).names() == ["a"]
    assert len(parse("a { a { } } " * 200).messages("a")) == 200  # side by side they are not deep


def test_a_file_is_read_under_its_own_name(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes('\ufeffname: "Netz für Ziffern"\r\nlayer { }\r\n'.encode())
    net = read(path)
    assert (net.text("name"), net.source) == ("Netz für Ziffern", str(path))
    assert (net.message("layer").line, net.message("layer").column) == (2, 1)
    assert read(str(path)).names() == ["name", "layer"]


def test_what_is_no_file_of_text_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.prototxt"
    with pytest.raises(
        GlorotError, match=r"cannot read .*net\.prototxt: No such file or directory; give the path of a"
    ):
        read(path)
    with pytest.raises(GlorotError, match=r"cannot read .*: this is a folder; give the path of a \.prototxt file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.prototxt")  # opening it would wait for a writer
    with pytest.raises(GlorotError, match=r"cannot read .*pipe\.prototxt: this is no regular file; give the path of a"):
        read(tmp_path / "pipe.prototxt")
    with pytest.raises(GlorotError, match="cannot read net.*: .*embedded null .*; give the path"):
        read("net\0")
    for data in (b"\x0a\x05LeNet\xff\xfe", b"name: 'a\0'"):
        path.write_bytes(data)
        with pytest.raises(GlorotError, match=r"net\.prototxt is no text; give a \.prototxt file, not a \.caffemodel"):
            read(path)
    path.write_bytes("# größer\ntype: 'é' name: 'a'".encode("latin-1"))  # in a comment any bytes may stand
    assert read(path).text("name") == "a"
    with pytest.raises(GlorotError, match=r"net\.prototxt:2:7: type must be text in UTF-8, got \"\\udce9\"$"):
        read(path).text("type")
    monkeypatch.setattr(prototxt, "LARGEST", 2**20)
    path.write_bytes(b"#" * 2**20)
    assert read(path).names() == []
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(
        GlorotError, match=r"net\.prototxt is larger than 1 MiB, which no net in text is; give a \.prototxt file"
    ):
        read(path)
