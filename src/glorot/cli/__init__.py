"""The command line: each command a thin call of the public API, imported when it is used."""

import sys

from glorot.cli.signals import LISTENER


def main() -> None:
    """Run the command line as a process: whatever happens, it ends in words and an exit code."""
    code = 0
    try:
        LISTENER.start()
        from glorot.cli.commands import run

        run(sys.argv[1:])
        LISTENER.leave()
    except BaseException as error:
        LISTENER.leave()
        LISTENER.end_if_heard()
        from glorot.cli.errors import report

        code = report(error)
    sys.exit(code)
