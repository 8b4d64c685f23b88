"""Running an init function on a model full of poison, and reading what it wrote."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from glorot.errors import GlorotError
from glorot.inventory.written import WrittenModel
from glorot.preserving import process_preserved
from glorot.torch.paths import structural
from glorot.torch.poison import poison
from glorot.torch.preserve import SWITCHES
from glorot.torch.tracking import Handed, Tracker
from glorot.torch.writes import own_random_numbers, plain_tensors, storage_of
from glorot.torch.written import Reader, Slot, judged

ON_META = "on the meta device, then given memory as by to_empty()"
WITH_MEMORY = "with memory, over which poison was written"
KNOWN = ("init_weights", "_init_weights", "reset_parameters")
"""Names that methods which start a model often have."""


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
            row = judged(row, int(both.sum()), both.numel())  # noqa: PLW2901 - judged again
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
        _call(start, call, tracker, made.model)
    rows, left = [], {}
    reader = Reader(tracker, ties, memories, objects, made_by, slots)
    for slot in slots:
        if slot.tensor is None:
            skipped.append((slot.path, "the init took away"))
        elif reader.is_first(slot):
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


def _call(start: Callable[[], Any], call: str, tracker: Tracker, model: nn.Module) -> None:
    """Start a model under the eyes of a tracker; what that returns is not kept, or a temporary would live on."""
    try:
        with Handed(tracker), tracker:
            returned = start()
    except Exception as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _InitError(
            f"{call} raised {told}; an audit needs an init function that ends, so mend that first"
        ) from error
    if isinstance(returned, nn.Module) and returned is not model:
        raise GlorotError(
            f"{call} returned another model, a {type(returned).__name__}; an audit follows the one that build made, so "
            "let the init write into the model that it is given"
        )


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
    memory = tracker.memories.get(storage_of(slot.tensor))
    if memory is None:
        return "memory from outside PyTorch"
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
