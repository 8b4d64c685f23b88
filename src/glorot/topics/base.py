"""What a topic is: a page of its own for a word of the field, with a figure that is computed when it is shown."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

from glorot.catalogue import Catalogue
from glorot.topics.figures import Figure


class Topic(NamedTuple):
    """What a topic shows beside its docstring.

    Attributes:
        figure: what is drawn.
        lab: the state of the lab page that lets a reader try it.
    """

    figure: Figure
    lab: Mapping[str, str | int | float]


TOPICS: Catalogue[Topic] = Catalogue("topic", "glorot.topics")


def topic(**lab: str | int | float) -> Callable[[Callable[[], Figure]], Callable[[], Topic]]:
    """Register a function that computes a figure as the topic of its name; its docstring is the page.

    What stands under "Also asked as" are its other names; case, blanks and hyphens do not matter.

    Args:
        **lab: the state of the lab page, as in `rule="xavier_normal", depth=10`.

    Returns:
        The decorator.
    """

    def register(draw: Callable[[], Figure]) -> Callable[[], Topic]:
        figure = functools.cache(draw)  # a net is trained once, however often its page is asked for

        @functools.wraps(draw)
        def make() -> Topic:
            return Topic(figure(), lab)

        TOPICS.add(make, *" ".join(section_of(draw, "Also asked as").split()).split(", "))
        return make

    return register


def section_of(function: Callable[..., object], title: str) -> str:
    """Return what a docstring has under a heading, without its indent.

    Example:
        >>> section_of(section_of, "Returns")
        'The lines of the section.'

    Returns:
        The lines of the section.
    """
    text = inspect.getdoc(function) or ""
    return inspect.cleandoc(text.partition(f"\n{title}:\n")[2].partition("\n\n")[0])
