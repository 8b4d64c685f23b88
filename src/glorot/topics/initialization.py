"""Topic: initialization."""

from glorot.topics.base import topic
from glorot.topics.figures import Bar, Bars, Figure
from glorot.topics.nets import answers, constant_std, deep_task, drawn, xavier_std

STEPS, RATE = 400, 0.03
STARTS = {"all 0": constant_std(0.0), "σ = 0.02": constant_std(0.02), "Xavier": xavier_std, "σ = 1": constant_std(1.0)}


@topic(activation="tanh", depth=10, rule="xavier_normal", width=128)
def initialization() -> Figure:
    """What the weights of a net are before the first step of training, and why it decides whether there is a second.

    W ~ N(0, σ²), b = 0: which σ?

    The question:
        Training improves weights step by step. From which weights should it begin?

    The answer:
        From small random ones of mean 0: random, so that units differ; and of a variance near 1/n for n
        inputs, so that signal and gradient keep their size through all layers.

        Equal weights, zero for one, leave all units of a layer alike for ever (`symmetry`). Too small ones
        let the signal and the gradient fade (`vanishing_gradients`); too large ones push units to where their
        slope is 0 (`saturation`), let numbers run away (`exploding_gradients`), or learn the training examples by
        heart and say wild things about all others, as in the picture.

        What remains to choose is one number a layer, the variance. Xavier's rule takes 2/(fan_in + fan_out),
        for tanh; He's takes 2/fan_in, for ReLU; `auto` reads from the model which activation feeds a layer.

    What to do:
        `model = glorot.initialize(model, "auto", seed=0)`; biases 0. With a pretrained net, only what is new
        needs a start: `only="head.*"`.

    Example:
        >>> import glorot
        >>> w = glorot.draw("xavier_normal", (300, 100), seed=0, name="w", in_axis=-2, out_axis=-1)
        >>> round(float(w.std()), 3), round((2 / (300 + 100)) ** 0.5, 3)
        (0.071, 0.071)
        >>> from glorot.topics.initialization import unseen_losses
        >>> loss = unseen_losses()
        >>> loss["Xavier"] < 0.1 < loss["all 0"] < loss["σ = 1"]
        True

    Next:
        `glorot compare --quick` trains one net from eight starts.

    Related:
        xavier, he, fans, symmetry.

    Also asked as:
        initialisation, weight initialization, weight initialisation, initialize, initialise, initialize
        weights, initializer, initializers, init, weight init, weights init, parameter initialization, random
        initialization, random weights, starting weights, initial weights, start, init weights, initialize the
        weights, init method, initializing weights, weights initialization, initialized weights, init scheme,
        initial values

    References:
        Glorot & Bengio (2010); He et al. (2015); Goodfellow, Bengio & Courville (2016), section 8.4.
    """
    bars = [Bar(name, min(loss, 1.0), f"{loss:.2g}") for name, loss in unseen_losses().items()]
    title = f"One net, one task, {STEPS} steps from four starts. Always answering 0 has a loss of 0.55."
    return Bars(title, "loss on unseen examples (bars end at 1)", tuple(bars))


def unseen_losses() -> dict[str, float]:
    """Return the loss on unseen examples after training from four starts."""
    unseen = drawn("unseen", 256, 4, 1.0)
    found = {}
    for name, std in STARTS.items():
        net, x, y = deep_task(std)
        for _ in range(STEPS):
            net.step(x, y, RATE)
        found[name] = net.loss(unseen, answers(unseen))
    return found
