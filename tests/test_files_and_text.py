"""Files written whole or not at all, and the small tools of text."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import glorot
from glorot.catalogue import Catalogue, format_call, nearest, parse_call
from glorot.errors import GlorotError
from glorot.files import beside, reading, write_whole
from glorot.plans import Plan
from glorot.text import matches, number, shape_text, table


def test_a_file_is_written_whole(tmp_path: Path):
    place = tmp_path / "plan.json"
    assert write_whole(place, "first") == place
    place.chmod(0o600)
    write_whole(place, b"second")
    assert place.read_bytes() == b"second"
    assert place.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = tmp_path / "plan.json"
    place.write_text("before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        GlorotError, match=r"cannot write .*plan\.json: No space left on device; give a path in a folder"
    ):
        write_whole(place, "after")
    assert place.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_a_file_is_written_piece_by_piece(tmp_path: Path):
    data = np.arange(3, dtype=np.float32)
    pieces = iter([b"head", data.data, memoryview(b""), b"tail"])
    assert write_whole(tmp_path / "weights", pieces).read_bytes() == b"head" + data.tobytes() + b"tail"
    assert write_whole(tmp_path / "empty", []).read_bytes() == b""


def test_pieces_that_raise_leave_what_was_there(tmp_path: Path):
    place = tmp_path / "weights"
    place.write_text("before")

    def pieces() -> Iterator[bytes]:
        yield b"half of "
        assert len(list(tmp_path.iterdir())) == 2, "the file grows beside its place"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(place, pieces())
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(GlorotError, match="No such file or directory"):
        write_whole(tmp_path / "nowhere" / "plan.json", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path):
    with pytest.raises(
        GlorotError, match=r"^cannot write .*a\\x00b: .*embedded null .*; give a path in a folder you may"
    ):
        write_whole(tmp_path / "a\0b", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_file_beside_may_be_written_by_its_name(tmp_path: Path):
    place = tmp_path / "weights"
    with beside(place) as file:
        assert Path(file.name).parent == tmp_path
        Path(file.name).write_bytes(b"by name")
        assert not place.exists()
    assert place.read_bytes() == b"by name"
    assert [p.name for p in tmp_path.iterdir()] == ["weights"]


def test_a_mistake_of_the_writer_is_not_taken_for_one_of_the_place(tmp_path: Path):
    with pytest.raises(ValueError, match="^no such dtype$"), beside(tmp_path / "weights"):
        raise ValueError("no such dtype")
    assert list(tmp_path.iterdir()) == []


def test_only_regular_files_are_read(tmp_path: Path):
    (tmp_path / "net").write_text("text")
    with reading(tmp_path / "net", ".net") as file:
        assert file.read() == b"text"
    os.mkfifo(tmp_path / "pipe")
    for place, reason in (
        ("/dev/zero", "this is no regular file"),
        (tmp_path / "pipe", "this is no regular file"),
        (tmp_path, "this is a folder"),
        (tmp_path / "nowhere", "No such file or directory"),
        ("a\0", ".*embedded null .*"),
    ):
        shown = re.escape(str(place).replace("\0", r"\x00"))
        with (
            pytest.raises(GlorotError, match=f"^cannot read {shown}: {reason}; give the path of a .net file$"),
            reading(place, ".net"),
        ):
            pass


def test_patterns_know_stars_and_letters_and_nothing_else():
    assert matches("head.*", "head.0.weight")
    assert matches("*.weight[q]", "attn.in_proj_weight[q]") is False
    assert matches("*_weight[q]", "attn.in_proj_weight[q]")
    assert matches("layers.?.bias", "layers.3.bias")
    assert not matches("layers.?.bias", "layers.13.bias")
    assert not matches("head", "head.weight")


@given(st.text(min_size=1))
def test_a_path_matches_itself_and_the_star(path: str):
    plain = path.replace("*", "x").replace("?", "x")
    assert matches(plain, plain)
    assert matches("*", path)


def test_tables_line_up():
    lines = table(["a", "long head"], [["wide cell", "1"], ["b", ""]]).splitlines()
    assert lines == ["a          long head", "─────────  ─────────", "wide cell  1", "b"]
    assert (number(576.0), number(math.nan), shape_text((64, 3, 3)), shape_text(())) == ("576", "–", "64×3×3", "scalar")


def test_calls_go_to_text_and_back():
    def rule(std: float, mean: float = 0.0, mode: str = "a") -> str:
        return f"{std} {mean} {mode}"

    catalogue: Catalogue[str] = Catalogue("rule")
    catalogue.add(rule, "law")
    assert format_call("rule", rule, {"std": 0.1, "mean": 0.0, "mode": "b"}) == "rule(std=0.1, mode='b')"
    assert parse_call("rule(0.1, mode='b')") == ("rule", [0.1], {"mode": "b"})
    assert catalogue.make("law(0.1, mode='b')") == "0.1 0.0 b"
    assert catalogue.aliases("rule") == ["law"]
    assert "law" in catalogue
    with pytest.raises(GlorotError, match="unknown rule 'roole'.*known: rule"):
        catalogue.make("roole")
    assert nearest("roole", ["zzz"]) == ""


def test_letters_that_nobody_sees_are_escapes_in_the_file_of_a_plan(tmp_path: Path):
    name = "größe \u202e\u2066\x85"
    model = torch.nn.Module()
    model.register_parameter(name, torch.nn.Parameter(torch.zeros(3, 4)))
    plan = glorot.plan(model, rules=[("*", "normal(std=0.1)")])
    text = plan.save(tmp_path / "plan.json").read_text(encoding="utf-8")
    assert r'"name": "größe \u202e\u2066\u0085"' in text
    assert text.replace("\n", "").isprintable()
    assert Plan.load(tmp_path / "plan.json") == plan
