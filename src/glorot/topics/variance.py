"""Topic: variance."""

import numpy as np

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Histograms, histogram
from glorot.topics.nets import drawn

SUMS, SPAN = 4096, 12.0


@topic()
def variance() -> Figure:
    """How far numbers lie from their mean, and what a sum of many makes of it.

    Var(x) = E[(x − E[x])²], Var(w₁·x₁ + … + w_n·x_n) = n·Var(w)·Var(x)

    The question:
        A unit adds up n inputs, each times a random weight. If the inputs have spread 1, what spread
        has the sum?

    The answer:
        Variances of independent terms add up: n terms of mean 0 give n times the variance of one, so the
        spread σ = √Var grows as √n. Only Var(w) = 1/n keeps it at 1.

        Variance is the mean of the squared distance from the mean; its root σ, the standard deviation, is
        in the units of the numbers themselves. Positive and negative errors of a sum cancel in part: that
        is why the sum of n terms spreads by √n and not by n.

        For w and x independent, both of mean 0, Var(w·x) = Var(w)·Var(x). With other means two more terms
        come in, E[w]²·Var(x) + E[x]²·Var(w): the page of Xavier's rule derives them.

    What to do:
        Choose Var(w) by the number of inputs, as every rule with fans does: `xavier`, `he`, `lecun`.

    Example:
        >>> import numpy as np
        >>> import glorot
        >>> x = glorot.draw("normal(std=1)", (300, 2000), seed=0, name="inputs")
        >>> w = glorot.draw("normal(std=0.1)", (100, 300), seed=0, name="weights")
        >>> float(round((w @ x).var(), 1)), round(300 * 0.1**2, 1)  # measured, and n·Var(w)
        (3.0, 3.0)

    Next:
        `glorot explain fans` counts the inputs; `glorot draw xavier_uniform 300 100 --seed 0` draws.

    Related:
        fans, initialization, gain.

    Also asked as:
        variances, var, standard deviation, std, stddev, sigma, spread, sum of variances, variance of a sum,
        weight variance, random variable, random variables, sum of random variables, independent variables, sum
        of n random variables, independent, independence

    References:
        Glorot & Bengio (2010), section 4.2.1, equations 5 to 12.
    """
    rows = []
    for n in (1, 4, 16):
        sums = drawn("terms", SUMS, n, 1.0).sum(axis=1)
        rows.append(histogram(f"sum of {n}", sums, -SPAN, SPAN, f"σ = {np.std(sums):.2f}, √n = {np.sqrt(n):g}"))
    return Histograms("Four times the terms, twice the spread: sums of numbers with σ = 1.", "sum", tuple(rows))
