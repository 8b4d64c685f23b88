"""Running an init function on a model full of poison, and reading what it wrote."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from glorot.errors import GlorotError
from glorot.inventory.written import Lost, State, Written, WrittenModel
from glorot.preserving import process_preserved
from glorot.torch.paths import structural
from glorot.torch.poison import is_told_apart, poison, poisoned
from glorot.torch.preserve import SWITCHES
from glorot.torch.tracking import TEMPORARY, Handed, Memory, Tracker
from glorot.torch.writes import own_random_numbers, plain_tensors, storage_of

ON_META = "on the meta device, then given memory as by to_empty()"
WITH_MEMORY = "with memory, over which poison was written"
KNOWN = ("init_weights", "_init_weights", "reset_parameters")
"""Names that methods which start a model often have."""


class Slot(NamedTuple):
    """A place of the model that holds a tensor."""

    path: str
    kind: str
    module: nn.Module
    name: str

    @property
    def tensor(self) -> Any:
        """The tensor that it holds now; None where the init took it away."""
        held = getattr(self.module, self.name, None)
        return held if isinstance(held, Tensor) else None


class Made(NamedTuple):
    """A model as its function built it, and what was seen of that."""

    model: nn.Module
    tracker: Tracker
    how: str


class Found(NamedTuple):
    """What one run showed.

    Attributes:
        rows: one for each tensor.
        left: for each of those that no operator wrote and whose poison may be written by chance, where it still lies.
    """

    written: WrittenModel
    left: dict[str, Tensor]


def audit(build: Callable[[], Any], init: Callable[[Any], Any] | None, method: str) -> WrittenModel | Any:
    """Return what an init function writes to a model, or what `build` returns where that is no module.

    Raises:
        GlorotError: if there is nothing to call, or it fails.
    """
    with process_preserved(SWITCHES):
        try:
            with _apart(), torch.device("meta"):
                made = _built(build, ON_META)
        except Exception:  # whatever a constructor does that needs numbers
            made = None
        if made is None or not isinstance(made.model, nn.Module) or not _has_meta(made.model):
            return _audit(build, init, method, nullcontext, WITH_MEMORY)
        try:
            return _audit(build, init, method, lambda: torch.device("meta"), ON_META)
        except _InitError as error:  # of numbers that meta does not hold, perhaps
            try:
                return _audit(build, init, method, nullcontext, WITH_MEMORY)
            except _InitError:
                raise error from error.__cause__


class _InitError(GlorotError):
    """An init function failed."""


def _has_meta(model: nn.Module) -> bool:
    return any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))


@contextmanager
def _apart() -> Iterator[None]:
    """Run with random numbers that start where the process's are, and with gradients as usual."""
    with own_random_numbers(), torch.enable_grad():
        yield


def _audit(build: Callable[[], Any], init: Any, method: str, where: Callable[[], Any], how: str) -> WrittenModel | Any:
    first = _run(build, init, method, where, how, 0)
    if not isinstance(first, Found):
        return first
    if not first.left:
        return first.written
    second = _run(build, init, method, where, how, 1)
    rows = []
    for row in first.written.tensors:
        if row.path in first.left:
            other = second.left.get(row.path)
            both = first.left[row.path]
            both = both & other if other is not None and other.shape == both.shape else torch.zeros_like(both)
            row = _judged(row, int(both.sum()), both.numel())  # noqa: PLW2901 - judged again
        rows.append(row)
    return first.written._replace(tensors=tuple(rows))


def _run(build: Callable[[], Any], init: Any, method: str, where: Any, how: str, variant: int) -> Any:
    """Build a model, fill it with poison, start it, and read what was written."""
    with _apart():
        with where():
            made = _built(build, how)
        if not isinstance(made.model, nn.Module):
            return made.model
        call, start = _start(made.model, init, method)
        slots, skipped = _slots(made.model)
        made_by = {slot.path: _constructor(slot, made.tracker) for slot in slots}
        _give_poison(made, slots, build, where, variant)
        ties, objects = _ties(slots), {slot.path: slot.tensor for slot in slots}
        tracker = Tracker(variant, lambda key: [slot.path for slot in slots if _lies_in(slot.tensor, key)])
        memories = {slot.path: tracker.own(objects[slot.path], slot.path) for slot in slots}
        returned = _call(start, call, tracker)
        if isinstance(returned, nn.Module) and returned is not made.model:
            raise GlorotError(
                f"{call} returned another model, a {type(returned).__name__}; an audit follows the one that build "
                "made, so let the init write into the model that it is given"
            )
    rows, left = [], {}
    reader = _Reader(tracker, ties, memories, objects, made_by, slots)
    for slot in slots:
        if slot.path == ties[slot.path][0]:
            row, rest = reader.row(slot)
            rows.append(row)
            if rest is not None:
                left[slot.path] = rest
    return Found(WrittenModel(tuple(rows), reader.lost(), tuple(skipped), call, how), left)


def _built(build: Callable[[], Any], how: str) -> Made:
    tracker = Tracker()
    with tracker:
        model = build()
    return Made(model, tracker, how)


