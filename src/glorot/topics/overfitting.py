"""Topic: overfitting."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Curve, Figure, Lines
from glorot.topics.nets import drawn

POINTS, DEGREES = 14, tuple(range(1, 13))


@topic()
def overfitting() -> Figure:
    """A model overfits when it learns the noise of its training examples: better on them, worse on unseen ones.

    gap = loss on unseen examples − loss on training examples

    The question:
        A model gets every training example right. Is it a good model?

    The answer:
        Only examples that it has not seen can say. A model with enough freedom can learn its training set by
        heart, noise included; then the training loss falls while the loss on a test set rises.

        The start is not to blame: initialisation decides whether a net learns at all, overfitting is about
        what it learns. A net that does badly on its training examples too does not overfit, it underfits, and
        there a better start may help.

    What to do:
        Keep test examples aside. More data, a smaller model, weight decay, dropout, or stopping when the loss
        on unseen examples stops falling. `glorot compare` shows both losses of each recipe.

    Example:
        >>> from glorot.topics.overfitting import losses
        >>> train, unseen = losses()
        >>> train[-1] < train[2], unseen[-1] > unseen[2]  # degree 12 against degree 3
        (True, True)

    Next:
        `glorot compare --quick` draws the loss on training and on test examples.

    Related:
        convergence, initialization, glossary.

    Also asked as:
        overfit, overfits, overfitted, regularisation, regularizer, generalisation gap, generalization gap,
        memorization, memorize, high variance, bias variance tradeoff, bias variance, train test gap, validation
        loss, training loss, validation, generalisation, generalize, generalise, unseen data, train accuracy,
        test accuracy, validation accuracy, l2 regularization, l2 regularisation, weight regularization

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 5.2.
    """
    train, unseen = losses()
    x = tuple(map(float, DEGREES))
    title = f"Polynomials through {POINTS} noisy points: more freedom fits them better and the truth worse."
    curves = (Curve("training examples", x, tuple(train)), Curve("unseen examples", x, tuple(unseen)))
    return Lines(title, "degree", "mean square error", curves, log=True)


def losses() -> tuple[list[float], list[float]]:
    """Return the error of fitted polynomials, by degree, on the points they were fitted to and on others."""
    rng_x = np.linspace(-1, 1, POINTS)
    y = np.sin(3 * rng_x) + drawn("noise", POINTS, 1, 0.3)[:, 0]
    x_new = np.linspace(-0.97, 0.97, 101)
    train, unseen = [], []
    for degree in DEGREES:
        fitted = np.polynomial.Polynomial.fit(rng_x, y, degree)
        train.append(float(np.mean((fitted(rng_x) - y) ** 2)))
        unseen.append(float(np.mean((fitted(x_new) - np.sin(3 * x_new)) ** 2)))
    return train, unseen
