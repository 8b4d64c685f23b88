"""The fixture for pytest, which reads this file whenever it starts: so what it needs is imported when it is used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from glorot.checks import Report


@pytest.fixture
def glorot_check() -> "Callable[..., Report]":
    """Check a model as `glorot.check` does, and fail with its report if it will not start to train.

    With `strict=True` warnings fail too; all else is as for `glorot.check`.
    """
    return _check


def _check(model: Any, inputs: Any = None, targets: Any = None, *, strict: bool = False, **options: Any) -> "Report":
    __tracebackhide__ = True
    from glorot.api import check
    from glorot.errors import GlorotError
    from glorot.hooks.verdict import has_failed
    from glorot.text import printable

    try:
        report = check(model, inputs, targets, **options)
    except GlorotError as error:
        raise error.with_traceback(None) from None  # what the test gave is wrong, so its line is shown, and not ours
    if has_failed(report, strict=strict):
        pytest.fail(printable(str(report), keep="\n"), pytrace=False)
    return report
