"""Whatever happens to a net in text, it is read or refused with one line that names a place."""

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from caffe_mutations import mutated, mutated_bytes
from hypothesis import given
from hypothesis import strategies as st

from effort import examples
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.prototxt import parse
from glorot.errors import GlorotError

NETS = {
    "net": """
name: "Small"  # of two layers
input: "data" input_shape { dim: 1 dim: 8 }
layer { name: 'conv1' type: "Convolution" bottom: "data" param { lr_mult: 2.5e-1 }
  convolution_param { num_output: 20 kernel_size: [5, 3]; bias_term: true
    weight_filler { type: "xavier" variance_norm: AVERAGE } bias_filler < value: -.5 > } }
layer { pooling_param { pool: AVE kernel_h: 0x2 stride: 03 } }
""",
    "old": """
layers { name: "ip" type: INNER_PRODUCT blobs_lr: 1. blobs_lr: 2f, weight_decay: [1, 0]
  inner_product_param: { num_output: 4 axis: -1 transpose: f weight_filler { std: inf } } }
""",
    "solver": """net_param: { layer: [{ name: "a\\303\\251" "b" }, { top: 'x\\n' }] } [my.extension] { rate: nan }
base_lr: 0.01 [type.googleapis.com/a.B]: { value: 1 } state { stage: "x", level: 1 }
""",
}
POOL = {"MAX": 0, "AVE": 1, "STOCHASTIC": 2}
PLACED = re.compile(r"net:\d+:\d+: \S.*")

ACCESSORS: list[Callable[[Message, str], object]] = [
    Message.message, Message.integers, Message.number, Message.text, Message.texts, Message.flag,
    Message.has, lambda message, name: message.integer(name, least=1),
    lambda message, name: message.choice(name, "MAX", POOL), lambda message, name: message.choices(name, POOL),
]  # fmt: skip


def read_somehow(message: Message, source: random.Random, outcomes: Counter) -> None:
    """Read each field as something, and all messages below."""
    for name in [*message.names(), "absent"]:
        try:
            outcomes["read"] += 1
            source.choice(ACCESSORS)(message, name)
            for child in message.messages(name):
                read_somehow(child, source, outcomes)
        except GlorotError as error:
            outcomes["unread"] += 1
            check(error)


def check(error: GlorotError) -> None:
    message = str(error)
    assert PLACED.fullmatch(message), message
    assert message.isprintable(), message
    assert len(message) < 300, message


def outcomes_of(text: str, source: random.Random) -> Counter:
    try:
        return checked_outcomes(text, source)
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} on reading {text!r}") from error


def checked_outcomes(text: str, source: random.Random) -> Counter:
    try:
        message = parse(text, "net")
    except GlorotError as error:
        check(error)
        return Counter(refused=1)
    outcomes = Counter(parsed=1)
    for _ in range(2):
        read_somehow(message, source, outcomes)
    return outcomes


@pytest.mark.parametrize("name", NETS)
def test_the_nets_are_valid_before_they_are_mutated(name):
    assert outcomes_of(NETS[name], random.Random(1))["parsed"] == 1


@examples(300, deadline=10_000)  # milliseconds for a batch of 200, which take about 50
@given(st.integers(0, 2**64 - 1))
def test_a_mutated_net_is_read_or_refused_with_a_place(seed):
    source = random.Random(seed)
    for _ in range(200):
        outcomes = outcomes_of(mutated(source.choice(list(NETS.values())), source), source)
        assert outcomes["parsed"] + outcomes["refused"] == 1


@examples(10, deadline=10_000)
@given(st.integers(0, 2**64 - 1))
def test_mutated_bytes_of_a_net_are_read_or_refused_with_a_place(seed):
    source = random.Random(seed)
    for _ in range(200):
        data = mutated_bytes(source.choice(list(NETS.values())).encode(), source)
        outcomes = outcomes_of(data.decode(errors="surrogateescape"), source)
        assert outcomes["parsed"] + outcomes["refused"] == 1


def test_mutations_spare_some_nets_and_break_others():
    source = random.Random(1)
    outcomes = sum((outcomes_of(mutated(NETS["net"], source), source) for _ in range(500)), Counter())
    assert outcomes["parsed"] > 60
    assert outcomes["refused"] > 60
    assert outcomes["read"] > outcomes["unread"] > 500


def test_mutations_are_those_of_the_seed():
    net = NETS["net"]
    assert mutated(net, random.Random(5)) == mutated(net, random.Random(5)) != mutated(net, random.Random(6))
    data = bytes(range(256))
    assert mutated_bytes(data, random.Random(5)) == mutated_bytes(data, random.Random(5))
    assert len({mutated_bytes(data, random.Random(seed)) for seed in range(100)}) > 90
    for seed in range(100):  # nothing can be mutated too
        assert isinstance(mutated("", random.Random(seed)), str)
        assert isinstance(mutated_bytes(b"", random.Random(seed)), bytes)
