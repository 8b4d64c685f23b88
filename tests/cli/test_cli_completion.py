"""Completion in the shell: the script that is asked for, and what it offers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GLOROT = Path(sys.executable).parent / "glorot"


def completed(words: str) -> list[str]:
    """Return what bash would offer after some words, the last of them incomplete."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_GLOROT_COMPLETE": "bash_complete"}
    done = subprocess.run([GLOROT], env=os.environ | asked, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("glorot pl", ["plan"]),
        ("glorot plan --re", ["--recipe"]),
        ("glorot plan a.py:model --recipe xav", ["xavier", "xavier_normal", "xavier_uniform"]),
        ("glorot draw kaiming", ["kaiming_normal", "kaiming_uniform"]),
        ("glorot explain gelu", ["gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_tanh"]),
        ("glorot compare --activation soft", ["softplus", "softshrink", "softsign"]),
        ("glorot draw nothing", []),
    ],
)
def test_the_shell_is_offered_what_fits(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    asked = os.environ | {"_GLOROT_COMPLETE": f"{shell}_source"}
    done = subprocess.run([GLOROT], env=asked, capture_output=True, text=True, check=True)
    assert f"_GLOROT_COMPLETE={shell}_complete" in done.stdout
