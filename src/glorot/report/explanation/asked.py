"""What people type, and the page that answers it: names in any spelling, other libraries' names, words and code."""

import re
from collections.abc import Iterator

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
FILLER = re.compile(r"type\s*:\s*[\"']?(\w+)")
ROOTS = (
    (re.compile(r"sqrt\s*\(\s*6"), ("scheme", "xavier_uniform")),
    (re.compile(r"sqrt\s*\(\s*2[^)]*\+"), ("scheme", "xavier_normal")),
    (re.compile(r"sqrt\s*\(\s*2"), ("scheme", "he_normal")),
    (re.compile(r"sqrt\s*\(\s*1|/\s*(?:np|math|torch|numpy)?\.?sqrt"), ("scheme", "lecun_normal")),
)
"""Rules written out in code, told by the root of their standard deviation or bound."""

PLAIN = {
    "normal", "uniform", "constant", "identity", "linear", "random", "standard", "current", "zeros", "ones", "auto",
    "he", "sin", "balanced",
}  # fmt: skip
"""Names of entries that mean something else in code, unless what stands before their dot is about starts."""

STARTERS = re.compile(r"init|random|filler|(?:^|\.)(?:np|numpy|jnp|tf)\.(?:zeros|ones)$", re.IGNORECASE)
MOST_WORDS, LONGEST_RUN = 60, 5


def page_of(text: str) -> Page:
    """Return the page that answers what was typed.

    Args:
        text: a name, an alias, a call such as `normal(std=0.02)`, `kind:name` where several kinds share a name, a
            name of another library, words, or code that names an initialiser.

    Returns:
        The page.

    Raises:
        GlorotError: if nothing is meant by it; the nearest names are told, and all topics.
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
        return make_page(kind, name, call)
    return _exact(name, call) or _found(text) or _unknown(text)


def _is_broken_call(call: str) -> bool:
    """Tell whether a text is a call of an entry that nobody can read, which is no question but a slip."""
    name, bracket, rest = call.partition("(")
    known = any(name.strip() in catalogue for catalogue in CATALOGUES.values())
    return not call or (bool(bracket) and known and rest.count("(") + 1 != rest.count(")"))


def _exact(name: str, call: str) -> Page | None:
    """Return the page of a name that an entry has; arguments must fit where the name is written as glorot does."""
    kind = next((kind for kind, catalogue in CATALOGUES.items() if name and name in catalogue), None)
    if kind is None:
        return None
    catalogue = CATALOGUES[kind]
    own = catalogue.factory(name).__name__
    note = note_on(call, name)
    try:
        return make_page(kind, name, call, note)
    except GlorotError:
        if name in (own, *catalogue.aliases(own)):
            raise
        return make_page(kind, name, name, note)  # arguments of another library


def _found(text: str) -> Page | None:
    found = (_in_code(text) if CODE.search(text.strip()) or FILLER.search(text) else None) or _in_words(text)
    if found is None:
        return None
    note = found.note
    if re.match(r"[ \t]+\S.*\n", text):
        note += " The block is indented: `textwrap.dedent` lets it run by itself."
    return make_page(found.kind, found.name, found.name, note.strip())


def _in_code(text: str) -> Elsewhere | None:
    """Find what code starts weights from: a filler, an initialiser, a root, a layer, or at least an activation."""
    filler = FILLER.search(text)
    if filler and filler[1].lower() in CAFFE_FILLERS:
        name = filler[1].lower()
        return Elsewhere("scheme", CAFFE_FILLERS[name], note_on(text, name))
    names = list(dict.fromkeys(NAME.findall(text)))
    entries = [(dotted, entry) for dotted in names if (entry := _entry_in_code(dotted))]
    starts = [pair for pair in entries if pair[1][0] in ("scheme", "recipe")]
    for dotted, (kind, name) in starts:
        root = next((entry for pattern, entry in ROOTS if pattern.search(text)), None) if "rand" in dotted else None
        note = note_on(text, dotted.rpartition(".")[2]) or (f"Read from code: `{dotted}`." if len(names) > 1 else "")
        return Elsewhere(
            *(root or (kind, name)), note if root is None else "Read from code: the root that it divides by."
        )
    for dotted in names:
        layer = LAYERS.get(dotted.rpartition(".")[2].lower())
        if layer:
            return Elsewhere(*layer, LAYER_NOTES[layer[1]].format(dotted))
    return Elsewhere(*entries[0][1]) if entries else None


def _entry_in_code(dotted: str) -> tuple[str, str] | None:
    """Return the entry that a dotted name of code stands for; topics are words and no code."""
    last = dotted.rpartition(".")[2]
    entry = _entry(last, topics=False)
    return None if entry and squash(last) in PLAIN and not STARTERS.search(dotted) else entry


def _entry(name: str, topics: bool = True) -> tuple[str, str] | None:
    """Return kind and name of the entry that a name stands for, without endings that change nothing."""
    key = squash(name)
    for candidate in _candidates(key):
        for kind, catalogue in CATALOGUES.items():
            if (topics or kind != "topic") and candidate in catalogue:
                return kind, catalogue.factory(candidate).__name__
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
    is_one_name = re.fullmatch(r"\s*[\w-]+\s*", text) is not None  # of which no part is to be taken for the whole
    runs = [tuple(words)] if is_one_name else _runs(words)
    for run in sorted(runs, key=lambda run: (-len(run), "".join(run) in PLAIN)):
        key = "".join(run)
        word = glossary.get(key) or glossary.get(key.removesuffix("s"))
        if key not in TOPICS and word:
            return Elsewhere("topic", "glossary", f"{word[0]}: {word[1]}")
        entry = _entry(key)
        if entry:
            return Elsewhere(*entry, note_on(text, "_".join(run)))
    return None


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Return all runs of a few words, from left to right."""
    for start in range(len(words)):
        for length in range(1, min(LONGEST_RUN, len(words) - start) + 1):
            yield tuple(words[start : start + length])


def _unknown(text: str) -> Page:
    """Refuse what is no name, and tell the nearest names and all topics."""
    shown = {alias: own for own in TOPICS for alias in (own, *TOPICS.aliases(own))}
    names = [
        name for catalogue in CATALOGUES.values() for entry in catalogue for name in (entry, *catalogue.aliases(entry))
    ]
    listed = f"topics: {', '.join(TOPICS)}; `glorot explain` lists all names"
    if CODE.search(text.strip()):
        raise GlorotError(
            f"no initialiser is named in {quoted(text.strip())}: explain takes a name such as 'xavier', or code that "
            f"calls one, such as nn.init.xavier_uniform_(w); {listed}"
        )
    raise GlorotError(f"unknown name {quoted(text.strip())}{nearest(text, names, shown=shown)}; {listed}")
