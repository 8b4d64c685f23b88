"""Every initializer explains itself."""

from typing import Any

import keras
import pytest

from docstring_rules import problems
from glorot.keras import initializers, tensorflow1

PUBLIC = [getattr(initializers, name) for name in initializers.__all__]
PUBLIC += [tensorflow1.xavier_initializer, tensorflow1.variance_scaling_initializer]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_docstring_explains(thing: Any) -> None:
    assert problems("function", thing) == []


def test_the_rules_can_fail() -> None:
    assert problems("function", keras.initializers.GlorotUniform)
