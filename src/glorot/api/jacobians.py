"""Jacobians: how a model stretches small changes."""

from typing import Any

from glorot.graph import Forward
from glorot.probe.jacobian import Jacobian
from glorot.probe.jacobian import jacobian as _jacobian


def jacobian(model: object, inputs: Any, *, forward: Forward | None = None) -> Jacobian:
    """Return the singular values of what each layer of a model, and the whole of it, does to small changes.

    σ = singular values of ∂z′/∂z: z′ is what a layer returns after its activation, z what the one before it returned

    Where they are near 1, signal and gradient keep their size. All singular values are computed up to 512 outputs;
    beyond, the six largest, by Lanczos' method, which needs SciPy.

    Args:
        model: a model of PyTorch, Keras or JAX (NNX, Linen, Equinox, a pytree) that takes one array of values, and no
            example of which changes another; of several outputs it is the first that counts.
        inputs: a batch; a few examples are enough.
        forward: function (model, inputs) that runs the model, as for `glorot.measure`; by default it is called.

    Returns:
        The singular values by layer and end to end, of each example, to print.

    Raises:
        GlorotError: if the model refuses the batch, takes anything but one tensor of values, or one example changes
            what becomes of another, as in training mode with a batch norm.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64))
        >>> found = glorot.jacobian(glorot.initialize(model, "orthogonal", seed=0), torch.zeros(1, 64))
        >>> round(found["2"].mean, 3)
        1.0

    References:
        Glorot & Bengio (2010), section 4.2.1; Saxe et al. (2014), "Exact solutions to the nonlinear dynamics of
        learning in deep linear neural networks", ICLR.
    """
    return _jacobian(model, inputs, forward)
