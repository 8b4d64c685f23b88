"""What people type, and the page that answers it: names in any spelling, other libraries' names, words and code."""

import difflib
import re
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple, NoReturn

from glorot.catalogue import nearest, parse_call, squash
from glorot.errors import GlorotError
from glorot.report.explanation.elsewhere import (
    CAFFE_FILLERS,
    LAYER_NOTES,
    LAYERS,
    Elsewhere,
    entry_elsewhere,
    note_on,
)
from glorot.report.explanation.page import CATALOGUES, Page, make_page
from glorot.text import quoted
from glorot.topics import TOPICS
from glorot.topics.glossary import words_of_the_field

ENDINGS = re.compile(
    r"(initiali[sz](er|ers|ation|ations|ed|e|ing)|init|inits|fill|filler|fillers|activation|activations|function|functions"
    r"|layer|layers|method|methods|rule|rules|scheme|schemes|weights|weight|distribution|nonlinearity|recipe|problem|strategy"
    r"|unit|units)$"
)
"""Words after a name that do not change what is asked: `He Initialization`, `relu activation function`."""

NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
CODE = re.compile(r"[=\n({\[]|\w\.\w|^\s*(?:import|from|def)\s")
FILLER = re.compile(r"(?:type|filler)\s*:\s*[\"']?(\w+)")
ROOTS = (
    (re.compile(r"sqrt\s*\(\s*6"), ("scheme", "xavier_uniform")),
    (re.compile(r"sqrt\s*\(\s*2[^)]*\+"), ("scheme", "xavier_normal")),
    (re.compile(r"sqrt\s*\(\s*2\.?0?\s*/"), ("scheme", "he_normal")),
    (re.compile(r"uniform.*sqrt|\bU\(.*sqrt|sqrt.*\n.*uniform", re.DOTALL), ("recipe", "standard")),
    (re.compile(r"sqrt\s*\(\s*1|/\s*(?:\w+\.)?sqrt"), ("scheme", "lecun_normal")),
)
"""Rules written out in code, told by the root of their standard deviation or bound."""

BY_NUMBERS = ("normal", "uniform", "truncated_normal")
"""Schemes whose scale stands in the code, so that a root there says more than their names."""

PLAIN = {
    "normal", "uniform", "constant", "identity", "linear", "random", "standard", "current", "zeros", "ones", "auto",
    "he", "sin", "balanced",
}  # fmt: skip
"""Names of entries that mean something else in code, unless what stands before their dot is about starts."""

STARTERS = re.compile(r"init|random|filler|(?:^|\.)(?:np|numpy|jnp|tf)\.(?:zeros|ones)$", re.IGNORECASE)
MOST_WORDS, LONGEST_RUN = 60, 5
SLIP = 0.85
"""How alike words and a name are, from 0 to 1, of which one is the other misspelt."""


class Answer(NamedTuple):
    """The page that answers what was typed: its kind, the name and the call that were meant, and what to say first."""

    kind: str
    name: str
    call: str
    note: str = ""


def page_of(text: str) -> Page:
    """Return the page that answers what was typed, as `answer_of` finds it.

    Raises:
        GlorotError: if nothing is meant by it; the nearest names are told, and all topics.
    """
    return make_page(*answer_of(text))


def answer_of(text: str) -> Answer:
    """Find the page that answers what was typed.

    Args:
        text: a name, an alias, a call such as `normal(std=0.02)`, `kind:name` where several kinds share a name, a
            name of another library, words, or code that names an initialiser.

    Raises:
        GlorotError: if nothing is meant by it; the nearest names are told, and all topics.

    Example:
        >>> answer_of("why do gradients vanish?")[:2], answer_of("nn.init.kaiming_normal_(w)")[:2]
        (('topic', 'vanishing_gradients'), ('scheme', 'he_normal'))
    """
    if not isinstance(text, str):
        raise GlorotError(f"explain takes a name such as 'xavier' or 'relu', got {type(text).__name__}")
    before, _, after = text.partition(":")
    kind = squash(before) if after and squash(before) in CATALOGUES else ""
    call = (after if kind else text).strip()
    try:
        name = parse_call(call)[0]
    except GlorotError:
        if kind or _is_broken_call(call):
            raise
        name = ""
    if kind:
        CATALOGUES[kind].factory(name)  # refuses a name that this kind does not have
        return Answer(kind, name, call)
    return _exact(name, call) or _found(text) or _refuse(text)


def _is_broken_call(call: str) -> bool:
    """Tell whether a text is a call of an entry that nobody can read, which is no question but a slip."""
    name, bracket, rest = call.partition("(")
    known = any(name.strip() in catalogue for catalogue in CATALOGUES.values())
    return not call or (bool(bracket) and known and rest.count("(") + 1 != rest.count(")"))


def _exact(name: str, call: str) -> Answer | None:
    """Return the entry of that name; arguments must fit where the name is written as glorot does."""
    kind = next((kind for kind, catalogue in CATALOGUES.items() if name and name in catalogue), None)
    if kind is None:
        return None
    catalogue = CATALOGUES[kind]
    own = catalogue.factory(name).__name__
    if "(" in call and name not in (own, *catalogue.aliases(own)):
        try:
            catalogue.make(call)
        except GlorotError:
            call = name  # arguments of another library
    return Answer(kind, name, call, note_on(call, name))


def _found(text: str) -> Answer | None:
    is_code = CODE.search(text.strip()) or FILLER.search(text) or text.strip().lower() in LAYERS
    found = (_in_code(text) if is_code else None) or _in_words(text)
    if found is None:
        return None
    note = found.note
    if re.match(r"[ \t]+\S.*\n", text):
        note += " The block is indented: `textwrap.dedent` lets it run by itself."
    return Answer(found.kind, found.name, found.name, note.strip())


