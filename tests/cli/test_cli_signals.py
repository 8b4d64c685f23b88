"""Ctrl-C, SIGTERM and SIGHUP, sent to real processes that have said how far they are."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import glorot
from effort import slow_after

CTRL_C, TERMINATE, HANG_UP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
ENDS = {CTRL_C: ("interrupted\n", 130), TERMINATE: ("terminated\n", 143), HANG_UP: ("hung up\n", 129)}
COMMANDS = {
    "plan": ["plan", "own.py:start"],
    "compare": ["compare", "own.py:start"],
    "apply": ["apply", "plan.json", "own.py:start", "--seed", "0", "-o", "w.npz"],
}

LOOP = """
def loop():
    print("here", flush=True)
    while True:
        pass
"""


def begin(place: Path, words: Sequence[str], own: str = "", ignored: bool = False) -> subprocess.Popen[str]:
    """Start a command on a target of our own, with signals as a shell in the foreground leaves them."""
    (place / "own.py").write_text(LOOP + own)
    signal.signal(CTRL_C, signal.SIG_IGN if ignored else signal.default_int_handler)  # what a child inherits
    hung_up = signal.signal(HANG_UP, signal.SIG_DFL)  # which `nohup` has the tests ignore
    command = [sys.executable, "-m", "glorot", *words]
    try:
        return subprocess.Popen(command, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(HANG_UP, hung_up)


def reaches(process: subprocess.Popen[str], line: str = "here") -> None:
    """Wait until a process says that it is there."""
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said == f"{line}\n", process.communicate()[1]


def end_of(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    """Wait for the end of a process; return what it printed and its exit code."""
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return out, err, process.returncode


@pytest.fixture
def saved_plan() -> str:
    return json.dumps(glorot.plan(torch.nn.Linear(2, 2), "xavier").to_json())


CASES = [(command, number) for command in ("plan", "apply", "compare") for number in ENDS]


@pytest.mark.parametrize(("command", "number"), slow_after(6, CASES))  # to start a comparison takes seconds
def test_a_signal_while_a_target_is_called(
    command: str, number: signal.Signals, tmp_path: Path, saved_plan: str
) -> None:
    (tmp_path / "plan.json").write_text(saved_plan)
    process = begin(tmp_path, COMMANDS[command], "def start(): loop()")
    reaches(process)
    process.send_signal(number)
    assert end_of(process) == ("", *ENDS[number])
    assert {path.name for path in tmp_path.iterdir()} <= {"own.py", "plan.json", "__pycache__"}


@pytest.mark.parametrize(
    "own",
    [
        "loop()",
        "try:\n    loop()\nexcept BaseException as error:\n    raise ImportError('a module in C says so') from error",
        "import sys\ntry:\n    loop()\nexcept BaseException:\n    sys.exit(3)",
        "class Thing:\n    def __del__(self): loop()\nThing()",
        "print('here', flush=True)\nimport torch, sklearn.datasets",
        "import atexit\natexit.register(loop)",
    ],
    ids=["at_import", "turned_into_another", "turned_into_an_exit", "in_a_finaliser", "importing_torch", "at_the_end"],
)
def test_a_signal_at_awkward_moments(own: str, tmp_path: Path) -> None:
    process = begin(tmp_path, COMMANDS["plan"], own)
    reaches(process)
    process.send_signal(CTRL_C)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.removeprefix("error: own.py has no 'start'\n") == "interrupted\n"
    assert process.returncode == 130


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_half_written_file_is_removed(number: signal.Signals, tmp_path: Path) -> None:
    own = "from glorot.files import beside\ndef start():\n    with beside('w.npz') as file:\n        loop()"
    process = begin(tmp_path, COMMANDS["plan"], own)
    reaches(process)
    assert len(list(tmp_path.glob(f".glorot-*-{process.pid}-*"))) == 1
    process.send_signal(number)
    assert end_of(process) == ("", *ENDS[number])
    assert {path.name for path in tmp_path.iterdir()} <= {"own.py", "__pycache__"}


SWALLOWED = """
from glorot.files import beside
def start():
    with beside('w.npz') as file:
        try:
            loop()
        except KeyboardInterrupt:
            loop()
"""


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_the_second_signal_ends_at_once(number: signal.Signals, tmp_path: Path) -> None:
    process = begin(tmp_path, COMMANDS["plan"], SWALLOWED)
    reaches(process)
    process.send_signal(CTRL_C)
    reaches(process)
    process.send_signal(number)
    assert end_of(process) == ("", *ENDS[number])
    assert {path.name for path in tmp_path.iterdir()} <= {"own.py", "__pycache__"}


IN_C = """
import hashlib
from glorot.cli import signals
signals.PATIENCE = 0.01
def start():
    print("here", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)  # minutes, in which Python hears nothing
"""


def test_a_long_call_into_c_is_not_waited_for(tmp_path: Path) -> None:
    process = begin(tmp_path, COMMANDS["plan"], IN_C)
    reaches(process)
    process.send_signal(CTRL_C)
    assert end_of(process) == ("", *ENDS[CTRL_C])


def test_a_signal_that_the_process_was_told_to_ignore_stays_ignored(tmp_path: Path) -> None:
    process = begin(tmp_path, COMMANDS["plan"], "def start(): loop()", ignored=True)
    reaches(process)
    process.send_signal(CTRL_C)
    process.send_signal(TERMINATE)
    assert end_of(process) == ("", *ENDS[TERMINATE])


FORKS = """
import os
def start():
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        loop()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    raise ValueError("all workers are gone")
"""


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_worker_dies_of_a_signal_without_a_word(number: signal.Signals, tmp_path: Path) -> None:
    process = begin(tmp_path, COMMANDS["plan"], FORKS)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    reaches(process)
    os.kill(child, number)
    out, err = process.communicate(timeout=60)
    assert out == f"{-number}\n"
    assert err == "error: own.py:start: the factory failed with ValueError: all workers are gone (own.py:14)\n"


LIBRARY = """
import signal
before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
import torch, glorot
model = glorot.initialize(torch.nn.Linear(2, 2), "xavier", seed=0)
glorot.plan(model, "xavier").save("plan.json")
assert before == {number: signal.getsignal(number) for number in before}
"""


def test_the_library_installs_no_handler(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARY], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "plan.json").exists()
