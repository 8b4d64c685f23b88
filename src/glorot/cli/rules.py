"""Rules as they are written on the command line and in a file."""

from collections.abc import Iterable, Iterator

import click

from glorot.errors import GlorotError
from glorot.files import read_whole

rule_option = click.option(
    "--rule", "rules", multiple=True, metavar="PATTERN=SCHEME",
    help="A rule on top of the recipe, repeatable; SCHEME may be skip. @FILE reads a rule from each line of a file.",
)  # fmt: skip
EXAMPLE = "'head.*=normal(std=0.02)' or 'cls_token=skip'"


def parse_rules(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the rules of all options `--rule`, in their order.

    Args:
        texts: PATTERN=SCHEME, or @FILE for a file with one rule on each line; there a blank line and one that begins
            with # say nothing.

    Raises:
        GlorotError: if a text is not a rule, or a file cannot be read or holds none.
    """
    return [rule for text in texts for rule in (_rules_of(text[1:]) if text.startswith("@") else [_rule(text)])]


def _rules_of(path: str) -> Iterator[tuple[str, str]]:
    try:
        lines = [line.strip() for line in read_whole(path, "rules").decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise GlorotError(f"cannot read {path}: {error}; give the path of a rules file") from error
    written = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not written:
        raise GlorotError(f"--rule @{path}: the file holds no rule; write PATTERN=SCHEME on each line, as in {EXAMPLE}")
    for number, line in written:
        try:
            yield _rule(line)
        except GlorotError as error:
            raise GlorotError(f"{path}, line {number}: {error}") from error


def _rule(text: str) -> tuple[str, str]:
    pattern, equals, scheme = (each.strip() for each in text.partition("="))
    if not equals or not pattern or not scheme:
        raise GlorotError(f"--rule {text!r}: write PATTERN=SCHEME, as in {EXAMPLE}")
    return pattern, scheme