def _in_code(text: str) -> Elsewhere | None:
    """Find what code starts weights from: a filler, an initialiser, a root, a layer, or at least an activation."""
    for filler in FILLER.findall(text):
        if filler.lower() in CAFFE_FILLERS:
            return Elsewhere("scheme", CAFFE_FILLERS[filler.lower()], note_on(text, filler.lower()))
    names = [name for name in dict.fromkeys(NAME.findall(text)) if not re.match(r"glorot(?:\.|$)", name)]
    entries = [(dotted, entry) for dotted in names if (entry := _entry_in_code(dotted, text))]
    dotted, start = next(((dotted, one) for dotted, one in entries if one[0] in ("scheme", "recipe")), ("", None))
    root = next((rule for pattern, rule in ROOTS if pattern.search(text)), None)
    if root and (start is None or start[1] in BY_NUMBERS):
        return Elsewhere(*root, "Read from code: the square root in it.")
    if start:
        note = note_on(text, dotted.rpartition(".")[2])
        return Elsewhere(*start, note or (f"Read from code: `{dotted}`." if len(names) > 1 else ""))
    for dotted in names:
        layer = LAYERS.get(dotted.rpartition(".")[2].lower())
        if layer:
            return Elsewhere(*layer, LAYER_NOTES.get(layer[1], "").format(dotted))
    return Elsewhere(*entries[0][1]) if entries else None


def _entry_in_code(dotted: str, text: str) -> tuple[str, str] | None:
    """Return the entry that a dotted name of code stands for; topics are words and no code."""
    last = dotted.rpartition(".")[2]
    entry = _entry(last, ("scheme", "recipe", "activation"))
    is_start = last.endswith("_") or STARTERS.search(dotted) or re.search(rf"[\"']{re.escape(dotted)}[\"']", text)
    return entry if entry and (squash(last) not in PLAIN or is_start) else None


def _entry(name: str, kinds: Iterable[str] = tuple(CATALOGUES)) -> tuple[str, str] | None:
    """Return kind and name of the entry that a name stands for, without endings that change nothing."""
    for candidate in _candidates(squash(name)):
        for kind in kinds:
            if candidate in CATALOGUES[kind]:
                return kind, CATALOGUES[kind].factory(candidate).__name__
        found = entry_elsewhere(candidate)
        if found:
            return found
    return None


def _candidates(key: str) -> Iterator[str]:
    """Return a squashed name, and what remains of it without endings, in one number or the other."""
    while key:
        yield key
        if len(key) > 3:
            yield key.removesuffix("s") if key.endswith("s") else f"{key}s"
        shorter = ENDINGS.sub("", key)
        if shorter == key:
            return
        key = shorter


def _in_words(text: str) -> Elsewhere | None:
    """Find the longest run of words that names an entry or a word of the field."""
    words = [word for word in re.split(r"[\W_]+", text.lower()) if word][:MOST_WORDS]
    glossary = {squash(word): (word, line) for word, line in words_of_the_field().items()}
    is_one_name = re.fullmatch(r"\s*\w+\s*", text) is not None  # of which no part is to be taken for the whole
    runs = [tuple(words)] if is_one_name else _runs(words)
    for run in sorted(runs, key=lambda run: (-len(run), _is_general("".join(run), glossary))):
        key = "".join(run)
        word = glossary.get(key) or glossary.get(key.removesuffix("s"))
        entry = ("topic", "glossary") if key not in TOPICS and word else _entry(key)
        if entry:
            if len(run) == 1 and _is_slip(words, entry):
                return None
            note = f"{word[0]}: {word[1]}" if entry[1] == "glossary" and word else note_on(text, "_".join(run))
            return Elsewhere(*entry, note)
    return None


def _is_general(word: str, glossary: Container[str]) -> bool:
    """Tell whether a word says less than others beside it: `initializer`, `weights`, `random`."""
    return (
        word in PLAIN or ENDINGS.fullmatch(word) is not None or word in glossary or word.removesuffix("s") in glossary
    )


def _is_slip(words: list[str], entry: tuple[str, str]) -> bool:
    """Tell whether two or three words are nearly a name, and not that of the entry which one of them names."""
    if not 2 <= len(words) <= 3:
        return False
    names = {squash(name): own for name, (own, _) in _all_names().items()}
    near = difflib.get_close_matches("".join(words), names, n=1, cutoff=SLIP)
    return bool(near) and names[near[0]] != entry[1]


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Return all runs of a few words, from left to right."""
    for start in range(len(words)):
        for length in range(1, min(LONGEST_RUN, len(words) - start) + 1):
            yield tuple(words[start : start + length])


def _all_names() -> dict[str, tuple[str, str]]:
    """Return every name and alias with its entry, and what a suggestion shows: of a topic its own name."""
    return {
        name: (entry, entry if kind == "topic" else name)
        for kind, catalogue in reversed(CATALOGUES.items())
        for entry in catalogue
        for name in (entry, *catalogue.aliases(entry))
    }


def _refuse(text: str) -> NoReturn:
    """Refuse what is no name, and tell the nearest names and all topics."""
    listed = f"topics: {', '.join(TOPICS)}; `glorot explain` lists all names"
    if CODE.search(text.strip()):
        raise GlorotError(
            f"no initialiser is named in {quoted(text.strip())}: explain takes a name such as 'xavier', or code that "
            f"calls one, such as nn.init.xavier_uniform_(w); {listed}"
        )
    shown = {name: told for name, (_, told) in _all_names().items()}
    raise GlorotError(f"unknown name {quoted(text.strip())}{nearest(text, shown, shown=shown)}; {listed}")
