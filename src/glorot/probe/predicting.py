"""What mean-field theory says of a plan, to be set beside what the probe measured."""

import numpy as np

from glorot.plans import Plan
from glorot.probe.signal import Signal
from glorot.theory import Layer, Prediction, predict


def prediction(plan: Plan, signal: Signal) -> tuple[Prediction, ...] | None:
    """Predict signal and gradient of a planned model on the batch that a probe has seen.

    q_l = fan_in·Var(W)·E φ(√q_(l-1)·x)², for each example from its own mean square

    Args:
        plan: what each layer starts from.
        signal: the probe, which knows the chain of layers, the inputs and the gradient at the end.

    Returns:
        One prediction for each layer of the signal; None where the theory does not apply: the model is no
        plain chain, or a layer is not drawn at random with mean 0.

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
    if not signal.chain:
        return None
    layers = []
    for measured in signal.layers:
        entry = next((e for e in plan.entries if e.name == f"{measured.layer}.weight".removeprefix(".")), None)
        law = None if entry is None else entry.distribution
        if entry is None or entry.fans is None or law is None or law.mean != 0 or not law.std > 0:
            return None
        layers.append(Layer(measured.layer, entry.fans.fan_in, entry.fans.fan_out, law.std**2, measured.activation))
    return tuple(predict(layers, np.array(signal.input_second_moments), signal.layers[-1].gradient_std))
