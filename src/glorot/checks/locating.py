"""Which layer a finding blames, by the paths that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from glorot.checks.base import Finding
from glorot.checks.report import Report
from glorot.inventory.parts import path_of


def located(report: Report, modules: Mapping[str, Any]) -> Report:
    """Add to each finding the class of the layer that it blames.

    Args:
        report: the report of a model.
        modules: the layers of that model by their paths; the model itself is at "".
    """
    kinds = ((one, next(layers_above(one, modules), None)) for one in report.findings)
    findings = [one if layer is None else replace(one, where=type(layer).__name__) for one, layer in kinds]
    return replace(report, findings=tuple(findings))


def layers_above(finding: Finding, modules: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the layer of the first path that a finding blames, then what holds that layer, and last the model.

    Example:
        >>> finding = Finding("GL101", "not-finite", "error", ("0.weight[q]",), 1.0, "", "holds NaN", "write it")
        >>> list(layers_above(finding, {"": "the model", "0": "its layer", "2": "another"}))
        ['its layer', 'the model']
    """
    path = path_of(finding.paths[0]).partition(" ")[0]  # of a step, "0 → tanh", the path of its layer
    while path:
        if path in modules:
            yield modules[path]
        path = path.rpartition(".")[0]
    if "" in modules:
        yield modules[""]
