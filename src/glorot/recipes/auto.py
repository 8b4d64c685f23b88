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

        Kernels that end one of n residual branches get 1/√n of that std, so that n branches add to their stream
        what one would, and no layer is lost beside those before it. Where a norm or a learned scale follows such a
        kernel, as in ResNets and with LayerScale, that sets the size of the branch, and the kernel is drawn like
        all others.

        On that factor the literature disagrees: GPT-2, Megatron-LM and GPT-NeoX take 1/√n, Llama's code in
        transformers none, torchtitan and OLMo 1/√(2(l + 1)) by the place l of the block, Fixup zeros. Measured, nets
        of 24 and 48 branches reach a lower loss in 120 steps of Adam with 1/√n than without: by a little with norms
        before the branches, by far with norms after the sums; without norms they train with it alone
        (benchmarks/results/branch_ends.md).

    When to use:
        When in doubt. Pass `inputs` to `glorot.plan`, so that the activations are traced in the order of
        execution; without them they are taken in the order of registration.

    Example:
        >>> from glorot.schemes import balanced
        >>> from glorot.fans import Fans
        >>> round(balanced("relu")(Fans(128, 128)).std ** 2 * 128, 6)
        2.0
        >>> round(balanced("relu", branches=24)(Fans(128, 128)).std ** 2 * 128 * 24, 6)
        2.0

    References:
        Glorot & Bengio (2010), equation 12; He et al. (2015), equations 10 and 14; Saxe et al. (2014);
        Jozefowicz et al. (2015), section 4, for the forget bias; Radford et al. (2019), section 2.3, for 1/√n;
        Zhang, Dauphin & Ma (2019), "Fixup Initialization", for nets without norms.
    """

    def choose(part: Part, inventory: Inventory) -> Choice:
        if part.role == "kernel":
            gain = "Xavier" if part.fed_by == "identity" else f"gain for {part.fed_by}"
            count = _branches(part)
            share = f" × 1/√{count}, for it ends one of {count} branches" if count > 1 else ""
            return Choice(_balanced(part, count), gain + share)
        if part.role == "recurrent":
            return Choice(as_scheme("orthogonal"), "applied again and again")
        if part.role == "forget_bias":
            return Choice(as_scheme("ones"), "the forget gate starts open")
        return usual(part)

    return choose


def _branches(part: Part) -> int:
    """Return how many branches share their stream with the one that a kernel ends; 1 where nothing is to be shared."""
    return 1 if part.branch is None or part.is_rescaled else part.branch.count


def _balanced(part: Part, branches: int) -> Scheme:
    """Return Xavier's compromise for what feeds a part: an activation by its name, all else by its gains."""
    balanced = SCHEMES.factory("balanced")
    if part.source is None or gains(part.source) == gains_of(part.fed_by):
        return balanced(part.fed_by, branches=branches)
    return balanced(gains=gains(part.source), branches=branches)
