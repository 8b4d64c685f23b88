"""The page of a plan: one HTML table."""

from glorot.markup import html_table, html_text
from glorot.plans import Plan
from glorot.plans.tables import HEAD, buffers_text, cells_of, count_text, plan_rows
from glorot.report.document import document, section
from glorot.report.laws import law_text
from glorot.report.network import CAPTION, network_html
from glorot.report.terms import glossary

TERMS = {
    "fans": "how many inputs are summed into one unit → how many units one input feeds.",
    "fed by": "the activation that the input comes from, which sets the gain.",
    "scheme": "the rule that turns fans into a distribution.",
    "std": "standard deviation of the weights drawn; = for a constant.",
    "law": "the distribution that the numbers are drawn from.",
    "fingerprint": "equal for equal plans.",
}


def plan_html(plan: Plan, full: bool = False) -> str:
    """Return a plan as a page.

    Args:
        plan: what each part gets.
        full: a row for each part; False (default) folds equal layers into one row.

    Returns:
        HTML that needs no other file and no network.
    """
    rows = plan_rows(plan.entries, full)
    kept = sum(entry.distribution is None for entry in plan.entries)
    facts = count_text(plan.entries, rows) + (f", {kept} left as they are" if kept else "")
    facts += f" · numbers from {plan.stream} · fingerprint {plan.fingerprint}"
    *head, why = HEAD
    cells = [
        [*row[:-1], law, row[-1]]
        for row, law in ((cells_of(each), each.merge(lambda e: law_text(e.distribution))) for each in rows)
    ]
    left = f'<p class="note">{html_text(buffers_text(plan.buffers, full))}</p>' if plan.buffers else ""
    drawing = network_html(plan.entries)
    network = section("The network", f'<p class="note">{html_text(CAPTION)}</p>', drawing) if drawing else ""
    body = (
        f'<h1>Plan: {html_text(plan.recipe)}</h1>\n<p class="lead">{html_text(facts)}</p>\n'
        f'{glossary(TERMS)}<div class="scroll">{html_table([*head, "law", why], cells, "plan")}</div>{left}\n{network}'
    )
    return document(f"plan {plan.recipe} · glorot", body)
