"""What a hook makes of a report: an error that ends the training, or lines in the log."""

import logging
from typing import Any

from glorot.api import check
from glorot.checks import Report
from glorot.errors import GlorotError
from glorot.text import printable

LOG = logging.getLogger("glorot")


class CheckError(Exception):
    """A model that will not start to train; its text is that of the report, the culprit first.

    Attributes:
        report: what was found.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return printable(str(self.report), keep="\n")


def has_failed(report: Report, *, strict: bool) -> bool:
    """Tell whether a report should end a training: by an error, and where it is strict by a warning too."""
    return not report.ok or (strict and _warns(report))


def judge(report: Report, *, strict: bool, is_logged: bool = True) -> Report:
    """Return a report that lets a training go on, and log it.

    Args:
        report: the report.
        strict: whether a warning ends the training too.
        is_logged: whether it is logged; of several processes one does.

    Raises:
        CheckError: if the training should not go on.
    """
    if has_failed(report, strict=strict):
        raise CheckError(report)
    if is_logged:
        LOG.log(logging.WARNING if _warns(report) else logging.INFO, "%s", printable(str(report), keep="\n"))
    return report


def _warns(report: Report) -> bool:
    return any(one.severity == "warning" for one in report.findings)


def check_found(model: Any, inputs: Any = None, targets: Any = None, loss: Any = None, **options: Any) -> Report:
    """Check a model on a batch that a hook has found; where it does not fit, check the model without, and log why.

    Args:
        model: the model.
        inputs: what was found of the batch.
        targets: what was found of its targets.
        loss: the loss, for `glorot.check`.
        **options: what else `glorot.check` takes.
    """
    try:
        return check(model, inputs, targets, loss=loss, **options)
    except GlorotError as error:
        if inputs is None:
            raise
        report = check(model, **options)  # which raises again if the batch is not to blame
        LOG.warning("the model was checked without a batch: %s", error)
        return report


def tell_of_continuing(step: int) -> None:
    """Log that a training which goes on is not checked: its weights are those of no start."""
    LOG.info("the training goes on from step %d, so that its start was not checked", step)
