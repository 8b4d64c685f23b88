"""Catalogues: the named things of glorot (schemes, recipes, activations), found and built by text."""

import ast
import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from glorot.errors import GlorotError

T = TypeVar("T")


def nearest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Return ' (did you mean …?)' with the known names closest to a misspelt one, or nothing."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    close = close or [other for other in names if name and other.startswith(name)][:limit]
    return f" (did you mean {' or '.join(repr(c) for c in close)}?)" if close else ""


def parse_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split `name` or `name(1, key=2)` into the name and its literal arguments."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, [], {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            positional = [ast.literal_eval(a) for a in node.args]
            return node.func.id, positional, {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    except (SyntaxError, ValueError):
        pass
    raise GlorotError(f"cannot read {text!r}: write a name, or a call with numbers, as in 'normal(std=0.02)'")


def format_call(name: str, factory: Callable[..., object], arguments: dict[str, Any]) -> str:
    """Write a call as text, leaving out the arguments that have their default value."""
    defaults = {p.name: p.default for p in inspect.signature(factory).parameters.values()}
    given = [f"{k}={_literal(v)}" for k, v in arguments.items() if defaults[k] != v]
    return f"{name}({', '.join(given)})" if given else name


def _literal(value: object) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else repr(value)


class Catalogue(Generic[T]):
    """The factories of one kind, by name and alias.

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

    def add(self, factory: Callable[..., T], *aliases: str) -> None:
        """Register a factory under its own name and further ones."""
        self._factories[factory.__name__] = factory
        self._aliases.update(dict.fromkeys(aliases, factory.__name__))

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._factories))

    def __contains__(self, name: str) -> bool:
        self._discover()
        return name in self._factories or name in self._aliases

    def aliases(self, name: str) -> list[str]:
        """Return the other names of an entry."""
        return sorted(a for a, target in self._aliases.items() if target == name)

    def factory(self, name: str) -> Callable[..., T]:
        """Return the factory called `name`; raise with the nearest names if there is none."""
        self._discover()
        name = self._aliases.get(name, name)
        if name not in self._factories:
            known = [*self._factories, *self._aliases]
            raise GlorotError(
                f"unknown {self.kind} {name!r}{nearest(name, known)}; known: {', '.join(sorted(self._factories))}"
            )
        return self._factories[name]

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
            raise GlorotError(f"{text!r}: {error}; the {self.kind} is {name}{signature}") from None
        return factory(*positional, **keywords)

    def _discover(self) -> None:
        if self._package is not None:
            _import_modules(self._package)


@functools.cache
def _import_modules(package: str) -> None:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
