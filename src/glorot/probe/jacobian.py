"""The singular values of a model's Jacobians, by layer and end to end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.adapters import opened_to_run
from glorot.errors import GlorotError
from glorot.given import check_batch, holds_no_array, no_array_in
from glorot.graph import Forward
from glorot.markup import html_table
from glorot.preserving import LOCK
from glorot.text import number, table


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of one Jacobian, of several examples.

    Attributes:
        name: the path of the layer; "" for the whole model.
        values: (examples, values), the largest first; the largest ones alone where there are many outputs.
        is_whole: whether they are all there are.
    """

    name: str
    values: NDArray[np.float64]
    is_whole: bool = True

    @property
    def mean(self) -> float:
        """Their mean; NaN where only the largest are known."""
        return float(self.values.mean()) if self.is_whole else np.nan

    @property
    def largest(self) -> float:
        """The largest, mean over the examples."""
        return float(self.values[:, 0].mean())

    @property
    def smallest(self) -> float:
        """The smallest, mean over the examples; NaN where only the largest are known."""
        return float(self.values[:, -1].mean()) if self.is_whole else np.nan


@dataclass(frozen=True, eq=False)
class Jacobian:
    """How a model stretches small changes of its input, and of what enters each layer.

    Attributes:
        layers: that of each layer with its activation, of what the layer before it returns.
        whole: that of the model's output, of its input.
    """

    layers: tuple[Spectrum, ...]
    whole: Spectrum

    def __getitem__(self, name: str) -> Spectrum:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        head = ["layer", "mean σ", "largest σ", "smallest σ"]
        named = [*((one.name, one) for one in self.layers), ("end to end", self.whole)]
        return head, [[name, number(one.mean), number(one.largest), number(one.smallest)] for name, one in named]

    def __str__(self) -> str:
        return table(*self._rows())

    def _repr_html_(self) -> str:
        return html_table(*self._rows())


def jacobian(model: object, inputs: Any, forward: Forward | None = None) -> Jacobian:
    """Return the singular values of a model's Jacobians; `glorot.jacobian` is its public form.

    Raises:
        GlorotError: if the model refuses the batch, or takes anything but one tensor of values.
    """
    if inputs is None or inputs is False:
        raise GlorotError("a Jacobian is taken on a batch, and there is none; pass one as inputs")
    check_batch(inputs)
    if holds_no_array(inputs):
        raise no_array_in(inputs)
    adapter, model = opened_to_run(model, inputs)
    with LOCK:
        stock = adapter.layers(model, inputs)
        layers, whole = adapter.jacobians(model, stock, inputs, forward)
    return Jacobian(tuple(Spectrum(name, values, is_whole) for name, values, is_whole in layers), Spectrum("", *whole))
