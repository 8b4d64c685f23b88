"""The public verbs. Each one checks what it was given and hands it to the room that does the work."""

from glorot.api.auditing import audit
from glorot.api.checking import check
from glorot.api.comparing import compare
from glorot.api.differing import diff
from glorot.api.digesting import digest
from glorot.api.drawing import draw
from glorot.api.explaining import explain
from glorot.api.jacobians import jacobian
from glorot.api.matching import match
from glorot.api.measuring import measure
from glorot.api.planning import apply, initialize, plan
from glorot.api.predicting import predict

__all__ = [
    "apply", "audit", "check", "compare", "diff", "digest", "draw", "explain", "initialize", "jacobian", "match",
    "measure", "plan", "predict",
]  # fmt: skip
