"""What objects hold, wherever Python keeps it, and giving it back to them; no framework is known here."""

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

import numpy as np

from glorot.iterators import set_apart


class State(NamedTuple):
    """A kind of object whose state lies where Python cannot see it: how a copy of it is read, and how it is set."""

    kind: type
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]


def _set_array(array: Any, before: Any) -> None:
    if array.flags.writeable:
        array[...] = before


STATES = (
    State(random.Random, random.Random.getstate, random.Random.setstate),
    State(
        np.random.Generator,
        lambda generator: generator.bit_generator.state,
        lambda generator, before: setattr(generator.bit_generator, "state", before),
    ),
    State(np.random.RandomState, lambda one: one.get_state(legacy=False), np.random.RandomState.set_state),
    State(np.ndarray, np.copy, _set_array),
)

CONTAINERS = (list, tuple, dict, set, deque)
ATOMS = (str, int, float, bytes, types.NoneType, types.ModuleType, types.BuiltinFunctionType, types.CodeType)
WRAPPERS: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__self__", "__func__"),
    functools.partial: ("func", "args", "keywords"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset"),
}
"""What calls functions that it holds under these names."""

METHODS = (types.FunctionType, staticmethod, classmethod, property)

LIBRARIES = frozenset(
    ("glorot", "torch", "torchvision", "keras", "tensorflow", "jax", "jaxlib", "flax", "equinox", "numpy", "scipy")
)
"""Packages whose functions and classes are not looked into: they keep no state of a model."""


ENTRIES = {"forward", "backward", "setup_context"}
ENTRIES |= {"call", "build", "compute_mask", "compute_output_shape", "compute_output_spec"}
"""Methods that a framework calls."""


class Holder(NamedTuple):
    """Values by name where there is no dictionary to fill: how they are read, and how one is set and removed."""

    read: Callable[[], dict[Any, Any]]
    put: Callable[[Any, Any], Any]
    drop: Callable[[Any], Any]


class Globals(NamedTuple):
    """The global variables of a module that functions name."""

    namespace: dict[str, Any]
    names: set[str]


class _Traits(NamedTuple):
    """What all objects of a type have in common.

    Attributes:
        is_atom: whether they hold nothing.
        is_container: whether they are containers.
        has_attributes: whether their attributes are their own; of functions, whether some are.
        has_slots: whether they have slots of classes that are looked into.
        classes: those classes.
    """

    is_atom: bool
    is_container: bool = False
    has_attributes: bool = False
    has_slots: bool = False
    classes: tuple[type, ...] = ()


class _Types(dict[type, _Traits]):
    """The traits of the types met so far, read from the first object of each."""

    def of(self, value: Any) -> _Traits:
        kind = type(value)
        return self[kind] if kind in self else self.setdefault(kind, _traits_of(value))


def _traits_of(value: Any) -> _Traits:
    if isinstance(value, ATOMS):
        return _Traits(True)
    is_container = isinstance(value, CONTAINERS)
    if not (isinstance(value, types.FunctionType) or _has_attributes(value)):
        return _Traits(False, is_container)
    classes = tuple(one for one in type(value).__mro__ if _is_own(one.__module__))
    return _Traits(False, is_container, True, bool(_slots(value)), classes)


class _Code:
    """The names that are used by the functions found so far, and the methods that nothing has named yet."""

    def __init__(self) -> None:
        self.used: set[str] = set(ENTRIES)
        self.unused: dict[str, list[Any]] = {}
        self.modules: dict[int, Globals] = {}

    def of_class(self, one: type) -> Iterator[Any]:
        """Return what a class holds, but of its methods only those that may run."""
        for name, value in vars(one).items():
            if isinstance(value, METHODS) and name not in self.used and not name.startswith("__"):
                self.unused.setdefault(name, []).append(value)
            else:
                yield value

    def of_function(self, function: types.FunctionType) -> Iterator[Any]:
        """Return what a function reaches: its closure, its defaults, the globals and the methods that it names."""
        yield from (cell for holder in _cells(function) for cell in holder.read().values())
        yield from (function.__defaults__, function.__kwdefaults__)
        names, namespace = _names(function.__code__), function.__globals__
        for name in names - self.used:
            yield from self.unused.pop(name, ())
        self.used |= names
        known = self.modules.setdefault(id(namespace), Globals(namespace, set())).names
        for value in (namespace[name] for name in names - known if name in namespace):
            if not isinstance(value, types.FunctionType | type) or value.__module__ == namespace.get("__name__"):
                yield value
        known |= names


