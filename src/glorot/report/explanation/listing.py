"""What there is to explain, by group: the page for whoever knows no name yet."""

import textwrap
from typing import Any

from glorot.catalogue import Catalogue
from glorot.report.explanation.docstring import read_docstring
from glorot.report.explanation.page import CATALOGUES

WIDTH = 79
GROUPS = {
    "topic": "Topics, for the words of the field",
    "recipe": "Recipes decide for a whole model",
    "scheme": "Schemes decide for one tensor",
    "activation": "Activations, for their gain",
}


def listing(kinds: tuple[str, ...] = tuple(GROUPS)) -> str:
    """List all topics, recipes, schemes and activations, or those of some kinds, each with its line."""
    groups = [_group(kind, CATALOGUES[kind]) for kind in kinds]
    return "\n\n".join(
        [*groups, f"Next: glorot explain {'xavier' if len(kinds) > 1 else next(iter(CATALOGUES[kinds[0]]))}"]
    )


def _group(kind: str, catalogue: Catalogue[Any]) -> str:
    wide = max(map(len, catalogue))
    lines = [f"{GROUPS[kind]}:"]
    for name in catalogue:
        told = read_docstring(catalogue.factory(name).__doc__ or "").line
        also = catalogue.aliases(name) if kind != "topic" else []
        told += f" (also {', '.join(also)})" if also else ""
        lines.append(
            textwrap.fill(told, WIDTH, initial_indent=f"  {name.ljust(wide)}  ", subsequent_indent=" " * (wide + 4))
        )
    return "\n".join(lines)
