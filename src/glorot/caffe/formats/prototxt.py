"""Protobuf's text format, the language of `.prototxt` files, read without a schema."""

import re
from pathlib import Path

from glorot.caffe.formats.messages import SPECIAL, Field, Message, Scalar, Value
from glorot.caffe.formats.tokens import Scanner, Source, content, shown
from glorot.errors import GlorotError
from glorot.files import reading

DEEPEST = 100
"""Messages that may lie within each other; protobuf sets the same limit."""

LARGEST = 8 * 2**20
"""Bytes that a file may have."""

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""Bytes that no text holds."""

CLOSING = {"{": "}", "<": ">"}
BRACKETED = re.compile(r"(?:(?!/)(?:[\w.~!$&()*+,;=/-]|%[0-9A-Fa-f]{2})+/)?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def read(path: str | Path) -> Message:
    """Read a `.prototxt` file.

    Args:
        path: the file, in UTF-8 but for its comments.

    Returns:
        The message that the whole file is.

    Raises:
        GlorotError: if it cannot be read, is no text, is larger than 8 MiB, or has an error of syntax.
    """
    with reading(path, ".prototxt") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise GlorotError(f"{path} is larger than {LARGEST >> 20} MiB, which no net in text is; give a .prototxt file")
    if CONTROL.search(data):
        raise GlorotError(f"{path} is no text; give a .prototxt file, not a .caffemodel")
    return parse(data.decode(errors="surrogateescape"), str(path))  # a comment may be in any encoding


def parse(text: str, source: str = "<text>") -> Message:
    r"""Read protobuf's text format.

    Args:
        text: the text.
        source: what errors call it.

    Returns:
        The message that the whole text is.

    Raises:
        GlorotError: at the first error of syntax, with its line and column, or where there is more than any net has:
            messages too deep in each other, or too many words, numbers, signs and escapes.

    Example:
        >>> net = parse('name: "LeNet" layer { name: "conv1" type: "Convolution" }  # and so on')
        >>> net.text("name"), [layer.text("type") for layer in net.messages("layer")]
        ('LeNet', ['Convolution'])
        >>> parse("layer {\n  type: }", "net.prototxt")
        Traceback (most recent call last):
        glorot.errors.GlorotError: net.prototxt:2:9: expected a value or '{' after 'type', got '}'
    """
    return _Parser(Source(source, text.removeprefix("\ufeff"))).whole()


class _Parser:
    """The grammar: a text is fields, a field is a name and a value or a list of values, a value may be a message."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scanner = Scanner(source)
        self.depth = 0

    def whole(self) -> Message:
        fields = self._fields()
        if self.scanner.kind != "end":
            raise self.scanner.unexpected("a field name")
        return Message(self.source, "", 0, fields)

    def _fields(self) -> dict[str, Field]:
        """Read fields for as long as there are names."""
        scanner, fields = self.scanner, dict[str, Field]()
        while scanner.kind == "word" or scanner.token == "[":
            start, name = scanner.start, self._name()
            field = fields[name] if name in fields else fields.setdefault(name, Field())
            colon = scanner.took(":")
            if scanner.token == "[":
                field.listed = True
                field.values += self._list(name, colon)
            else:
                field.values.append(self._value(name, start, colon))
            scanner.took(",", ";")
        return fields

    def _name(self) -> str:
        scanner = self.scanner
        start, name = scanner.start, scanner.token
        scanner.advance()
        if name != "[":
            return name
        pieces = []
        while scanner.token != "]":
            if scanner.kind in ("end", "string") or scanner.token in "[{}<>":
                raise scanner.unexpected(f"']' to close the name opened at {scanner.place(start)}")
            pieces.append(scanner.token)
            scanner.advance()
        inside = "".join(pieces)
        if not BRACKETED.fullmatch(inside):
            raise self.source.error(start, f"expected a name such as [my.extension], got '[{shown(inside)}]'")
        scanner.advance()
        return f"[{inside}]"

    def _list(self, name: str, colon: bool) -> list[Value]:
        scanner, values = self.scanner, list[Value]()
        opened = scanner.start
        scanner.advance()
        if scanner.took("]"):
            return values
        while True:
            values.append(self._value(name, scanner.start, colon))
            if scanner.took("]"):
                return values
            if not scanner.took(","):
                raise scanner.unexpected(f"',' or ']' in the list of '{shown(name)}' opened at {scanner.place(opened)}")

    def _value(self, name: str, start: int, colon: bool) -> Value:
        """Read a message, whose place is `start`, or a scalar, which takes a colon before it."""
        scanner = self.scanner
        if scanner.token in CLOSING:
            return self._message(name, start)
        if not colon:
            raise scanner.unexpected(f"':' or '{{' after '{shown(name)}'")
        if scanner.kind == "string":
            return self._string()
        start, sign = scanner.start, "-" if scanner.took("-") else ""
        kind, text = scanner.kind, scanner.token
        if sign and kind != "number" and text.lower() not in SPECIAL:
            raise scanner.unexpected("a number after '-'")
        if kind not in ("number", "word"):
            raise scanner.unexpected(f"a value or '{{' after '{shown(name)}'")
        scanner.advance()
        return Scalar(kind, sign + text, start)

    def _string(self) -> Scalar:
        scanner = self.scanner
        literals = []
        while scanner.kind == "string":
            literals.append((scanner.start, scanner.token))
            scanner.advance(1 + scanner.token.count("\\"))
        return Scalar("string", content(self.source, literals), literals[0][0])

    def _message(self, name: str, start: int) -> Message:
        scanner = self.scanner
        opened, bracket = scanner.start, scanner.token
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.source.error(opened, f"messages lie more than {DEEPEST} deep in each other; a net needs a few")
        scanner.advance()
        fields = self._fields()
        if not scanner.took(CLOSING[bracket]):
            place = scanner.place(opened)
            raise scanner.unexpected(
                f"a field name, or '{CLOSING[bracket]}' to close '{shown(name)}' opened at {place}"
            )
        self.depth -= 1
        return Message(self.source, name, start, fields)
