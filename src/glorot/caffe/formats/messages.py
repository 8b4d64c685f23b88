"""Messages of protobuf's text format as they were read, without a schema: the reader says what type it expects."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypeVar

from glorot.caffe.formats.tokens import Source, shown
from glorot.catalogue import nearest
from glorot.errors import GlorotError

T = TypeVar("T")

WHOLE = re.compile(r"-?(?:0[xX][0-9A-Fa-f]+|[0-9]+)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # they cut names short in files, and steer a terminal
NOT_DECIMAL = re.compile(r"-?0[0-9xX]")
LIMIT = 2**63
SPECIAL = dict.fromkeys(("inf", "inff", "infinity", "infinityf"), math.inf) | dict.fromkeys(("nan", "nanf"), math.nan)
FLAGS = {"true": True, "True": True, "t": True, "false": False, "False": False, "f": False}


class Scalar(NamedTuple):
    """A value that is no message: a `word`, a `number` or a `string`, and where it stands."""

    kind: str
    text: str
    offset: int


Value: TypeAlias = "Scalar | Message"


@dataclass(slots=True)
class Field:
    """All values that a message gives one name, in order.

    Attributes:
        values: the values.
        listed: whether some of them stand in a list `[…]`.
    """

    values: list[Value] = field(default_factory=list)
    listed: bool = False


class Message:
    """A message: fields by name, each read as the type that the caller expects.

    Fields that nobody reads are not checked here; `glorot.caffe.definition.fields` says which of them matter.

    Args:
        where: the text that it stands in.
        name: the name of the field that holds it, empty for the whole text.
        offset: the place of its opening in the text.
        fields: its fields.

    Example:
        >>> from glorot.caffe.formats.prototxt import parse
        >>> net = parse('layer { type: "Convolution" convolution_param { num_output: 20 kernel_size: [5, 3] } }')
        >>> layer = net.messages("layer")[0]
        >>> layer.text("type"), layer.message("convolution_param").integers("kernel_size")
        ('Convolution', [5, 3])
        >>> layer.message("pooling_param").choice("pool", "MAX", {"MAX": 0, "AVE": 1})
        'MAX'
    """

    __slots__ = ("_fields", "_name", "_where", "offset")

    def __init__(self, where: Source, name: str, offset: int, fields: Mapping[str, Field]) -> None:
        self._where = where
        self._name = name
        self._fields = fields
        self.offset = offset

    @property
    def name(self) -> str:
        """The name of the field that holds it, empty for the whole text."""
        return self._name

    @property
    def source(self) -> str:
        """What the text is called that it stands in."""
        return self._where.name

    @property
    def line(self) -> int:
        """The line of its opening, counted from 1."""
        return self._where.place(self.offset)[0]

    @property
    def column(self) -> int:
        """The column of its opening, counted from 1."""
        return self._where.place(self.offset)[1]

    def has(self, name: str) -> bool:
        """Tell whether it has a value called so."""
        return bool(self._values(name))

    def names(self) -> list[str]:
        """Return the names of the fields that it holds, in the order of their first appearance."""
        return [name for name, field in self._fields.items() if field.values]

    def nested(self) -> list[tuple[str, "Message"]]:
        """Return the messages that it holds, each with the name of its field; values of other types are passed over."""
        return [
            (name, value)
            for name, field in self._fields.items()
            for value in field.values
            if isinstance(value, Message)
        ]

    def message(self, name: str) -> "Message":
        """Return the one message called so, an empty one with this place if there is none.

        Raises:
            GlorotError: if it is given twice, or is no message.
        """
        return self._one(name, Message(self._where, name, self.offset, {}), _message)

    def messages(self, name: str) -> list["Message"]:
        """Return all messages called so.

        Raises:
            GlorotError: if a value called so is no message.
        """
        return self._all(name, _message)

    def integer(self, name: str, default: int | None = None, least: int | None = None) -> int:
        """Return the one whole number called so, of at most 64 bits.

        Args:
            name: the name of the field.
            default: what holds if it is not given; None if it must be.
            least: the least number that may be given.

        Returns:
            The number; decimal, hexadecimal (0x1F) and octal (017) ones are understood.

        Raises:
            GlorotError: if it is given twice, is missing without a default, is no whole number, or too small or large.

        Example:
            >>> from glorot.caffe.formats.prototxt import parse
            >>> parse("pad: -1", "net.prototxt").integer("pad", 0, least=0)
            Traceback (most recent call last):
            glorot.errors.GlorotError: net.prototxt:1:6: pad must be at least 0, got -1
        """
        return self._one(name, default, lambda value: _whole(value, least))

    def integers(self, name: str, least: int | None = None) -> list[int]:
        """Return all whole numbers called so.

        Raises:
            GlorotError: if a value called so is no whole number, or too small or large.
        """
        return self._all(name, lambda value: _whole(value, least))

    def number(self, name: str, default: float | None = None) -> float:
        """Return the one number called so; it may be infinite or nan.

        Raises:
            GlorotError: if it is given twice, is missing without a default, or is no decimal number.
        """
        return self._one(name, default, _number)

    def numbers(self, name: str) -> list[float]:
        """Return all numbers called so.

        Raises:
            GlorotError: if a value called so is no decimal number.
        """
        return self._all(name, _number)

    def text(self, name: str, default: str | None = None) -> str:
        """Return the one text called so.

        Raises:
            GlorotError: if it is given twice, is missing without a default, or is no text in quotes, or one that holds
                control characters.
        """
        return self._one(name, default, _text)

    def texts(self, name: str) -> list[str]:
        """Return all texts called so.

        Raises:
            GlorotError: if a value called so is no text in quotes, or holds control characters.
        """
        return self._all(name, _text)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return the one truth value called so.

        Raises:
            GlorotError: if it is given twice, or is neither true nor false.
        """
        return self._one(name, default, _flag)

    def choice(self, name: str, default: str, known: Mapping[str, int]) -> str:
        """Return the one value of an enum called so, whether given by its name or by its number.

        Args:
            name: the name of the field.
            default: what holds if it is not given.
            known: the values of the enum, and their numbers.

        Raises:
            GlorotError: if it is given twice, or is none of the known.

        Example:
            >>> from glorot.caffe.formats.prototxt import parse
            >>> parse("pool: 1").choice("pool", "MAX", {"MAX": 0, "AVE": 1})
            'AVE'
        """
        return self._one(name, default, lambda value: _choice(value, known))

    def bare_word(self, name: str) -> str | None:
        """Return the one value called so if it is a word without quotes, as those of enums are; None otherwise.

        Example:
            >>> from glorot.caffe.formats.prototxt import parse
            >>> parse("pool: AVE").bare_word("pool"), parse("pool: 1").bare_word("pool")
            ('AVE', None)
        """
        match self._values(name):
            case [Scalar("word", text)]:
                return text
        return None

    def choices(self, name: str, known: Mapping[str, int]) -> list[str]:
        """Return all values of an enum called so, whether given by their names or by their numbers.

        Raises:
            GlorotError: if a value called so is none of the known.
        """
        return self._all(name, lambda value: _choice(value, known))

    def error(self, problem: str, name: str | None = None) -> GlorotError:
        """Return the error that tells of a problem where a field stands, or where the message does.

        Example:
            >>> from glorot.caffe.formats.prototxt import parse
            >>> print(parse("kernel_size: 7", "net.prototxt").error("the kernel is too large", "kernel_size"))
            net.prototxt:1:14: the kernel is too large
        """
        values = self._values(name) if name is not None else []
        return self._where.error(values[0].offset if values else self.offset, problem)

    def _values(self, name: str) -> list[Value]:
        return self._fields[name].values if name in self._fields else []

    def _one(self, name: str, default: T | None, convert: Callable[[Value], T]) -> T:
        values = self._values(name)
        if len(values) > 1:
            first, second = (self._where.place(value.offset)[0] for value in values[:2])
            raise self._where.error(
                values[1].offset, f"{shown(name)} takes one value, but is given on line {first} and on line {second}"
            )
        if name in self._fields and self._fields[name].listed:
            raise self.error(f"{shown(name)} takes one value, got a list; leave out its [ ]", name)
        if values:
            return self._read(name, values[0], convert)
        if default is None:
            raise self.error(f"{shown(self._name) or 'the text'} has no {shown(name)}")
        return default

    def _all(self, name: str, convert: Callable[[Value], T]) -> list[T]:
        return [self._read(name, value, convert) for value in self._values(name)]

    def _read(self, name: str, value: Value, convert: Callable[[Value], T]) -> T:
        try:
            return convert(value)
        except _UnfitError as unfit:
            problem = f"{shown(name)} must be {unfit.expected}, got {_described(value)}{unfit.hint}"
            raise self._where.error(value.offset, problem) from None


