"""The code blocks of a page of the documentation, as Markdown's own parser finds them."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

# Directives of MyST: they lay a page out, and are no programs. Whoever needs another one adds it here.
DIRECTIVES = {"{eval-rst}", "{include}", "{math}", "{raw}", "{toctree}"}

COMMENT = r"(?:#|//|<!--)"
FILE_NAME = re.compile(rf"{COMMENT} ([\w/-]+\.\w+)$")
EXIT_CODE = re.compile(r"# .*\bexit code (\d+)")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line of the page where its text begins (from 1)."""

    language: str
    text: str
    line: int
    follows_code: bool  # nothing stands between it and a block that may print

    @property
    def file_name(self) -> str | None:
        """The name under which the reader saves this block, if its first line is a comment that holds just one."""
        found = FILE_NAME.match(self.text.partition("\n")[0])
        return found[1] if found and self.language != "console" else None


@dataclass(frozen=True)
class Command:
    """A line of a console block: what is typed, what the page shows of its output, and the exit code it announces."""

    typed: str
    shown: str
    line: int
    exit_code: int


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page in order, without the directives that lay it out."""
    found, before = [], None
    for token in MarkdownIt().parse(text):
        language = token.info.split()[0] if token.info.split() else ""
        if token.type == "fence" and language not in DIRECTIVES:
            assert token.map is not None
            found.append(Block(language, token.content, token.map[0] + 2, before in ("python", "console")))
        before = language if token.type == "fence" else None
    return found


def commands(block: Block) -> list[Command]:
    """Return what a console block types: each line after `$ `, with what follows a backslash, and the output below."""
    found: list[Command] = []
    lines = list(enumerate(block.text.splitlines(), block.line))
    while lines:
        line, typed = lines.pop(0)
        if not typed.startswith("$ "):
            raise ValueError(f"line {line}: a console block begins with `$ `, not {typed!r}")
        while typed.endswith("\\") and lines:
            typed += "\n" + lines.pop(0)[1]
        shown = ""
        while lines and not lines[0][1].startswith("$ "):
            shown += lines.pop(0)[1] + "\n"
        code = EXIT_CODE.search(typed)
        found.append(Command(typed[2:], shown, line, int(code[1]) if code else 0))
    return found


def pages(root: Path) -> list[Path]:
    """Return every page that is published: those at the root, in docs/ and beside the examples."""
    return sorted([*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("examples/**/*.md")])
