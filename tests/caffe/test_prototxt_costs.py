"""What it costs to read a text: in proportion to its length, and little where it is no net."""

import sys
import tracemalloc
from collections.abc import Callable

import pytest

from glorot.caffe.formats import tokens
from glorot.caffe.formats.prototxt import parse
from glorot.caffe.formats.tokens import Source
from glorot.errors import GlorotError


def calls_of(function: Callable[[], object]) -> int:
    """Return how many functions of Python are called meanwhile."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "piece", ["a{", "a:[{", "a<", "a:[", "[", "-", "'", '"', "\\", " ", "#", "\n", "a:'\\", "a: 9", "0.", "[a.", "[a/", "[%", "a ", "{"]
)  # fmt: skip
def test_a_bomb_is_soon_refused(piece):
    def refuse(count: int) -> None:
        with pytest.raises(GlorotError, match=r"bomb:\d+:\d+: "):
            parse(piece * count + "\n$", "bomb")

    short, long = (calls_of(lambda count=count: refuse(count)) for count in (10**3, 10**4))
    assert long < 11 * short
    refuse(10**5)


MANY = {  # in place of 400,000, here 1000 → where the first of too many pieces stands
    "a{}": 1000,
    "a{b{c{d{}}}}": 1000,
    "x:[]": 1000,
    "x: [" + "1," * 1000: 1001,
    "x: " + "''" * 1000: 1998,
    "x: '" + r"\1" * 1000 + "'": 4,
    "x: " + r"'\1'" * 1000: 1996,
    "[" + "a." * 1000: 1000,
}


@pytest.mark.parametrize("start", MANY, ids=[text[:9] for text in MANY])
def test_a_text_with_more_of_anything_than_a_net_has_is_refused(start, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_PIECES", 1000)
    message = rf"^net:1:{MANY[start]}: more than 1000 words, numbers, signs and escapes; no net has so many$"
    with pytest.raises(GlorotError, match=message):
        parse(start * 1000, "net")


def test_the_worst_of_texts_is_soon_refused(monkeypatch):
    assert tokens.MOST_PIECES == 400_000

    def refuse(most: int) -> None:
        monkeypatch.setattr(tokens, "MOST_PIECES", most)
        with pytest.raises(GlorotError, match=rf"^net:1:{most}: more than {most} words"):
            parse(("a{" * 99 + "}" * 99) * 28_000, "net")

    short, long = (calls_of(lambda most=most: refuse(most)) for most in (4_000, 40_000))
    assert long < 11 * short


def test_a_text_with_as_much_as_is_allowed_is_read(monkeypatch):
    monkeypatch.setattr(tokens, "MOST_PIECES", 1000)
    assert len(parse("a{}" * 333).messages("a")) == 333
    assert len(parse("x: [" + "1," * 497 + "1]").integers("x")) == 498
    assert parse("x: '" + r"\60" * 996 + "'").text("x") == "0" * 996


def test_messages_are_light():
    tracemalloc.start()
    net = parse("a{}" * 10_000)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(net.messages("a")) == 10_000
    assert size < 250 * 10_000


def test_a_place_behind_many_lines_takes_little_memory():
    source = Source("net", "\n" * 10**6 + "é😀\ud800 x")
    tracemalloc.start()
    place = source.place(10**6 + 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert place == (10**6 + 1, 5)
    assert peak < 16e6


def test_a_long_net_takes_as_much_longer_as_it_is_longer():
    layer = """layer {
      name: "conv"  type: "Convolution"  # a comment
      bottom: "data"
      param { lr_mult: 1 decay_mult: 1 }
      convolution_param {
        num_output: 64
        weight_filler { type: "xavier" std: 0.1 }
      }
    }
    """
    assert len(parse(layer * 555).messages("layer")) == 555
    short, long = (calls_of(lambda count=count: parse(layer * count)) for count in (100, 400))
    assert 3.9 < long / short < 4.1
