"""The stream: counter-based random numbers, a pure function of (seed, name, element index)."""

from glorot.stream.philox import Key, key_of
from glorot.stream.schedule import MATRIX_LAWS, Fill, draw, fill, fill_all

__all__ = ["MATRIX_LAWS", "Fill", "Key", "draw", "fill", "fill_all", "key_of"]
