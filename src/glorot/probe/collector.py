"""From what was read of a running model to the figures of every step and every layer."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.activations import Activation, activation
from glorot.adapters import opened_to_run
from glorot.errors import GlorotError
from glorot.given import check_batch, check_loss, no_array_named
from glorot.graph import Folded, Forward
from glorot.graph.curves import Match, recognised
from glorot.graph.points import Point, layer_of
from glorot.graph.readings import Observed, Reading
from glorot.inventory import Inventory
from glorot.preserving import LOCK
from glorot.probe import figures
from glorot.probe.layers import LayerSignal, distinct_units, histogram, share_at, where_flat
from glorot.probe.signal import Signal
from glorot.probe.singular import largest_of
from glorot.probe.steps import Histogram, StepSignal

WEIGHTS = {"kernel", "embedding"}
"""The roles of the parameters whose gradients count as those of a layer's weights."""


def measure(model: object, inputs: Any, targets: Any = None, loss: Any = None) -> Signal:
    """Measure signal and gradient in every layer, and leave the model as it was.

    The layers of `glorot.measure`, which shows every step besides.

    Args:
        model: the model.
        inputs: a batch: an array or tensor, a tuple of positional inputs or a dict of named ones.
        targets: class numbers or values; without them the gradient starts from random numbers of
            standard deviation 1 at the output.
        loss: function (what the model returns, targets) → scalar; cross-entropy for class numbers and mean squared
            error for values by default.

    Returns:
        The signal.

    Raises:
        GlorotError: if the batch does not fit the model, or holds NaN or infinity.

    Example:
        >>> import glorot, torch
        >>> from glorot import probe
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> signal = probe.measure(glorot.initialize(model, "constant(0.1)", seed=0), torch.ones(8, 64))
        >>> signal["0"].units, signal["0"].distinct
        (64, 1)

    References:
        Glorot & Bengio (2010), sections 3 and 4.
    """
    return replace(signal_of(observed(model, inputs, targets, loss), with_steps=False), notes=())


def observed(
    model: object,
    inputs: Any,
    targets: Any = None,
    loss: Any = None,
    forward: Forward | None = None,
    optimizer: Any = None,
    stock: Inventory | None = None,
) -> Observed:
    """Run a batch through a model and back, and return what was read.

    Args:
        model: the model.
        inputs: the batch, as the next two for `measure`.
        targets: what the loss compares the outputs with.
        loss: the loss.
        forward: function (model, batch) that runs the model.
        optimizer: an optimiser whose first step is tried.
        stock: what is known of the model by the classes of its layers, where the caller knows.

    Raises:
        GlorotError: if the framework's models are not measured, or the batch does not fit.
    """
    if inputs is None or inputs is False:
        raise GlorotError("signals are measured on a batch, and there is none; pass one as inputs")
    check_batch(inputs)
    check_loss(loss)
    adapter, model = opened_to_run(model, inputs)
    with LOCK, no_array_named(inputs):
        stock = adapter.layers(model, inputs) if stock is None else stock
        found = adapter.observe(model, stock, inputs, targets, loss, forward, optimizer)
    if not stock.parameters:
        raise GlorotError(f"a {type(model).__name__} has no layers with weights, so there is nothing to measure")
    return found


def check_loss_of(seen: Observed) -> None:
    """Check that the loss of a batch is a number.

    Raises:
        GlorotError: if it is NaN or infinite, with the first step whose values are no numbers.
    """
    if math.isfinite(seen.loss):
        return
    strange = [point.name for point in seen.points if not math.isfinite(seen.values[point.value].mean)]
    if not strange:
        why = "the values of every step are numbers, so that the loss itself makes it"
    else:
        why = f"the first values that are no numbers come from {strange[0]!r}"
    raise GlorotError(f"the loss of this batch is {seen.loss}; {why}")


def signal_of(
    seen: Observed,
    *,
    with_steps: bool = True,
    with_histograms: bool = False,
    weights: Mapping[str, NDArray[Any]] | None = None,
) -> Signal:
    """Return the figures of what was read.

    Args:
        seen: what was read.
        with_steps: whether the steps are described, besides the layers.
        with_histograms: whether their histograms are kept.
        weights: what the model holds, if the largest singular values of its kernels are wanted.
    """
    steps = [_step(seen, point, with_histograms=with_histograms) for point in seen.points] if with_steps else []
    if weights is not None:
        values = [
            [largest_of(seen.folded, path, weights) for path in kernels_at(seen.folded, point)] for point in seen.points
        ]
        steps = [
            replace(step, largest_singular_value=max((one for one in own if one > 0), default=math.nan))
            for step, own in zip(steps, values, strict=True)
        ]
    layers = tuple(_layers(seen))
    return Signal(layers, seen.loss, seen.input_second_moments, is_chain(seen.folded), tuple(steps), tuple(seen.notes))


