"""GL203: layers that are copies of one."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from glorot.checks.alike.comparable import comparable
from glorot.checks.alike.followers import follows
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.paths import path_text
from glorot.inventory import path_of

BEGINNING = 16
"""Elements of a row by which weights are told apart before they are read whole."""


class LayersAlike(Check):
    """Several layers, experts, heads or whole networks start with the same weights.

    What it does:
        Looks for random weights that occur in more than one tensor: exactly, which is no chance from eight elements on.
        Tied weights are one tensor; frozen ones, constants, tables, and networks that follow another one ("target",
        "ema", "teacher" in their path) are let pass.

    Why it matters:
        A layer that is deep-copied, as `torch.nn.TransformerEncoder` does with the one it is given, an initializer that
        is used twice with one seed, or a seed that is set again before each network: the copies compute the same of the
        same inputs. Two critics whose smaller answer counts are then one critic, an ensemble is one network, and the
        layers of a stack are correlated where theory takes them as independent.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        >>> model = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        >>> print(glorot.check(model, select="GL203").findings[0].why)
        hold the same numbers: layers.0, layers.1 are copies

    What to do:
        Draw the weights after the layers were copied: `glorot.initialize(model, "auto", seed=0)` gives each tensor
        numbers by its own name.
    """

    code = "GL203"
    name = "layers-alike"
    severity = "warning"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        by_beginning: dict[tuple[object, ...], list[tuple[str, Array]]] = defaultdict(list)
        by_values: dict[tuple[object, ...], list[str]] = defaultdict(list)
        order: dict[str, int] = {}
        for part, values in comparable(evidence):
            if not follows(part.path):
                order[part.name] = len(order)
                beginning = np.atleast_2d(values)[:1, ..., :BEGINNING].tobytes()
                by_beginning[values.shape, values.dtype.str, beginning].append((part.name, values))
        for group in by_beginning.values():  # of which few are worth reading whole
            for name, values in group if len(group) > 1 else ():
                by_values[_fingerprint(values)].append(name)
        causes: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for names in by_values.values():
            if len(names) > 1:
                causes[_apart(names)] += names
        for units, names in causes.items():
            ordered = sorted(names, key=order.__getitem__)
            is_within = any(path_of(unit) != unit for unit in units)
            yield self.finding(
                ordered if is_within else tuple(dict.fromkeys(map(path_of, ordered))),
                "hold the same numbers"
                if set(units) == set(names)
                else f"hold the same numbers: {path_text(units)} are copies",
                remedy="draw the weights after the layers were copied: glorot.initialize gives each its own numbers",
            )


def _fingerprint(values: Array) -> tuple[object, ...]:
    whole = np.ascontiguousarray(values)
    return values.shape, whole.dtype.str, hashlib.blake2b(whole.data, digest_size=16).digest()


def _apart(names: list[str]) -> tuple[str, ...]:
    """Return the names up to where they differ: the layers that are copies.

    Example:
        >>> _apart(["layers.0.linear.weight", "layers.1.linear.weight"])
        ('layers.0', 'layers.1')
    """
    pieces = [name.split(".") for name in names]
    shared = 0
    while len({tuple(one[: shared + 1]) for one in pieces}) == 1:
        shared += 1
    units = dict.fromkeys(".".join(one[: shared + 1]) for one in pieces)
    return tuple(units) if len(units) == len(names) else tuple(names)
