"""Topic: mean-field theory."""

from glorot.theory import Layer, predict
from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve
from glorot.topics.nets import deep_pass

DEPTH = 10


@topic(activation="tanh", depth=10, rule="xavier_normal", width=128)
def mean_field() -> Figure:
    """The theory of very wide nets at their start: sums of many random terms are normal, so one variance says all.

    q_l = fan_in·Var(w)·E φ(√q_{l−1}·z)² + Var(b), z ~ N(0, 1)

    The question:
        A layer has ten thousand random weights. Can one foresee what it does without drawing them?

    The answer:
        Yes, if it is wide: a sum of many independent terms is nearly normal, and a normal law has one number,
        its variance q. So a layer maps q to the next q, and the gradient likewise with φ′ in place of φ.

        Two averages of an activation are all that is needed: E φ² for the signal on its way up and E φ′² for the
        gradient on its way down. Xavier's and He's rules are the cases φ = identity and φ = ReLU.

        It holds at the start only, for independent weights of mean 0; the error is of the order of depth/width, and
        equal or repeated weights are out of its reach. glorot leaves out a prediction there, and says why.

    What to do:
        `print(glorot.predict(glorot.plan(model, inputs=batch)))` foretells; `glorot.measure(model, batch)` measures.

    Example:
        >>> from glorot.theory import Layer, predict
        >>> from glorot.topics.nets import deep_pass
        >>> told = predict([Layer(f"{n}", 256, 256, 1 / 256, "tanh") for n in range(3)])
        >>> [round(layer.activation_std, 2) for layer in told]
        [0.63, 0.49, 0.41]
        >>> [round(std, 2) for std in deep_pass("tanh", 1.0, depth=3, width=256).signal()]  # one net, measured
        [0.63, 0.49, 0.41]

    Next:
        `glorot explain order_and_chaos` follows two inputs instead of one.

    Related:
        order_and_chaos, variance, gain.

    Also asked as:
        mean field theory, mean-field approximation, signal propagation, signal propagation theory, infinite
        width, wide limit, theory, deep information propagation, gaussian process, nngp, ntk, neural tangent
        kernel, large width, variance map, fixed point, central limit theorem

    References:
        Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos", NIPS;
        Schoenholz et al. (2017), "Deep Information Propagation", ICLR.
    """
    told = [layer.activation_std for layer in predict([Layer(f"{n}", 1, 1, 1.0, "tanh") for n in range(DEPTH)])]
    runs = {f"{width} units": deep_pass("tanh", 1.0, DEPTH, width).signal() for width in (4, 256)}
    curves = (curve("theory", told), *(curve(name, signal) for name, signal in runs.items()))
    title = "The signal of ten tanh layers with n·Var(w) = 1: the wider the net, the nearer to the theory."
    return Lines(title, "layer", "signal (σ of the values)", curves)
