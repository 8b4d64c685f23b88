"""Measuring: what signal and gradient do in a model on a real batch."""

from typing import Any

from glorot.adapters import opened
from glorot.graph import Forward
from glorot.probe import Signal
from glorot.probe.collector import check_loss_of, observed, signal_of


def measure(
    model: object,
    inputs: Any,
    targets: Any = None,
    loss: Any = None,
    *,
    optimizer: Any = None,
    histograms: bool = False,
    forward: Forward | None = None,
) -> Signal:
    """Measure signal and gradient at every step of a model, and leave the model as it was.

    std = √(E x² − (E x)²), gradient = √E (∂loss/∂x)²: of every step x of the graph

    The model is followed once without computing anything, which tells its steps: kernels, curves, sums, norms,
    products, softmax, attention, pools. Then one forward and one backward pass run, in the precision of the model;
    what a step returns is reduced where it lies, in single precision. Means, mean squares and gradients come from all
    elements; percentiles, shares of saturated and dead units, distinct units and correlations from a sample, whose
    size each step tells.

    Args:
        model: a `torch.nn.Module`, a Keras model on any backend, a Flax NNX module, a pair (Linen module, params), an
            Equinox module, or a pytree of arrays. A Caffe net is measured as its module, `glorot.caffe.to_torch(net)`.
        inputs: a batch: an array or tensor, a tuple of positional inputs or a dict of named ones.
        targets: class numbers or values; without them the gradient starts from random numbers of standard deviation
            1 at the output.
        loss: function (what the model returns, targets) → scalar, which gets None where there are no targets;
            cross-entropy for class numbers and mean squared error for values by default.
        optimizer: an optimiser whose first step is tried on a copy of the weights, to tell how large updates are beside
            weights: for PyTorch one of the model's parameters, or a function parameters → optimiser; for Keras any of
            its optimisers, as `model.optimizer`; for JAX a transformation of gradients as Optax has them. Its options
            are taken, and not its state.
        histograms: whether a histogram of the values and of the gradient is kept of each step, and the largest singular
            value of each kernel.
        forward: function (model, inputs) that runs the model on the batch, for one that is not called itself, as a
            pytree, or that takes one example, as a model of Equinox; by default the model is called.

    Returns:
        The signal, to print, save and set beside what `glorot.predict` expects.

    Raises:
        GlorotError: if the batch does not fit the model, or holds NaN or infinity; if the model has no layers with
            weights, lies on meta, or is spread over processes; if targets do not fit the outputs; if the loss fails,
            returns no single number, or is NaN or infinite, with the first step whose values are no numbers. Model,
            batch and process are left as they were.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> signal = glorot.measure(glorot.initialize(model, "xavier", seed=0), torch.randn(32, 64))
        >>> [step.name for step in signal.steps]
        ['0', '0 → tanh', '2']

    References:
        Glorot & Bengio (2010), sections 3 and 4.
    """
    found = observed(model, inputs, targets, loss, forward, optimizer)
    if targets is not None or loss is not None:
        check_loss_of(found)
    adapter, opened_model = opened(model, inputs)
    weights = adapter.arrays(opened_model) if histograms else None
    return signal_of(found, with_histograms=histograms, weights=weights)