# ---- steps -----------------------------------------------------------------------------------------------------------


def _step(seen: Observed, point: Point, *, with_histograms: bool) -> StepSignal:
    reading, gradient = seen.values[point.value], seen.gradients.get(point.value)
    sample = reading.sample
    step = StepSignal(
        name=point.name,
        kind=point.kind,
        layer=point.layer,
        mean=reading.mean,
        second_moment=reading.second_moment,
        std_across=reading.std_across,
        percentile98=figures.percentile(reading, 98),
        correlation=figures.correlation(reading),
        units=reading.sizes[-1],
        gradient_std=math.nan if gradient is None else _root(gradient.second_moment),
        weight_gradient_std=_weight_gradient(seen, kernels_at(seen.folded, point)),
        update_ratio=_update_ratio(seen, kernels_at(seen.folded, point)),
        is_output=point.is_output,
    )
    if sample is None or not sample.size:
        return step
    return replace(
        step,
        saturated=_saturated(seen, point),
        dead=figures.dead_share(sample),
        distinct=figures.distinct_in(sample),
        position_correlation=figures.position_correlation(sample),
        sample=sample.size,
        histogram=histogram(sample) if with_histograms else None,
        gradient_histogram=_gradient_histogram(gradient) if with_histograms else None,
    )


def _gradient_histogram(gradient: Reading | None) -> Histogram | None:
    """Return the histogram of a gradient, six root mean squares to each side."""
    if gradient is None or gradient.sample is None:
        return None
    reach = 6 * _root(gradient.second_moment)
    return histogram(gradient.sample, -reach, reach) if 0 < reach < math.inf else None


def _root(square: float) -> float:
    return math.sqrt(square) if square >= 0 else math.nan


def _match(folded: Folded, point: Point) -> Match | None:
    """Return the activation that the end of a curve is one of; None for any other point."""
    if point.kind != "curve":
        return None
    return recognised(folded.curve(point.value, folded.source[point.value]))


def _saturated(seen: Observed, point: Point) -> float:
    match = _match(seen.folded, point)
    before = seen.values.get(-1 if point.of is None else point.of)
    if match is None or before is None or before.sample is None:
        return math.nan
    return float(where_flat(match.activation, before.sample).mean())


# ---- layers ----------------------------------------------------------------------------------------------------------


def _layers(seen: Observed) -> Iterator[LayerSignal]:
    """Yield the figures of each layer once, as it ran first, in the order of execution."""
    waiting = sorted((whole.after, path) for path, whole in seen.layers.items())
    done: set[str] = set()
    for number, point in enumerate(seen.points):
        while waiting and waiting[0][0] <= number:
            yield _whole_layer(seen, waiting.pop(0)[1])
        if point.kind in WEIGHTS and point.layer not in done:
            done.add(point.layer)
            yield _layer(seen, point)
    for _, path in waiting:
        yield _whole_layer(seen, path)


def _whole_layer(seen: Observed, path: str) -> LayerSignal:
    whole = seen.layers[path]
    return _described(seen, path, activation(whole.activation), whole.value, whole.value, whole.gradient)


def _layer(seen: Observed, point: Point) -> LayerSignal:
    before, after, phi = point, point, activation("identity")
    curve = _curve_after(seen, point)
    if curve is not None:
        at, match = curve
        before = next(one for one in seen.points if one.value == at.of)
        after, phi = at, match.activation
    gradient = seen.gradients.get(point.value)
    readings = seen.values[before.value], seen.values[after.value]
    return _described(seen, point.layer, phi, *readings, gradient)


def _curve_after(seen: Observed, point: Point) -> tuple[Point, Match] | None:
    """Return the activation that follows a layer, norms between them passed over; None for none of the catalogue."""
    folded, followed = seen.folded, {point.value}
    for later in seen.points:
        if later.kind == "normalised" and _signal_of(folded, later.value) in followed:
            followed.add(later.value)
        if later.kind == "curve" and later.of in followed:
            match = _match(folded, later)
            return (later, match) if match is not None and match.factor == 1 else None
    return None


def _signal_of(folded: Folded, value: int) -> int | None:
    """Return the value that a norm is one of, before it was moved."""
    while folded.kind.get(value) in ("affine", "move", "dropout"):
        value = folded.passes[value]
    step = folded.makers.of(value)
    if value in folded.normed_from:
        return _unmoved(folded, folded.normed_from[value])
    return None if step is None or not folded.data_of(step) else _unmoved(folded, folded.data_of(step)[0])


def _unmoved(folded: Folded, value: int) -> int:
    while folded.kind.get(value) in ("move", "dropout"):
        value = folded.passes[value]
    return value