def _start(model: nn.Module, init: Any, method: str) -> tuple[str, Callable[[], Any]]:
    """Return what starts a model, as code and as a function.

    A method of the model is called if it takes nothing, and applied to every module if it takes one; where the model
    has none, those of its modules are called.
    """
    if init is not None:
        name = getattr(init, "__qualname__", type(init).__name__).rpartition(".")[2]
        return f"{'init' if name.startswith('<') else name}(model)", lambda: init(model)
    names = [method, f"_{method}"] if method == "init_weights" else [method]
    own = next((name for name in names if callable(getattr(model, name, None))), "")
    if own:
        found = getattr(model, own)
        if _needs_argument(found):
            return f"model.apply(model.{own})", lambda: model.apply(found)
        return f"model.{own}()", found
    owners = [one for one in model.modules() if callable(getattr(one, method, None))]
    if owners and not _needs_argument(getattr(owners[0], method)):
        return f"module.{method}() of {len(owners)} modules", lambda: [getattr(one, method)() for one in owners]
    known = {name for one in model.modules() for name in KNOWN if hasattr(one, name)}
    hint = f"; there is {' and '.join(sorted(known))}, which method= may name" if known else ""
    raise GlorotError(
        f"a {type(model).__name__} has no method {method}, nor has one of its modules{hint}; pass the function that "
        "starts it, glorot.audit(build, init)"
    )


def _needs_argument(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters
    )


def _call(start: Callable[[], Any], call: str, tracker: Tracker) -> Any:
    try:
        with Handed(tracker), tracker:
            return start()
    except Exception as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _InitError(
            f"{call} raised {told}; an audit needs an init function that ends, so mend that first"
        ) from error


def _slots(model: nn.Module) -> tuple[list[Slot], list[tuple[str, str]]]:
    """Return all places of a model that hold a tensor, in order, and those that are not looked at, with the reason."""
    found, skipped = [], []
    for stored_path, module in model.named_modules():
        for kind, held in (("parameter", module._parameters), ("buffer", module._buffers)):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                path = ".".join(filter(None, (structural(stored_path), name)))
                reason = _reason_against(tensor)
                if reason:
                    skipped.append((path, reason))
                    continue
                lasts = kind == "parameter" or name not in module._non_persistent_buffers_set
                found.append(Slot(path, kind if lasts else f"non-persistent {kind}", module, name))
    return found, skipped


def _reason_against(tensor: Tensor) -> str:
    if is_lazy(tensor):
        return "has no shape until the model has run on a batch"
    if tensor.layout != torch.strided or tensor.is_quantized or not storage_of(tensor):
        return "is not a dense tensor"
    if [one for one in plain_tensors(tensor) if one is not tensor]:
        return f"is a {type(tensor).__name__}, whose elements lie in other tensors"
    return ""


def _ties(slots: list[Slot]) -> dict[str, list[str]]:
    """Return, for the path of each slot, all paths of the same memory, as it was built."""
    groups: dict[Any, list[str]] = {}
    where = {slot.path: _place(slot.tensor) for slot in slots}
    for path, place in where.items():
        groups.setdefault(place, []).append(path)
    return {path: groups[place] for path, place in where.items()}


