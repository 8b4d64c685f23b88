"""The one way to read: what may never end, is too large, is nested too deeply, or says a thing twice is refused."""

import json
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import glorot
from glorot.errors import GlorotError
from glorot.files import DEEPEST, read_json, read_whole
from glorot.plans import Plan

READERS: dict[str, Callable[[Path], object]] = {"plan": Plan.load, "comparison": glorot.Comparison.load}
PLAN = Path(__file__).parent / "data" / "plans" / "version_1_torch.json"


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> tuple[str, Callable[[Path], object]]:
    return request.param, READERS[request.param]


def test_pipes_devices_and_folders_are_refused(reader: tuple[str, Callable[[Path], object]], tmp_path: Path) -> None:
    kind, read = reader
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for place, reason in (
        (tmp_path / "pipe", "this is no regular file"),
        (tmp_path / "link", "this is no regular file"),
        (Path("/dev/zero"), "this is no regular file"),
        (tmp_path, "this is a folder"),
        (tmp_path / "gone", "No such file or directory"),
    ):
        with pytest.raises(GlorotError, match=f"^cannot read {place}: {reason}; give the path of a {kind} file$"):
            read(place)


def test_a_flood_is_refused(
    reader: tuple[str, Callable[[Path], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, read = reader
    monkeypatch.setattr("glorot.files.LARGEST", 2**20)
    flood = tmp_path / "flood.json"
    flood.write_bytes(b" " * (2**20 + 1))
    with pytest.raises(GlorotError, match=rf"^cannot read {flood}: it is larger than 1 MiB; give the path of a {kind}"):
        read(flood)
    flood.write_bytes(b" " * 2**20)
    with pytest.raises(GlorotError, match=rf"^{flood} is not a {kind}: it is not valid JSON"):
        read(flood)


def test_a_file_that_does_not_tell_its_size_is_read_whole() -> None:
    place = Path("/proc/self/status")
    assert place.stat().st_size == 0
    assert read_whole(place, "status").startswith(b"Name:")


def test_memory_is_asked_for_as_the_file_needs_it(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"1")
    tracemalloc.start()
    assert read_whole(tmp_path / "small", "number") == b"1"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1, 900, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_too_deeply_is_refused(levels: int, left: str, right: str, tmp_path: Path) -> None:
    file = tmp_path / "deep.json"
    file.write_text(left * levels + "1" + right * levels)
    if levels <= DEEPEST:
        assert json.dumps(read_json(file, "plan", "make one")).count(left[0]) == levels
        return
    with pytest.raises(GlorotError, match=r"deep\.json is not a plan: its JSON is nested too deeply; make one$"):
        read_json(file, "plan", "make one")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', "'a'"),
        ('[{"b": {"a": 1, "c": 2, "c": 3}}]', "'c'"),
        (r'{"a": 1, "\u0061": 2}', "'a'"),
        (r'{"\u001b[2J": 1, "\u001b[2J": 2}', r"'\\x1b\[2J'"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(text: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    with pytest.raises(
        GlorotError, match=rf"plan\.json is not a plan: its JSON gives the key {key} twice in one object"
    ):
        read_json(file, "plan", "make one")


def changed(tmp_path: Path, change: Callable[[list[dict[str, object]]], object]) -> Path:
    """Return a plan file with its entries changed; what is refused is so before its fingerprint is asked for."""
    data = json.loads(PLAN.read_text(encoding="utf-8"))
    change(data["entries"])
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(data))
    return file


SHAPES = {
    "negative": ([-1, 2], "a list of sizes, got [-1, 2]"),
    "flag": ([True, 2], "a list of sizes, got [True, 2]"),
    "fraction": ([2.0, 2], "a list of sizes, got [2.0, 2]"),
    "text": ("32", "a list of sizes, got '32'"),
    "nested": ([[2], 3], "a list of sizes, got [[2], 3]"),
    "larger than memory": ([2**32, 2**31], "of fewer than 2**63 elements, got [4294967296, 2147483648]"),
    "empty and endless": ([0, 2**63], "a list of sizes, got [0, 9223372036854775808]"),
    "many axes": ([1] * 65, "a list of sizes, got [1, 1, 1, 1, 1, 1, 1, 1, "),
}


@pytest.mark.parametrize("name", SHAPES)
def test_impossible_shapes_are_refused(name: str, tmp_path: Path) -> None:
    shape, words = SHAPES[name]
    file = changed(tmp_path, lambda entries: entries[0].__setitem__("shape", shape))
    expected = f"{file} is damaged at entry 0 (embed.weight[padding]): shape must be {words}"
    with pytest.raises(GlorotError, match=f"^{re.escape(expected)}") as caught:
        Plan.load(file)
    assert len(str(caught.value)) < len(str(file)) + 200, "what was given is cut"


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    file = changed(tmp_path, lambda entries: entries.append(entries[0]))
    expected = r"plan\.json is damaged: two entries are called 'embed\.weight\[padding\]'; keep one of them$"
    with pytest.raises(GlorotError, match=expected):
        Plan.load(file)
