"""What holds for all tests of Keras."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let NumPy 2 complain of how TensorFlow hands out variables and bfloat16; Keras reads them so when it saves."""
    known = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(known)
