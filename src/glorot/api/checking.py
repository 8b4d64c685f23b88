"""Checking: will a model start to train, and if not, which tensor is to blame?"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glorot.adapters import Adapter, modules_of, opened, take_inventory
from glorot.api.asked import asked_options, asked_plan, asked_ranks, asked_seed, refuse_without_batch
from glorot.checks import Answer, Evidence, Group, Report
from glorot.checks.answers import answer_of
from glorot.checks.constant import with_constant
from glorot.checks.evidence import Array
from glorot.checks.locating import located
from glorot.checks.running import run
from glorot.checks.stored import evidence_of_file, refuse_beside, tensors_in
from glorot.errors import GlorotError, NoStepError
from glorot.given import ToCheck, empty_arrays
from glorot.graph import Forward
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
    forward: Forward | None = None,
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
        forward: function (model, inputs) that runs the model on the batch, for one that is not called itself, as a
            pytree, or that takes one example, as a model of Equinox: `lambda model, batch: jax.vmap(model)(batch)`.

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
    check_steps(steps)
    options = asked_options(select, ignore, waive, thresholds, baseline)
    plan, ranks = asked_plan(plan), asked_ranks(ranks)
    if isinstance(model, str | Path) and is_weights_file(model):
        beside = {"inputs": inputs, "targets": targets, "loss": loss, "optimizer": optimizer, "ranks": ranks}
        refuse_beside(model, {**beside, "forward": forward, "steps": steps or None})
        return run(_of_file(model, plan, seed, reference, progress), **options)
    if inputs is None:
        refuse_without_batch(targets=targets, loss=loss, forward=forward)
    adapter, (found, inputs, notes), seed = _standing(model, inputs, seed, planned=plan is not None)
    batch = Batch(inputs, targets, loss, forward)
    seen, stock, why_no_step = _seen(adapter, found, batch, optimizer)
    evidence = Evidence(
        inventory=stock,
        weights=_weights(adapter, found, stock),
        buffers=_buffers(adapter, found, stock),
        plan=plan,
        seed=seed,
        observed=seen,
        empty=() if seen is None else empty_arrays(inputs),
        signal=None if seen is None else signal_of(seen),
        answer=None if seen is None or targets is None else _answer(seen, targets, loss, stock),
        groups=_groups(adapter, found, optimizer, has_batch=inputs is not None),
        reference=None if reference is None else _tensors(reference, "reference"),
        ranks=None if ranks is None else tuple(_tensors(one, "each of ranks") for one in ranks),
        steps=_steps(found, batch, optimizer, steps) if steps else None,
        notes=(*notes, *why_no_step),
    )
    report = run(evidence, **options)
    return located(report, modules_of(found, inputs)) if report.findings else report


def _of_file(model: str | Path, plan: Plan | None, seed: Any, reference: Any, progress: Any) -> Evidence:
    """Return what a file of weights shows."""
    drawn_with = asked_seed(seed, planned=plan is not None, what=f"{model} is a file of weights; ")
    held = None if reference is None else _tensors(reference, "reference")
    return evidence_of_file(model, plan, drawn_with, held, functools.partial(watch_file, progress))


def _standing(model: Any, inputs: Any, seed: Any, *, planned: bool) -> tuple[Adapter, ToCheck, int | None]:
    """Return the adapter of what is checked, that itself, and the seed; a module stands for a Caffe net."""
    adapter, found = opened(model, inputs)
    is_net = hasattr(adapter, "to_check")
    seed = asked_seed(seed, planned=planned or is_net)
    if not is_net:
        return adapter, ToCheck(found, inputs, ()), seed
    standing: ToCheck = adapter.to_check(found, inputs, seed)  # type: ignore[attr-defined]
    return opened(standing.model)[0], standing, seed


class Batch(NamedTuple):
    """A batch, and how a model is run on it.

    Attributes:
        inputs: the batch; None for none, as of the next three.
        targets: what the loss compares the outputs with.
        loss: the loss.
        forward: what runs the model.
    """

    inputs: Any
    targets: Any
    loss: Any
    forward: Forward | None


def is_weights_file(model: object) -> bool:
    """Tell whether a model is the path of anything but a Caffe net."""
    return isinstance(model, str | Path) and not str(model).endswith(".prototxt")


def _seen(
    adapter: Adapter, model: Any, batch: Batch, optimizer: Any
) -> tuple[Observed | None, Inventory, tuple[str, ...]]:
    """Return the readings of a batch, if there is one, the inventory with all that it showed, and what was left out."""
    if batch.inputs is None:
        return None, take_inventory(model), ()
    with LOCK:
        stock = adapter.layers(model, batch.inputs)
    left_out: tuple[str, ...] = ()
    try:
        found = observed(model, *batch, optimizer=optimizer, stock=stock)
    except NoStepError as error:  # as L-BFGS, which has groups still
        left_out = (f"the first step of the optimizer was not tried: {error}",)
        found = observed(model, *batch, stock=stock)
    return found, named(seen_in(stock, found.folded.graph)), left_out


def _steps(model: Any, batch: Batch, optimizer: Any, count: int) -> tuple[float, ...]:
    if batch.forward is not None:
        raise GlorotError("steps= trains a model that is called itself, and forward= runs this one; leave out steps=")
    return losses_of_steps(model, batch.inputs, batch.targets, batch.loss, optimizer, count)


def _answer(seen: Observed, targets: Any, loss: Any, stock: Inventory) -> Answer:
    """Return what the targets ask for, and the losses of answers that do not look at the inputs."""
    graph = seen.folded.graph
    shape = graph.shape(graph.outputs[0]) if graph.outputs else ()
    answer = answer_of(seen.loss, targets, loss, stock, seen.folded)
    return with_constant(answer, loss, targets, shape, stock.adapter)


def _weights(adapter: Adapter, model: Any, stock: Inventory) -> dict[str, Array]:
    computed = getattr(adapter, "computed", None)
    stored = {**adapter.arrays(model), **({} if computed is None else computed(model))}
    return {one.path: stored[one.path] for one in stock.parameters if one.path in stored}


def _buffers(adapter: Adapter, model: Any, stock: Inventory) -> dict[str, Array]:
    read = getattr(adapter, "buffers", None)
    return {} if read is None else dict(read(model))


def _groups(adapter: Any, model: Any, optimizer: Any, *, has_batch: bool) -> tuple[Group, ...] | None:
    """Return the groups of some optimisers; None without one, and where it has none, which is tried on the batch."""
    if optimizer is None:
        return None
    if not hasattr(adapter, "groups"):
        if has_batch:
            return None
        raise GlorotError(
            f"an optimizer is tried on a batch of a {type(model).__name__}, and there is none; pass one as inputs="
        )
    several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    return tuple(Group(*one) for one in adapter.groups(model, several))


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