class _UnfitError(Exception):
    """A value is not what was expected."""

    def __init__(self, expected: str, hint: str = "") -> None:
        self.expected = expected
        self.hint = hint


def _message(value: Value) -> Message:
    if not isinstance(value, Message):
        raise _UnfitError("a message { … }")
    return value


def _whole(value: Value, least: int | None = None) -> int:
    if not isinstance(value, Scalar) or value.kind != "number" or not WHOLE.fullmatch(value.text):
        raise _UnfitError("a whole number")
    digits = value.text.lstrip("-")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    size = int(digits, base) if len(digits) < 100 else LIMIT + 1  # Python refuses to read very long ones
    found = -size if value.text[0] == "-" else size
    if not -LIMIT <= found < LIMIT:
        raise _UnfitError("a whole number of at most 64 bits")
    if least is not None and found < least:
        raise _UnfitError(f"at least {least}")
    return found


def _number(value: Value) -> float:
    if isinstance(value, Scalar):
        sign, name = (-1.0, value.text[1:]) if value.text[:1] == "-" else (1.0, value.text)
        if value.kind == "number" and not NOT_DECIMAL.match(value.text):
            return sign * float(name.rstrip("fF"))
        if value.kind == "word" and name.lower() in SPECIAL:
            return sign * SPECIAL[name.lower()]
    raise _UnfitError("a decimal number")


