"""Plan: a recipe resolved on one inventory. Pure data: printed, saved, loaded, compared."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.graph import Graph
from glorot.inventory import Part, fingerprint, runs
from glorot.plans.diff import PlanDiff, compare_entries
from glorot.plans.digests import digest_of_plan
from glorot.plans.entry import PlanEntry, layout_text
from glorot.plans.file import PlanFields, file_text, read_plan, to_json
from glorot.plans.tables import notebook_table, text_table
from glorot.plans.tree import tree_text
from glorot.stream.digest import Digest
from glorot.text import escaped_json


@dataclass(frozen=True, repr=False)
class Plan:
    """The distribution of every part of a model. Made by `glorot.plan`, carried out by `glorot.apply`.

    Attributes:
        version: the version of the plan format; a plan that was read keeps that of its file.
        stream: the stream its numbers are drawn from.
        recipe: the recipe it was resolved from.
        entries: one for each part.
        more: fields that a newer glorot wrote, kept as they are.
        buffers: what the model computes with and the plan leaves alone, as its masks and tables of positions.
        framework: what the model was written in whose stored tensors the views are about; "" in older plans.
        notes: what had to be assumed of what the model computes, and where the look stopped; not in the file.
        graph: what the model computes, as a batch showed it; not in the file.
    """

    version: int
    stream: str
    recipe: str
    entries: tuple[PlanEntry, ...]
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)
    buffers: tuple[str, ...] = ()
    framework: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    graph: Graph | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """A hash of all names, axes and shapes: a plan fits a model that has the same."""
        return fingerprint(self.entries)

    @functools.cached_property
    def _by_name(self) -> dict[str, PlanEntry]:
        return {entry.name: entry for entry in self.entries}

    def __getitem__(self, name: str) -> PlanEntry:
        return self._by_name[name]

    def __iter__(self) -> Iterator[PlanEntry]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return notebook_table(self._title, self.entries, self.fingerprint)

    @property
    def _title(self) -> str:
        return f"plan: {self.recipe}"

    def table(self, *, full: bool = False) -> str:
        """Return the plan as a table, equal layers folded into one row.

        Args:
            full: a row for each part; False (default) folds equal layers into one, `layers.{0..79}.weight`, and
                writes what differs from layer to layer as a range, `0.01…0.04`.

        Returns:
            The table as text; what `print(plan)` shows is the folded one.

        Example:
            >>> import glorot, torch
            >>> deep = torch.nn.Sequential(*(torch.nn.Linear(8, 8, bias=False) for _ in range(80)))
            >>> print(glorot.plan(deep, "xavier").table().splitlines()[4])
            {0..79}.weight  8×8    8 → 8  identity  xavier_uniform  0.3536  2/(fan_in + fan_out)
        """
        return text_table(self._title, self.entries, self.fingerprint, full, self.buffers, self.notes)

    def tree(self) -> str:
        """Return the layers of the model as a tree: what feeds each, what it is for, and which branch it ends.

        Modules are in the order in which the model runs, where a batch showed that; equal blocks are one, `{0..11}`.

        Returns:
            The tree as text; `glorot plan --graph` shows it too.

        Example:
            >>> import glorot, torch
            >>> deep = torch.nn.Sequential(*(torch.nn.Linear(8, 8, bias=False) for _ in range(80)))
            >>> print(glorot.plan(deep, inputs=torch.ones(1, 8)).tree().splitlines()[-2])
            {0..78}  ×79  8 → 8  identity  kernel
        """
        return tree_text(self._title, self.entries)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, ready for JSON."""
        return to_json(self._fields)

    @property
    def _fields(self) -> PlanFields:
        return PlanFields(self.version, self.stream, self.recipe, self.entries, self.more, self.buffers, self.framework)

    def save(self, path: str | Path) -> Path:
        """Write the plan as a JSON file, whole or not at all.

        Args:
            path: the file to write.

        Returns:
            The path written.

        Raises:
            GlorotError: if the place cannot be written.
        """
        return write_whole(path, json_text(self) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Plan":
        """Read a plan that `save` wrote, in this version of glorot or in another one.

        Args:
            path: the file to read.

        Returns:
            The plan. What a newer glorot wrote beyond this one's fields is kept, with a warning that names it.

        Raises:
            GlorotError: if the file cannot be read, is no plan, is of another version, or was damaged.
        """
        return cls(*read_plan(path))

    def diff(self, other: "Plan") -> PlanDiff:
        """Compare with another plan, part by part."""
        return compare_entries(self.entries, other.entries)

    def digest(self, seed: int, dtype: str = "float32", *, prefix: str = "") -> Digest:
        """Return the digest that weights written by this plan must have, without a model and without holding them.

        digest = Σ mix(path, index in the stored tensor, bits), over all elements, 128 bits

        Args:
            seed: the seed that they are written with.
            dtype: the type that they are stored in: float32, bfloat16, float16 or float64.
            prefix: as for `glorot.apply`.

        Returns:
            The digest; that of a model, of the sum of its shards or of its files, `glorot.digest(model)`, is equal.
            Parts whose bits are not promised count by their names, and their tensors are listed in `by_name`.

        Raises:
            GlorotError: if the plan is older than version 3 and holds fused parameters, the seed is no seed, or the
                dtype can't hold the weights.

        Example:
            >>> import glorot, torch
            >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
            >>> plan = glorot.plan(model)
            >>> plan.digest(seed=0) == glorot.digest(glorot.apply(plan, model, seed=0))
            True
            >>> glorot.digest(glorot.apply(plan, model, seed=1)).differing(plan.digest(seed=0))
            ['0.weight', '2.weight']
        """
        return digest_of_plan(self.entries, self.version, seed, dtype, prefix)

    def check_fits(self, parts: Sequence[Part]) -> None:
        """Raise, naming every part that is missing, extra or of another shape, unless the plan fits these parts.

        Running statistics may be missing on either side: not every framework keeps them, and older plans have none.
        """
        planned, present = ({one.name: one for one in some if not runs(one.role)} for some in (self.entries, parts))
        for part in parts:
            if runs(part.role) and part.name in self and runs(self[part.name].role):
                planned[part.name], present[part.name] = self[part.name], part
        if fingerprint(planned.values()) == fingerprint(present.values()):
            return
        lines = [f"  in the plan only: {name}" for name in planned if name not in present]
        lines += [f"  in the model only: {name}" for name in present if name not in planned]
        lines += [
            f"  {name}: planned {layout_text(planned[name])}, the model has {layout_text(present[name])}"
            for name in planned
            if name in present and layout_text(planned[name]) != layout_text(present[name])
        ]
        more = [f"  … and {len(lines) - 20} more"] if len(lines) > 20 else []
        if any(planned[name].axes and not present[name].axes for name in planned if name in present):
            more.append("  what has no axes in the model needs them here as well: axes={path pattern: letters}")
        raise GlorotError(
            "this plan was made for another model; make one for this model with glorot.plan(model), or say what its "
            "parameters are called in the plan with names={path: name}\n" + "\n".join(lines[:20] + more)
        )


def json_text(plan: Plan) -> str:
    """Return a plan as the text of its file; letters that nobody sees are escapes in it."""
    return escaped_json(file_text(plan._fields))
