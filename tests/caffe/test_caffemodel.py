"""The `.caffemodel`: what is written is what Caffe's messages hold, and other readers compute with it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from glorot.caffe.formats.caffemodel import StoredLayer, caffemodel_bytes, parse, read_caffemodel, write_caffemodel
from glorot.errors import GlorotError

PROTO = {  # the messages of caffe.proto, as far as weights go, and what a fork might add
    "BlobShape": "repeated packed int64 dim 1",
    "BlobProto": """
        optional int32 num 1, optional int32 channels 2, optional int32 height 3, optional int32 width 4,
        repeated packed float data 5, repeated packed float diff 6, optional BlobShape shape 7,
        repeated packed double double_data 8, repeated packed double double_diff 9, optional Fork fork 1000""",
    "LooseShape": "repeated int64 dim 1",
    "LooseBlob": "repeated float data 5, optional LooseShape shape 7, repeated double double_data 8",
    "LooseLayer": "optional string name 1, repeated LooseBlob blobs 7",
    "LooseNet": "repeated LooseLayer layer 100",
    "Fork": "optional fixed32 a 1, optional fixed64 b 2, optional bytes c 3, optional int64 d 4",
    "LayerParameter": """
        optional string name 1, optional string type 2, repeated string bottom 3, repeated string top 4,
        repeated float loss_weight 5, repeated BlobProto blobs 7, optional int32 phase 10,
        optional group Odd 200, optional Fork fork 536870911""",
    "V0LayerParameter": "optional string name 1, optional string type 2, repeated BlobProto blobs 50",
    "V1LayerParameter": """
        optional V0LayerParameter layer 1, repeated string bottom 2, repeated string top 3,
        optional string name 4, optional int32 type 5, repeated BlobProto blobs 6""",
    "NetParameter": """
        optional string name 1, repeated V1LayerParameter layers 2, repeated string input 3,
        repeated int32 input_dim 4, repeated LayerParameter layer 100, optional group Odd 300""",
}
FIELD = descriptor_pb2.FieldDescriptorProto


def caffe_messages() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    for message, lines in PROTO.items():
        described = file.message_type.add(name=message)
        for line in lines.split(","):
            label, *packed, kind, name, number = line.split()
            field = described.field.add(name=name.lower(), number=int(number))
            field.label = getattr(FIELD, f"LABEL_{label.upper()}")
            if packed:
                field.options.packed = True
            if kind == "group":
                field.type, field.type_name = FIELD.TYPE_GROUP, f".caffe.{message}.{name}"
                inner = described.nested_type.add(name=name)
                inner.field.add(name="text", number=1, label=FIELD.LABEL_REPEATED, type=FIELD.TYPE_STRING)
            elif kind in PROTO:
                field.type, field.type_name = FIELD.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = getattr(FIELD, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in PROTO}


CAFFE = caffe_messages()


def read(data: bytes) -> dict[str, np.ndarray]:
    return parse(memoryview(data), "net.caffemodel")


def written(layers: list[StoredLayer], net: str = "net") -> bytes:
    return b"".join(caffemodel_bytes(net, layers))


@st.composite
def stored_layers(draw) -> list[StoredLayer]:
    names = st.text(min_size=1, max_size=30)
    shapes = st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=3)
    layers = st.lists(st.tuples(names, st.text(max_size=9), shapes), max_size=4, unique_by=lambda layer: layer[0])
    bits = np.random.default_rng(draw(st.integers(0, 2**32)))
    return [
        StoredLayer(name, kind, tuple(of_bits(bits, shape) for shape in blobs)) for name, kind, blobs in draw(layers)
    ]


def of_bits(bits: np.random.Generator, shape: list[int]) -> np.ndarray:
    """Return floats of any bits at all, NaN of every kind among them."""
    return bits.integers(0, 2**32, shape, np.uint32).view(np.float32)


def same(read_back: dict[str, np.ndarray], layers: list[StoredLayer]) -> bool:
    expected = {f"{layer.name}.{n}": blob for layer in layers for n, blob in enumerate(layer.blobs)}
    assert list(read_back) == list(expected)
    return all(
        (one.shape, one.dtype, one.tobytes()) == (expected[name].shape, np.float32, expected[name].tobytes())
        for name, one in read_back.items()
    )


@given(stored_layers(), st.text(max_size=20))
def test_what_is_written_is_read_bit_by_bit_and_parsed_by_protobuf(layers: list[StoredLayer], name: str):
    data = written(layers, name)
    assert same(read(data), layers)
    net = CAFFE["NetParameter"].FromString(data)
    assert (net.name, [(layer.name, layer.type) for layer in net.layer]) == (name, [layer[:2] for layer in layers])
    for layer, stored in zip(net.layer, layers, strict=True):
        for message, blob in zip(layer.blobs, stored.blobs, strict=True):
            assert tuple(message.shape.dim) == blob.shape
            np.testing.assert_array_equal(np.array(message.data, np.float32), blob.ravel())
    assert net.SerializeToString() == data, "protobuf itself would write the same bytes"


@given(stored_layers(), st.data())
def test_every_form_that_protobuf_writes_is_read(layers: list[StoredLayer], data: st.DataObject):
    net = CAFFE["NetParameter"](name="net", input=["data"], input_dim=[1, 3, -8, 8])
    net.odd.text.extend(["a fork's", "group"])
    for layer in layers:
        form = data.draw(st.sampled_from(["new", "V1", "V0"]))
        message = net.layer.add() if form == "new" else net.layers.add(type=4, bottom=["b"], top=["t"])
        message = message.layer if form == "V0" else message
        message.name = layer.name
        if form == "new":
            message.bottom.append("data")
            message.loss_weight.append(1.0)
            message.odd.text.append("group")
            message.fork.c = b"\xff"
        for blob in layer.blobs:
            message.blobs.append(blob_message(blob, data))
    blobs = read(net.SerializeToString())
    for layer in layers:
        for n, blob in enumerate(layer.blobs):
            one = blobs.pop(f"{layer.name}.{n}")
            np.testing.assert_array_equal(one.ravel(), blob.ravel())
            assert one.shape == blob.shape or (len(one.shape) == 4 and one.shape[4 - blob.ndim :] == blob.shape)
    assert not blobs


def blob_message(blob: np.ndarray, data: st.DataObject):
    message = CAFFE["BlobProto"]()
    if data.draw(st.booleans()):  # the four axes of old
        message.num, message.channels, message.height, message.width = (*(1,) * (4 - blob.ndim), *blob.shape)
    else:
        message.shape.dim.extend(blob.shape)
    if data.draw(st.booleans()):
        message.double_data.extend(blob.ravel().tolist())
    else:
        message.data.extend(blob.ravel())
    if data.draw(st.booleans()):
        message.diff.extend([9.0] * 3)
        message.double_diff.extend([9.0] * 3)
        message.fork.a, message.fork.b, message.fork.c, message.fork.d = 1, 2, b"3", -4
    return message


def test_data_and_shapes_may_be_loose_and_come_in_pieces():
    loose = CAFFE["LooseNet"]()
    blob = loose.layer.add(name="ip").blobs.add(data=[1, 2, 3])
    blob.shape.dim.extend([2, 3])
    data = loose.SerializeToString()
    assert data.count(bytes([5 << 3 | 5])) == 3, "a tag stands before each number"
    doubles = CAFFE["LooseNet"]()
    doubles.layer.add(name="ip").blobs.add(double_data=[1, 2]).shape.dim.extend([2])
    np.testing.assert_array_equal(read(doubles.SerializeToString())["ip.0"], [1, 2])
    more = CAFFE["BlobProto"](data=[4, 5, 6])
    merged = CAFFE["NetParameter"].FromString(data)
    merged.layer[0].blobs[0].data.extend([4, 5, 6])
    inner = blob.SerializeToString() + more.SerializeToString()
    outer = CAFFE["LooseLayer"](name="ip").SerializeToString() + bytes([7 << 3 | 2, len(inner)]) + inner
    joined = bytes([0xA2, 0x06, len(outer)]) + outer
    expected = [[1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(read(joined)["ip.0"], expected)
    np.testing.assert_array_equal(read(merged.SerializeToString())["ip.0"], expected)
    assert CAFFE["NetParameter"].FromString(joined) == merged


def test_a_shape_given_twice_goes_on_where_it_stopped():
    shape = CAFFE["BlobProto"](data=[1, 2])
    shape.shape.dim.append(2)
    rest = CAFFE["BlobProto"]()
    rest.shape.dim.append(1)
    content = shape.SerializeToString() + rest.SerializeToString()
    layer = CAFFE["LayerParameter"](name="s").SerializeToString() + bytes([7 << 3 | 2, len(content)]) + content
    data = bytes([0xA2, 0x06, len(layer)]) + layer
    assert tuple(CAFFE["NetParameter"].FromString(data).layer[0].blobs[0].shape.dim) == (2, 1)
    assert read(data)["s.0"].shape == (2, 1)


def test_doubles_come_before_floats_and_round_as_in_c():
    net = CAFFE["NetParameter"]()
    net.layer.add(name="d").blobs.add(data=[7.0], double_data=[1 / 3, 1e300, -1e300]).shape.dim.append(3)
    np.testing.assert_array_equal(read(net.SerializeToString())["d.0"], np.float32([1 / 3, np.inf, -np.inf]))


def test_a_net_without_weights_holds_nothing():
    assert read(CAFFE["NetParameter"](name="bare").SerializeToString()) == {}
    net = CAFFE["NetParameter"]()
    net.layer.add(name="relu", type="ReLU")
    net.layer.add(name="relu", type="ReLU")
    assert read(net.SerializeToString()) == {}
    assert read(written([StoredLayer("relu", "ReLU", ()), StoredLayer("", "ReLU", ())])) == {}
    layers = [StoredLayer("a", "Split", ()), StoredLayer("a", "Bias", (ONE,)), StoredLayer("a", "ReLU", ())]
    assert list(read(written(layers))) == ["a.0"], "a name may be given again where there are no blobs"


def test_what_is_read_is_free_to_be_written_to(tmp_path: Path):
    place = tmp_path / "net.caffemodel"
    write_caffemodel(place, "net", [StoredLayer("odd name", "Scale", (np.arange(3, dtype=np.float32),))])
    before = place.read_bytes()
    blob = read_caffemodel(place)["odd name.0"]
    assert blob.flags.aligned
    blob += 1
    assert place.read_bytes() == before
    np.testing.assert_array_equal(read_caffemodel(str(place))["odd name.0"], [0, 1, 2])


def test_pieces_are_views_of_the_blobs_and_stand_in_their_order():
    blob = np.arange(6, dtype=np.float32).reshape(2, 3)
    (piece,) = [piece for piece in caffemodel_bytes("n", [StoredLayer("a", "Scale", (blob,))]) if len(piece) == 24]
    assert np.shares_memory(np.frombuffer(piece, np.uint8), blob)
    turned = StoredLayer("a", "Scale", (blob.T, blob[:, ::2], blob[::-1]))
    for one, expected in zip(read(written([turned])).values(), turned.blobs, strict=True):
        np.testing.assert_array_equal(one, expected)


NET = """
name: "small"
input: "data" input_shape { dim: 2 dim: 3 dim: 6 dim: 7 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" inner_product_param { num_output: 5 } }
"""


def test_opencv_computes_with_the_weights_that_were_written(tmp_path: Path):
    normal = np.random.default_rng(5)
    shapes = [(4, 3, 3, 3), (4,), (5, 4 * 4 * 5), (5,), (2, 3, 6, 7)]
    kernel, bias, weight, shift, images = (normal.standard_normal(shape, np.float32) for shape in shapes)
    (tmp_path / "net.prototxt").write_text(NET, encoding="utf-8")
    layers = [StoredLayer("conv", "Convolution", (kernel, bias)), StoredLayer("ip", "InnerProduct", (weight, shift))]
    place = write_caffemodel(tmp_path / "net.caffemodel", "small", layers)
    net = cv2.dnn.readNetFromCaffe(str(tmp_path / "net.prototxt"), str(place))
    net.setInput(images)
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    maps = np.einsum("nchwij,ocij->nohw", windows, kernel) + bias[:, None, None]
    np.testing.assert_allclose(net.forward(), maps.reshape(2, -1) @ weight.T + shift, rtol=1e-5, atol=1e-5)


def test_a_file_that_protobuf_readers_refuse_is_not_begun(tmp_path: Path):
    half = np.broadcast_to(np.float32(0), (2**28,))  # 1 GiB that takes no memory
    layers = [StoredLayer(name, "InnerProduct", (half,)) for name in ("a", "b")]
    with pytest.raises(
        GlorotError,
        match=r"'net' would take 21474\d{5} bytes as a \.caffemodel, .* more than 2147483647: save as \.safetensors or \.npz instead",
    ):
        write_caffemodel(tmp_path / "net.caffemodel", "net", layers)
    assert list(tmp_path.iterdir()) == []


ONE = np.zeros(1, np.float32)
UNFIT = {
    "a name twice": ([StoredLayer("a", "Bias", (ONE,))] * 2, r"^a layer with blobs has the name 'a'; expected a name of its own$"),
    "no name": ([StoredLayer("", "Bias", (ONE,))], r"^a layer with blobs has the name ''; expected a name of its own$"),
    "a lone surrogate": ([StoredLayer("\ud800", "Bias", ())], r"^layer '\\ud800': the text '\\ud800' cannot be written as UTF-8: give"),
    "a long name": ([StoredLayer("ä" * 501, "Bias", ())], r"^layer 'ä+': a text takes 1002 bytes; expected at most 1000$"),
    "float64": ([StoredLayer("a", "Bias", (ONE, np.zeros(1)))], r"^a\.1 has dtype float64; expected float32, which a \.caffemodel"),
    "axes": ([StoredLayer("a", "Bias", (np.ones((1,) * 33, np.float32),))], r"^a\.0 has 33 axes; expected at most 32$"),
    "large": ([StoredLayer("a", "Bias", (np.zeros((0, 2**31), np.float32),))], r"^a\.0 has the shape 0×2147483648; expected dims ≥ 0 whose product is at most 2147483647$"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_layers_that_no_caffemodel_can_hold_are_refused(case: str, tmp_path: Path):
    layers, message = UNFIT[case]
    with pytest.raises(GlorotError, match=message):
        write_caffemodel(tmp_path / "net.caffemodel", "net", layers)
    assert list(tmp_path.iterdir()) == []
