"""Files that are no `.caffemodel`, cut off, wrong or made to harm: one message each, and no memory."""

import os
import random
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effort import examples
from glorot.caffe.formats.caffemodel import StoredLayer, caffemodel_bytes, parse, read_caffemodel
from glorot.caffe.formats.wire import enclosed, lead, varint
from glorot.errors import GlorotError


def layer(*blobs: bytes, name: bytes = b"ip") -> bytes:
    return enclosed(100, enclosed(1, name) + b"".join(enclosed(7, blob) for blob in blobs))


def shape(*dims: int) -> bytes:
    return enclosed(7, enclosed(1, b"".join(varint(dim % 2**64) for dim in dims)))


def old_shape(*dims: int) -> bytes:
    return b"".join(varint(n << 3) + varint(dim % 2**64) for n, dim in enumerate(dims, 1))


def floats(*values: float) -> bytes:
    return enclosed(5, struct.pack(f"<{len(values)}f", *values))


def read(data: bytes) -> dict[str, np.ndarray]:
    return parse(memoryview(data), "net")


CUT = ": the file is cut off or damaged; copy it again"
NAME = enclosed(1, b"net")
DEEP = b"\xa3\x06" * 101  # 101 times the start of a group 100
HOSTILE = {
    "no bytes": (b"", r"byte 0: the file is empty; expected a \.caffemodel"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(90), r"byte 0: this is an HDF5 file; expected a \.caffemodel, which is protobuf"),
    "text": (b'name: "LeNet"\nlayer { type: "Data" }', r"byte 0: this is a text file, such as a \.prototxt; expected a \.caffemodel, which holds weights"),
    "text after a comment": ("# “naïve”\n".encode() * 50, r"byte 0: this is a text file, such as a \.prototxt; expected .*"),
    "text with a cut letter": (("##" + "“" * 150).encode(), r"byte 0: this is a text file, such as .*"),
    "bytes above text": (b"\xff" * 12, r"byte 0: a varint runs on; expected at most 10 bytes"),
    "text of one line": (b"\n", r"byte 0: this is a text file, .*"),
    "another message": (b"\x08\x01", r"byte 2: the file ends here; expected the name of a net or a layer, as in a \.caffemodel"),
    "tag cut off": (NAME + b"\xa2", r"byte 5: a varint is cut off; expected its last byte before byte 6"),
    "varint cut off": (NAME + b"\x18\x80\x80", r"byte 6: a varint is cut off; expected its last byte before byte 8"),
    "varint runs on": (NAME + b"\x18" + b"\x80" * 10 + b"\x00", r"byte 6: a varint runs on; expected at most 10 bytes"),
    "length beyond the end": (NAME + lead(100, 9) + bytes(8), r"byte 8: field 100 takes 9 bytes; expected at most the 8 left" + CUT),
    "length beyond all": (NAME + lead(100, 2**63), r"byte 17: field 100 takes 9223372036854775808 bytes; expected at most the 0 left" + CUT),
    "length beyond its layer": (enclosed(100, lead(1, 3) + b"ab") + NAME, r"byte 5: field 1 takes 3 bytes; expected at most the 2 left"),
    "fixed32 cut off": (NAME + b"\x1d\x00\x00\x00", r"byte 6: field 3 takes 4 bytes; expected at most the 3 left" + CUT),
    "fixed64 cut off": (NAME + b"\x19", r"byte 6: field 3 takes 8 bytes; expected at most the 0 left" + CUT),
    "field 0": (NAME + b"\x00\x00", r"byte 5: a field has the number 0; expected 1 to 536870911"),
    "field too high": (NAME + varint(2**32) + b"\x00", r"byte 5: a field has the number 536870912; expected 1 to 536870911"),
    "wire type 6": (NAME + b"\x1e", r"byte 6: field 3 has wire type 6; expected 0 to 5"),
    "wire type 7": (NAME + b"\x1f", r"byte 6: field 3 has wire type 7; expected 0 to 5"),
    "groups without end": (NAME + b"\x1b\x1b", r"byte 7: the message ends here; expected the end of group 3 before"),
    "groups nested deeply": (NAME + DEEP, r"byte 205: groups are nested deeper than 100; expected at most 100"),
    "group not begun": (NAME + b"\x1c", r"byte 5: a group 3 ends here; expected its start before its end"),
    "group ends another": (NAME + b"\x1b\x24", r"byte 6: a group 4 ends here; expected its start before its end"),
    "group beyond its layer": (enclosed(100, b"\x1b") + b"\x1c", r"byte 4: the message ends here; expected the end of group 3 before"),
    "no name": (NAME + enclosed(100, enclosed(7, shape(0))), r"byte 8: a layer has blobs but no name; expected one to call them by"),
    "a name twice": (layer(shape(0)) + layer(shape(0)), r"byte 17: a second layer 'ip' has blobs; expected one layer of this name"),
    "name of the net": (enclosed(1, b"ab\xff"), r"byte 4: the name of the net is no text; expected UTF-8"),
    "name of a layer": (layer(shape(0), name=b"\xc3\x28"), r"byte 5: the name of a layer is no text; expected UTF-8"),
    "long name": (layer(shape(0), name=b"n" * 1001), r"byte 7: the name of a layer takes 1001 bytes; expected at most 1000"),
    "too few": (layer(shape(2, 3) + floats(*range(5))), r"byte 9: 'ip\.0' holds 5 numbers; expected 6 for its shape 2×3"),
    "too many": (layer(floats(1), shape(2) + floats(1, 2, 3)), r"byte 17: 'ip\.1' holds 3 numbers; expected 2 for its shape 2"),
    "none": (layer(b""), r"byte 9: 'ip\.0' holds 0 numbers; expected 1 for its shape scalar"),
    "no shape": (layer(floats(1, 2)), r"byte 9: 'ip\.0' holds 2 numbers; expected 1 for its shape scalar"),
    "old shape": (layer(old_shape(2) + floats(1, 2)), r"byte 9: 'ip\.0' holds 2 numbers; expected 0 for its shape 2×0×0×0"),
    "negative": (layer(shape(-1, -6) + floats(*range(6))), r"byte 9: 'ip\.0' has the shape -1×-6; expected dims ≥ 0 whose product is at most 2147483647"),
    "old negative": (layer(old_shape(1, -1, 2, 2)), r"byte 9: 'ip\.0' has the shape 1×-1×2×2; expected dims ≥ 0 .*"),
    "huge": (layer(shape(2**62, 2**62)), r"byte 9: 'ip\.0' has the shape 4611686018427387904×4611686018427387904; expected dims .*"),
    "huge but empty": (layer(shape(0, 2**31)), r"byte 9: 'ip\.0' has the shape 0×2147483648; expected dims ≥ 0 whose product .*"),
    "huge and claimed": (layer(shape(2**31 - 1)), r"byte 9: 'ip\.0' holds 0 numbers; expected 2147483647 for its shape 2147483647"),
    "axes": (layer(shape(*[1] * 33) + floats(1)), r"byte 11: 'ip\.0' has too many axes; expected at most 32"),
    "bytes of floats": (layer(shape(1) + enclosed(5, bytes(5))), r"byte 16: the data take 5 bytes; expected a multiple of 4"),
    "bytes of doubles": (layer(shape(1) + enclosed(8, bytes(12))), r"byte 16: the data take 12 bytes; expected a multiple of 8"),
    "many blobs": (layer(*[shape(0)] * 1001), r"byte 7010: more than 1000 blobs in one layer; no layer has so many"),
    "many old blobs": (enclosed(2, enclosed(1, enclosed(50, b"")) * 1001), r"byte 5\d{3}: more than 1000 blobs in one layer; .*"),
    "many layers": (enclosed(100, b"") * 50_001, r"byte 150003: more than 50000 layers and blobs; no net has so many"),
    "an odd name": (layer(floats(), name="a\n\u2028".encode()), r"byte 12: 'a\\n\\u2028\.0' holds 0 numbers; expected 1 .*"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_gets_one_message(case: str, tmp_path: Path):
    data, message = HOSTILE[case]
    place = tmp_path / "net.caffemodel"
    place.write_bytes(data)
    with pytest.raises(GlorotError, match=rf"^.*net\.caffemodel: {message}$") as refused:
        read_caffemodel(place)
    assert str(refused.value).startswith(str(place))


def test_places_that_are_no_file_are_refused(tmp_path: Path):
    with pytest.raises(
        GlorotError, match=r"^cannot read .*nowhere: No such file or directory; give the path of a \.caffemodel file$"
    ):
        read_caffemodel(tmp_path / "nowhere")
    with pytest.raises(GlorotError, match=r": this is a folder; give the path of a \.caffemodel file$"):
        read_caffemodel(tmp_path)
    with pytest.raises(GlorotError, match=r"no\\x00: embedded null byte; give the path of a \.caffemodel file$"):
        read_caffemodel("no\0")
    with pytest.raises(GlorotError, match=r"nnn: File name too long; give the path of a \.caffemodel file$"):
        read_caffemodel(tmp_path / ("n" * 300))
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    with pytest.raises(GlorotError, match=r"pipe: this is no regular file; give the path of a \.caffemodel file$"):
        read_caffemodel(tmp_path / "pipe")


def test_many_blobs_in_many_layers_are_refused():
    named = [layer(*[shape(0)] * 999, name=b"%d" % n) for n in range(51)]
    assert len(read(b"".join(named[:50]))) == 49950
    with pytest.raises(GlorotError, match=r"^net: byte \d+: more than 50000 layers and blobs; no net has so many$"):
        read(b"".join(named))


def test_groups_are_skipped_as_deep_as_protobuf_goes():
    nested = DEEP[2:] + b"\xa4\x06" * 100
    assert read(NAME + nested + layer(floats(3), nested + floats(4)))["ip.1"] == 4


def test_the_largest_field_number_and_varint_are_read():
    assert read(varint(2**29 - 1 << 3) + varint(2**64 - 1) + layer(floats(3)))["ip.0"] == 3
    assert read(b"\x1a" + varint(2**64) + layer(floats(3)))["ip.0"] == 3, "what is above 64 bits is dropped"


def test_a_known_number_of_another_wire_type_is_a_field_of_a_fork():
    number = [varint(n << 3) + b"\x41" for n in range(9)]  # each of them the varint 65
    blob = floats(3) + number[5] + number[7] + number[8] + b"".join(enclosed(n, b"\x02") for n in range(1, 5))
    assert read(number[1] + enclosed(100, enclosed(1, b"ip") + number[1] + number[7] + enclosed(7, blob)))["ip.0"] == 3


def test_an_old_layer_given_in_pieces_is_one():
    pieces = [enclosed(1, enclosed(50, floats(n))) for n in range(2)]
    blobs = read(enclosed(2, b"".join(pieces) + enclosed(1, enclosed(1, b"v0")) + enclosed(6, floats(2))))
    assert {name: float(blob) for name, blob in blobs.items()} == {"v0.0": 0, "v0.1": 1, "v0.2": 2}


def test_memory_is_asked_for_by_the_size_of_the_file_alone():
    claimed = layer(shape(2**31 - 1)) + bytes(1000)
    loose = layer(shape(2**12) + (b"\x2d" + bytes(4)) * 2**12)
    empty_runs = layer(shape(0) + b"\x2a\x00" * 2**12)
    sizes = {}
    for data in (claimed, loose, empty_runs):
        tracemalloc.start()
        try:
            sizes |= {blob.size: blob for blob in read(data).values()}
        except GlorotError as error:
            sizes[str(error)] = None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * len(data) + 20_000
    assert list(sizes) == [
        "net: byte 9: 'ip.0' holds 0 numbers; expected 2147483647 for its shape 2147483647",
        2**12,
        0,
    ]


def models() -> list[bytes]:
    """Return small models in every form: new, V1, V0, old shapes, doubles, loose data, groups."""
    values = np.arange(12, dtype=np.float32)
    new = [StoredLayer("c", "Convolution", (values.reshape(2, 1, 3, 2), values[:2])), StoredLayer("r", "ReLU", ())]
    doubles = enclosed(8, struct.pack("<2d", 1, 1e300)) + shape(2)
    v1 = enclosed(
        2, enclosed(4, b"v1") + b"\x28\x04" + enclosed(6, old_shape(1, 1, 1, 2) + floats(1, 2)) + enclosed(6, doubles)
    )
    v0 = enclosed(2, enclosed(1, enclosed(1, b"v0") + enclosed(50, floats(5))))
    loose = layer(
        b"\x3a\x04\x08\x02\x08\x01" + (b"\x2d" + struct.pack("<f", 2)) * 2, b"\x0b\x13\x18\x07\x14\x0c" + floats(1)
    )
    return [b"".join(caffemodel_bytes("net", new)), v1 + v0, NAME + loose + v0]


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        start = chance.randrange(len(changed) + 1)
        stop = min(len(changed), start + chance.choice((1, 1, 2, 5, 20)))
        match chance.randrange(7):
            case 0:
                del changed[start:stop]
            case 1:
                changed[start:start] = changed[start:stop]
            case 2 if start < len(changed):
                changed[start] ^= 1 << chance.randrange(8)
            case 3:
                changed[start:start] = chance.randbytes(stop - start)
            case 4:
                del changed[start:]
            case 5:
                changed[start:stop] = varint(chance.choice((2**31 - 1, 2**32, 2**63, 2**64 - 1, 2**69)))
            case _:
                changed[start:stop] = bytes([chance.randrange(256)]) * (stop - start)
    return bytes(changed)


MODELS = models()
BLOBS = [
    shape(2, 1) + floats(1, 2),
    old_shape(1, 1, 1, 2) + floats(3, 4),
    b"\x3a\x02\x08\x01" + b"\x41" + struct.pack("<d", 1),
]
BATCH, EXAMPLES = 220, 300


@given(st.randoms(use_true_random=True))
@examples(EXAMPLES)
def test_a_mutated_model_is_read_or_refused_in_one_line(chance: random.Random):
    messages = []
    for _ in range(BATCH):
        blob = chance.random() < 0.4  # in a sound layer, so that more of them get past the lengths
        data = layer(mutated(chance.choice(BLOBS), chance)) if blob else mutated(chance.choice(MODELS), chance)
        try:
            blobs = read(data)
            assert all(blob.dtype == np.float32 and blob.nbytes <= len(data) for blob in blobs.values())
        except GlorotError as error:
            messages.append(str(error))
    assert 0 < len(messages) < BATCH
    assert all(message.startswith("net: byte ") and len(message.splitlines()) == 1 for message in messages)


def test_the_models_that_are_mutated_are_sound():
    assert [list(read(model)) for model in MODELS] == [
        ["c.0", "c.1"],
        ["v1.0", "v1.1", "v0.0"],
        ["ip.0", "ip.1", "v0.0"],
    ]
    np.testing.assert_array_equal(read(MODELS[2])["ip.0"], [[2], [2]])
