"""Topics: the words of the field, a page each, one file per topic."""

from glorot.topics.base import TOPICS, Topic
from glorot.topics.figures import Bars, Figure, Grids, Histograms, Lines

__all__ = ["TOPICS", "Bars", "Figure", "Grids", "Histograms", "Lines", "Topic"]
