"""The hook for Keras: a callback that checks the model when `fit` begins."""

from collections.abc import Callable
from typing import Any

import keras

from glorot.api import check
from glorot.checks import Report
from glorot.hooks.verdict import LOG, judge, tell_of_continuing


class KerasCheck(keras.callbacks.Callback):  # type: ignore[misc]
    """Checks a model when `fit` begins, before the first step; the training itself stays bit for bit.

    Keras shows its callbacks no batch, so give one.

    Args:
        inputs: a batch; without it, what runs forward and backward is not asked.
        targets: class numbers or values for the batch.
        loss: function (what the model returns, targets) → scalar; by default the loss that the model is compiled with.
            One that has several is checked without a batch then.
        strict: whether warnings end the training too, and not errors alone.
        **options: what else `glorot.check` takes, such as `ignore` and `waive`.

    Attributes:
        report: what was found; None before `fit`.

    Raises:
        CheckError: when `fit` begins, if the model will not start to train.

    Example:
        >>> import glorot, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        >>> model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> x, y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 3
        >>> hook = glorot.hooks.KerasCheck(x[:32], y[:32])
        >>> history = model.fit(x, y, callbacks=[hook], verbose=0)
        >>> hook.report.ok
        True
    """

    def __init__(
        self,
        inputs: Any = None,
        targets: Any = None,
        *,
        loss: Callable[..., Any] | None = None,
        strict: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.inputs, self.targets, self.loss = inputs, targets, loss
        self.strict, self.options = strict, options
        self.report: Report | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Check the model."""
        self.report = None
        steps = int(self.model.optimizer.iterations.value)
        if steps:
            tell_of_continuing(steps)
            return
        if not self.model.built and self.inputs is not None:  # on TensorFlow `fit` builds it with the first step
            self.model(keras.tree.map_structure(lambda one: one[:1], self.inputs))
        options = {"optimizer": self.model.optimizer, **self.options}
        if self.loss is None and self.targets is not None and _has_several(self.model, self.targets):
            LOG.warning("the model was checked without a batch: it has several losses; pass loss=, one of them all")
            report = check(self.model, **{**options, "steps": 0})
        else:
            loss = self.loss or (None if self.targets is None else _compiled_loss(self.model))
            report = check(self.model, self.inputs, self.targets, loss=loss, **options)
        self.report = judge(report, strict=self.strict)


def _has_several(model: Any, targets: Any) -> bool:
    """Tell whether a model is trained by several losses: one for each of its outputs."""
    return isinstance(model.loss, list | tuple | dict) or isinstance(targets, tuple | dict)


def _compiled_loss(model: Any) -> Callable[[Any, Any], Any] | None:
    """Return the loss that a model is compiled with, without penalties; None where it has none."""
    if model.loss is None:
        return None
    function = keras.losses.get(model.loss)

    def compiled_loss(outputs: Any, targets: Any) -> Any:
        if len(targets.shape) + 1 == len(outputs.shape) and outputs.shape[-1] == 1:
            targets = keras.ops.expand_dims(targets, -1)  # as `fit` does
        return keras.ops.mean(function(targets, outputs))

    return compiled_loss
