"""Weights as files: straight to disk, without the model; read back and compared; and any slice by itself."""

from glorot.weights.drawing import draw
from glorot.weights.verifying import Difference, verify
from glorot.weights.writing import Told, Written, write

__all__ = ["Difference", "Told", "Written", "draw", "verify", "write"]
