"""Recipe: He initialisation for every weight."""

from glorot.recipes.base import Chooser, of_family, one_law, recipe


@recipe("kaiming")
def he(distribution: str = "normal") -> Chooser:
    """He (Kaiming) initialisation for every weight: variance 2/fan_in.

    W ~ N(0, 2/fan_in), b = 0

    The question:
        Ten layers of 128 ReLUs, each of which throws away half of what it gets. How large must a weight
        be at the start, so that what goes in still comes out?

    The idea:
        ReLU sets half of its inputs to zero, so E φ(z)² = Var(z)/2; twice the variance makes up for it.
        `auto` gives the factor 2 only to the layers that a ReLU really feeds.

    What each part gets:
        Weights he_normal (or he_uniform), biases 0, norm scales 1, embeddings N(0, 1/dim), PReLU slopes ¼.

    When to use:
        Nets of ReLU or leaky ReLU without normalisation. Under tanh it trains about as well as Xavier.

    Args:
        distribution: "normal" (default) or "uniform".

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("he"))
        'he'

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10.
    """
    return one_law(of_family("he", distribution), "2/fan_in, for ReLU")
