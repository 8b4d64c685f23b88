"""The share of right verdicts over tensors that frameworks draw, that nobody wrote, and that are computed."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from glorot.forensics import examine

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture
def benchmark_modules(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return the benchmark, and its population of drawn tensors."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import forensics_drawn

    import forensics

    return forensics, forensics_drawn


def _wrong(benchmark: Any, tensors: list[Any]) -> tuple[int, list[str]]:
    """Return how many tensors were judged, and what was said of those that were judged wrongly."""
    origins = examine({one.name: one.array for one in tensors})
    pairs = [(one, origin) for one, origin in zip(tensors, origins, strict=True) if math.prod(origin.shape) >= 1024]
    wrong = [f"{one.name}: {origin.because}" for one, origin in pairs if not benchmark.is_right(one, origin)]
    return len(pairs), wrong


def test_what_pytorch_draws_is_told_with_its_law(benchmark_modules: tuple[Any, Any]) -> None:
    benchmark, drawn = benchmark_modules
    judged, wrong = _wrong(benchmark, list(drawn.of_torch(11)))
    assert judged > 400
    assert len(wrong) <= judged // 100, wrong


@pytest.mark.slow
def test_of_all_origins_99_in_100_verdicts_are_right(benchmark_modules: tuple[Any, Any]) -> None:
    benchmark, drawn = benchmark_modules
    counts, wrong = Counter[str](), []
    for source in (drawn.of_torch, drawn.of_jax, drawn.of_keras, drawn.of_caffe):
        judged, failed = _wrong(benchmark, list(source(12)))
        counts[source.__name__] += judged
        wrong += failed
    assert min(counts.values()) > 80
    assert len(wrong) <= counts.total() // 100, wrong
