"""Tokens of protobuf's text format, and the places where they stand."""

import re
import unicodedata
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

MOST_PIECES = 400_000
"""Words, numbers, signs and escapes that a text may have: as many as some 10,000 layers."""

TOKEN = re.compile(
    r"""
    (?: [ \t\r\n\v\f]++ | \#[^\n]*+ )*+                          # blanks and comments before the token
    (?: (?P<word> [A-Za-z_]\w*+ )
      | (?P<number>
          (?: 0[xX][0-9A-Fa-f]++ | 0[0-7]++                      # hexadecimal, octal
            | (?: (?: 0 | [1-9][0-9]*+ ) (?:\.[0-9]*+)? | \.[0-9]++ ) (?:[eE][+-]?[0-9]++)? [fF]? )
          (?![\w.]) )
      | (?P<string> "(?: [^"\\\n]++ | \\[^\n] )*+" | '(?: [^'\\\n]++ | \\[^\n] )*+' )
      | (?P<sign> [][{}<>:,;/-] | \.(?![0-9]) )
      | (?P<end> \Z )
      | (?P<stray> ["'][^\n]*+ | \.?[0-9][\w.]*+ | . ) )         # an open string, no number, or any other character
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)

ESCAPE = re.compile(
    rb"""\\(?: (?P<plain>[abfnrtv\\?'"]) | (?P<octal>[0-3][0-7]{2}|[0-7]{1,2}(?![0-7])) | x(?P<hex>[0-9A-Fa-f]{1,2})
             | u(?P<short>[0-9A-Fa-f]{4}) | U(?P<long>(?:0010|000[0-9A-Fa-f])[0-9A-Fa-f]{4}) | (?P<bad>[0-7]{3}|.) )""",
    re.VERBOSE | re.DOTALL,
)
PLAIN = dict(zip(b"abfnrtv\\?'\"", b"\a\b\f\n\r\t\v\\?'\"", strict=True))


class Source:
    r"""A text and what it is called, to say where in it something stands.

    Example:
        >>> print(Source("net.prototxt", "layer {\n  oops").error(10, "expected '}'"))
        net.prototxt:2:3: expected '}'
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def _newlines(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), "<u4") == ord("\n"))

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of a character, both counted from 1."""
        line = int(np.searchsorted(self._newlines, offset))
        return line + 1, offset - (int(self._newlines[line - 1]) if line else -1)

    def error(self, offset: int, problem: str) -> GlorotError:
        """Return the error that tells of a problem at a character."""
        line, column = self.place(offset)
        return GlorotError(f"{shown(self.name, limit=4096)}:{line}:{column}: {problem}")


class Scanner:
    """The tokens of a text, one at a time; `kind`, `token` and `start` are those of the current one."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found = TOKEN.finditer(source.text)  # matches at every place, for its last alternatives take anything
        self._left = MOST_PIECES
        self.start = 0
        self.advance()

    def advance(self, pieces: int = 1) -> None:
        """Go on to the next token, past one of some pieces; behind the last stands the kind `end`, an empty token."""
        self._left -= pieces
        if self._left < 0:
            problem = f"more than {MOST_PIECES} words, numbers, signs and escapes; no net has so many"
            raise self.source.error(self.start, problem)
        found = next(self._found)
        self.kind = found.lastgroup or ""
        self.token = found[self.kind]
        self.start = found.start(self.kind)

    def took(self, *tokens: str) -> bool:
        """Tell whether the current token is one of some, and go on if so."""
        taken = self.token in tokens
        if taken:
            self.advance()
        return taken

    def place(self, offset: int) -> str:
        """Return the place of a character as text, such as `3:14`."""
        return "{}:{}".format(*self.source.place(offset))

    def unexpected(self, expected: str) -> GlorotError:
        """Return the error that the current token is, where something else was expected."""
        if self.kind == "stray" and self.token[0] in "\"'":
            problem = f"a string is not closed on its line: {shown(self.token)}"
        elif self.kind == "stray" and len(self.token) > 1:
            problem = f"{shown(self.token)} is no number; write it as 12, 0x1F, 017, 1.5 or 1e-3, and a space behind it"
        else:
            problem = f"expected {expected}, got {self._described()}"
        return self.source.error(self.start, problem)

    def _described(self) -> str:
        if self.kind == "end":
            return "the end of the text"
        if self.kind == "string":
            return shown(self.token)
        name = "" if self.token.isascii() else f" ({unicodedata.name(self.token, 'no character')})"
        return f"'{shown(self.token)}'{name}"


def content(source: Source, literals: list[tuple[int, str]]) -> str:
    r"""Return what adjacent string literals say together; bytes that are no UTF-8 become lone surrogates.

    Args:
        source: the text, for the place of an error.
        literals: the offset of each literal, and the literal in its quotes.

    Raises:
        GlorotError: if an escape is none of protobuf's.

    Example:
        >>> content(Source("", ""), [(0, r'"caf\303"'), (9, r"'\251 \x41'")])
        'café A'
    """
    if not any("\\" in literal for _, literal in literals):
        return "".join(literal[1:-1] for _, literal in literals)
    pieces = []
    for offset, literal in literals:
        data = literal[1:-1].encode(errors="surrogatepass")
        bad = next((found for found in ESCAPE.finditer(data) if _meant(found) is None), None)
        if bad is not None:
            before = data[: bad.start()].decode(errors="surrogatepass")
            written = literal[1:-1][len(before) : len(before) + len(bad[0])]
            raise source.error(offset + 1 + len(before), f"unknown escape {shown(written)} in a string; {_HELP}")
        pieces.append(ESCAPE.sub(lambda found: _meant(found) or b"", data))
    return b"".join(pieces).decode(errors="surrogateescape")


_HELP = r"write a backslash as \\"


def _meant(escape: re.Match[bytes]) -> bytes | None:
    """Return the bytes that an escape stands for, or None if it is none of protobuf's."""
    kind, digits = escape.lastgroup or "", escape[escape.lastgroup or 0]
    if kind == "plain":
        return bytes([PLAIN[digits[0]]])
    if kind == "octal":
        return bytes([int(digits, 8)])
    if kind == "hex":
        return bytes([int(digits, 16)])
    if kind == "bad" or 0xD800 <= int(digits, 16) <= 0xDFFF:  # half a character
        return None
    return chr(int(digits, 16)).encode()


def shown(text: str, limit: int = 40) -> str:
    r"""Return a text as a message shows it: on one line, cut to a few characters.

    Example:
        >>> shown("two\nlines"), shown("a" * 100, limit=5)
        ('two\\nlines', 'aaaaa…')
    """
    cut = text if len(text) <= limit else text[:limit] + "…"
    if cut.isprintable():
        return cut
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)
