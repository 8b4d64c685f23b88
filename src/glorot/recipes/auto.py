"""Recipe: Xavier's compromise with the gain that each layer needs."""

from glorot.graph.sources import gains, gains_of
from glorot.inventory import Inventory, Part
from glorot.recipes.base import Choice, Chooser, recipe, usual
from glorot.schemes import SCHEMES, Scheme, as_scheme


@recipe()
def auto() -> Chooser:
    """The right law for each layer, from the activation that feeds it.

    Var(W) = 2/(fan_in/g_f² + fan_out/g_b²), g_f² = 1/E φ², g_b² = 1/E φ′², b = 0

    z = W·φ(z_prev): both what the forward signal loses, E φ², and what the gradient loses, E φ′², belong to
    the activation that feeds the layer. With the identity the rule is Xavier's, with ReLU it is
    4/(fan_in + fan_out), He's law in Xavier's compromise. A sigmoid has slope ¼ at 0 and mean ½, so
    that E[x] = 0 does not hold; four times Xavier restores its unit slope, and that is what it gets.

    What each part gets:
        Kernels balanced(φ) with the true fans; recurrent weights orthogonal, gate by gate; biases 0
        but for the forget gate of an LSTM, which starts open at 1; norm scales 1; embeddings N(0, 1/dim);
        PReLU slopes ¼.

        The kernels that end residual branches are drawn like all others, however many branches there are: on that
        the literature disagrees. From twelve branches on, check GL307 of `glorot check` asks for 1/√n of it.

    When to use:
        When in doubt. Pass `inputs` to `glorot.plan`, so that the activations are traced in the order of
        execution; without them they are taken in the order of registration.

    Example:
        >>> from glorot.schemes import balanced
        >>> from glorot.fans import Fans
        >>> round(balanced("relu")(Fans(128, 128)).std ** 2 * 128, 6)
        2.0

    References:
        Glorot & Bengio (2010), equation 12; He et al. (2015), equations 10 and 14; Saxe et al. (2014);
        Jozefowicz et al. (2015), section 4, for the forget bias.
    """

    def choose(part: Part, inventory: Inventory) -> Choice:
        if part.role == "kernel":
            gain = "Xavier" if part.fed_by == "identity" else f"gain for {part.fed_by}"
            return Choice(_balanced(part), gain)
        if part.role == "recurrent":
            return Choice(as_scheme("orthogonal"), "applied again and again")
        if part.role == "forget_bias":
            return Choice(as_scheme("ones"), "the forget gate starts open")
        return usual(part)

    return choose


def _balanced(part: Part) -> Scheme:
    """Return Xavier's compromise for what feeds a part: an activation by its name, all else by its gains."""
    balanced = SCHEMES.factory("balanced")
    if part.source is None or gains(part.source) == gains_of(part.fed_by):
        return balanced(part.fed_by)
    return balanced(gains=gains(part.source))
