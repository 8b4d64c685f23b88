"""Write lab/data/facts.json: what the page looks up instead of computing it again."""

import math
from typing import Any

import numpy as np
import torch
from lab_nets import ACTIVATIONS, DEEPEST, INPUTS, OUTPUTS, WIDTHS, LabNet, write_json

import glorot
from glorot import theory
from glorot.activations import Activation, activation
from glorot.errors import GlorotError

RULES = ("standard", "xavier_uniform", "xavier_normal", "he_normal", "lecun_normal")
FLAT = 0.05
"""Of the steepest slope: the share below which `glorot.probe` calls a unit saturated."""

Zone = list[float | None]
Place = list[int]


def facts() -> dict[str, Any]:
    """Return all of the file."""
    laws = Laws()
    return {
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "widths": list(WIDTHS),
        "activations": {name: activation_facts(activation(name)) for name in ACTIVATIONS},
        "rules": {
            **{rule: {"any": laws.planned(rule)} for rule in RULES},
            "orthogonal": {"any": laws.planned(None, rules=[("*.weight", "orthogonal")])},
            "auto": auto(laws),
        },
        "branch_shares": branch_shares(),
        "laws": laws.unique,
    }


def activation_facts(phi: Activation) -> dict[str, Any]:
    """Return the moments of an activation under z ~ N(0, 1), and where it is flat."""
    moments = phi.moments()
    zones = flat_zones(phi)
    return {
        "gain": phi.gain,
        "mean": steady(moments.mean),
        "second_moment": steady(moments.second_moment),
        "derivative_second_moment": steady(moments.derivative_second_moment),
        "slope_at_zero": phi.slope_at_zero,
        "steepest": phi.steepest,
        "critical_scale": critical_scale(phi.name),
        "flat_sums": zones,
        "flat_values": [values_in(phi, zone) for zone in zones],
    }


def steady(number: float) -> float:
    """Round to 9 decimals: the last bits of a sum depend on how a processor adds it up."""
    return round(float(number), 9) + 0.0


def critical_scale(name: str) -> float | None:
    """Return σ·√fan_in at the edge of chaos, None where an activation has none."""
    try:
        return steady(math.sqrt(theory.critical_weight_variance(name)))
    except GlorotError:
        return None


def flat_zones(phi: Activation) -> list[Zone]:
    """Return the intervals of z where |φ′| is below FLAT of its steepest, to a thousandth."""
    z = np.linspace(-10, 10, 20001)
    is_flat = np.abs(phi.derivative(z)) < FLAT * phi.steepest
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_flat, [False]]).astype(int)))
    return [
        [None if start == 0 else round(float(z[start]), 3), None if stop == z.size else round(float(z[stop - 1]), 3)]
        for start, stop in edges.reshape(-1, 2).tolist()
    ]


def values_in(phi: Activation, zone: Zone) -> Zone:
    """Return the least and the largest φ of a zone; None where it has no bound."""
    low, high = -1e6 if zone[0] is None else zone[0], 1e6 if zone[1] is None else zone[1]
    values = phi.function(np.concatenate([np.linspace(max(low, -50), min(high, 50), 2001), [low, high]]))
    ends = float(values.min()), float(values.max())
    return [round(end, 4) + 0.0 if abs(end) < 1e3 else None for end in ends]


def planned_laws(
    recipe: str | None, phi: str, width: int, depth: int, *, rules: Any = None, skips: bool = False, norms: bool = False
) -> list[dict[str, Any]]:
    """Return the laws of all weights that a recipe plans for a net; its biases are 0."""
    net = LabNet(width, depth, phi, skips=skips, norms=norms)
    plan = glorot.plan(net, recipe, inputs=torch.ones(2, INPUTS), rules=rules)
    laws = {part.name: part.distribution.to_json() for part in plan if part.distribution is not None}
    if any(laws[f"layers.{number}.bias"] != {"law": "constant", "value": 0.0} for number in range(depth + 1)):
        raise AssertionError(f"{recipe}, {phi}: the page takes all biases for 0")
    return [laws[f"layers.{number}.weight"] for number in range(depth + 1)]


class Laws:
    """The laws of all rules, each kept once."""

    def __init__(self) -> None:
        self.unique: list[dict[str, Any]] = []

    def planned(self, recipe: str | None, phi: str = "tanh", **options: Any) -> list[Place]:
        """Return the numbers of the laws that a recipe plans, by width: of the first, a hidden, the last layer."""
        return [self._planned(recipe, phi, width, **options) for width in WIDTHS]

    def _planned(self, recipe: str | None, phi: str, width: int, **options: Any) -> Place:
        laws = planned_laws(recipe, phi, width, 4, **options)
        if laws[2] != laws[3]:
            raise AssertionError(f"{recipe}, {phi}: the page takes the hidden layers for alike")
        return [self._number(law) for law in (laws[0], laws[3], laws[4])]

    def _number(self, law: dict[str, Any]) -> int:
        if law not in self.unique:
            self.unique.append(law)
        return self.unique.index(law)


def auto(laws: Laws) -> dict[str, list[Place]]:
    """Return what `auto` plans by what feeds the layers: an activation, or, whatever that is, a sum or a norm.

    The hidden layers of a net with skips each end a branch; what they get is here that of a single branch.
    """
    fed = {phi: laws.planned("auto", phi) for phi in ACTIVATIONS}
    return {**fed, "sum": laws.planned("auto", norms=True), "norm": laws.planned("auto", norms=True)}


def branch_shares() -> list[float]:
    """Return by how much `auto` scales the laws of kernels that end one of n residual branches, for n = 0, 1, … 49."""
    return [1.0, 1.0, *(_share(branches) for branches in range(2, DEEPEST))]


def _share(branches: int) -> float:
    """Return the factor of so many branches, which a plan and its law of one branch have between them."""
    alone = planned_laws("auto", "tanh", 64, 2, norms=True)[1]["high"]
    return float(planned_laws("auto", "tanh", 64, branches + 1, skips=True)[2]["high"] / alone)


if __name__ == "__main__":
    write_json("facts.json", facts())
