"""What happens to files: parts get lost, doubled, swapped, cut off, blown up, or were never theirs."""

import random as randoms
import re

PIECES = (
    *"{}<>[]:,;.-+/#'\"\\\n\r\t\0 $%",
    "\ufeff", "\ud800", "\xa0", "“", "☃", '""', "''", '"a" \'b\'', r'"\x41\303\251"', r'"\q"', r'"\u00e9\U0001F600"', '"\\377"',
    "true", "false", "t", "inf", "-inf", "nan", "0", "1", "2", "-1", "1.5", "1.5f", ".5", "1.", "1e-3", "0x1F", "017", "08", "1e999", "5x",
    "layer", "layers", "name", "type", "bottom", "top", "num_output", "kernel_size", "dim", "value", "std", "pool",
    "[1, 2]", "[]", "[{}, <>]", "[foo.bar]", "[type.googleapis.com/x.y]", "a: 1", "a { }", "a < b: 2 >", "# rest\n",
)  # fmt: skip

HUGE = (
    "99999999999999999999",
    "9" * 5000,
    "-9223372036854775809",
    "2147483648",
    "1e400",
    "0x" + "F" * 40,
    "0." + "1" * 400,
)


def mutated(text: str, random: randoms.Random) -> str:
    """Return a text with one mutation or a few."""
    tokens = re.findall(r"\s+|\w+|.", text)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(MUTATIONS)(tokens, random)
    return "".join(tokens)


def mutated_bytes(data: bytes, random: randoms.Random) -> bytes:
    """Return data with one mutation or a few."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(BYTE_MUTATIONS)(changed, random)
    return bytes(changed)


def _span(tokens: list[str] | bytearray, random: randoms.Random) -> slice:
    start = random.randint(0, len(tokens))
    return slice(start, start + random.choice((1, 1, 2, 3, 5, 10, 30)))


def _delete(tokens: list[str] | bytearray, random: randoms.Random) -> None:
    del tokens[_span(tokens, random)]


def _duplicate(tokens: list[str] | bytearray, random: randoms.Random) -> None:
    span = _span(tokens, random)
    tokens[span.start : span.start] = tokens[span] * random.choice((1, 1, 2, 9))


def _move(tokens: list[str] | bytearray, random: randoms.Random) -> None:
    span = _span(tokens, random)
    moved = tokens[span]
    del tokens[span]
    place = random.randint(0, len(tokens))
    tokens[place:place] = moved


def _swap(tokens: list[str] | bytearray, random: randoms.Random) -> None:
    if tokens:
        one, other = random.randrange(len(tokens)), random.randrange(len(tokens))
        tokens[one], tokens[other] = tokens[other], tokens[one]


def _truncate(tokens: list[str] | bytearray, random: randoms.Random) -> None:
    del tokens[random.randint(0, len(tokens)) :]


def _insert(tokens: list[str], random: randoms.Random) -> None:
    tokens.insert(random.randint(0, len(tokens)), random.choice(PIECES))


def _replace(tokens: list[str], random: randoms.Random) -> None:
    if tokens:
        tokens[random.randrange(len(tokens))] = random.choice((*PIECES, chr(random.randrange(0x3000))))


def _inflate(tokens: list[str], random: randoms.Random) -> None:
    numbers = [place for place, token in enumerate(tokens) if token.isdigit()]
    if numbers:
        tokens[random.choice(numbers)] = random.choice(HUGE)


def _nest(tokens: list[str], random: randoms.Random) -> None:
    span = _span(tokens, random)
    depth = random.choice((1, 2, 50, 101, 500))
    tokens[span] = ["layer { " * depth, *tokens[span], " }" * depth]


def _flip(data: bytearray, random: randoms.Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: randoms.Random) -> None:
    """Put noise, or numbers as long as they can be, in the place of something."""
    span = _span(data, random)
    size = span.stop - span.start
    data[span] = random.choice(
        (random.randbytes(size), b"\xff" * size, b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\0" * size)
    )


ANY_MUTATIONS = (_delete, _duplicate, _move, _swap, _truncate)
MUTATIONS = (*ANY_MUTATIONS, _insert, _replace, _inflate, _nest)
BYTE_MUTATIONS = (*ANY_MUTATIONS, _flip, _overwrite)
