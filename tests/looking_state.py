"""Ways to keep state in Python, for models that change it while they run; `m` is a model, `x` its batch."""

import functools
import itertools
import random
from collections.abc import Callable
from typing import Any

from torch import Tensor


class Holder:
    """An object of a user's own, which a module holds."""

    def __init__(self) -> None:
        self.count, self.inside = 0, {"items": [1]}


class Base(Holder):
    """An object whose class counts what all of its kind have done."""

    uses = 0


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("count", "late", "seen")

    def __init__(self) -> None:
        self.count, self.seen = 0, [1]


class Sealed(Slotted):
    """One that may not be written to, as those of frozen classes."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, "seen"):
            raise TypeError(f"{name} is sealed")
        super().__setattr__(name, value)


def write_slots(m: Any, x: Tensor) -> None:
    m.holder.count += 1
    m.holder.late = x
    m.holder.seen.append(2)


def write_sealed(m: Any, x: Tensor) -> None:
    object.__setattr__(m.holder, "count", 4)
    object.__delattr__(m.holder, "seen")


def count_of_class(m: Any, x: Tensor) -> None:
    type(m.holder).uses += 1


def draw_from(m: Any, x: Tensor) -> Tensor:
    return x * 0 + next(m.numbers)


def with_numbers(numbers: Callable[[], Any]) -> Callable[[Any], None]:
    def prepare(m: Any) -> None:
        m.numbers = numbers()
        next(m.numbers)

    return prepare


def share_numbers(m: Any) -> None:
    """Let an attribute, a list and a closure hold one iterator."""
    numbers = itertools.count()
    m.numbers, m.several = numbers, [numbers]
    m.next = lambda: next(numbers)


def counting() -> Callable[[Any, Tensor], None]:
    """Return a function that keeps state everywhere that a function can."""
    count, seen, late = 0, [1], 0
    del late

    def act(m: Any, x: Tensor, before: list[int] = []) -> None:  # noqa: B006 - a default that is written to is tried
        nonlocal count, late
        count, late = count + 1, 2
        seen.append(1)
        before.append(1)
        act.calls = count

    return act


class Recorder:
    """An object whose method is a hook."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def hook(self, *args: Any) -> None:
        self.seen.append(args)


def record(m: Any) -> None:
    m.fc.register_forward_hook(Recorder().hook)
    m.fc.register_forward_hook(functools.partial(lambda seen, *args: seen.append(1), []))


CALLS, TRACE, NUMBERS, GONE, OWNED = 0, [1], itertools.count(), 1, Base()
CHANCE = random.Random(3)


def count_globally(m: Any, x: Tensor) -> None:
    global CALLS  # noqa: PLW0603 - this is what is tried
    CALLS += 1
    TRACE.append(1)
    m.total = [CALLS + one for one in TRACE]


def count_by_a_helper(m: Any, x: Tensor) -> None:
    count_globally(m, x)
    OWNED.inside["items"].append(next(NUMBERS))
    Base.uses += 1


def make_and_delete(m: Any, x: Tensor) -> None:
    global GONE, MADE  # noqa: PLW0603
    MADE = CHANCE.random()
    del GONE


def set_attribute(name: str, make: Callable[[], Any]) -> Callable[[Any], None]:
    return lambda m: setattr(m, name, make())


# what is done in forward, and what is made ready for it
STATEFUL: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None]] = {
    "attributes: class of an object": (count_of_class, set_attribute("holder", Base)),
    "attributes: slots": (write_slots, set_attribute("holder", Slotted)),
    "attributes: sealed slots": (write_sealed, set_attribute("holder", Sealed)),
    "iterators: of a list": (draw_from, with_numbers(lambda: iter([1, 2, 3]))),
    "iterators: the end of a list": (lambda m, x: list(m.numbers), with_numbers(lambda: iter([1, 2, 3]))),
    "iterators: count": (draw_from, with_numbers(itertools.count)),
    "iterators: cycle": (draw_from, with_numbers(lambda: itertools.cycle([1, 2]))),
    "iterators: of iterators": (lambda m, x: next(m.numbers), with_numbers(lambda: zip(itertools.count(), itertools.chain("ab", "cd")))),
    "iterators: of a dict": (draw_from, with_numbers(lambda: iter({1: 2, 3: 4}))),
    "iterators: shared": (lambda m, x: [next(m.numbers), next(m.several[0]), m.next()], share_numbers),
    "closures: a function's own state": (lambda m, x: m.count(m, x), set_attribute("count", counting)),
    "closures: hooks": (lambda m, x: None, record),
    "globals: counter and list": (count_globally, None),
    "globals: through a helper": (count_by_a_helper, None),
    "globals: made and deleted": (make_and_delete, None),
}  # fmt: skip
