"""Topic: exploding gradients."""

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve
from glorot.topics.nets import deep_pass


@topic(activation="relu", depth=10, rule="sigma", std=0.194, width=128)
def exploding_gradients() -> Figure:
    """Why a loss becomes NaN: numbers that grow at every layer grow beyond all bounds in a deep net.

    Var(z_L) = Var(x)·∏ fan_in·Var(w)·E φ², and likewise for the gradient on its way back

    The question:
        Each layer makes the signal half as large again. What comes out of fifty layers?

    The answer:
        1.5^50, six hundred million times what went in. If the factor of a layer is above 1, signal and
        gradient grow as its power; steps become so large that the loss jumps, then overflows to NaN.

        tanh and sigmoid bound the signal, not the gradient: with large weights it still grows on its way
        back, until saturation kills it. ReLU bounds neither. Recurrent nets multiply by the same matrix at
        every time step, so long sequences explode most of all.

        Clipping the norm of the gradient treats the symptom of a rare large step; a start that explodes needs
        another start.

    What to do:
        Take He's variance for ReLU, Xavier's for tanh; skips and norms in deep nets; a smaller learning rate;
        clip what remains. `glorot check` says at which layer it begins (GL403, GL503).

    Example:
        >>> from glorot.topics.nets import deep_pass
        >>> [round(deep_pass("relu", scale).gradient()[0], 1) for scale in (2**0.5, 2.0)]  # He's start, and √2 times it
        [0.7, 16.2]
        >>> f"{1.5**50:.1e}"
        '6.4e+08'

    Next:
        `glorot explain GL503`; `glorot check` on your model and a batch.

    Related:
        vanishing_gradients, learning_rate, normalization, he.

    Also asked as:
        exploding, explode, explodes, exploding gradient, gradient explosion, gradients exploding, gradients
        explode, gradient exploding, exploding gradient problem, exploding gradients problem, large gradients,
        gradient clipping, clip gradients, clipping, clip grad norm, loss is nan, loss nan, nan loss, loss inf,
        overflow, exploding signal, divergence, diverges, diverge, diverging, gradient norm, nans, inf,
        infinity, loss becomes nan, loss goes to infinity, gradient explodes, gradient is nan, nan gradients,
        gradients are nan, activations explode, exploding activations, large weights, big weights, weights too
        large, weights too big, too large

    References:
        Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural networks", ICML.
    """
    starts = {"σ = 2.2/√n": 2.2, "He: σ = √2/√n": 2**0.5, "σ = 1/√n": 1.0}
    curves = tuple(curve(name, deep_pass("relu", scale, depth=20).signal()) for name, scale in starts.items())
    title = "The signal through twenty ReLU layers: a factor above 1 a layer runs away, one below 1 fades."
    return Lines(title, "layer", "signal (σ of the values)", curves, log=True)
