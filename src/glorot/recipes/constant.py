"""Recipe: one value for all weights, to show symmetry."""

from glorot.recipes.base import Chooser, one_law, recipe
from glorot.schemes import SCHEMES


@recipe()
def constant(value: float = 0.1) -> Chooser:
    """Every weight the same value: a wide layer that works as one unit.

    W = value, b = 0

    All units of a layer compute the same sum, receive the same gradient and make the same step. However
    wide the layer, it has one distinct unit, before training and after.

    What each part gets:
        Weights and embeddings `value`, biases 0, norm scales 1, PReLU slopes ¼.

    When to use:
        To see symmetry that nothing breaks.

    Args:
        value: the value of every weight, 0.1 by default.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("constant(0.5)"))
        'constant(value=0.5)'

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4, on breaking symmetry.
    """
    scheme = SCHEMES.factory("constant")(value)
    return one_law(scheme, "all weights alike", embeddings=scheme)