def _described(
    seen: Observed, path: str, phi: Activation, before: Reading, after: Reading, gradient: Reading | None
) -> LayerSignal:
    """Return the figures of a layer: those of all elements where these were read, or else of the sample."""
    assert before.sample is not None
    assert after.sample is not None
    flat = where_flat(phi, before.sample)
    exact = None if gradient is None or gradient.sample is None else gradient.sample.astype(np.float64)
    paths = [one for one in _weights_in(seen.folded) if layer_of(one) == path or path == ""]
    return LayerSignal(
        layer=path,
        activation=phi.name,
        mean=after.mean,
        std=figures.std_of(after),
        std_across=after.std_across,
        percentile98=figures.percentile(after, 98),
        second_moment=after.second_moment,
        preactivation_std=figures.std_of(before),
        saturated=float(flat.mean()),
        dead=figures.dead_share(after.sample),
        units=after.sample.shape[-1],
        distinct=distinct_units(before.sample.reshape(-1, before.sample.shape[-1])),
        gradient_std=math.nan if gradient is None else figures.std_of(gradient),
        weight_gradient_std=_weight_gradient(seen, paths, is_centred=True),
        histogram=histogram(before.sample),
        saturated_gradient=math.nan if exact is None else share_at(flat, exact),
    )


# ---- weights ---------------------------------------------------------------------------------------------------------


def _weights_in(folded: Folded) -> list[str]:
    """Return the paths of the parameters that multiply a signal, or are looked up."""
    return [path for path, uses in folded.uses.items() if any(use.role in WEIGHTS for use in uses)]


def kernels_at(folded: Folded, point: Point) -> list[str]:
    """Return the paths of the kernels that made a point; of none but a kernel's."""
    value = point.value
    while folded.kind.get(value) in ("affine", "move", "dropout"):
        value = folded.passes[value]
    step = folded.makers.of(value)
    if point.kind not in WEIGHTS or step is None:
        return []
    return [path for operand in step.operands for path in folded.parameters.get(operand, ())]


def _weight_gradient(seen: Observed, paths: Iterable[str], *, is_centred: bool = False) -> float:
    """Return the root mean square of the gradients of parameters, or their standard deviation."""
    found = [seen.weights[path] for path in paths if path in seen.weights]
    count = sum(math.prod(one.sizes) for one in found)
    if not count:
        return math.nan
    mean = sum(one.mean * math.prod(one.sizes) for one in found) / count if is_centred else 0.0
    square = sum(one.second_moment * math.prod(one.sizes) for one in found) / count
    return _root(max(square - mean**2, 0.0) if square >= 0 else square)


def _update_ratio(seen: Observed, paths: Iterable[str]) -> float:
    """Return the root mean square of the first update of parameters over that of the parameters."""
    found = [seen.updates[path] for path in paths if path in seen.updates]
    update, weight = (sum(pair[n] for pair in found) for n in (0, 1))
    return math.sqrt(update / weight) if weight > 0 else math.nan


# ---- chains ----------------------------------------------------------------------------------------------------------


def _is_part(folded: Folded, value: int) -> bool:
    """Tell whether a value is a statistic of a norm, or nothing that the model's outputs are made of."""
    waiting, reached = [value], set[int]()
    while waiting:
        at = waiting.pop()
        if at in folded.graph.outputs or folded.kind.get(at) in WEIGHTS:
            return False
        users = {folded.graph.steps[position].result for position, _ in folded.users[at]}
        waiting += users - reached - folded.normed_from.keys()
        reached |= users
    return True


BETWEEN = {"dropout", "mean", "extreme", "softmax", "product", "mix", "opaque"}
"""What between two layers makes them no chain: what follows is fed by more than a function of each element."""


def is_chain(folded: Folded) -> bool:
    """Tell whether each layer is fed by the one before it alone, element by element, and runs once."""
    origins: dict[int, frozenset[int]] = {}
    before, ran = frozenset({-1}), set[str]()
    for value in folded.graph.values:
        if value.leaf == "input":
            origins[value.id] = before
    for step in folded.graph.steps:
        if step.result not in folded.source:
            continue
        data = folded.data_of(step)
        sources = frozenset[int]().union(*(origins.get(value, frozenset()) for value in data))
        if folded.kind.get(step.result) in WEIGHTS:
            own = {path for value in step.operands for path in folded.parameters.get(value, ())}
            if sources != before or not ran.isdisjoint(own):
                return False
            ran |= own
            before = frozenset({step.result})
            origins[step.result] = before
        elif folded.kind.get(step.result) in BETWEEN and sources == before and not _is_part(folded, step.result):
            return False
        else:
            origins[step.result] = sources
    return True
