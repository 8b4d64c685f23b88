"""Predicting: signal and gradient of a model before it runs."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.adapters import opened, take_inventory
from glorot.errors import GlorotError, NothingHeldError
from glorot.given import leaves_of, not_finite
from glorot.graph import Folded, Graph
from glorot.graph.points import points_of
from glorot.graph.propagation.elements import Laws
from glorot.graph.propagation.figures import Predicted
from glorot.graph.propagation.forward import Propagation
from glorot.plans import Plan
from glorot.plans.laws import held_in, laws_of
from glorot.probe.signal import Signal
from glorot.probe.steps import StepSignal
from glorot.text import shape_text


def predict(plan_or_model: Any, inputs: Any = None, *, model: Any = None) -> Signal:
    """Predict signal and gradient of every step of a model, from its plan and its shapes alone.

    E z² = fan_in·E w²·E x² through every kernel, E φ(z)² with z ~ N(μ, σ²) through every function, and the same for
    products of two positions and of two examples, and, from the end, for gradients

    Values are followed row by row, where a row is a position of an example: what two rows share is known of each pair,
    so that means over positions, norms and attention are right as well. Every figure has a grade: exact as the width
    grows; approximate, with the kind of step that makes it so and the error that was measured for it beforehand; or
    none, with the reason.

    Args:
        plan_or_model: a plan, which knows what its model computes as long as it is in memory; or a model, predicted
            from the moments of the weights that it holds.
        inputs: a batch, whose moments enter; a plan's own by default, and white noise where its values are not known.
        model: the model of a plan that was loaded from a file.

    Returns:
        The signal, as `glorot.measure` gives it: `steps` with their figures and grades. The gradient is that of unit
        noise at what the model returns.

    Raises:
        GlorotError: if a plan does not know what its model computes, or a model holds no weights or is spread over
            processes.

    Example:
        >>> import glorot, torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        >>> signal = glorot.predict(glorot.plan(net, "xavier"))  # loses half of its mean square at each ReLU
        >>> [(step.name, round(step.second_moment, 2)) for step in signal.steps if step.kind == "kernel"]
        [('0', 1.0), ('2', 0.5), ('4', 0.49)]

    References:
        Schoenholz et al. (2017), "Deep Information Propagation", ICLR; Novak et al. (2019), ICLR, for positions;
        Hron et al. (2020), "Infinite attention", ICML; Yang (2019), "Tensor Programs I", NeurIPS.
    """
    graph, laws = _understood(plan_or_model, inputs, model)
    folded = Folded(graph)
    predicted = Predicted(Propagation(folded, laws))
    steps = []
    for point in points_of(folded):
        found = predicted.of(point.value)
        steps.append(
            StepSignal(
                name=point.name,
                kind=point.kind,
                layer=point.layer,
                mean=found.mean,
                second_moment=found.second_moment,
                std_across=found.std_across,
                correlation=found.correlation,
                position_correlation=found.position_correlation,
                gradient_std=found.gradient_std,
                grade=found.grade,
                gradient_grade=found.gradient_grade,
                is_output=point.is_output,
            )
        )
    return Signal((), math.nan, (), False, tuple(steps), predicted.notes)


def _understood(given: Any, inputs: Any, model: Any) -> tuple[Graph, Laws]:
    """Return what a model computes, and the law of each of its parameters."""
    if isinstance(given, Plan):
        graph = given.graph
        if model is not None:
            graph = take_inventory(model, inputs).graph
        if graph is None:
            raise GlorotError(
                "the plan does not know what its model computes, as after it was loaded, or made without a batch; pass "
                "the model, glorot.predict(plan, inputs, model=model)"
            )
        held = None if model is None else _held(*opened(model, inputs))
        return _with_inputs(graph, inputs if model is None else None), laws_of(given.entries, held)
    if model is not None:
        raise GlorotError(f"model= stands beside a plan, and the first argument is a {type(given).__name__}")
    adapter, found = opened(given, inputs)
    held = _held(adapter, found)
    if held is None:
        raise GlorotError(
            "the model holds no weights to be predicted from, for it is abstract or on the meta device; predict a plan "
            "of it, glorot.predict(glorot.plan(model))"
        )
    graph = take_inventory(given, inputs).graph
    if graph is None:
        raise GlorotError("glorot makes no batch that the model runs on; pass one as inputs=")
    return _with_only_input(graph, inputs), held


def _held(adapter: Any, model: Any) -> Laws | None:
    """Return the law of what a model holds; None where it holds nothing."""
    try:
        arrays = adapter.arrays(model)
    except (NothingHeldError, NotImplementedError, RuntimeError):
        return None
    is_abstract = any(array.dtype == object for array in arrays.values())
    return None if is_abstract else held_in(arrays)


def _with_only_input(graph: Graph, inputs: Any) -> Graph:
    """Return a graph with the values of a batch of one array, where the model was followed without them."""
    own, arrays = [value for value in graph.values if value.leaf == "input"], list(leaves_of(inputs))
    is_one = len(own) == len(arrays) == 1 and own[0].elements is None
    return _with_inputs(graph, inputs) if is_one and np.shape(arrays[0]) == graph.shape(own[0].id) else graph


def _with_inputs(graph: Graph, inputs: Any) -> Graph:
    """Return a graph whose inputs have the values of a batch."""
    if inputs is None:
        return graph
    arrays = [np.asarray(leaf) for leaf in leaves_of(inputs)]
    places = [value.id for value in graph.values if value.leaf == "input"]
    shapes = [graph.shape(place) for place in places]
    if [array.shape for array in arrays] != shapes:
        given, wanted = (", ".join(map(shape_text, found)) for found in ([a.shape for a in arrays], shapes))
        raise GlorotError(
            f"the plan was made on a batch of {wanted}, got {given}; pass the model as well, model=model, or a batch "
            "of these shapes"
        )
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise not_finite(array.shape)
    values = list(graph.values)
    for place, array in zip(places, arrays, strict=True):
        values[place] = replace(values[place], elements=array)
    return replace(graph, values=values)
