"""The sections of a comparison's page that hold words and figures."""

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import Claim
from glorot.markup import html_text
from glorot.report.cards import named
from glorot.report.curves import style
from glorot.report.document import prose
from glorot.report.terms import terms, used_terms


def figures(comparison: Comparison) -> str:
    """Return the table of all figures, with a line for each of its terms."""
    head = comparison.columns()[:-1]
    top = "".join(f'<th scope="col">{prose(name)}</th>' for name in head)
    lines = []
    for result, row in zip(comparison.results, comparison.rows(), strict=True):
        _, hue, _ = style(comparison, result.recipe)
        name = (
            f'<td class="name" data-head="recipe"><span class="dot c{hue}"></span>'
            f"{named(comparison, result.recipe)}</td>"
        )
        cells = "".join(
            f'<td data-head="{html_text(what)}">{html_text(cell)}</td>'
            for what, cell in zip(head[1:], row[1:-1], strict=True)
        )
        words = f'<tr class="words"><td colspan="{len(head)}">{prose(row[-1])}</td></tr>'
        lines.append(f"<tbody><tr>{name}{cells}</tr>\n{words}</tbody>")
    table = f'<table class="results">\n<thead><tr>{top}</tr></thead>\n' + "\n".join(lines) + "\n</table>"
    return f"{terms(' '.join([*head, '±']))}\n{table}"


def claims(comparison: Comparison) -> str:
    """Return what textbooks say, each sentence with whether it holds here."""
    if not comparison.claims:
        return ""
    items = "\n".join(map(_claim, comparison.claims))
    held, count = sum(claim.holds is True for claim in comparison.claims), len(comparison.claims)
    untold = sum(claim.holds is None for claim in comparison.claims)
    rest = f"; of {untold} it cannot be told" if untold else ""
    told = " ".join(f"{claim.sentence} {claim.seen}" for claim in comparison.claims)
    known = used_terms(" ".join(result.verdict for result in comparison.results))  # explained below the cards
    return (
        f'<p class="lead">{held} of {count} sentences hold here{rest}.</p>\n'
        f'<ul class="claims">\n{items}\n</ul>\n{terms(told, "±", *known)}'
    )


def _claim(claim: Claim) -> str:
    kind, words = {True: ("yes", "Holds"), False: ("no", "Does not hold"), None: ("open", "Cannot tell")}[claim.holds]
    return (
        f'<li class="{kind}"><span class="mark" aria-hidden="true">{claim.mark}</span><span>{prose(claim.sentence)}'
        f'<span class="seen"><b>{words} here:</b> {prose(claim.seen)}</span></span></li>'
    )


def reproduction(comparison: Comparison) -> str:
    """Return what repeats a comparison: its command, its settings and its plans."""
    names = ", ".join(repr(result.recipe) for result in comparison.results)
    command = comparison.command or (
        f"glorot.compare(build, data, recipes=[{names}], seeds={_seeds(comparison)}, epochs={comparison.epochs})"
    )
    facts = [
        ("task", comparison.task),
        ("seeds", ", ".join(str(run.seed) for run in comparison.results[0].runs)),
        ("epochs", str(comparison.epochs)),
        ("took", f"{comparison.seconds:.0f} s"),
        ("versions", ", ".join(f"{name} {version}" for name, version in comparison.versions)),
    ]
    listing = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>" for name, value in facts if value)
    plans = "\n".join(
        f"<details><summary>Plan of {html_text(result.recipe)}</summary><pre>{html_text(result.plan)}</pre></details>"
        for result in comparison.results
    )
    return f'<pre class="command">{html_text(command)}</pre>\n<dl>{listing}</dl>\n{plans}'


def _seeds(comparison: Comparison) -> int | list[int]:
    """Return what asks for the same seeds again: their number where they are counted from 0, or a list."""
    seeds = [run.seed for run in comparison.results[0].runs]
    return comparison.seeds if seeds == list(range(len(seeds))) else seeds