def _place(tensor: Tensor | None) -> Any:
    if tensor is None or not tensor.numel():
        return id(tensor)
    return storage_of(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _lies_in(tensor: Tensor | None, storage: int) -> bool:
    return tensor is not None and storage_of(tensor) == storage


def _constructor(slot: Slot, tracker: Tracker) -> str:
    """Return what put a value into a tensor while the model was built; "" where nothing did."""
    memory = tracker.memories.get(storage_of(slot.tensor))  # type: ignore[arg-type]
    if memory is None:
        return ""
    if memory.writers:
        return memory.writers[-1]
    return memory.made if memory.count else ""


def _give_poison(made: Made, slots: list[Slot], build: Any, where: Any, variant: int) -> None:
    """Fill all memory of a model with poison; what has none gets some, and what is tied stays tied."""
    model, known = made.model, made.tracker.memories
    foreign = [
        slot
        for slot in slots
        if not slot.tensor.is_meta and slot.tensor.numel() and storage_of(slot.tensor) not in known
    ]
    if foreign:
        _check_new(model, build, where, foreign[0].path)
    if any(slot.tensor.is_meta for slot in slots):
        _give_memory(model, slots)
    alien = {id(slot.tensor) for slot in foreign}
    ties = _ties(slots)
    for number, slot in enumerate(slots, start=1):
        tensor = slot.tensor
        if id(tensor) in alien:
            tensor.data = torch.empty_like(tensor)
        if tensor.numel() and slot.path == ties[slot.path][0]:
            poison(tensor, number, variant)


def _give_memory(model: nn.Module, slots: list[Slot]) -> None:
    """Do what `to_empty` does, which unties what was tied, and tie it again."""
    first: dict[int, tuple[Tensor, Slot]] = {}
    twins = []
    for slot in slots:
        kept, other = first.setdefault(id(slot.tensor), (slot.tensor, slot))
        if kept.is_meta and other is not slot:
            twins.append((slot, other))
    fresh: dict[int, tuple[Tensor, Tensor]] = {}

    def with_memory(tensor: Tensor) -> Tensor:
        if not tensor.is_meta:
            return tensor
        if id(tensor) not in fresh:
            fresh[id(tensor)] = tensor, torch.empty_like(tensor, device="cpu")
        return fresh[id(tensor)][1]

    model._apply(with_memory)
    for slot, other in twins:
        held = slot.module._parameters if slot.kind == "parameter" else slot.module._buffers
        held[slot.name] = other.tensor


def _check_new(model: nn.Module, build: Any, where: Any, path: str) -> None:
    """Raise if `build` returns a model that was there before."""
    with where():
        other = build()
    if not isinstance(other, nn.Module):
        return
    shared = {id(one) for one in model.parameters()} & {id(one) for one in other.parameters()}
    if other is model or shared:
        raise GlorotError(
            f"build must make a new model each time, and returned one that was there before ({path} is the same tensor "
            "in two calls); an audit fills it with poison, so let build call the constructor"
        )


class _Reader:
    """Reads off a model, once it is started, what was written."""

    def __init__(
        self,
        tracker: Tracker,
        ties: dict[str, list[str]],
        memories: dict[str, Memory],
        objects: dict[str, Tensor],
        made_by: dict[str, str],
        slots: list[Slot],
    ) -> None:
        self.tracker, self.ties, self.first = tracker, ties, memories
        self.objects, self.made_by = objects, made_by
        self.slots = {slot.path: slot for slot in slots}
        self.keys = {slot.path: number for number, slot in enumerate(slots, start=1)}

    def row(self, slot: Slot) -> tuple[Written, Tensor | None]:
        """Return what became of a tensor, and where its poison still lies, if that may be by chance."""
        held, before = slot.tensor, self.first[slot.path]
        tensor = self.objects[slot.path] if held is None else held
        memory = self.tracker.memory(tensor) or before
        times, counts = memory.written(tensor)
        group = self.ties[slot.path]
        empty_by = next((self.tracker.while_empty[one] for one in group if one in self.tracker.while_empty), "")
        now = [one for one in group[1:] if self._shares(one, tensor)]
        row = Written(
            path=slot.path,
            kind=slot.kind,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            state="once",
            times=times,
            writers=tuple(dict.fromkeys(memory.writers or before.writers)) or ((memory.made,) if memory.made else ()),
            read_first=before.read_first,
            constructor=self.made_by[slot.path],
            tied=tuple(now),
            parted=tuple(one for one in group[1:] if one not in now),
            replaced=held is not self.objects[slot.path],
            layer=type(slot.module).__name__,
        )
        if empty_by and times == 0:
            return _with(row, "empty", unwritten=tensor.numel(), writers=(empty_by,)), None
        if not tensor.numel() or (times and counts is None):
            return self._checked(row, tensor), None
        return self._unwritten(row, tensor, memory is before, counts)

    def _unwritten(
        self, row: Written, tensor: Tensor, is_own: bool, counts: Tensor | None
    ) -> tuple[Written, Tensor | None]:
        """Judge a tensor of which no operator wrote some elements: those that still hold the poison."""
        left = poisoned(tensor, self.keys[row.path] if is_own else TEMPORARY, self.tracker.variant)
        if counts is not None:
            left = left & (counts == 0)
        row = _judged(row, int(left.sum()), left.numel())
        if row.state != "once" and not is_told_apart(tensor):
            return row, left
        return (self._checked(row, tensor) if row.state == "once" else row), None

    def _checked(self, row: Written, tensor: Tensor) -> Written:
        """Judge a tensor all of whose elements were written."""
        values = tensor.detach()
        if (values.is_floating_point() or values.is_complex()) and values.isnan().any():
            return _with(row, "raw", unwritten=int(values.isnan().sum()))
        return _with(row, "again" if row.times > 1 else "once", times=max(row.times, 1))

    def _shares(self, path: str, tensor: Tensor) -> bool:
        other = self.slots[path].tensor
        return other is not None and (other is tensor or storage_of(other) == storage_of(tensor))

    def lost(self) -> tuple[Lost, ...]:
        """Return the writes into temporaries that are gone, and whose values reached nothing that is still there."""
        memories = self.tracker.memories
        reached = self.tracker.reached(
            key for key, memory in memories.items() if memory.path or not memory.alive.expired()
        )
        found = dict.fromkeys(
            Lost(tuple(memory.made_of), memory.writers[-1], memory.made)
            for key, memory in memories.items()
            if key not in reached and memory.writers and memory.made_of and not memory.path
        )
        return tuple(found)


def _judged(row: Written, left: int, elements: int) -> Written:
    if left == 0:
        return _with(row, "again" if row.times > 1 else "once", times=max(row.times, 1))
    return _with(row, "never" if left == elements else "partly", unwritten=left)


def _with(row: Written, state: State, **changes: Any) -> Written:
    return replace(row, state=state, **changes)
