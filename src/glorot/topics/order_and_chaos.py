"""Topic: order and chaos."""

from glorot.activations import activation, pair_moment
from glorot.theory import critical_weight_variance, fixed_point
from glorot.topics.base import topic
from glorot.topics.figures import Figure, Lines, curve

BIAS, START, DEPTH = 0.05, 0.6, 25


@topic(activation="tanh", depth=25, rule="sigma", std=0.177, width=128)
def order_and_chaos() -> Figure:
    """What depth does to two inputs: small weights make them alike, large ones make near ones strangers.

    χ₁ = σ_w²·E φ′(√q*·z)², σ_w² = fan_in·Var(w); order: χ₁ < 1, chaos: χ₁ > 1

    The question:
        Two inputs are alike by 0.6. How alike are they after 25 layers?

    The answer:
        With small weights wholly alike: whatever differs between them is forgotten (order), and gradients vanish.
        With large ones they end at one low correlation, however near they began (chaos), and gradients explode.

        Between the two, at χ₁ = 1, information goes deepest: the edge of chaos. For tanh without biases it lies at
        n·Var(w) = 1, which is Xavier's rule for equal fans; for ReLU at 2, which is He's.

        Off the edge both approach their end at a rate of their own: the depth scale ξ = −1/ln χ says over how many
        layers two inputs can be told apart. Nets much deeper than a few ξ do not train, unless skips or norms help.

    What to do:
        Stay near the edge: Xavier's variance for tanh, He's for ReLU, biases 0. `glorot.theory.phase` and
        `critical_weight_variance` compute where it lies.

    Example:
        >>> from glorot.theory import critical_weight_variance, phase
        >>> round(critical_weight_variance("tanh", 0.05), 3)
        1.761
        >>> p = phase("tanh", weight_variance=4.0, bias_variance=0.05)
        >>> f"χ₁ = {p.chi:.2f}, all inputs end at a correlation of {p.correlation:.2f}"
        'χ₁ = 1.34, all inputs end at a correlation of 0.17'

    Next:
        `glorot explain mean_field` is the theory behind it.

    Related:
        mean_field, xavier, exploding_gradients, vanishing_gradients.

    Also asked as:
        order, chaos, chaotic, ordered phase, chaotic phase, edge of chaos, phase transition, critical,
        criticality, critical initialization, phases, depth scale, dynamical isometry, correlation of inputs,
        critical line, phase diagram

    References:
        Poole et al. (2016); Schoenholz et al. (2017), "Deep Information Propagation", ICLR.
    """
    edge = critical_weight_variance("tanh", BIAS)
    variances = {"order: σ_w² = 1": 1.0, f"edge: σ_w² = {edge:.2f}": edge, "chaos: σ_w² = 4": 4.0}
    curves = tuple(curve(name, correlations(variance), first=0) for name, variance in variances.items())
    title = f"The correlation of two inputs, {START} at first, through {DEPTH} tanh layers (σ_b² = {BIAS:g})."
    return Lines(title, "layer", "correlation", curves)


def correlations(weight_variance: float) -> list[float]:
    """Return the correlation of two inputs after each layer, their variance at its fixed point."""
    act = activation("tanh")
    q = fixed_point(act, weight_variance, BIAS)
    found = [START]
    for _ in range(DEPTH):
        shared = float(pair_moment(act.function, q, q, found[-1], kinks=act.kinks))
        found.append(min((weight_variance * shared + BIAS) / q, 1.0))
    return found
