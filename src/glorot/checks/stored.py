"""A file of weights as evidence: by itself, or beside the plan or the tensors that it should agree with."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from glorot.checks.evidence import Array, Evidence
from glorot.checks.paths import path_text
from glorot.errors import GlorotError
from glorot.forensics.examining import Progress, examine_all
from glorot.forensics.formats import FORMATS
from glorot.forensics.reading import read
from glorot.forensics.stored import Stored
from glorot.inventory import Inventory, Parameter, Part, path_of, runs
from glorot.inventory.layouts import stored_shape
from glorot.plans import Plan
from glorot.text import counted

Shape = tuple[int, ...]


class InFile(Mapping[str, Array]):
    """The floating tensors of a file as arrays, each read when it is asked for; the last one is kept.

    Args:
        tensors: the tensors by the names that they are asked for.
        shapes: the shapes in which some of them are returned, with as many elements as they have.

    Example:
        >>> import numpy as np
        >>> InFile({"w": Stored.of_array("model.w", np.ones((1, 3), np.float32))}, {"w": (3,)})["w"]
        array([1., 1., 1.], dtype=float32)
    """

    def __init__(self, tensors: Mapping[str, Stored], shapes: Mapping[str, Shape] | None = None) -> None:
        self._tensors = {name: one for name, one in tensors.items() if one.format is not None}
        self._shapes = shapes or {}
        self._last: tuple[str, Array] | None = None

    def __getitem__(self, name: str) -> Array:
        if self._last is None or self._last[0] != name:
            tensor = self._tensors[name]
            assert tensor.format is not None
            values = tensor.format.decode(tensor.load())
            self._last = name, values.reshape(self._shapes.get(name, tensor.shape))
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def tensors_in(path: str | Path) -> InFile:
    """Return the floating tensors of a file of weights by name.

    Raises:
        GlorotError: if the file cannot be read.
    """
    return InFile({one.name: one for one in read(path)})


@dataclass(frozen=True)
class Named:
    """The tensors of a file, by the names that the other side has for them.

    Attributes:
        prefix: what the file has before all these names; "" for nothing.
        tensors: the tensors by their names without it.
    """

    prefix: str
    tensors: Mapping[str, Stored]


def evidence_of_file(
    path: str | Path,
    plan: Plan | None = None,
    seed: int | None = None,
    reference: Mapping[str, Array] | None = None,
    watch: Callable[[int, int], AbstractContextManager[Progress | None]] | None = None,
) -> Evidence:
    """Return what a file of weights shows by itself, and beside a plan or a reference.

    Args:
        path: the file.
        plan: the plan that its tensors should follow.
        seed: the seed with which they should be drawn; None compares their laws.
        reference: the tensors that they should continue.
        watch: function (count of tensors, bytes) → what receives the progress.

    Returns:
        The evidence, with a note on what was compared.

    Raises:
        GlorotError: if the file cannot be read.
    """
    tensors = read(path)
    others = [] if plan is None else [path_of(entry.name) for entry in plan]
    named = without_prefix(tensors, others or list(reference or ()))
    found = named.tensors
    inventory = _inventory(found, plan)
    shapes = {one.path: one.shape for one in inventory.parameters if one.parts}
    fitting = {name: one for name, one in found.items() if _is_alike(one.shape, shapes.get(name, one.shape))}
    weights = InFile(fitting, shapes)
    with nullcontext() if watch is None else watch(len(tensors), sum(one.bytes for one in tensors)) as told:
        origins = examine_all(str(path), tensors, told)
    return Evidence(
        inventory,
        {} if plan is None and reference is None else weights,
        plan=plan,
        seed=seed,
        reference=reference,
        origins=origins,
        stored={name: one.shape for name, one in found.items()},
        notes=tuple(_notes(named, inventory, weights, plan, seed, reference)),
    )


def without_prefix(tensors: Iterable[Stored], others: Iterable[str]) -> Named:
    """Return tensors without the one prefix whose removal makes most of their names equal to others.

    Example:
        >>> import numpy as np
        >>> file = [Stored.of_array(f"module.{name}", np.ones(2)) for name in ("a.weight", "b.weight")]
        >>> named = without_prefix(file, ["a.weight", "b.weight", "c.weight"])
        >>> named.prefix, list(named.tensors)
        ('module.', ['a.weight', 'b.weight'])
    """
    stored, wanted = {one.name: one for one in tensors}, set(others)
    counts: Counter[str] = Counter()
    for name in stored:
        ends = [0, *(n + 1 for n, letter in enumerate(name) if letter == ".")]
        counts.update(name[:end] for end in ends if name[end:] in wanted)
    prefix = max(counts, key=lambda one: (counts[one], -len(one)), default="")
    under = {name.removeprefix(prefix): one for name, one in stored.items() if name.startswith(prefix)}
    return Named(prefix, under | {name: one for name, one in stored.items() if not name.startswith(prefix)})


def _inventory(tensors: Mapping[str, Stored], plan: Plan | None) -> Inventory:
    """Return the parameters of the plan, as the file stores them, and the other tensors without parts."""
    planned: dict[str, list[Part]] = defaultdict(list)
    for entry in plan or ():
        part = Part(entry.name, entry.axes, entry.shape, entry.role, "", entry.fans, entry.view)
        planned[path_of(entry.name)].append(part)
    parameters = []
    for path, parts in planned.items():
        one = tensors.get(path)
        shape = stored_shape(parts, () if one is None else one.shape)
        parameters.append(Parameter(path, shape, "float32" if one is None else one.dtype, tuple(parts)))
    rest = [Parameter(name, one.shape, one.dtype) for name, one in tensors.items() if name not in planned]
    return Inventory("", (*parameters, *rest))


def _notes(
    named: Named,
    inventory: Inventory,
    weights: InFile,
    plan: Plan | None,
    seed: int | None,
    reference: Mapping[str, Array] | None,
) -> Iterator[str]:
    """Yield what was compared, and what was not."""
    if named.prefix:
        yield f"names in the file have the prefix {named.prefix!r}, which is left out here"
    if reference is not None:
        common, known = len(set(weights) & set(reference)), counted(len(reference), "tensor")
        yield f"{common} of the reference's {known} were compared with it"
    if plan is None:
        return
    drawn = {path_of(entry.name) for entry in plan if entry.distribution is not None}
    planned = [one for one in inventory.parameters if one.path in drawn]
    compared = sum(one.path in weights for one in planned)
    how = "in law" if seed is None else f"to the bit with seed {seed}"
    yield f"{compared} of the plan's {counted(len(planned), 'tensor')} were compared with it {how}"
    missing = [one.path for one in planned if one.path not in named.tensors]
    if missing:
        yield f"not in the file: {path_text(missing)}"
    whole = [one.path for one in planned if one.path in named.tensors and named.tensors[one.path].format is None]
    if whole:
        yield f"not compared, because they hold whole numbers: {path_text(whole)}"


def mismatches(evidence: Evidence) -> Iterator[tuple[str, Shape | None, Shape | None]]:
    """Yield the names that plan and file do not share, or have in other shapes: (name, in the file, in the plan)."""
    assert evidence.stored is not None
    for one in evidence.inventory.parameters:
        found = evidence.stored.get(one.path)
        gathered = all(runs(part.role) for part in one.parts)
        if not one.parts:
            if one.dtype in FORMATS:  # counters and other whole numbers follow no plan
                yield one.path, found, None
        elif found is None:
            if not gathered:
                yield one.path, None, one.shape
        elif not _is_alike(found, one.shape):
            yield one.path, found, one.shape


def _is_alike(one: Shape, other: Shape) -> bool:
    """Tell whether shapes are equal but for axes of length 1 in front, as blobs of Caffe have them."""
    longest = max(len(one), len(other))
    return (1,) * (longest - len(one)) + one == (1,) * (longest - len(other)) + other


def refuse_beside(path: str | Path, given: Mapping[str, object]) -> None:
    """Check that no argument is given that a file of weights does not allow.

    Raises:
        GlorotError: if one is given that needs a model.
    """
    for name, value in given.items():
        if value is not None:
            raise GlorotError(
                f"{path} is a file of weights, which is checked without a model; {name}= needs one: load the file into "
                "a model, and pass that"
            )
