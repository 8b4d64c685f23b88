"""Reading off a started model what was written to it, and what is left of the poison."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from glorot.inventory.written import Lost, State, Written
from glorot.torch.poison import is_told_apart, poisoned
from glorot.torch.tracking import TEMPORARY, Memory, Tracker
from glorot.torch.writes import storage_of

PAST_OPERATORS = "no operator: NumPy or a kernel"


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


class Reader:
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

    def is_first(self, slot: Slot) -> bool:
        """Tell whether a tensor is not tied to one before it, or no longer."""
        first = self.ties[slot.path][0]
        return slot.path == first or not self._shares(first, slot.tensor)

    def row(self, slot: Slot) -> tuple[Written, Tensor | None]:
        """Return what became of a tensor, and where its poison still lies, if that may be by chance."""
        tensor, before = slot.tensor, self.first[slot.path]
        memory = self.tracker.memory(tensor) or before
        times, counts = memory.written(tensor)
        others = [one for one in self.ties[slot.path] if one != slot.path]
        tied = [one for one in others if self._shares(one, tensor)]
        holding = (slot.path, *tied)
        empty_by = next((by for path, by in self.tracker.while_empty.items() if path in holding), "")
        row = Written(
            path=slot.path,
            kind=slot.kind,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            state="once",
            times=times,
            writers=_writers(memory, before, times),
            read_first=before.read_first,
            constructor=self.made_by[slot.path],
            tied=tuple(tied),
            parted=tuple(one for one in others if one not in tied),
            replaced=tensor is not self.objects[slot.path],
            layer=type(slot.module).__name__,
        )
        if empty_by and times == 0:
            return replace(row, state="empty", unwritten=tensor.numel(), writers=(empty_by,)), None
        if not tensor.numel() or (times and counts is None):
            return _checked(row, tensor), None
        return self._unwritten(row, tensor, memory, counts)

    def _unwritten(
        self, row: Written, tensor: Tensor, memory: Memory, counts: Tensor | None
    ) -> tuple[Written, Tensor | None]:
        """Judge a tensor of which no operator wrote some elements: those that hold poison, or what was made of it."""
        is_own, values = memory is self.first[row.path], tensor.detach()
        left = poisoned(values, self.keys[self.ties[row.path][0]] if is_own else TEMPORARY, self.tracker.variant)
        if values.is_floating_point() or values.is_complex():
            left |= values.isnan()  # not every operator keeps the bits of a NaN
        elif memory.changed:
            left = torch.ones_like(left)
        if counts is not None:
            left = left & (counts == 0)
        row = judged(row, int(left.sum()), left.numel())
        if row.state == "never" and is_own and row.writers:  # the real parts of complex numbers alone, for one
            row = replace(row, state="partly")
        if row.state in {"never", "partly"} and not is_told_apart(tensor):
            return row, left
        return (row if row.state in {"never", "partly"} else _checked(row, tensor)), None

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


def _writers(memory: Memory, before: Memory, times: int) -> tuple[str, ...]:
    """Return who wrote a tensor: its memory of now, or else an earlier one that is lost."""
    if memory.writers or (not times and memory is not before):
        return tuple(dict.fromkeys(memory.writers or before.writers))
    return (memory.made,) if memory.made and times else ()


def judged(row: Written, left: int, elements: int) -> Written:
    """Return a row with what follows from how many of its elements hold poison."""
    if left:
        return replace(row, state="never" if left == elements else "partly", unwritten=left)
    state: State = "again" if row.times > 1 else "once"
    return replace(row, state=state, times=max(row.times, 1), unwritten=0, writers=row.writers or (PAST_OPERATORS,))


def _checked(row: Written, tensor: Tensor) -> Written:
    """Judge a tensor all of whose elements were written: with numbers, or with what was made of raw memory."""
    values = tensor.detach()
    broken = int(values.isnan().sum()) if values.is_floating_point() or values.is_complex() else 0
    return replace(row, state="raw", unwritten=broken) if broken else judged(row, 0, values.numel())
