"""Settings of the whole suite."""

import contextlib
import os

from hypothesis import HealthCheck, settings

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
