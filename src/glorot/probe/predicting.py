"""What mean-field theory says of a plan, to be set beside what the probe measured."""

import math
from collections.abc import Mapping

import numpy as np

from glorot.distributions import Bilinear, Constant, Distribution, Identity, Orthogonal, PositiveUnitball
from glorot.plans import Plan, PlanEntry
from glorot.probe.signal import LayerSignal, Signal
from glorot.theory import Layer, Prediction, predict

NOT_DRAWN: dict[type[Distribution], str] = {
    Identity: "an identity passes each element on as it is, and no preactivation is a sum of many",
    Bilinear: "an interpolation is not drawn at random",
    PositiveUnitball: "weights that are all positive have a mean: all units move together",
}
"""Why nothing is predicted of weights of a law that has no mean and variance by itself."""

NORMS = {"scale", "shift", "running_mean", "running_variance"}
"""The roles that a norm gives away."""


def prediction(plan: Plan, signal: Signal) -> tuple[Prediction, ...] | None:
    """Predict signal and gradient of a planned model on the batch that a probe has seen.

    q_l = fan_in·Var(W)·E φ(√q_(l-1)·x)² + Var(b), for each example from its own mean square

    Args:
        plan: what each layer starts from.
        signal: the probe, which knows the chain of layers, the inputs and the gradient at the end.

    Returns:
        One prediction for each layer of the signal; None where the theory does not apply, for the reason that
        `unpredicted` gives.

    Example:
        >>> import glorot, torch
        >>> from glorot import probe
        >>> model = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.Tanh(), torch.nn.Linear(256, 10))
        >>> plan = glorot.plan(model, "xavier")
        >>> signal = probe.measure(glorot.apply(plan, model, seed=0), torch.randn(64, 256))
        >>> abs(probe.prediction(plan, signal)[0].activation_std / signal["0"].std - 1) < 0.05
        True

    References:
        Schoenholz et al. (2017), "Deep Information Propagation", ICLR, equations 3 and 9.
    """
    layers = _chain(plan, signal)
    if isinstance(layers, str):
        return None
    return tuple(predict(layers, np.array(signal.input_second_moments), signal.layers[-1].gradient_std))


def unpredicted(plan: Plan, signal: Signal) -> str:
    """Return why theory predicts nothing of a plan on a batch; "" where it does.

    Args:
        plan: what each layer starts from.
        signal: the probe.

    Returns:
        The first reason found, of the model's shape, its norms, or a layer's weights or biases.

    Example:
        >>> import glorot, torch
        >>> from glorot import probe
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8))
        >>> plan = glorot.plan(model, "constant(0.1)")
        >>> signal = probe.measure(glorot.apply(plan, model, seed=0), torch.randn(64, 8))
        >>> probe.unpredicted(plan, signal)
        '0.weight: weights of mean 0.1, not 0: all units move together, and no preactivation is normal'
    """
    layers = _chain(plan, signal)
    return layers if isinstance(layers, str) else ""


def _chain(plan: Plan, signal: Signal) -> list[Layer] | str:
    """Return the layers as the theory takes them, or the reason why it cannot."""
    if signal.unpredicted:
        return signal.unpredicted
    norm = next((entry for entry in plan.entries if entry.role in NORMS), None)
    if norm is not None:
        return f"{norm.name}: the theory of a plain chain has no norms"
    entries = {entry.name: entry for entry in plan.entries}
    layers = []
    for measured in signal.layers:
        layer = _layer(entries, measured)
        if isinstance(layer, str):
            return layer
        layers.append(layer)
    return layers


def _layer(entries: Mapping[str, PlanEntry], measured: LayerSignal) -> Layer | str:
    paths = [f"{measured.layer}.{name}".removeprefix(".") for name in ("weight", "bias")]
    weight, bias = map(entries.get, paths)
    if weight is None or weight.fans is None or weight.distribution is None:
        return f"{paths[0]}: the plan draws no weights of that name, or does not know their fans"
    why = _beyond(weight, weight.distribution)
    if why:
        return f"{weight.name}: {why}"
    offsets = Constant(0.0) if bias is None else bias.distribution
    if offsets is None:
        return f"{paths[1]}: the plan leaves these biases alone, so their variance is not known"
    return Layer(
        measured.layer,
        weight.fans.fan_in,
        weight.fans.fan_out,
        _variance(weight, weight.distribution),
        measured.activation,
        bias_variance=offsets.std**2,
        bias_mean=offsets.mean,
    )


def _beyond(entry: PlanEntry, law: Distribution) -> str:
    """Return why weights are out of the theory's reach; "" where they are not."""
    if entry.role == "embedding":
        return "rows of an embedding are looked up, not summed"
    if law == Constant(0.0):
        return "weights of 0 let no signal through"
    if type(law) in NOT_DRAWN:
        return NOT_DRAWN[type(law)]
    if not isinstance(law, Orthogonal) and law.mean != 0:
        return f"weights of mean {law.mean:g}, not 0: all units move together, and no preactivation is normal"
    return ""


def _variance(entry: PlanEntry, law: Distribution) -> float:
    """Return E w²; an orthogonal matrix has gain²/(its longer side)."""
    if not isinstance(law, Orthogonal):
        return law.std**2
    sizes = list(zip(entry.axes, entry.shape, strict=True))
    outputs, summed = (math.prod(size for axis, size in sizes if axis in letters) for letters in ("o", "ik"))
    return law.gain**2 / max(outputs, summed)
