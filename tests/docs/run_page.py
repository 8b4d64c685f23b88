"""Run a page of the documentation as its reader does: block after block, in a folder that looks like a fresh clone.

    python tests/docs/run_page.py README.md            # says what does not run, or prints something else
    python tests/docs/run_page.py --update README.md   # writes into the page what its blocks print

`python` blocks run as they stand, in one namespace; `pycon` blocks are doctests; in `console` blocks the shell runs what
follows `$ `, and an exit code other than 0 is announced by a comment, `# exit code 1: …`. A `text` block right after a
block shows what that prints; there `...` stands for what is left out, as in doctests. A block that begins with a comment
such as `# model.py` is a file, and is saved under that name. No other block is fenced: drawings and formulas are
indented.
"""

import argparse
import contextlib
import doctest
import io
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from page_blocks import Block, blocks, commands
from page_installs import ROOT, complaint, installs


@dataclass(frozen=True)
class Problem:
    """What is wrong with a block; what was printed, if that is what the block should show."""

    block: Block
    what: str
    printed: str | None = None


@dataclass
class Run:
    """A page in the working directory: the names that its blocks have defined, and what the last of them printed."""

    page: Path
    only_python: bool = False
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str | None = None

    def problem(self, block: Block) -> Problem | None:
        """Run one block, and return what is wrong with it."""
        before, self.printed = self.printed, None
        if block.file_name is not None:
            return self._file(block, block.file_name)
        if block.language == "python":
            return self._python(block, self.names)
        if block.language == "pycon":
            return self._doctest(block)
        if block.language == "console":
            return None if self.only_python else self._console(block)
        if block.language == "diff":  # which tests/test_contributing_diffs.py applies
            return None
        if block.language == "text":
            return self._output(block, before)
        return Problem(block, f"nothing runs a block of language {block.language!r}; see {Path(__file__).name}")

    def _file(self, block: Block, name: str) -> Problem | None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(block.text, encoding="utf-8")
        return self._python(block, {"__name__": Path(name).stem}) if block.language == "python" else None

    def _python(self, block: Block, names: dict[str, Any]) -> Problem | None:
        source = "\n" * (block.line - 1) + block.text  # so a traceback quotes the lines of the page
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, str(self.page), "exec"), names)
        except Exception:
            return Problem(block, traceback.format_exc())
        self.printed = printed.getvalue()
        return None

    def _doctest(self, block: Block) -> Problem | None:
        name, file = self.page.name, str(self.page)
        test = doctest.DocTestParser().get_doctest(block.text, self.names, name, file, block.line - 1)
        complaints = io.StringIO()
        failed, tried = doctest.DocTestRunner(verbose=False).run(test, out=complaints.write, clear_globs=False)
        self.names = test.globs
        if tried and not failed:
            return None
        return Problem(block, complaints.getvalue() or "a block of language 'pycon' holds no `>>>`")

    def _console(self, block: Block) -> Problem | None:
        self.printed = ""
        for command in commands(block):
            if installs(command.typed):
                if wrong := complaint(command.typed):
                    return Problem(block, f"$ {command.typed}\n{wrong}")
                continue
            done = subprocess.run(["bash", "-c", command.typed], capture_output=True, text=True, check=False)
            if done.returncode != command.exit_code:
                codes = f"exit code {done.returncode}, where the page says {command.exit_code}"
                return Problem(block, f"$ {command.typed}\n{codes}\n{done.stdout}{done.stderr}")
            if command.shown and not alike(command.shown, done.stdout):
                return Problem(block, f"$ {command.typed}\nprints\n{done.stdout}")
            self.printed += done.stdout
        return None

    def _output(self, block: Block, printed: str | None) -> Problem | None:
        if not block.follows_code:
            return Problem(block, "a text block shows what the block right before it prints; indent anything else")
        if printed is None or alike(block.text, printed):  # None: the output of a console block that was left out
            return None
        return Problem(block, f"prints\n{printed}", printed)


def alike(shown: str, printed: str) -> bool:
    """Tell whether a page shows what is printed, but for blanks at the ends of lines and what `...` leaves out."""
    want, got = ("\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n" for text in (shown, printed))
    return doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS | doctest.DONT_ACCEPT_BLANKLINE)


def problems(page: Path, only_python: bool = False) -> list[Problem]:
    """Run a page in the working directory; a block that fails ends it, an output that differs does not."""
    run, found = Run(page, only_python), []
    for block in blocks(page.read_text(encoding="utf-8")):
        if problem := run.problem(block):
            found.append(problem)
            if problem.printed is None:
                break
    return found


def update(page: Path, found: list[Problem]) -> None:
    """Write into the page what was printed, the last block first, so that the lines before it stay where they are."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    for problem in reversed(found):
        if problem.printed is not None:
            first = problem.block.line - 1
            lines[first : first + len(problem.block.text.splitlines())] = [problem.printed.strip("\n") + "\n"]
    page.write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Run the page that the command line names, and say what is wrong with it."""
    parser = argparse.ArgumentParser(description="Run a page of the documentation as its reader does.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--only-python", action="store_true", help="leave the console blocks out")
    parser.add_argument("--update", action="store_true", help="write what is printed into the page")
    options = parser.parse_args()
    page = options.page.resolve()
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for `glorot`
    warnings.simplefilter("error")  # a page that warns its reader is not finished
    # NumPy 2 complains of how TensorFlow hands out variables; Keras reads them so when it saves.
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples", Path(folder) / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        os.chdir(folder)
        found = problems(page, options.only_python)
        os.chdir(ROOT)
    if options.update:
        update(page, found)
    for problem in found:
        print(f"{page.name}, line {problem.block.line}: {problem.what}", file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
