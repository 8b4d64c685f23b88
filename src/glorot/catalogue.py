"""Catalogues: the named things of glorot (schemes, recipes, activations), found and built by text."""

import ast
import difflib
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from glorot.errors import GlorotError
from glorot.text import quoted

T = TypeVar("T")

NEAR = 0.75
"""How alike a misspelt name and a suggestion are at least, from 0 to 1."""


AS_NEAR = 0.08
"""By how much a further suggestion may be less alike than the nearest."""


def squash(name: str) -> str:
    """Return a name without case, blanks, hyphens and underscores, as names are looked up.

    Example:
        >>> squash("Xavier-Uniform"), squash("xavier_uniform_"), squash("XavierUniform")
        ('xavieruniform', 'xavieruniform', 'xavieruniform')
    """
    return re.sub(r"[\s_-]+", "", name).lower()


def nearest(name: str, known: Iterable[str], limit: int = 3, shown: Mapping[str, str] | None = None) -> str:
    """Return ' (did you mean …?)' with the known names closest to a misspelt one, or nothing.

    Args:
        name: what was written.
        known: what may be meant.
        limit: how many names at most.
        shown: what to write for some of the known names; each is written once.

    Example:
        >>> nearest("xavir", ["xavier", "he", "xavier"]), nearest("qqqq", ["xavier", "he"])
        (" (did you mean 'xavier'?)", '')
    """
    names = {squash(other): other for other in sorted(set(known), reverse=True)}
    asked = squash(name)
    close = difflib.get_close_matches(asked, names, n=4 * limit if shown else limit, cutoff=NEAR)
    if shown and close:  # names of many spellings: only those about as near as the nearest
        ratio = difflib.SequenceMatcher(None, close[0], asked).ratio() - AS_NEAR
        close = [other for other in close if difflib.SequenceMatcher(None, other, asked).ratio() >= ratio]
    longer = [other for other in sorted(names) if asked and other.startswith(asked) and other not in close]
    meant = [names[other] for other in [*close, *longer]]
    near = list(dict.fromkeys(repr((shown or {}).get(one, one)) for one in meant))[:limit]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split `name` or `name(1, key=2)` into the name as it is written and its literal arguments.

    Raises:
        GlorotError: if the text is something else, or gives an argument twice.
    """
    name, bracket, inside = text.strip().partition("(")
    name = name.rstrip()
    try:
        node = ast.parse(f"call({inside if bracket else ')'}", mode="eval").body
        is_name = re.fullmatch(r"[^\W\d][\w\s-]*", name) is not None
        if not is_name or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise ValueError("a call of something else")
        keywords = [(str(keyword.arg), ast.literal_eval(keyword.value)) for keyword in node.keywords if keyword.arg]
        if len(keywords) < len(node.keywords):
            raise ValueError("arguments that are not written out")
        positional = [ast.literal_eval(argument) for argument in node.args]
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):  # the last two are said of deep nesting
        raise GlorotError(
            f"cannot read {quoted(text)}: write a name, or a call with numbers, as in 'normal(std=0.02)'"
        ) from None
    for position, (key, _) in enumerate(keywords):
        if key in dict(keywords[:position]):
            raise GlorotError(f"{quoted(text)}: the argument {key!r} is given twice; give it once")
    return name, positional, dict(keywords)


@functools.cache
def signature_of(factory: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a factory, which is asked for at every call of it."""
    return inspect.signature(factory)


def format_call(name: str, factory: Callable[..., object], arguments: dict[str, Any]) -> str:
    """Write a call as text, leaving out the arguments that have their default value."""
    defaults = {p.name: p.default for p in signature_of(factory).parameters.values()}
    given = [f"{k}={_literal(v)}" for k, v in arguments.items() if defaults[k] != v]
    return f"{name}({', '.join(given)})" if given else name


def _literal(value: object) -> str:
    """Write a value as short as it can be read again; -0 would be read as a whole number, which has no sign."""
    text = repr(value)
    return text.removesuffix(".0") if isinstance(value, float) and text != "-0.0" else text


class Catalogue(Generic[T]):
    """The factories of one kind, by name and alias, in any spelling: `xavier_uniform`, `Xavier Uniform`.

    Args:
        kind: what the entries are called in messages, as in "scheme".
        package: the package whose modules register themselves when imported; they are imported at
            the first look-up, so that adding an entry is adding a file.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._factories: dict[str, Callable[..., T]] = {}
        self._aliases: dict[str, str] = {}
        self._spellings: dict[str, str] = {}

    def add(self, factory: Callable[..., T], *aliases: str) -> None:
        """Register a factory under its own name and further ones."""
        self._factories[factory.__name__] = factory
        self._aliases.update(dict.fromkeys(aliases, factory.__name__))
        self._spellings.update(dict.fromkeys(map(squash, (factory.__name__, *aliases)), factory.__name__))

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._factories))

    def __contains__(self, name: str) -> bool:
        self._discover()
        return squash(name) in self._spellings

    def aliases(self, name: str) -> list[str]:
        """Return the other names of an entry."""
        return sorted(a for a, target in self._aliases.items() if target == name)

    def factory(self, name: str) -> Callable[..., T]:
        """Return the factory of a name or an alias; raise with the nearest names if there is none."""
        self._discover()
        own = self._spellings.get(squash(name))
        if own is None:
            known = [*self._factories, *self._aliases]
            raise GlorotError(
                f"unknown {self.kind} {quoted(name)}{nearest(name, known)}; known: {', '.join(sorted(self._factories))}"
            )
        return self._factories[own]

    def make(self, text: str) -> T:
        """Build an entry from text: a name, or a call such as `normal(std=0.02)`."""
        name, positional, keywords = parse_call(text)
        factory = self.factory(name)
        signature = inspect.signature(factory).replace(return_annotation=inspect.Signature.empty)
        known = list(signature.parameters)
        unknown = [keyword for keyword in keywords if keyword not in known]
        try:
            if unknown:
                raise TypeError(f"there is no argument {unknown[0]!r}{nearest(unknown[0], known)}")
            signature.bind(*positional, **keywords)
        except TypeError as error:
            raise GlorotError(f"{quoted(text)}: {error}; the {self.kind} is {factory.__name__}{signature}") from None
        return factory(*positional, **keywords)

    def _discover(self) -> None:
        if self._package is not None:
            _import_modules(self._package)


@functools.cache
def _import_modules(package: str) -> None:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
