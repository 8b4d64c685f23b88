"""The stream: counter-based random numbers, a pure function of (seed, name, element index)."""

from glorot.stream.philox import Key, key_of
from glorot.stream.schedule import draw, fill

__all__ = ["Key", "draw", "fill", "key_of"]
