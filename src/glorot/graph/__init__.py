"""What a model computes, free of any framework: values, steps, and what they are recognised as."""

from glorot.graph.folding import Folded, Use
from glorot.graph.graph import Forward, Graph, Step, Value
from glorot.graph.sources import Curved, Data, Joined, Mean, Product, Source, Sum, source_of

__all__ = [
    "Curved", "Data", "Folded", "Forward", "Graph", "Joined", "Mean", "Product", "Source", "Step", "Sum", "Use",
    "Value", "source_of",
]  # fmt: skip