def reachable(roots: Iterable[Any], leave: Collection[str] = ()) -> list[Any]:
    """Return all that objects hold, however deep, and all that the code of their classes and hooks names.

    Looked into are containers, namespaces, objects with their classes, closures, and of the module of a function the
    global variables that it names; not what is defined in `LIBRARIES`, nor other objects of the standard library.

    Args:
        roots: the objects.
        leave: packages whose objects are not looked into either, unless they are roots or containers.
    """
    found, code, kinds = list[Any](), _Code(), _Types()
    waiting = list(roots)
    always, seen = set(map(id, waiting)), dict[int, Any]()
    while waiting:
        value = waiting.pop()
        traits = kinds.of(value)
        if traits.is_atom or id(value) in seen:
            continue
        seen[id(value)] = value  # which also keeps it, and so its identity
        if traits.is_container:
            waiting.extend(value.values() if isinstance(value, dict) else iter(value))
        elif isinstance(value, types.FunctionType):
            waiting.extend(code.of_function(value) if _is_own(value.__module__) else ())
        elif isinstance(value, type):
            waiting.extend(code.of_class(value) if _is_own(value.__module__) else ())
        elif type(value) in WRAPPERS:
            waiting.extend(getattr(value, name) for name in WRAPPERS[type(value)])
        elif leave and id(value) not in always and _package(type(value).__module__) in leave:
            continue
        found.append(value)
        if traits.has_attributes and _has_attributes(value):
            waiting.extend(getattr(value, "__dict__", {}).values())
            slots = _slots(value) if traits.has_slots else ()
            waiting.extend(one for holder in slots for one in holder.read().values())
            waiting.extend(traits.classes)
    return [*found, *code.modules.values()]


@functools.cache
def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


@functools.cache
def _is_own(module: str | None) -> bool:
    """Tell whether the classes and functions of a module are looked into."""
    package = _package(module)
    return package not in LIBRARIES and package not in sys.stdlib_module_names


def _has_attributes(value: Any) -> bool:
    """Tell whether the attributes of an object are its own and not those of the standard library."""
    if isinstance(value, type):
        return False
    if isinstance(value, types.FunctionType):
        return _is_own(value.__module__)
    return isinstance(value, types.SimpleNamespace) or _package(type(value).__module__) not in sys.stdlib_module_names


@functools.lru_cache(4096)
def _names(code: types.CodeType) -> frozenset[str]:
    """Return the names in a function's code that may be global variables, attributes among them."""
    inner = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def _holders(value: Any) -> list[Holder]:
    if isinstance(value, Globals):
        namespace = value.namespace
        return [
            Holder(
                lambda: {name: namespace[name] for name in value.names if name in namespace},
                namespace.__setitem__,
                namespace.__delitem__,
            )
        ]
    if isinstance(value, types.FunctionType):
        return _cells(value) if _is_own(value.__module__) else []
    if isinstance(value, type):
        put, drop = functools.partial(setattr, value), functools.partial(delattr, value)
        return [Holder(lambda: dict(vars(value)), put, drop)] if _is_own(value.__module__) else []
    return _slots(value) if _has_attributes(value) else []


def _cells(function: types.FunctionType) -> list[Holder]:
    cells = dict(enumerate(function.__closure__ or ()))

    def read() -> dict[int, Any]:
        held = {}
        for n, cell in cells.items():
            with suppress(ValueError):  # an empty one
                held[n] = cell.cell_contents
        return held

    def put(n: int, value: Any) -> None:
        cells[n].cell_contents = value

    def drop(n: int) -> None:
        del cells[n].cell_contents

    return [Holder(read, put, drop)] if cells else []


