"""Which optimizers train a parameter."""

from collections.abc import Mapping

from glorot.checks.evidence import Evidence
from glorot.inventory import Parameter, runs


def trained(evidence: Evidence) -> list[Parameter]:
    """Return the parameters that a model wants to train, tied ones once."""
    return [
        one
        for one in evidence.inventory.parameters
        if one.tied_to is None and not one.frozen and one.parts and not all(runs(part.role) for part in one.parts)
    ]


def groups_by_path(evidence: Evidence) -> Mapping[str, list[str]]:
    """Return the names of the optimizers that train each trained parameter, once for each group that holds it.

    A weight that is computed from others is trained where those are; a tied one where any of its paths is.
    """
    owner = {one.path: one.tied_to or one.path for one in evidence.inventory.parameters}
    found: dict[str, list[str]] = {one.path: [] for one in trained(evidence)}
    unknown: list[tuple[str, str]] = []
    for group in evidence.groups or ():
        for path in group.paths:
            if path in owner:
                found.setdefault(owner[path], []).append(group.optimizer)
            else:
                unknown.append((group.optimizer, path))
    for parameter in trained(evidence):
        if unknown and not found[parameter.path] and any(part.stored is not None for part in parameter.parts):
            layer, dot, name = parameter.path.rpartition(".")
            begins = tuple(f"{layer}{dot}{text}" for text in (f"parametrizations.{name}.", f"{name}_"))
            found[parameter.path] = [optimizer for optimizer, path in unknown if path.startswith(begins)][:1]
    return found
