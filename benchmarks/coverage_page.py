"""The page of coverage: a summary of all libraries, and a section for each, of which a run renews its own."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("results") / "coverage.md"
COLUMNS = (
    "library",
    "models",
    "built",
    "run on a batch",
    "planned without a rule",
    "all that the batch reaches is seen",
    "run on glorot's own batch",
    "all that it reaches is seen",
)
INTRODUCTION = """# Coverage: models of libraries

Made by `benchmarks/coverage.py`, a library at a time. A model counts as planned if `glorot.plan` gives a plan
without a rule, on meta or, where its forward needs values, with memory. The models of transformers get the batch that
glorot makes, all others are given one, and are measured again with the batch that glorot makes, as shares of all that
were asked so; what a batch reaches is told by autograd.
"""


def is_unknown(refusal: str) -> bool:
    """Tell whether a refusal names parameters that nothing explains."""
    return refusal.startswith("no layer that glorot knows")


def is_planned(row: dict[str, Any]) -> bool:
    """Tell whether a model is planned without a rule, on meta or by its twin with memory, or by its classes alone."""
    if "with" not in row:
        return row.get("without") == ""
    return not row["with"] or row.get("real") == ""


def reasons(refusal: str) -> set[str]:
    """Return what a refusal comes down to: names of parameters and of their layers, or the error of the model."""
    if is_unknown(refusal):
        rows = re.findall(r"^  (\S+)  (\S+)  in (\w+)", refusal, re.M)
        return {f"`{path.rpartition('.')[2]}`, {len(shape.split('×'))} axes" for path, shape, _ in rows}
    text = refusal.splitlines()[0].removeprefix("the batch does not fit the model: ")
    text = re.sub(r"^(layer '[^']*' refused it|its forward pass failed): ", "", text)
    return {re.sub(r"\d+", "N", text)[:140]}


def grouped(rows: list[dict[str, Any]], field: str) -> list[str]:
    """Return the lines of a table of reasons, the most frequent first."""
    kinds: dict[str, list[str]] = {}
    for row in rows:
        for reason in reasons(row.get(field, "")) if row.get(field) else ():
            kinds.setdefault(reason, []).append(row["model"])
    lines = [
        f"| {len(names)} | {reason.replace('|', '/')} | {', '.join(names[:4])} |" for reason, names in kinds.items()
    ]
    return sorted(lines, key=lambda line: (-int(line.split()[1]), line))


def unreached(row: dict[str, Any]) -> bool:
    return is_unknown(row["with"]) and not row.get("unexplained")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.0f} %)"


def section(library: str, rows: list[dict[str, Any]], names: int, versions: str) -> str:
    """Return the section of a library: what was counted, and each refusal with its reason."""
    made = [row for row in rows if "not built" not in row]
    lines = [f"## {library}", "", f"{versions}.", "", "| | |", "|---|---|"]
    lines += [f"| {what} | {figure} |" for what, figure in figures(rows, made, names)]
    for title, field in REFUSED.items():
        counted = grouped(rows if field == "not built" else made, field)
        if counted:
            lines += ["", f"### {title}", "", "| models | reason | such as |", "|---|---|---|", *counted]
    for title, (field, most) in LISTED.items():
        told = [(row["model"], row[field]) for row in made if row.get(field)]
        if told:
            lines += ["", f"### {title}", ""]
            lines += [f"- {model}: {'; '.join(some[:most])} ({len(some)})" for model, some in told]
    return "\n".join(lines) + "\n"


def summary(library: str, rows: list[dict[str, Any]]) -> str:
    """Return the row of a library in the table of all."""
    made = [row for row in rows if "not built" not in row]
    run = [row for row in made if "with" in row]
    whole = [row for row in run if "unseen" in row and not row["unseen"]]
    shares = (share(sum(map(is_planned, run)), len(run)), share(len(whole), len(run)))
    asked, *own = own_rows(made)
    counted = (len(rows), len(made), len(run), *shares, *(share(len(some), len(asked)) for some in own))
    return f"| {library} | {' | '.join(map(str, counted))} |"


def own_rows(made: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], ...]:
    """Return the models that were asked with a batch that glorot makes, those that run on it, and those seen whole.

    Those of transformers have no other batch.
    """
    asked = [row for row in made if "own" in row or "size" in row or "no batch" in row]
    run = [row for row in asked if row.get("own", "with" in row)]
    return asked, run, [row for row in run if not row.get("own unseen", row.get("unseen", ["?"]))]


def renewed(page: str, library: str, rows: list[dict[str, Any]], names: int, versions: str) -> str:
    """Return a page with the section and the row of one library as they are now, and all others as they were."""
    head, *others = re.split(r"^(?=## )", page, flags=re.M)
    sections = {text.splitlines()[0].removeprefix("## "): text.rstrip("\n") + "\n" for text in others}
    counted = {line.split("|")[1].strip(): line for line in head.splitlines() if line.startswith("| ")}
    counted.pop(COLUMNS[0], None)
    sections[library], counted[library] = section(library, rows, names, versions), summary(library, rows)
    table = [f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1), *counted.values()]
    return "\n".join([INTRODUCTION, *table, "", *sections.values()])


REFUSED = {
    "Refused by the classes of the layers alone": "without",
    "Refused with a batch": "with",
    "Refused with a batch by the twin with memory, too": "real",
    "No batch runs": "no batch",
    "Not built by their own library": "not built",
}
LISTED = {
    "Reached by glorot's own batch and not seen": ("own unseen", 6),
    "Reached by the batch and not explained": ("unexplained", 6),
    "Reached by the batch and not seen": ("unseen", 6),
    "Planned, and to be looked at": ("suspicious", 5),
}


def figures(rows: list[dict[str, Any]], made: list[dict[str, Any]], names: int) -> list[tuple[str, str]]:
    """Return what was counted, with its share."""
    run = [row for row in made if "with" in row]
    ends = [row for row in run if not row["with"] or is_unknown(row["with"])]
    whole = [row for row in run if "unseen" in row and not row["unseen"]]
    seconds = sorted(row["seconds"] for row in run) or [0.0]
    sizes = Counter(row["size"] for row in made if "size" in row)
    told = ": " + ", ".join(f"{n} {size}" for size, n in sizes.items()) if sizes else ""
    alone = [row for row in made if "without" in row]
    asked, own, own_seen = own_rows(made)
    return [
        ("run, of all that were listed", share(len(rows), names)),
        ("built", share(len(made), len(rows)) + told),
        *(
            [
                (
                    "planned without a rule by classes alone",
                    share(sum(not row["without"] for row in alone), len(alone)),
                )
            ]
            if alone
            else []
        ),
        ("a batch was made that they run on", share(len(run), len(made))),
        ("… of these, ran to the end on meta under glorot", share(len(ends), len(run))),
        ("… planned without a rule, with the batch", share(sum(map(is_planned, run)), len(run))),
        ("… refused for a parameter that the batch does not reach", share(sum(map(unreached, run)), len(run))),
        ("… every parameter that the batch reaches is seen", share(len(whole), len(run))),
        (
            "planned without a rule, of all built, by classes where no batch runs",
            share(sum(map(is_planned, made)), len(made)),
        ),
        ("run on a batch that glorot makes, of all that were asked", share(len(own), len(asked))),
        ("… every parameter that it reaches is seen, of all that were asked", share(len(own_seen), len(asked))),
        (
            "seconds for a plan with a batch, beside other work",
            f"median {seconds[len(seconds) // 2]:.2f}, most {seconds[-1]:.1f}",
        ),
    ]
