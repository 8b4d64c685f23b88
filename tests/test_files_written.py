"""The one way to write: links, modes, flushes, pipes and devices, and what killed processes leave behind."""

import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glorot.errors import GlorotError
from glorot.files import UNFINISHED, beside, write_whole

KILLED = """
import os, sys
from glorot.files import beside
with beside(sys.argv[1]) as file:
    file.write(b"half of it")
    file.flush()
    os._exit(9)
"""


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


def kind_of(place: Path | str) -> int:
    return stat.S_IFMT(os.lstat(place).st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077, 0o000])
def test_a_new_file_has_the_mode_that_the_process_gives(mask: int, umask: Callable[[int], int], tmp_path: Path) -> None:
    umask(mask)
    assert write_whole(tmp_path / "new", "text").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_an_existing_file_keeps_its_mode(mode: int, umask: Callable[[int], int], tmp_path: Path) -> None:
    umask(0o027)
    place = tmp_path / "old"
    place.touch()
    place.chmod(mode)
    assert write_whole(place, "text").stat().st_mode & 0o777 == mode
    assert place.read_text() == "text"


@pytest.mark.parametrize("to", ["inner/target", "inner/./../inner/target"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed_and_stays_a_link(to: str, exists: bool, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    target = tmp_path / "inner" / "target"
    if exists:
        target.write_text("before")
    (tmp_path / "link").symlink_to(to)
    (tmp_path / "second").symlink_to("link")
    write_whole(tmp_path / "second", "after")
    assert {kind_of(tmp_path / name) for name in ("link", "second")} == {stat.S_IFLNK}
    assert target.read_text() == "after"
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["target"]


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("nowhere/file")
    for name, reason in (("loop", "Too many levels of symbolic links"), ("lost", "No such file or directory")):
        with pytest.raises(GlorotError, match=rf"^cannot write .*{name}: {reason}; give a path in a folder you may"):
            write_whole(tmp_path / name, "text")
        assert kind_of(tmp_path / name) == stat.S_IFLNK


def test_a_folder_and_a_path_through_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GlorotError, match=r"^cannot write .*: this is a folder; give a path"):
        write_whole(tmp_path, "text")
    (tmp_path / "file").touch()
    with pytest.raises(GlorotError, match=r"^cannot write .*file/inside: Not a directory; give a path"):
        write_whole(tmp_path / "file" / "inside", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_longest_name_that_a_file_may_have_is_written(tmp_path: Path) -> None:
    assert write_whole(tmp_path / ("n" * 255), "text").read_text() == "text"


def by_name(place: Path) -> None:
    """Write as libraries do that make a new file under the name that they are given."""
    with beside(place) as file:
        other = place.with_name("other")
        other.write_text("by another file")
        other.replace(file.name)


@pytest.mark.parametrize("write", [lambda place: write_whole(place, "text"), by_name], ids=["whole", "by_name"])
def test_the_file_is_flushed_before_it_is_renamed_and_its_folder_after(
    write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "weights"
    seen: list[tuple[int, bool]] = []
    flush = os.fsync

    def note(descriptor: int) -> None:
        flush(descriptor)
        seen.append((os.fstat(descriptor).st_ino, place.exists()))

    monkeypatch.setattr("os.fsync", note)
    write(place)
    assert seen == [(place.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr("os.fsync", refuse)
    assert write_whole(tmp_path / "file", "text").read_text() == "text"


@pytest.fixture
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for files that have no place of their own."""
    folder = tmp_path / "spare"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_pipe_is_written_into(tmp_path: Path, spare: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert write_whole(pipe, [b"head", b"data" * 50_000]) == pipe
    reader.join()
    assert read == [b"head" + b"data" * 50_000]
    assert kind_of(pipe) == stat.S_IFIFO
    assert list(spare.iterdir()) == []


def test_nothing_of_a_file_that_fails_goes_into_a_pipe(tmp_path: Path, spare: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyError("the rest")

    try:
        with pytest.raises(KeyError, match="the rest"):
            write_whole(pipe, pieces())
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
    assert list(spare.iterdir()) == []


def test_a_device_is_written_into(spare: Path) -> None:
    assert write_whole("/dev/null", "text") == Path("/dev/null")
    assert kind_of("/dev/null") == stat.S_IFCHR
    with pytest.raises(GlorotError, match=r"^cannot write /dev/full: No space left on device; give a path"):
        write_whole("/dev/full", "text")
    assert kind_of("/dev/full") == stat.S_IFCHR
    assert list(spare.iterdir()) == []


def test_the_output_of_a_process_is_written_into() -> None:
    code = "from glorot.files import write_whole; write_whole('/dev/stdout', 'plan\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "plan\n"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(
            GlorotError, match="^cannot write socket: this is neither a regular file nor a pipe; give a"
        ):
            write_whole("socket", "text")
        assert kind_of("socket") == stat.S_IFSOCK


def kill_while_writing(place: Path) -> Path:
    """Return what a process leaves that is ended while it writes a file."""
    assert subprocess.run([sys.executable, "-c", KILLED, str(place)], check=False).returncode == 9
    (left,) = place.parent.glob(".glorot-*")
    assert left.read_bytes() == b"half of it"
    return left


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    kill_while_writing(tmp_path / "weights")
    write_whole(tmp_path / "plan", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_only_files_of_dead_processes_of_this_machine_are_removed(tmp_path: Path) -> None:
    left = kill_while_writing(tmp_path / "weights")
    machine, number, _ = re.fullmatch(r"(\.glorot-.*-)(\d+)-([0-9a-f]{16})", left.name).groups()  # type: ignore[union-attr]
    random = "0123456789abcdef"
    kept = {
        f".glorot-elsewhere-1-{number}-{random}",
        f"{machine}{os.getppid()}-{random}",
        f"{machine}{number}-{random}.npz",
        f"{machine}0-{random}",
        f"{machine}{'9' * 30}-{random}",
        f".weights.{number}",
    }
    for name in kept:
        (tmp_path / name).touch()
    before_us = tmp_path / f"{machine}{os.getpid()}-{random}"  # of another process that had our number
    before_us.touch()
    write_whole(tmp_path / "plan", "text")
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "plan"}


def test_files_that_are_being_written_are_left_alone(tmp_path: Path) -> None:
    with beside(tmp_path / "one") as one:
        one.write(b"1")
        assert {Path(one.name)} == UNFINISHED
        assert write_whole(tmp_path / "two", "2").read_text() == "2"
    assert (tmp_path / "one").read_text() == "1"
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}
    assert set() == UNFINISHED
