"""Inventory: what a model has to be initialised, free of any framework."""

from glorot.inventory.parts import (
    ROLES,
    SAME,
    UNREACHED,
    Branch,
    Declared,
    Held,
    Inventory,
    Parameter,
    Part,
    Stored,
    View,
    fingerprint,
    path_of,
    runs,
)

__all__ = [
    "ROLES", "SAME", "UNREACHED", "Branch", "Declared", "Held", "Inventory", "Parameter", "Part", "Stored", "View",
    "fingerprint", "path_of", "runs",
]  # fmt: skip
