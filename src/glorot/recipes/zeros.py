"""Recipe: everything zero, to show why not."""

from glorot.recipes.base import Chooser, one_law, recipe
from glorot.schemes import as_scheme


@recipe()
def zeros() -> Chooser:
    """Every weight 0: the net that cannot start.

    W = 0, b = 0

    Units that start the same stay the same (`symmetry`), and with zeros they do not even learn as one. With
    two layers or more, no gradient passes a zero weight: ∂L/∂x = Wᵀ·∂L/∂z = 0, and the weight
    gradient δ·xᵀ is 0 as well, since the hidden signal x is. Only the last bias learns, so the net
    predicts the most frequent class for ever.

    What each part gets:
        Weights and embeddings 0, biases 0, norm scales 1, PReLU slopes ¼.

    When to use:
        To see it fail. As a part of other recipes zero is right for biases and for the last layer of
        a residual branch.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("zeros"))
        'zeros'

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4.
    """
    scheme = as_scheme("zeros")
    return one_law(scheme, "all weights 0", embeddings=scheme)
