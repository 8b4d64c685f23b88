"""Settings of the whole suite."""

import contextlib
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from hypothesis import HealthCheck, settings


class InstalledFinder(PathFinder):
    """Does not take a folder of tests for the framework of its name, where that is not installed."""

    @classmethod
    def find_spec(cls, fullname: str, *rest: Any) -> ModuleSpec | None:
        spec = super().find_spec(fullname, *rest)
        return None if spec and spec.origin is None and fullname in ("jax", "keras", "torch") else spec


sys.meta_path[sys.meta_path.index(PathFinder)] = InstalledFinder

with contextlib.suppress(ImportError):
    import triton  # noqa: F401 (before TensorFlow: loaded behind it, Triton aborts the process)

settings.register_profile(
    "suite",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # a gate must not fail by chance; every other run draws anew
)
settings.load_profile("suite")
