"""Files of weights, told by their content; what is cut off, foreign or pickled is refused in one sentence."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from glorot.caffe.formats.caffemodel import StoredLayer, write_caffemodel
from glorot.errors import GlorotError
from glorot.forensics import examine
from glorot.forensics.reading import read

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


def _tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    numbers = torch.randn(3, 8)
    return {str(dtype).removeprefix("torch."): numbers.to(dtype) for dtype in DTYPES}


@pytest.fixture
def refused(tmp_path: Path) -> Any:
    """Return what is said of a file of these bytes."""

    def say(data: bytes) -> str:
        path = tmp_path / "weights"
        path.write_bytes(data)
        with pytest.raises(GlorotError) as caught:
            examine(path)
        return str(caught.value).removeprefix(f"{path}: ")

    return say


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_every_dtype_is_read_to_the_bit_whatever_the_file_is_called(tmp_path: Path, kind: str) -> None:
    tensors, path = _tensors(), tmp_path / "weights.bin"
    (save_file if kind == "safetensors" else torch.save)(tensors, path)
    found = {one.name: one for one in read(path)}
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        one = found[name]
        assert (one.dtype, one.shape) == (name, (3, 8))
        assert one.format is not None
        np.testing.assert_array_equal(one.format.decode(one.load()), tensor.double().reshape(-1).numpy())


def test_every_number_of_float8_is_decoded(tmp_path: Path) -> None:
    every = torch.arange(256, dtype=torch.uint8)
    tensors = {"a": every.view(torch.float8_e4m3fn), "b": every.clone().view(torch.float8_e5m2)}
    save_file(tensors, tmp_path / "all")
    for one in read(tmp_path / "all"):
        assert one.format is not None
        np.testing.assert_array_equal(one.format.decode(one.load()), tensors[one.name].float().numpy())


def test_views_of_a_storage_are_read_through_their_strides(tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    torch.save({"model": {"turned": whole.t(), "corner": whole[1:3, ::2]}, "steps": [3]}, tmp_path / "run.pt")
    found = {one.name: one.load().view(np.float32).reshape(one.shape) for one in read(tmp_path / "run.pt")}
    np.testing.assert_array_equal(found["model.turned"], whole.t().numpy())
    np.testing.assert_array_equal(found["model.corner"], whole[1:3, ::2].numpy())


def test_a_caffemodel_and_arrays_of_numpy_are_read(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_caffemodel(tmp_path / "a", "net", [StoredLayer("ip", "InnerProduct", (weight,))])
    np.savez(tmp_path / "b.npz", w=np.asfortranarray(weight))
    np.savez_compressed(tmp_path / "c.npz", w=weight.astype(">f4"))
    np.save(tmp_path / "d.npy", weight)
    for name in ("a", "b.npz", "c.npz", "d.npy"):
        (one,) = read(tmp_path / name)
        np.testing.assert_array_equal(one.load().view(np.float32).reshape(one.shape), weight)


def test_code_in_a_pickle_is_not_run(tmp_path: Path, refused: Any) -> None:
    ran = tmp_path / "ran"

    class Bad:
        def __reduce__(self) -> Any:
            return Path.touch, (ran,)

    path = tmp_path / "bad.pt"
    torch.save({"w": Bad()}, path)
    said = refused(path.read_bytes())
    assert said.startswith("it holds pickled code, ")
    assert "which is not run; load it where you trust it" in said
    assert not ran.exists()


def test_a_whole_module_is_refused_with_the_way_out(tmp_path: Path, refused: Any) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    assert refused((tmp_path / "module.pt").read_bytes()) == (
        "it holds pickled code, torch.nn.modules.linear.Linear, which is not run; load it where you trust it and save a "
        "state dict: torch.save(model.state_dict(), path)"
    )


def test_files_of_other_kinds_are_named(refused: Any) -> None:
    assert refused(b"") == "the file is empty; expected .safetensors, .pt, .npz, .npy or .caffemodel"
    assert refused(b"\x89HDF\r\n\x1a\n").startswith("this is an HDF5 file, as Keras writes; load it in its framework")
    assert refused(pickle.dumps({"w": [1.0]})).startswith("this is a bare pickle, as PyTorch wrote before 1.6")
    assert refused(b"\x1f\x8b\x08\x00").startswith("this file is compressed; unpack it first")
    assert "this is a text file" in refused(b'layer { name: "ip" }')


def test_a_zip_of_something_else_is_named(tmp_path: Path, refused: Any) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("config.json", "{}")
    assert refused((tmp_path / "a.zip").read_bytes()) == (
        "this zip archive holds no weights that are known here, but config.json; expected a .pt or .npz"
    )


def test_what_is_cut_off_says_so(tmp_path: Path, refused: Any) -> None:
    save_file({"w": torch.ones(100)}, tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    assert refused(whole[:-1]) == (
        f"this .safetensors file is cut off: its header describes {len(whole)} bytes, and the file has {len(whole) - 1}; "
        "copy it again"
    )
    assert refused(whole[:40]).startswith("this .safetensors file is cut off: its header takes ")
    torch.save({"w": torch.ones(100)}, tmp_path / "b")
    assert refused((tmp_path / "b").read_bytes()[:-100]).startswith("this archive is cut off or damaged (")


def test_a_header_that_lies_is_refused(refused: Any) -> None:
    def file(entry: object) -> bytes:
        text = json.dumps({"w": entry}).encode()
        return len(text).to_bytes(8, "little") + text + b"\0" * 8

    lie = {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}
    assert refused(file(lie)) == (
        "the header of this .safetensors file is damaged (w has 8 bytes for the shape 3 of float32); save it again"
    )
    for entry in (None, {}, {"dtype": "F32"}, lie | {"shape": [-2]}, lie | {"data_offsets": [8, 0]}):
        assert "the header of this .safetensors file is damaged" in refused(file(entry))


def test_what_is_no_array_is_refused_by_name() -> None:
    with pytest.raises(GlorotError, match=r"^w: its array holds Python objects; expected numbers$"):
        examine({"w": np.array([object()])})
    with pytest.raises(GlorotError, match=r"^w: Tensor is not an array that NumPy can read .*; detach it, and pass"):
        examine({"w": torch.ones(2, requires_grad=True)})
