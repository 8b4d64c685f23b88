"""Topic: vanishing gradients."""

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve
from glorot.topics.nets import deep_pass


@topic(activation="sigmoid", depth=10, rule="standard", width=128)
def vanishing_gradients() -> Figure:
    """Why the first layers of a deep net may learn nothing: the gradient shrinks at every layer on its way back.

    ∂L/∂z_l = φ′(z_l)·W_{l+1}ᵀ·∂L/∂z_{l+1}, Var shrinks by fan_out·Var(w)·E φ′² a layer

    The question:
        The loss is at the top, the first layer at the bottom. What is left of the error when it gets there?

    The answer:
        At every layer the gradient is multiplied by weights and by a slope. If their product is below 1, ten
        layers leave its tenth power: 0.5^10 is a thousandth, and the first layers stand still.

        sigmoid is the worst: its slope is at most ¼. tanh has slope 1 only near 0, and weights U(±1/√n)
        have n·Var(w) = ⅓. Saturated units (`saturation`) and dead ReLUs (`dead_relu`) have slope 0.

        Small gradients at the start are not the same as learning slowly at the end: near a minimum all
        gradients are small, and rightly so.

    What to do:
        Start with Xavier's or He's variance, take ReLU-like activations, and in very deep nets skips and norms.
        `glorot check model.py:model_and_batch` says where it vanishes (GL502).

    Example:
        >>> from glorot.topics.nets import deep_pass
        >>> run = deep_pass("sigmoid", 1.0)
        >>> f"{run.gradient()[0] / run.gradient()[-1]:.0e}"  # first layer's gradient over the last one's
        '2e-06'

    Next:
        `glorot explain GL502`; `glorot compare --activation sigmoid --quick` watches it.

    Related:
        saturation, exploding_gradients, residual.

    Also asked as:
        vanishing, vanish, vanishing gradient, gradient vanishing, gradients vanishing, gradients vanish,
        vanishing gradient problem, vanishing gradients problem, small gradients, gradient is zero, gradients
        are zero, zero gradient, no gradient, vanishing signal, backprop, backward pass,
        gradient flow, not learning, does not learn, vanishing and exploding gradients, vanishing exploding
        gradients, gradient disappears, signal fades, signal dies, signal vanishes, activations vanish,
        vanishing activations, deep networks, deep network, deep nets, deep net, deep neural networks, deep
        neural network, small weights, weights too small, too small, backward

    References:
        Hochreiter (1991); Bengio, Simard & Frasconi (1994); Glorot & Bengio (2010), section 4.2.
    """
    starts = {"sigmoid, Xavier": ("sigmoid", 1.0), "tanh, U(±1/√n)": ("tanh", 3**-0.5), "tanh, Xavier": ("tanh", 1.0),
              "relu, He": ("relu", 2**0.5)}  # fmt: skip
    curves = tuple(curve(name, deep_pass(*start).gradient()) for name, start in starts.items())
    title = "The gradient from the last layer (right) back to the first (left), in ten layers."
    return Lines(title, "layer", "gradient (σ of ∂L/∂z)", curves, log=True)
