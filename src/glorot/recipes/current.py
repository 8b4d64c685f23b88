"""Recipe: leave the weights as they are."""

from glorot.inventory import Inventory, Part
from glorot.recipes.base import Choice, Chooser, recipe


@recipe(keeps=True)
def current() -> Chooser:
    """Leave every weight as it is: "is my own initialisation fine?".

    W = W

    What each part gets:
        Nothing: `apply` writes no parameter.

    When to use:
        In `compare`, beside other recipes, to see what your own start is worth.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("current"))
        'current'

    References:
        Mishkin & Matas (2016), "All you need is a good init", on judging a start by its signal.
    """

    def choose(part: Part, inventory: Inventory) -> Choice:
        return Choice(None, "left as it is")

    return choose
