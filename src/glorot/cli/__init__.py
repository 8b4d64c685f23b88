"""The command line: each command a thin call of the public API, imported when it is used."""

import sys

from glorot.cli.signals import LISTENER


def main() -> None:
    """Run the command line as a process: whatever happens, it ends in words and an exit code."""
    LISTENER.start()
    try:
        from glorot.cli.commands import run

        run(sys.argv[1:])
        code = 0
    except BaseException as error:
        LISTENER.end_if_heard()
        from glorot.cli.errors import report

        code = report(error)
    LISTENER.leave()
    sys.exit(code)
