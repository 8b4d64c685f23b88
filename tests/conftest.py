"""Settings of the whole suite.

A property (a test with `@given`) runs in both tiers: `make test` draws few examples for it, `make test-slow` asks for the
profile "thorough", which draws many. One that is costly says by `@examples(n)` how many those are (effort.py), and its
share of them is drawn in the quick tier. Whatever else takes long is marked `slow`, beside a short test of the same thing.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from effort import QUICK, THOROUGH
from glorot.cli.signals import WORDS


class InstalledFinder(PathFinder):
    """Does not take a folder of tests for the framework of its name, where that is not installed."""

    @classmethod
    def find_spec(cls, fullname: str, *rest: Any) -> ModuleSpec | None:
        spec = super().find_spec(fullname, *rest)
        return None if spec and spec.origin is None and fullname in ("jax", "keras", "torch") else spec


sys.meta_path[sys.meta_path.index(PathFinder)] = InstalledFinder

with contextlib.suppress(ImportError):
    import triton  # noqa: F401 (before TensorFlow: loaded after it, Triton aborts the process)

HURRY = "JAX_DISABLE_MOST_OPTIMIZATIONS"
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")  # for the tests of sharding; nobody has asked for a device yet

for name, examples in {"quick": QUICK, "thorough": THOROUGH}.items():
    settings.register_profile(
        name,
        deadline=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize="CI" in os.environ,  # a gate must not fail by chance; every other run draws anew
    )
settings.load_profile("quick")

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and as modules they would all have one name


def pytest_collectstart() -> None:
    """Look for no garbage while the frameworks are imported: it would be a search through millions of objects in use."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for it from now on, but not in what was imported."""
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker of xdist one thread: those of OpenMP and the like would spin while they wait for a core.

    In the quick tier JAX compiles in a hurry, for most of it runs once, except for tests that ask for `compiled_in_full`.
    Ctrl-C is heard even where a shell started the tests in the background, and had them ignore it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("numprocesses", None):
        if config.getoption("--hypothesis-profile", None) != "thorough":
            os.environ.setdefault(HURRY, "1")
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """Put back what `glorot.cli.main` changes for its whole process, or Ctrl-C would later end the one of the tests."""
    hook, handlers = sys.unraisablehook, {number: signal.getsignal(number) for number in WORDS}
    yield
    if signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        sys.unraisablehook = hook


@pytest.fixture(scope="module")
def compiled_in_full() -> Iterator[None]:
    """Let JAX compile as it does for anyone, where bits or the compiled code are looked at, or millions are drawn."""
    import jax

    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()  # of what was compiled in a hurry
    yield
    jax.config.update("jax_disable_most_optimizations", os.environ.get(HURRY) == "1")


@pytest.fixture(scope="module")
def keys_that_compile_quickly() -> Iterator[None]:
    """Let JAX start models by a generator that compiles in a tenth of the time, where its own starts do not matter."""
    import jax

    with jax.default_prng_impl("rbg"):
        yield
