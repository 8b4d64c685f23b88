"""The figures of one step of a model, measured or predicted."""

import math
from dataclasses import dataclass, field

from glorot.graph.propagation.state import Grade

NAN = math.nan


MEASURED = Grade("measured")


@dataclass(frozen=True)
class Histogram:
    """Counts of values on equal bins from `low` to `high`; what lies outside is in the end bins."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class StepSignal:
    """What one step does to the signal, over a batch. A figure that is not known is NaN.

    Attributes:
        name: its name, the same in every framework: the path of its layer, or "sum 3", "0 → tanh".
        kind: what it is: a kernel's output, the end of a curve, a sum …
        layer: the path of the layer whose kernel, table or scale made it; "" for any other.
        mean: mean over examples, positions and units.
        second_moment: mean square.
        std_across: standard deviation of an element across examples, root mean square over the elements: what carries
            information.
        percentile98: 98th percentile.
        saturated: of the end of a curve, the share of elements whose slope φ′ is below 5 % of its maximum.
        dead: share of units that answer alike to every example.
        units: number of units.
        distinct: number of units that differ from one another.
        correlation: mean over pairs of examples of ⟨x, x′⟩ over the mean of ⟨x, x⟩, over all elements.
        position_correlation: mean product of two positions of an example over the mean square.
        gradient_std: root mean square of ∂loss/∂value.
        weight_gradient_std: of a kernel, root mean square of ∂loss/∂weight.
        update_ratio: of a kernel, root mean square of an optimiser's first step over that of the weights.
        largest_singular_value: of a kernel.
        sample: how many elements percentile98, saturated, dead, distinct and position_correlation are taken from.
        histogram: of the values, on demand.
        gradient_histogram: of the gradient, on demand.
        grade: how well the figures of the values are known.
        gradient_grade: how well those of the gradient are.
        is_output: whether the model returns it.
    """

    name: str
    kind: str
    layer: str = ""
    mean: float = NAN
    second_moment: float = NAN
    std_across: float = NAN
    percentile98: float = NAN
    saturated: float = NAN
    dead: float = NAN
    units: int = 0
    distinct: int = 0
    correlation: float = NAN
    position_correlation: float = NAN
    gradient_std: float = NAN
    weight_gradient_std: float = NAN
    update_ratio: float = NAN
    largest_singular_value: float = NAN
    sample: int = 0
    histogram: Histogram | None = field(default=None, repr=False)
    gradient_histogram: Histogram | None = field(default=None, repr=False)
    grade: Grade = MEASURED
    gradient_grade: Grade = MEASURED
    is_output: bool = False

    @property
    def std(self) -> float:
        """The standard deviation, pooled."""
        variance = self.second_moment - self.mean**2
        return math.sqrt(variance) if variance >= 0 else NAN
