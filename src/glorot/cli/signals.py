"""Ctrl-C, SIGTERM and SIGHUP: a command unwinds, says so in one line, and ends."""

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):  # the terminal was closed
    WORDS[signal.SIGHUP] = "hung up"

PATIENCE = 2.0
"""Seconds after which a main thread that hears no signal, as in a long call into C, is ended."""

SHOW_CURSOR, CLEAR_LINE = b"\x1b[?25h", b"\r\x1b[K"


class TerminatedError(BaseException):
    """Raised where SIGTERM or SIGHUP arrives; like KeyboardInterrupt, it passes every `except Exception`."""


class Listener:
    """Hears Ctrl-C, SIGTERM and SIGHUP for the whole process.

    The first one raises KeyboardInterrupt or TerminatedError in the main thread, so that it closes what is open. A
    second one ends the process at once; so does one that comes too late to be raised, or that is not heard in time.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._leaving = False
        self._heard = threading.Event()
        self._ending = threading.RLock()
        self._wakeup: int | None = None

    def start(self) -> None:
        """Listen from now on, but to no signal that the process was started to ignore."""
        self._leaving = False
        for number in WORDS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)
        sys.unraisablehook = self._unraisable
        atexit.register(self._ignore)  # the first that is registered, so the last that runs
        if hasattr(os, "register_at_fork"):
            self._watch()

    def leave(self) -> None:
        """Raise nothing from now on: the interpreter shuts down, and would print where it was interrupted."""
        self._leaving = True

    def end_if_heard(self) -> None:
        """End the process if a signal came, whatever the exception has become on its way here."""
        if self.received is not None:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            self._end(self.received)

    def _hear(self, number: int, _: Any) -> None:
        self._heard.set()
        if self._leaving or self.received is not None:
            self._end(number)
        self.received = number
        raise KeyboardInterrupt if number == signal.SIGINT else TerminatedError

    def _ignore(self) -> None:
        """Let the interpreter finish once everything is said and done; it would put back the handlers of the system."""
        for number in WORDS:
            signal.signal(number, signal.SIG_IGN)

    def _unraisable(self, unraisable: Any) -> None:
        """End where a finaliser swallowed the exception of a signal."""
        if self.received is not None:
            self._end(self.received)
        sys.__unraisablehook__(unraisable)

    def _watch(self) -> None:
        """Have the interpreter write each signal to a pipe, which a thread reads even while the main one is in C."""
        if self._wakeup is None:
            reader, self._wakeup = os.pipe()
            os.set_blocking(self._wakeup, False)
            os.register_at_fork(after_in_child=self._forget)
            threading.Thread(target=self._end_in_time, args=(reader,), daemon=True).start()
        signal.set_wakeup_fd(self._wakeup)

    def _end_in_time(self, reader: int) -> None:
        number = self._read(reader)
        if self._heard.wait(PATIENCE):
            number = self._read(reader)
        self._end(number)

    def _read(self, reader: int) -> int:
        number = 0
        while number not in WORDS:
            number = os.read(reader, 1)[0]
        return number

    def _forget(self) -> None:
        """Leave a forked child, such as a worker, to the system: it dies of a signal without a word."""
        signal.set_wakeup_fd(-1)
        for number in WORDS:
            if signal.getsignal(number) == self._hear:
                signal.signal(number, signal.SIG_DFL)

    def _end(self, number: int) -> None:
        """Remove what is half-written, say in one line what happened, and let nobody else say more."""
        with self._ending:
            files = sys.modules.get("glorot.files")
            for path in [] if files is None else list(files.UNFINISHED):
                with suppress(OSError):
                    path.unlink()
            terminal = SHOW_CURSOR + CLEAR_LINE if os.isatty(2) else b""
            with suppress(OSError):
                os.write(2, terminal + WORDS[signal.Signals(number)].encode() + b"\n")
            os._exit(128 + number)


LISTENER = Listener()
