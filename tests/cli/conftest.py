"""What the command line changes in a process of its own is put back in that of the tests."""

import signal
import sys
from collections.abc import Iterator

import pytest

from glorot.cli.signals import WORDS


@pytest.fixture(autouse=True)
def _process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in WORDS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.set_wakeup_fd(-1)