def _slots(value: Any) -> list[Holder]:
    classes = [one for one in type(value).__mro__ if "__slots__" in vars(one) and _is_own(one.__module__)]
    slots = {
        (one, name): slot
        for one in classes
        for name, slot in vars(one).items()
        if isinstance(slot, types.MemberDescriptorType)
    }

    def read() -> dict[Any, Any]:
        held = {}
        for key, slot in slots.items():
            with suppress(AttributeError):  # an empty one
                held[key] = slot.__get__(value)
        return held

    # past __setattr__, which a class may refuse
    put, drop = (lambda key, one: slots[key].__set__(value, one)), (lambda key: slots[key].__delete__(value))
    return [Holder(read, put, drop)] if slots else []


def remember(
    objects: Iterable[Any],
    states: Collection[State] = STATES,
    quietly: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Callable[[], None]:
    """Return a function that gives objects back their attributes, what they contained, and their hidden states.

    Until then copies stand in the place of iterators, for no iterator goes back.

    Args:
        objects: what `reachable` returns.
        states: the kinds of object that have a hidden state.
        quietly: what is entered while containers are filled, for some tell their owner of it.
    """
    kinds, stateful = _Types(), dict[type, State | None]()
    contents: list[tuple[Any, Collection[Any]]] = []
    empty: list[Any] = []  # most are
    attributes: list[tuple[Any, dict[str, Any]]] = []
    held: list[tuple[Holder, dict[Any, Any]]] = []
    hidden: list[tuple[State, Any, Any]] = []
    for one in objects:
        traits, kind = kinds.of(one), type(one)
        if traits.is_container and not isinstance(one, tuple):
            if len(one):
                contents.append((one, _items(one)))
            else:
                empty.append(one)
        if traits.has_attributes and _has_attributes(one) and hasattr(one, "__dict__"):
            attributes.append((one, dict(vars(one))))
        if traits.has_slots or isinstance(one, Globals | types.FunctionType | type):
            held += [(holder, holder.read()) for holder in _holders(one)]
        if kind not in stateful:
            stateful[kind] = next((state for state in states if isinstance(one, state.kind)), None)
        state = stateful[kind]
        if state is not None:
            hidden.append((state, one, state.read(one)))
    with quietly():
        _set_iterators_apart(contents, attributes, held)

    def restore() -> None:
        for holder, values in held:
            _put_back(holder, values)
        for one, before in attributes:
            _refill(vars(one), before)
        with quietly():
            for container, items in contents:
                _refill(container, items)
            for container in empty:
                _refill(container, ())
        for state, one, value in hidden:
            state.write(one, value)

    return restore


def _put_back(holder: Holder, before: dict[Any, Any]) -> None:
    now = holder.read()
    for name in now.keys() - before.keys():
        holder.drop(name)
    for name, value in before.items():
        if name not in now or now[name] is not value:
            holder.put(name, value)


def _items(container: Any) -> Collection[Any]:
    """Return what a container holds: of a dict a dict, else a list."""
    return dict(container.items()) if isinstance(container, dict) else list(container)


def _refill(container: Any, items: Collection[Any]) -> None:
    """Put back what a container held, unless it still does; tensors are compared by identity alone."""
    if not items and not len(container):
        return
    if isinstance(container, dict):
        before = items if isinstance(items, dict) else {}
        is_kept = list(container) == list(before)
        if not is_kept or list(map(id, container.values())) != list(map(id, before.values())):
            for key in list(container):
                del container[key]
            for key, value in before.items():
                container[key] = value
    elif isinstance(container, set):
        if set(map(id, container)) != set(map(id, items)):
            container -= set(container)
            container |= set(items)
    elif list(map(id, container)) != list(map(id, items)):
        if isinstance(container, deque):
            container.clear()
            container.extend(items)
        else:
            container[:] = items


def _set_iterators_apart(
    contents: list[tuple[Any, Collection[Any]]],
    attributes: list[tuple[Any, dict[str, Any]]],
    held: list[tuple[Holder, dict[Any, Any]]],
) -> None:
    """Put a copy in the place of every iterator that can be copied."""
    copies: dict[int, Any] = {}
    for one, items in contents:
        if isinstance(items, dict):
            set_apart(one.__setitem__, items.items(), copies)
        elif isinstance(one, list | deque):
            set_apart(one.__setitem__, enumerate(items), copies)
    for one, before in attributes:
        set_apart(vars(one).__setitem__, before.items(), copies)
    for holder, values in held:
        set_apart(holder.put, values.items(), copies)
