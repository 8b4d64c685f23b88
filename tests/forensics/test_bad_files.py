"""Every file that cannot be checked gets one message and exit code 2; shards are one file."""

import json
import os
import pickle
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import glorot
from glorot.caffe.formats.caffemodel import StoredLayer, write_caffemodel
from glorot.cli import main
from glorot.errors import GlorotError
from glorot.forensics import examine
from glorot.forensics.reading import read

KINDS = ".safetensors, .pt, .npz, .npy or .caffemodel"
INDEX = "model.safetensors.index.json"
WEIGHT = np.random.default_rng(0).standard_normal((16, 16)).astype(np.float32)


class Code:
    def __reduce__(self) -> object:
        return os.getcwd, ()


def _safetensors(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors or {"w": torch.from_numpy(WEIGHT.copy())}, path)
    return path


def _caffemodel(path: Path) -> Path:
    return write_caffemodel(path, "net", [StoredLayer("ip", "InnerProduct", (WEIGHT,))])


def _pt(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


def _npz(path: Path) -> Path:
    np.savez_compressed(path, w=WEIGHT)
    return path


def _shards(folder: Path, listed: dict[str, str] | None = None) -> Path:
    folder.mkdir()
    for n in (1, 2):
        _safetensors(folder / f"model-0000{n}-of-00002.safetensors", **{f"{n}.w": torch.full((32, 32), float(n))})
    if listed is not None:
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    return folder


WHOLE = {f"{n}.w": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}


def cut(path: Path, stop: int) -> Path:
    path.write_bytes(path.read_bytes()[:stop])
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def header(path: Path, length: int) -> Path:
    return written(path, length.to_bytes(8, "little") + b'{"w":{}}')


def without(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


def two_npz(folder: Path) -> Path:
    folder.mkdir()
    _npz(folder / "a.npz")
    _npz(folder / "b.npz")
    return folder


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "not there": (lambda at: at / "w.safetensors", f"cannot read PATH: No such file or directory; give the path of a {KINDS} file"),
    "empty": (lambda at: written(at / "w", b""), f"PATH: the file is empty; expected {KINDS}"),
    "an empty folder": (lambda at: at, f"PATH: this folder has no weights; expected {KINDS} in it"),
    "foreign": (lambda at: written(at / "w", b"\xff\xd8\xff\xe0 a picture"), f"PATH: expected {KINDS}; read as the last of them, byte 0: "),
    "text": (lambda at: written(at / "w", b"layer { name: 'ip' }"), f"PATH: expected {KINDS}; read as the last of them, byte 0: this is a text file"),
    "HDF5": (lambda at: written(at / "w.h5", b"\x89HDF\r\n\x1a\n"), "PATH: this is an HDF5 file, as Keras writes; load it in its framework"),
    "compressed": (lambda at: written(at / "w.gz", b"\x1f\x8b\x08"), f"PATH: this file is compressed; unpack it first, and give {KINDS}"),
    "a bare pickle": (lambda at: written(at / "w.pkl", pickle.dumps(Code())), "PATH: this is a bare pickle, as PyTorch wrote before 1.6, and can hold code, which is not run"),
    "pickled code": (lambda at: _pt(at / "w.pt", {"w": Code()}), "PATH: it holds pickled code, posix.getcwd, which is not run; load it where you trust it and save a state dict"),
    "a whole module": (lambda at: _pt(at / "w.pt", torch.nn.Linear(2, 2)), "PATH: it holds pickled code, torch.nn.modules.linear.Linear, which is not run"),
    "safetensors cut off in its tensors": (lambda at: cut(_safetensors(at / "w"), 500), "PATH: this .safetensors file is cut off: its header describes 1096 bytes, and the file has 500; copy it again"),
    "safetensors cut off in its header": (lambda at: cut(_safetensors(at / "w"), 40), "PATH: this .safetensors file is cut off: its header takes 64 bytes, and the file has 40; copy it again"),
    "a header longer than the file": (lambda at: header(at / "w", 10_000), "PATH: this .safetensors file is cut off: its header takes 10000 bytes, and the file has 16; copy it again"),
    "a header longer than any": (lambda at: header(at / "w", 2**62), f"PATH: this .safetensors file is cut off: its header takes {2**62} bytes, and the file has 16; copy it again"),
    "a header of nothing": (lambda at: header(at / "w", 8), "PATH: the header of this .safetensors file is damaged ('shape'); save it again"),
    ".pt cut off": (lambda at: cut(_pt(at / "w.pt", {"w": torch.ones(99)}), 900), "PATH: this archive is cut off or damaged (File is not a zip file); copy it again"),
    ".npz cut off": (lambda at: cut(_npz(at / "w.npz"), 300), "PATH: this archive is cut off or damaged (File is not a zip file); copy it again"),
    ".caffemodel cut off": (lambda at: cut(_caffemodel(at / "w"), 600), "PATH: byte 9: field 100 takes 1054 bytes; expected at most the 591 left: the file is cut off or damaged; copy it again"),
    "JSON that is no index": (lambda at: written(at / "config.json", b'{"layers": 12}'), "PATH is not an index of shards: it has no weight_map of tensors to files; give the index that was saved beside the shards"),
    "an index without its shard": (lambda at: without(_shards(at / "m", WHOLE), WHOLE["2.w"]) / INDEX, "PATH: its shard model-00002-of-00002.safetensors is not there; copy all shards into the folder of the index"),
    "an index of a tensor that is not there": (lambda at: _shards(at / "m", WHOLE | {"3.w": WHOLE["2.w"]}) / INDEX, "PATH: model-00002-of-00002.safetensors lacks 3.w, which the index says it has; copy index and shards again"),
    "shards of which one is not there": (lambda at: without(_shards(at / "m"), WHOLE["1.w"]), "PATH: 1 of 2 shards are there; copy all of them"),
    "a folder of several files": (lambda at: two_npz(at / "m"), "PATH: this folder has 2 such files, a.npz and b.npz among them; give the path of one of them"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_one_message_and_exit_code_2(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, expected = BAD[kind]
    path = make(tmp_path)
    monkeypatch.setattr("sys.argv", ["glorot", "check", str(path)])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    assert (stop.value.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert told.err.replace(str(path), "PATH").startswith(f"error: {expected}")


MAKERS: dict[str, Callable[[Path], Path]] = {
    "safetensors": _safetensors,
    "pt": lambda path: _pt(path, {"a": {"w": torch.from_numpy(WEIGHT)}}),
    "npz": lambda path: _npz(path.with_suffix(".npz")),
    "caffemodel": _caffemodel,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_no_damage_leads_to_any_other_error(kind: str, tmp_path: Path) -> None:
    whole = MAKERS[kind](tmp_path / "whole").read_bytes()
    rng, refused = random.Random(0), list[tuple[Path, str]]()
    for n in range(300):
        data = bytearray(whole)
        for place in rng.choices(range(min(400, len(data))), k=rng.choice((0, 1, 2, 5))):
            data[place] = rng.randrange(256)
        bad = written(tmp_path / f"bad{n}", bytes(data[: rng.choice((None, rng.randrange(len(data))))]))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                examine(bad)
        except GlorotError as error:
            refused.append((bad, str(error)))
    assert len(refused) > 100
    assert all(str(bad) in told for bad, told in refused)


def test_shards_are_one_file_by_their_index_their_folder_and_its_only_file(tmp_path: Path) -> None:
    indexed, bare = _shards(tmp_path / "indexed", WHOLE), _shards(tmp_path / "bare")
    for path in (indexed, indexed / INDEX, bare):
        assert [(one.name, float(one.load().view(np.float32)[0])) for one in read(path)] == [("1.w", 1.0), ("2.w", 2.0)]
        assert glorot.check(path).looked_at == 2
    without(bare, WHOLE["1.w"])
    (bare / WHOLE["2.w"]).rename(bare / "model.safetensors")
    assert [one.name for one in read(bare)] == ["2.w"]


def test_a_tensor_is_read_from_the_shard_that_the_index_names(tmp_path: Path) -> None:
    folder = _shards(tmp_path / "m", WHOLE)
    _safetensors(folder / WHOLE["2.w"], **{"1.w": torch.full((4,), 9.0), "2.w": torch.full((4,), 2.0)})
    assert {one.name: float(one.load().view(np.float32)[0]) for one in read(folder)} == {"1.w": 1.0, "2.w": 2.0}
