"""Recipe: the heuristic that Glorot & Bengio compare with."""

from glorot.recipes.base import Chooser, one_law, recipe
from glorot.schemes import SCHEMES


@recipe()
def standard() -> Chooser:
    """The rule in use before Xavier's: uniform on ±1/√fan_in.

    W ~ U(±1/√fan_in), Var(W) = 1/(3·fan_in), b = 0

    Its variance is a third of what a linear unit needs, so signal and gradient lose a factor of √3 with
    every layer: noticeable with five layers, fatal with twenty. PyTorch's Linear and Conv still start
    from it (with biases from the same law; see the recipe `pytorch`).

    What each part gets:
        Weights U(±1/√fan_in), biases 0, norm scales 1, embeddings N(0, 1/dim), PReLU slopes ¼.

    When to use:
        To reproduce the comparison of the paper.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("standard"))
        'standard'

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 1.
    """
    scheme = SCHEMES.factory("variance_scaling")(1 / 3, "fan_in", "uniform")
    return one_law(scheme, "U(±1/√fan_in)")
