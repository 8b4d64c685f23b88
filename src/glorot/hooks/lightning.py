"""The hook for Lightning: a callback that checks the module at the first batch of `fit`."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from glorot.checks import Report
from glorot.errors import GlorotError
from glorot.given import kind_of
from glorot.hooks.verdict import check_found, judge, tell_of_continuing


def _callback_class() -> Any:
    """Return Lightning's `Callback`, of the package that is in use: Lightning comes as two."""
    name, elder = "lightning.pytorch", "pytorch_lightning"
    if sys.modules.get(elder) and name not in sys.modules:
        name, elder = elder, name
    try:
        return importlib.import_module(name).Callback
    except ModuleNotFoundError:
        with suppress(ModuleNotFoundError):
            return importlib.import_module(elder).Callback
        raise


class LightningCheck(_callback_class()):  # type: ignore[misc]
    """Checks a module at the first batch of `fit`, before the first step; the training itself stays bit for bit.

    Args:
        strict: whether warnings end the training too, and not errors alone.
        batch: function (batch of the dataloader) → (inputs, targets) for the module's `forward`; by default a pair is
            taken as both, and anything else as inputs.
        loss: function (what the module returns, targets) → scalar; by default cross-entropy for class numbers and mean
            squared error for values.
        **options: what else `glorot.check` takes, such as `ignore` and `waive`.

    Attributes:
        report: what was found; None before the first batch.

    Raises:
        CheckError: at the first batch, if the module will not start to train.

    Example:
        >>> import glorot
        >>> from lightning.pytorch import Trainer
        >>> hook = glorot.hooks.LightningCheck(strict=True)
        >>> trainer = Trainer(callbacks=[hook], accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> hook.report is None  # until trainer.fit(module, loader) has its first batch
        True
    """

    def __init__(
        self,
        *,
        strict: bool = False,
        batch: Callable[[Any], tuple[Any, Any]] | None = None,
        loss: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        self.strict, self.loss, self.options = strict, loss, options
        self.batch = batch or _pair_of
        self.report: Report | None = None
        self._is_done = False

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Forget an earlier fit."""
        self.report = None
        self._is_done = bool(trainer.global_step)
        if self._is_done:
            tell_of_continuing(trainer.global_step)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Check the module at its first batch."""
        if self._is_done:
            return
        self._is_done = True
        options = {"optimizer": trainer.optimizers or None, **self.options}
        with _alone(pl_module):
            report = check_found(pl_module, *_checked_pair(self.batch(batch)), self.loss, **options)
        self.report = judge(report, strict=self.strict, is_logged=trainer.is_global_zero)


def _checked_pair(found: Any) -> tuple[Any, Any]:
    if not isinstance(found, tuple | list) or len(found) != 2:
        told = f"{len(found)} of them" if isinstance(found, tuple | list) else kind_of(found)
        raise GlorotError(f"batch= must return two things, (inputs, targets), got {told}; return None for no targets")
    return found[0], found[1]


def _pair_of(batch: Any) -> tuple[Any, Any]:
    return tuple(batch) if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)


@contextmanager
def _alone(module: Any) -> Iterator[None]:
    """Take the trainer off a module for a while: what a check keeps of a model must not reach all data and loggers."""
    trainer = module._trainer
    module.trainer = None
    try:
        yield
    finally:
        module.trainer = trainer
