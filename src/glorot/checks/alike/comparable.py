"""Weights that can be compared with each other: equal ones were drawn as one."""

import re
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import DRAWN, LEAST, is_centred, looks_drawn
from glorot.inventory import Part

TABLE = re.compile(r"(^|[._])pos(itions?|itional)?([._]|$)|sinus|rotary", re.I)
"""Names of tables that may be computed alike in several places."""


_KNOWN: WeakKeyDictionary[Evidence, Sequence[tuple[Part, Array]]] = WeakKeyDictionary()


def comparable(evidence: Evidence) -> Sequence[tuple[Part, Array]]:
    """Return the parts whose numbers look drawn, with what they hold; tied and frozen ones, and tables, are not."""
    if evidence not in _KNOWN:
        _KNOWN[evidence] = tuple(_find(evidence))  # read once for all checks
    return _KNOWN[evidence]


def _find(evidence: Evidence) -> Iterator[tuple[Part, Array]]:
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    for part, values in evidence.parts():
        is_weight = part.role in DRAWN or (part.role == "unknown" and values.ndim > 1)
        if not is_weight or part.path in frozen or values.size < LEAST or values.dtype.kind != "f":
            continue
        if part.role != "kernel" and TABLE.search(part.path):
            continue
        if looks_drawn(values) and (part.role != "unknown" or is_centred(values)):
            yield part, values
