"""The hook for the Trainer of transformers: a callback that checks the model at its first batch."""

from collections.abc import Callable
from typing import Any

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.trainer_callback import TrainerCallback

from glorot.checks import Report
from glorot.hooks.verdict import LOG, check_found, judge, tell_of_continuing

CAUSAL = frozenset(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
"""The classes whose labels are their inputs, and are shifted in the loss."""

IGNORED = -100
"""The label that stands for no target."""


class TrainerCheck(TrainerCallback):  # type: ignore[misc]
    """Checks a model at the first batch of a Trainer, before the first step; the training itself stays bit for bit.

    The batch is what the Trainer hands to the model, and its labels are the targets.

    Args:
        strict: whether warnings end the training too, and not errors alone.
        loss: function (what the model returns, labels) → scalar; by default cross-entropy for class numbers, with the
            next token as the target of a causal language model, and mean squared error for values.
        **options: what else `glorot.check` takes, such as `ignore` and `waive`.

    Attributes:
        report: what was found; None before the first batch.

    Raises:
        CheckError: at the first batch, if the model will not start to train.

    Example:
        >>> import glorot
        >>> hook = glorot.hooks.TrainerCheck(strict=True)
        >>> callbacks = [hook]  # for Trainer(model, arguments, train_dataset=data, callbacks=callbacks)
        >>> hook.report is None  # until trainer.train() has its first batch
        True
    """

    def __init__(self, *, strict: bool = False, loss: Callable[..., Any] | None = None, **options: Any) -> None:
        self.strict, self.loss, self.options = strict, loss, options
        self.report: Report | None = None
        self._waiting: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the first batch; a compiled or replicated model is checked at once, for it can't be waited for."""
        self.report = None
        if state.global_step:
            tell_of_continuing(state.global_step)
            return
        model, optimizer = kwargs["model"], kwargs.get("optimizer")
        options = dict(self.options)
        if optimizer is not None:
            options.setdefault("optimizer", getattr(optimizer, "optimizer", optimizer))  # under that of accelerate
        is_logged = state.is_world_process_zero
        if args.torch_compile or args.n_gpu > 1:
            LOG.warning("the model is checked without a batch, for it is compiled, or replicated over GPUs")
            self.report = judge(check_found(model, **options), strict=self.strict, is_logged=is_logged)
            return

        def check_first(module: Any, _: Any, inputs: dict[str, Any]) -> None:
            self._stop_waiting()
            found = _inputs_and_labels(module, inputs)
            report = check_found(module, *found, self.loss, **options)
            self.report = judge(report, strict=self.strict, is_logged=is_logged)

        self._waiting = model.register_forward_pre_hook(check_first, with_kwargs=True)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait no longer."""
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.remove()
            self._waiting = None


def _inputs_and_labels(model: Any, given: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return what a model is called with, without what only its loss reads, and the targets of its outputs."""
    inputs = {name: value for name, value in given.items() if name not in ("labels", "num_items_in_batch")}
    labels = given.get("labels")
    if labels is None:
        return inputs, None
    if type(model).__name__ in CAUSAL:
        labels = labels.roll(-1, dims=-1)
        labels[..., -1] = IGNORED
    elif hasattr(model, "prepare_decoder_input_ids_from_labels") and "decoder_input_ids" not in inputs:
        inputs["decoder_input_ids"] = model.prepare_decoder_input_ids_from_labels(labels)
    elif labels.is_floating_point() and labels.dim() == 1:
        labels = labels[:, None]  # a regression
    return inputs, labels
