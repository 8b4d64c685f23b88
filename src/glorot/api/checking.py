"""Checking: will a model start to train, and if not, which tensor is to blame?"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glorot.adapters import Adapter, modules_of, opened, take_inventory
from glorot.checks import Answer, Evidence, Group, Report
from glorot.checks.answers import answer_of
from glorot.checks.constant import with_constant
from glorot.checks.evidence import Array
from glorot.checks.locating import located
from glorot.checks.running import run
from glorot.checks.stored import evidence_of_file, refuse_beside, tensors_in
from glorot.checks.thresholds import by_name
from glorot.errors import GlorotError
from glorot.given import empty_arrays
from glorot.graph.readings import Observed
from glorot.inventory import Inventory
from glorot.inventory.names import named
from glorot.inventory.seeing import observed as seen_in
from glorot.plans import Plan
from glorot.preserving import LOCK
from glorot.probe.collector import observed, signal_of
from glorot.probe.training import check_steps, losses_of_steps
from glorot.report.file_progress import watch_file


def check(
    model: object,
    inputs: Any = None,
    targets: Any = None,
    *,
    loss: Any = None,
    plan: Plan | None = None,
    seed: int | None = None,
    optimizer: Any = None,
    reference: Any = None,
    ranks: Sequence[Any] | None = None,
    steps: int = 0,
    select: Sequence[str] | str | None = None,
    ignore: Sequence[str] | str | None = None,
    waive: Mapping[str, str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    baseline: Report | None = None,
    progress: Callable[[str, int], None] | bool | None = None,
) -> Report:
    """Tell whether a model will start to train, and if not, which tensor is to blame.

    A finding of a statistical test is significant at α = .001 over all tests of the run, and large enough to matter.

    Args:
        model: a model of PyTorch, Keras or JAX; it is left as it was found. Or a Caffe net or its path, which is drawn
            by its own fillers. Or the path of a file of weights, told by its content, or of a folder of shards: each
            tensor is looked at by itself, and beside a plan or a reference if there is one; a prefix before all of its
            names is left out.
        inputs: a batch, as for `glorot.measure`, or {blob: array} for a Caffe net; without it, what runs forward and
            backward is not asked, but of a Caffe net, which runs on noise.
        targets: class numbers or values for the batch.
        loss: function (what the model returns, targets) → scalar; cross-entropy or mean squared error by default.
        plan: the plan that the weights should follow.
        seed: the seed that they should be drawn with: compares bits; None compares their laws.
        optimizer: an optimiser of the model's parameters, or a list of them; for JAX, a transformation of gradients as
            Optax has them, whose first step is tried on the batch.
        reference: what the model should continue: a state dict, another mapping of tensors by path, or the path of a
            file of weights.
        ranks: the weights of each rank, as a list of such mappings or files.
        steps: how many steps of training to take on the batch, on copies of model, optimizer and generators: whether
            the loss falls. Without an optimizer, Adam at 0.001 steps; with targets or a loss alone.
        select: codes of the checks to run, their beginnings ("GL3") or names; None runs all.
        ignore: codes, beginnings or names of checks not to run.
        waive: {"GL301", or with a pattern of paths "GL301 head.*": the reason}: findings that are meant.
        thresholds: {"branch-scale", or "GL307": 3.0}: thresholds in place of the checks' own.
        baseline: an earlier report, whose findings are not reported again.
        progress: of a file of weights: None (default) shows in a terminal how far a long one has got; True shows it for
            any; False never; a function receives the name of each tensor that was looked at, and its bytes.

    Returns:
        The report: `ok`, `findings`, `signal`.

    Raises:
        GlorotError: if the batch does not fit the model, a code or a waiver matches nothing, a threshold is not one, or
            an argument is of another kind than it should be.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.Tanh(), torch.nn.Linear(128, 10))
        >>> glorot.check(glorot.initialize(model, "xavier", seed=0)).ok
        True

    References:
        Holm (1979), "A simple sequentially rejective multiple test procedure", for the error rate.
    """
    known = () if baseline is None else baseline.findings
    check_steps(steps)
    options: dict[str, Any] = {"select": _listed(select), "ignore": _listed(ignore), "waive": waive, "known": known}
    options["thresholds"] = by_name(thresholds or {})
    if isinstance(model, str | Path) and is_weights_file(model):
        beside = {"inputs": inputs, "targets": targets, "optimizer": optimizer, "ranks": ranks, "steps": steps or None}
        refuse_beside(model, beside, planned=plan is not None, seed=seed)
        held = None if reference is None else _tensors(reference, "reference")
        watch = functools.partial(watch_file, progress)
        return run(evidence_of_file(model, _checked_plan(plan), seed, held, watch), **options)
    adapter, found = opened(model, inputs)
    notes: tuple[str, ...] = ()
    if hasattr(adapter, "to_check"):
        found, inputs, notes = adapter.to_check(found, inputs, seed)
        adapter, found = opened(found, inputs)
    has_groups = hasattr(adapter, "groups") or inputs is None
    seen, stock = _seen(adapter, found, inputs, targets, loss, optimizer)
    losses = losses_of_steps(found, inputs, targets, loss, optimizer, steps) if steps else None
    evidence = Evidence(
        inventory=stock,
        weights=_weights(adapter, found, stock),
        buffers=_buffers(adapter, found, stock),
        plan=_checked_plan(plan),
        seed=seed,
        observed=seen,
        empty=() if seen is None else empty_arrays(inputs),
        signal=None if seen is None else signal_of(seen),
        answer=None if seen is None or targets is None else _answer(seen, targets, loss, stock),
        groups=_groups(adapter, found, optimizer) if has_groups and optimizer is not None else None,
        reference=None if reference is None else _tensors(reference, "reference"),
        ranks=None if ranks is None else tuple(_tensors(one, "each of ranks") for one in _several(ranks)),
        steps=losses,
        notes=notes,
    )
    report = run(evidence, **options)
    return located(report, modules_of(found, inputs)) if report.findings else report


def is_weights_file(model: object) -> bool:
    """Tell whether a model is the path of anything but a Caffe net."""
    return isinstance(model, str | Path) and not str(model).endswith(".prototxt")


def _seen(
    adapter: Adapter, model: Any, inputs: Any, targets: Any, loss: Any, optimizer: Any
) -> tuple[Observed | None, Inventory]:
    """Return the readings of a batch, if there is one, and the inventory with all that it showed."""
    if inputs is None:
        return None, take_inventory(model)
    with LOCK:
        stock = adapter.layers(model, inputs)
    try:
        found = observed(model, inputs, targets, loss, optimizer=optimizer, stock=stock)
    except GlorotError:
        if optimizer is None:
            raise
        # One that can't step by itself, as L-BFGS, has groups still.
        found = observed(model, inputs, targets, loss, stock=stock)
    return found, named(seen_in(stock, found.folded.graph))


def _answer(seen: Observed, targets: Any, loss: Any, stock: Inventory) -> Answer:
    """Return what the targets ask for, and the losses of answers that do not look at the inputs."""
    graph = seen.folded.graph
    shape = graph.shape(graph.outputs[0]) if graph.outputs else ()
    answer = answer_of(seen.loss, targets, loss, stock, seen.folded)
    return with_constant(answer, loss, targets, shape, stock.framework)


def _weights(adapter: Adapter, model: Any, stock: Inventory) -> dict[str, Array]:
    computed = getattr(adapter, "computed", None)
    stored = {**adapter.arrays(model), **({} if computed is None else computed(model))}
    return {one.path: stored[one.path] for one in stock.parameters if one.path in stored}


def _buffers(adapter: Adapter, model: Any, stock: Inventory) -> dict[str, Array]:
    read = getattr(adapter, "buffers", None)
    return {} if read is None else dict(read(model))


def _groups(adapter: Any, model: Any, optimizer: Any) -> tuple[Group, ...]:
    if not hasattr(adapter, "groups"):
        raise GlorotError(f"the groups of an optimizer are read for models of PyTorch, got a {type(model).__name__}")
    several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    return tuple(Group(*one) for one in adapter.groups(model, several))


def _checked_plan(plan: Any) -> Plan | None:
    if plan is not None and not isinstance(plan, Plan):
        raise GlorotError(f"plan must be a plan, as glorot.plan or Plan.load returns it, got {type(plan).__name__}")
    return plan


def _listed(given: Sequence[str] | str | None) -> Sequence[str] | None:
    return [one.strip() for one in given.split(",")] if isinstance(given, str) else given


def _several(ranks: Any) -> Sequence[Any]:
    """Return the ranks that were given, unless they are one file or one mapping, which would be taken apart."""
    if isinstance(ranks, str | Path | Mapping):
        raise GlorotError(f"ranks must be a list of the weights of each rank, got one {type(ranks).__name__}")
    return tuple(ranks)


def _tensors(given: Any, what: str) -> Mapping[str, Array]:
    """Return the tensors of a mapping, or of a file of weights."""
    return tensors_in(given) if isinstance(given, str | Path) else as_arrays(given, what)


def as_arrays(tensors: Any, what: str) -> dict[str, Array]:
    """Return a mapping of tensors of any framework as arrays by path.

    Raises:
        GlorotError: if it is something else.
    """
    import numpy as np

    if not isinstance(tensors, Mapping):
        raise GlorotError(
            f"{what} must be a mapping of tensors by path, as a state dict, or a file of weights, got "
            f"{type(tensors).__name__}"
        )
    found = {}
    for path, tensor in tensors.items():
        values = tensor
        if hasattr(values, "full_tensor"):
            values = values.full_tensor()  # for which every process must ask
        if hasattr(values, "detach"):
            values = values.detach().cpu()
            values = values.float() if "float" in str(values.dtype) and values.element_size() < 4 else values
        found[str(path)] = np.asarray(values)
    return found
