"""Forensics: where the values of a weights file come from, with no model at hand."""

from glorot.forensics.examining import examine
from glorot.forensics.origin import Explanation, Origin, Origins

__all__ = ["Explanation", "Origin", "Origins", "examine"]
