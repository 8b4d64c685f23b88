"""Weights in several files: the shards that an index lists, or those that lie in a folder."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from glorot.errors import GlorotError
from glorot.files import read_json
from glorot.forensics.stored import Stored

Reader = Callable[[Path], list[Stored]]

INDEXES = ("*.safetensors.index.json", "*.bin.index.json")
"""What an index is called, the first kind found before the others."""

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.npz", "*.caffemodel")
"""What files of weights in a folder are called, likewise."""

REMEDY = "give the index that was saved beside the shards"


def of_index(path: Path, read: Reader) -> list[Stored]:
    """Return the tensors of all shards of an index, `model.safetensors.index.json`, from the folder that it lies in.

    Args:
        path: the index, a JSON file whose "weight_map" has for each tensor the name of its shard.
        read: returns the tensors of one shard.

    Returns:
        Its tensors, shard by shard.

    Raises:
        GlorotError: if it is no index, a shard is missing, or does not have a tensor that it should have.
    """
    data = read_json(path, "index of shards", REMEDY)
    if isinstance(data, dict) and {"entries", "recipe"} <= data.keys():
        raise GlorotError(
            f"{path} is a plan, which holds no weights; to check weights against it, give those, or the model, and "
            f"the plan beside them: glorot check MODEL --plan {path}, or glorot.check(model, plan=Plan.load(…))"
        )
    listed = data.get("weight_map") if isinstance(data, dict) else None
    if not isinstance(listed, dict) or not listed or not all(isinstance(one, str) for one in listed.values()):
        raise GlorotError(f"{path} is not an index of shards: it has no weight_map of tensors to files; {REMEDY}")
    tensors: dict[str, Stored] = {}
    for name in dict.fromkeys(listed.values()):
        shard = path.parent / name
        if not shard.is_file():
            raise GlorotError(f"{path}: its shard {name} is not there; copy all shards into the folder of the index")
        tensors |= {one.name: one for one in read(shard) if listed.get(one.name) == name}
    missing = [name for name in listed if name not in tensors]
    if missing:
        raise GlorotError(
            f"{path}: {listed[missing[0]]} lacks {missing[0]}, which the index says it has; copy index and shards again"
        )
    return list(tensors.values())


def of_folder(path: Path, read: Reader, kinds: str) -> list[Stored]:
    """Return the tensors of the one index in a folder; where there is none of its shards, or of its one file.

    Args:
        path: the folder.
        read: returns the tensors of one file.
        kinds: what errors call files of weights.

    Returns:
        Its tensors, file by file.

    Raises:
        GlorotError: if it has no weights, shards are missing, or it is not clear which of its files are meant.
    """
    for pattern in INDEXES:
        found = sorted(path.glob(pattern))
        if found:
            return of_index(_only(path, found), read)
    for pattern in WEIGHTS:
        found = sorted(path.glob(pattern))
        if found:
            return _joined(found, read) if _are_shards(found) else read(_only(path, found))
    raise GlorotError(f"{path}: this folder has no weights; expected {kinds} in it")


def _only(folder: Path, found: Sequence[Path]) -> Path:
    if len(found) > 1:
        raise GlorotError(
            f"{folder}: this folder has {len(found)} such files, {found[0].name} and {found[1].name} among them; give "
            "the path of one of them"
        )
    return found[0]


def _are_shards(found: Sequence[Path]) -> bool:
    """Tell whether files are numbered as shards, as `model-00001-of-00002.safetensors`; all must be there."""
    numbers = [re.search(r"(\d+)-of-(\d+)\.\w+$", one.name) for one in found]
    if not all(numbers):
        return False
    totals = {int(one[2]) for one in numbers if one}
    if totals != {len(found)}:
        raise GlorotError(f"{found[0].parent}: {len(found)} of {max(totals)} shards are there; copy all of them")
    return True


def _joined(found: Sequence[Path], read: Reader) -> list[Stored]:
    tensors: dict[str, Stored] = {}
    for shard in found:
        for one in read(shard):
            if one.name in tensors:
                raise GlorotError(f"{shard.parent}: two shards have a tensor {one.name}; give the path of one of them")
            tensors[one.name] = one
    return list(tensors.values())


def is_json(head: bytes) -> bool:
    """Tell whether a file begins as an object of JSON does.

    Example:
        >>> is_json(b'{"weight_map": {}}'), is_json(b"PK")
        (True, False)
    """
    return head.lstrip()[:1] == b"{"
