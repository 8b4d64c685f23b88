"""Recipe: one standard deviation for all weights, whatever the layer."""

from glorot.recipes.base import Chooser, one_law, recipe
from glorot.schemes import SCHEMES


@recipe()
def random(std: float = 0.01) -> Chooser:
    """Normal weights of one standard deviation, whatever the size of the layer.

    W ~ N(0, std²), b = 0

    The variance of the signal is multiplied by n·std² in each layer: with 128 units and std 0.01 it
    falls by 78 a layer and the gradient with it; with std 1 it grows until every unit saturates. Only
    n·std² ≈ 1 passes a signal through many layers, and that depends on n: hence `xavier`.

    What each part gets:
        Weights and embeddings N(0, std²), biases 0, norm scales 1, PReLU slopes ¼.

    When to use:
        Shallow nets, or to reproduce papers from before 2010.

    Args:
        std: the standard deviation of every weight, 0.01 by default.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("random(1.0)"))
        'random(std=1)'

    References:
        Krizhevsky, Sutskever & Hinton (2012), "ImageNet Classification with Deep Convolutional Neural
        Networks", section 5.
    """
    scheme = SCHEMES.factory("normal")(std)
    return one_law(scheme, "one σ for all", embeddings=scheme)
