"""Formulas, typeset: the plain text of a docstring as MathML, which browsers draw without a script or a font."""

import re
from html import escape

TOKEN = re.compile(
    r"(?P<code>`[^`]+`)|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<word>[^\W\d_]+(?:_(?:\w+|\{[^}]*\}))?)"
    r"|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀᶻᴸ′", "0123456789−+TzL′", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+−", strict=True))
OPENING, CLOSING = {"(": ")", "[": "]", "⌈": "⌉"}, ")]⌉"
BREAKS = "=~≈≠≤≥+→←⇒∝"  # before these a line may end
PROSE = {"or", "for", "else", "with", "where", "which", "elsewhere", "in", "is", "and", "so", "at", "by", "per"}
TEXT = re.compile(r"[a-z]{2,}")
FUNCTIONS = {"max", "min", "tanh", "sin", "log", "exp", "gain", "std", "mean", "scale", "value", "sign"}


def math_html(text: str) -> str:
    """Typeset a formula; what is no formula in it stays text, and lines may end before a relation or a plus.

    Example:
        >>> math_html("z = a/b")
        '<math><mi>z</mi></math> <math><mo form="infix">=</mo><mfrac><mi>a</mi><mi>b</mi></mfrac></math>'
    """
    return "".join(_text(piece) if is_text else _math(piece) for piece, is_text in _pieces(_tokens(text)))


Token = tuple[str, str]
"""What kind of token it is, and its letters."""


def _tokens(text: str) -> list[Token]:
    return [(found.lastgroup or "", found[0]) for found in TOKEN.finditer(_spread(text))]


def _spread(text: str) -> str:
    """Write raised and lowered letters as ^{…} and _{…} are read: a sign of their own before a group."""
    text = re.sub(f"[{''.join(SUPERSCRIPTS)}]+", lambda found: f"^⟨{''.join(map(SUPERSCRIPTS.get, found[0]))}⟩", text)  # type: ignore[arg-type]
    return re.sub(f"[{''.join(SUBSCRIPTS)}]+", lambda found: f"¬⟨{''.join(map(SUBSCRIPTS.get, found[0]))}⟩", text)  # type: ignore[arg-type]


def _pieces(tokens: list[Token]) -> list[tuple[list[Token], bool]]:
    """Part a formula at its outermost level: prose from what is to be typeset, and this where a line may end."""
    pieces: list[tuple[list[Token], bool]] = []
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token[1] in OPENING) - (token[1] in CLOSING)
        is_text = depth == 0 and _is_text(tokens, place)
        is_break = depth == 0 and token[1] in BREAKS and place > 0 and tokens[place - 1][0] == "space"
        if not pieces or pieces[-1][1] != is_text or is_break:
            pieces.append(([], is_text))
        pieces[-1][0].append(token)
    return pieces


def _is_text(tokens: list[Token], place: int) -> bool:
    kind, letters = tokens[place]
    if kind == "space":
        is_break = any(letters in BREAKS for _, letters in tokens[place + 1 : place + 2])
        return is_break or any(_is_text(tokens, at) for at in (place - 1, place + 1) if 0 <= at < len(tokens))
    if letters == "a":  # an article, or a number
        return any(_is_prose(token) and token[0] == "word" for token in tokens[place + 2 : place + 3])
    return _is_prose((kind, letters))


def _is_prose(token: Token) -> bool:
    kind, letters = token
    if kind == "word":
        return letters in PROSE or (TEXT.fullmatch(letters) is not None and letters not in FUNCTIONS)
    return kind == "code" or letters in ",;:"


def _text(tokens: list[Token]) -> str:
    parts = [
        f"<code>{escape(letters[1:-1])}</code>" if kind == "code" else escape(letters, quote=False)
        for kind, letters in tokens
    ]
    return "".join(parts)


def _math(tokens: list[Token]) -> str:
    return f"<math>{''.join(_Reader(tokens).row())}</math>"


class _Reader:
    """Reads tokens from left to right and keeps what they make as MathML."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def row(self, until: str = "") -> list[str]:
        """Read up to a closing sign, or to the end."""
        items: list[str] = []
        while self._at < len(self._tokens) and self._letters() != until:
            if self._letters() == "/" and items:
                self._at += 1
                self._skip()
                items[-1] = f"<mfrac>{_bare(items[-1])}{_bare(self._atom())}</mfrac>"
            elif self._kind() == "space":
                self._at += 1
                if items and self._at < len(self._tokens) and self._joins(items[-1]):
                    items.append('<mspace width="0.3em"></mspace>')
            else:
                items.append(self._atom())
        return items

    def _joins(self, before: str) -> bool:
        """Tell whether two things stand side by side with nothing but a blank between."""
        return not before.startswith("<mo") and self._kind() in ("word", "number")

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _letters(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _skip(self) -> None:
        self._at += self._kind() == "space"

    def _atom(self) -> str:
        """Read one thing with what is raised or lowered on it."""
        kind, letters = self._kind(), self._letters()
        self._at += 1
        if kind == "number":
            base = f"<mn>{letters}</mn>"
        elif kind == "word":
            base = self._word(letters)
        elif letters == "∂":
            base = f"<mrow><mi>∂</mi>{self._atom()}</mrow>"
        elif letters == "√":
            base = f"<msqrt>{_bare(self._atom())}</msqrt>"
        elif letters in OPENING:
            base = f"<mrow><mo>{letters}</mo>{self._inside(OPENING[letters])}<mo>{OPENING[letters]}</mo></mrow>"
        else:
            base = _sign(letters)
        return self._scripts(base)

    def _word(self, letters: str) -> str:
        base, _, below = letters.partition("_")
        word = f"<mi>{escape(letters)}</mi>"
        if below and len(base) == 1:
            inside = "".join(_Reader(_tokens(below.strip("{}"))).row())
            word = f"<msub><mi>{base}</mi><mrow>{inside}</mrow></msub>"
        if letters == "E" and self._kind() == "space" and self._at + 1 < len(self._tokens):
            self._skip()
            return f'<mrow>{word}<mspace width="0.15em"></mspace>{self._atom()}</mrow>'  # an expected value
        if self._letters() in ("(", "["):
            return f"<mrow>{word}{self._atom()}</mrow>"  # a function of what is in the brackets
        return word

    def _inside(self, closing: str) -> str:
        inside = "".join(self.row(closing))
        self._at += 1
        return inside

    def _scripts(self, base: str) -> str:
        while self._letters() in ("^", "¬"):
            name = "msup" if self._letters() == "^" else "msub"
            self._at += 1
            base = f"<{name}>{base}{self._raised()}</{name}>"
        return base

    def _raised(self) -> str:
        if self._letters() == "⟨":
            self._at += 1
            return f"<mrow>{self._inside('⟩')}</mrow>"
        minus = self._letters() in ("-", "−")
        self._at += minus
        inside = _bare(self._atom())
        return f"<mrow><mo>−</mo>{inside}</mrow>" if minus else inside


def _sign(letters: str) -> str:
    if letters in BREAKS:
        return f'<mo form="infix">{escape(letters)}</mo>'
    if letters == "|":
        return '<mo stretchy="false" lspace="0" rspace="0">|</mo>'
    if letters in "±′∞…":
        return f"<mi>{letters}</mi>"
    return f"<mo>{escape(letters.replace('-', '−'))}</mo>"


def _bare(item: str) -> str:
    """Take the round brackets off what a root or a bar groups already."""
    start, end = "<mrow><mo>(</mo>", "<mo>)</mo></mrow>"
    return f"<mrow>{item[len(start) : -len(end)]}</mrow>" if item.startswith(start) and item.endswith(end) else item
