"""The page of a plan: one HTML table."""

from glorot.distributions import Distribution
from glorot.plans import Plan, PlanEntry
from glorot.report.document import document, html_table, text
from glorot.report.laws import law_text
from glorot.text import number, shape_text

HEAD = ["path", "shape", "fans", "fed by", "scheme", "std", "law", "why"]


def plan_html(plan: Plan) -> str:
    """Return a plan as a page.

    Args:
        plan: what each part gets.

    Returns:
        HTML that needs no other file, no script and no network.
    """
    written = sum(entry.distribution is not None for entry in plan.entries)
    kept = len(plan.entries) - written
    facts = f"{len(plan.entries)} parts, {written} drawn" + (f", {kept} left as they are" if kept else "")
    facts += f" · numbers from {plan.stream} · fingerprint {plan.fingerprint}"
    rows = [_row(entry) for entry in plan.entries]
    body = (
        f'<h1>Plan: {text(plan.recipe)}</h1>\n<p class="lead">{text(facts)}</p>\n'
        f'<div class="scroll">{html_table(HEAD, rows, "plan")}</div>'
    )
    return document(f"plan {plan.recipe} · glorot", body)


def _row(entry: PlanEntry) -> list[str]:
    fans = f"{number(entry.fans.fan_in)} → {number(entry.fans.fan_out)}" if entry.fans else "–"
    law = entry.distribution
    drawn = [entry.scheme or "–", _std(law), law_text(law)]
    return [entry.name, shape_text(entry.shape), fans, entry.fed_by, *drawn, entry.why]


def _std(law: Distribution | None) -> str:
    return "–" if law is None else number(law.std)
