"""A pass of a Keras model traced by TensorFlow, which can run again for further outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from glorot.graph import Folded
from glorot.keras.graph.calls import Pass, like
from glorot.keras.graph.on_tensorflow import lower


class Traced:
    """A traced pass.

    Attributes:
        graph: the graph of TensorFlow, to which more may be added.
        folded: what the model computes.
        places: the first tensor that holds each value.
        trained: the tensor of each variable that holds weights, by its path.
        returned: the tensors that the model returns.
        outputs: those of them that hold values.
        batch: the tensors of the batch.
    """

    def __init__(self, given: Pass) -> None:
        call, count = given.call, len(given.call.variables)
        specs = [tf.TensorSpec(*like(one)) for one in call.variables] + [tf.TensorSpec(*one) for one in call.batch]
        self._wrapped = tf.compat.v1.wrap_function(lambda *held: call.run(held[:count], held[count:]), specs)
        self._given = given
        self.graph = self._wrapped.graph
        self._taken = self.graph.inputs[: count + len(given.batch)]
        self.places: dict[int, Any] = {}
        self.folded = Folded(lower(call, self.graph, given.paths, given.slopes, self.places))
        self.trained = {
            given.paths[id(variable)]: tensor
            for variable, tensor in zip(call.variables, self._taken, strict=False)
            if id(variable) in given.paths and tensor.dtype.is_floating
        }
        self.returned = list(self.graph.outputs)
        self.outputs = [one for one in self.returned if one.dtype.is_floating]
        self.batch = self._taken[count:]

    def function(self, fetched: Any, more: Sequence[Any] = ()) -> Callable[..., Any]:
        """Return a function that runs the pass on its variables, its batch, and values for further placeholders.

        Args:
            fetched: tensors of the graph, in any structure.
            more: the further placeholders.
        """
        run = self._wrapped.prune([*self._taken, *more], fetched)
        held = [tf.convert_to_tensor(one.value) for one in self._given.call.variables]
        batch = [tf.constant(one) for one in self._given.batch]
        return lambda *values: run(*held, *batch, *values)
