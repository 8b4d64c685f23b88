"""The wire format of protobuf: numbered fields, read within their bounds, and the bytes that lead one in."""

from collections.abc import Iterator
from typing import NamedTuple

from glorot.errors import GlorotError

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
"""The wire types: how the content of a field is stored."""

DEEPEST = 100
"""How many groups may lie in one another: as many as protobuf's own readers follow."""


class Span(NamedTuple):
    """A stretch of a file that holds a message, a text or a run of numbers: `start` ≤ byte < `stop`."""

    source: str
    data: memoryview
    start: int
    stop: int

    @property
    def content(self) -> memoryview:
        """The bytes of the stretch, not copied."""
        return self.data[self.start : self.stop]


class Field(NamedTuple):
    """A field of a message: its number, its wire type and where its content lies."""

    number: int
    wire: int
    body: Span


def refusal(place: Span, at: int, problem: str) -> GlorotError:
    """Return the error that names the file, the byte and what is wrong there."""
    return GlorotError(f"{place.source}: byte {at}: {problem}")


def fields(message: Span) -> Iterator[Field]:
    r"""Yield the fields of a message in stored order, past its groups.

    Args:
        message: where the message lies.

    Yields:
        Each field outside of groups.

    Raises:
        GlorotError: if the bytes are no message: what was expected, and at which byte of the file.

    Example:
        >>> data = memoryview(b"\x08\x96\x01" + b"\x12\x05LeNet")
        >>> [(field.number, bytes(field.body.content)) for field in fields(Span("net", data, 0, len(data)))]
        [(1, b'\x96\x01'), (2, b'LeNet')]
    """
    groups: list[int] = []
    at = message.start
    while at < message.stop:
        start = at
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if not 1 <= number < 2**29:
            raise refusal(message, start, f"a field has the number {number}; expected 1 to {2**29 - 1}")
        if wire == GROUP:
            groups.append(number)
            if len(groups) > DEEPEST:
                raise refusal(message, start, f"groups are nested deeper than {DEEPEST}; expected at most {DEEPEST}")
        elif wire == GROUP_END:
            if not groups or groups.pop() != number:
                raise refusal(message, start, f"a group {number} ends here; expected its start before its end")
        else:
            body = _body(message, number, wire, at)
            at = body.stop
            if not groups:
                yield Field(number, wire, body)
    if groups:
        raise refusal(message, at, f"the message ends here; expected the end of group {groups[-1]} before")


def varints(run: Span) -> Iterator[int]:
    r"""Yield the numbers of a run of varints: 7 bits a byte, the lowest first.

    Args:
        run: where they lie, side by side.

    Yields:
        Each number, 0 ≤ n < 2⁶⁴.

    Raises:
        GlorotError: if the last one is cut off, or one has more than 10 bytes.

    Example:
        >>> list(varints(Span("net", memoryview(b"\x05\x96\x01"), 0, 3)))
        [5, 150]
    """
    at = run.start
    while at < run.stop:
        value, at = _varint(run, at)
        yield value


def signed(value: int, bits: int) -> int:
    """Return the signed number that the low bits of a varint stand for.

    Example:
        >>> signed(20, 64), signed(2**64 - 1, 64), signed(2**64 - 1, 32)
        (20, -1, -1)
    """
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def _varint(place: Span, at: int) -> tuple[int, int]:
    """Read one varint and return it with the byte behind it."""
    value = 0
    for n in range(10):
        if at + n >= place.stop:
            raise refusal(place, at, f"a varint is cut off; expected its last byte before byte {place.stop}")
        byte = place.data[at + n]
        value |= (byte & 127) << 7 * n
        if byte < 128:
            return value % 2**64, at + n + 1
    raise refusal(place, at, "a varint runs on; expected at most 10 bytes")


def _body(message: Span, number: int, wire: int, at: int) -> Span:
    start = at
    if wire == VARINT:
        _, stop = _varint(message, at)
    elif wire == BYTES:
        length, start = _varint(message, at)
        stop = start + length
    elif wire in (FIXED32, FIXED64):
        stop = at + (4 if wire == FIXED32 else 8)
    else:
        raise refusal(message, at, f"field {number} has wire type {wire}; expected 0 to 5")
    if stop > message.stop:
        left = message.stop - start
        told = f"field {number} takes {stop - start} bytes; expected at most the {left} left"
        is_whole = message.stop == len(message.data)  # so that the file itself ends here
        raise refusal(message, start, f"{told}: the file is cut off or damaged; copy it again" if is_whole else told)
    return Span(message.source, message.data, start, stop)


def varint(value: int) -> bytes:
    r"""Return the bytes of a number ≥ 0 as a varint.

    Example:
        >>> varint(5), varint(150)
        (b'\x05', b'\x96\x01')
    """
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def lead(number: int, length: int) -> bytes:
    r"""Return the bytes before the content of a field of wire type BYTES: its tag and its length.

    Args:
        number: the number of the field.
        length: how many bytes its content takes.

    Returns:
        Two varints.

    Example:
        >>> lead(1, 5) + b"LeNet"
        b'\n\x05LeNet'
    """
    return varint(number << 3 | BYTES) + varint(length)


def enclosed(number: int, content: bytes) -> bytes:
    r"""Return a whole field of wire type BYTES.

    Example:
        >>> enclosed(1, b"LeNet")
        b'\n\x05LeNet'
    """
    return lead(number, len(content)) + content
