"""Files of safetensors, written by glorot and read by the library of that name."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from safetensors.numpy import load, save

from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.weights.safetensors import NAMES, pieces_of

KNOWN_TO_NUMPY = sorted(set(NAMES) - {"bfloat16"})
ARRAYS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name != "__metadata__"),
    st.sampled_from(KNOWN_TO_NUMPY).flatmap(
        lambda name: st_numpy.arrays(name, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
    ),
    max_size=4,
)


@given(ARRAYS)
def test_what_is_written_is_read_back_bit_by_bit(arrays: dict[str, np.ndarray]) -> None:
    read = load(b"".join(pieces_of(arrays)))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        assert read[name].tobytes() == array.tobytes()


def test_the_bytes_are_those_of_the_library() -> None:
    arrays = {"b": np.arange(3, dtype=np.float16), "a": np.ones((2, 2)), "c": np.array([True])}
    assert b"".join(pieces_of(arrays)) == save(arrays)


def test_arrays_that_lie_otherwise_in_memory_are_written_in_their_own_order() -> None:
    turned = np.arange(6, dtype=">f4").reshape(2, 3).T
    np.testing.assert_array_equal(load(b"".join(pieces_of({"w": turned})))["w"], turned)


def test_bfloat16_and_what_the_format_lacks(tmp_path: Path) -> None:
    file = write_whole(tmp_path / "w.safetensors", pieces_of({"w": np.ones(2, ml_dtypes.bfloat16)}))
    head = json.loads(file.read_bytes()[8:].partition(b"}}")[0] + b"}}")
    assert head == {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    with pytest.raises(GlorotError, match=r"^z: safetensors has no dtype complex128; save as \.npz instead$"):
        write_whole(tmp_path / "z.safetensors", pieces_of({"z": np.ones(2, np.complex128)}))
    assert list(tmp_path.iterdir()) == [file]
