"""Recipe: LeCun initialisation for every weight."""

from glorot.recipes.base import Chooser, of_family, one_law, recipe


@recipe()
def lecun(distribution: str = "normal") -> Chooser:
    """LeCun initialisation for every weight: variance 1/fan_in.

    W ~ N(0, 1/fan_in), b = 0

    A sum of fan_in inputs of variance 1 keeps variance 1. For square layers it is Xavier; it differs
    where a layer widens or narrows, for it looks at the forward signal alone.

    What each part gets:
        Weights lecun_normal (or lecun_uniform), biases 0, norm scales 1, embeddings N(0, 1/dim),
        PReLU slopes ¼.

    When to use:
        SELU nets, and nets whose layers are fed by a normalisation.

    Args:
        distribution: "normal" (default) or "uniform".

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("lecun"))
        'lecun'

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6.
    """
    return one_law(of_family("lecun", distribution), "1/fan_in")
