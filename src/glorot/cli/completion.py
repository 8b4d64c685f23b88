"""What a shell offers after Tab: the names of the catalogues."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names_of(*kinds: str) -> Completer:
    """Return a completer that offers the names of some kinds of entries, each with its line.

    Args:
        *kinds: of "recipe", "scheme" and "activation".
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from glorot.report.explanation.docstring import read_docstring
        from glorot.report.explanation.page import CATALOGUES

        entries = {
            name: catalogue.factory(name)
            for kind, catalogue in CATALOGUES.items()
            if kind in kinds
            for own in catalogue
            for name in (own, *catalogue.aliases(own))
        }
        return [
            CompletionItem(name, help=read_docstring(factory.__doc__ or "").line)
            for name, factory in sorted(entries.items())
            if name.startswith(incomplete)
        ]

    return complete