def _text(value: Value) -> str:
    if not isinstance(value, Scalar) or value.kind != "string":
        raise _UnfitError("text in quotes")
    if any("\ud800" <= letter <= "\udfff" for letter in value.text):  # so bytes are held that are none of UTF-8
        raise _UnfitError("text in UTF-8")
    if CONTROL.search(value.text):
        raise _UnfitError("text without control characters")
    return value.text


def _flag(value: Value) -> bool:
    if isinstance(value, Scalar):
        if value.kind == "word" and value.text in FLAGS:
            return FLAGS[value.text]
        if value.kind == "number" and re.fullmatch("0[xX]?0*[01]|[01]", value.text):
            return value.text[-1] == "1"
    raise _UnfitError("true or false")


def _choice(value: Value, known: Mapping[str, int]) -> str:
    if isinstance(value, Scalar) and value.kind == "number" and WHOLE.fullmatch(value.text):
        number = _whole(value)
        name = next((name for name in known if known[name] == number), None)
        if name is not None:
            return name
    elif isinstance(value, Scalar) and value.kind == "word" and value.text in known:
        return value.text
    expected = "one of " + ", ".join(known) if len(known) <= 8 else "a name that is known here"
    if isinstance(value, Message):
        raise _UnfitError(expected)
    if value.kind == "string" and value.text in known:
        raise _UnfitError(expected, "; write it without quotes")
    raise _UnfitError(expected, nearest(value.text[:100].upper(), known))


def _described(value: Value) -> str:
    if isinstance(value, Message):
        return "a message { … }"
    return f'"{shown(value.text)}"' if value.kind == "string" else shown(value.text)
