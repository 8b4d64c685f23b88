"""What the GPU kernels are compiled to for sm_90: nothing contracted, flushed or approximated, and wide stores.

No GPU is needed: kernels are compiled as `fill` launches them, by benchmarks/gpu.py.
"""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("triton", reason="Triton is made for Linux only")

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from effort import slow_after
from glorot.distributions import Distribution, Normal, Uniform
from glorot.stream import Key
from glorot.stream.gpu import OPTIONS, kernel_law
from glorot.stream.spec import law_of
from glorot.torch import gpu

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
FORBIDDEN = re.compile(
    r"\b(?:fma|mad(?:\.rn)?\.f|div\.(?:full|rn|approx)|sqrt|rsqrt|rcp|ex2|lg2|sin|cos|bar|ld\.shared|ld\.global)|ftz"
)
STORES = {
    torch.float32: ["st.global.v4.b32"],
    torch.bfloat16: ["st.global.v2.b32"],
    torch.float16: ["st.global.v2.b32"],
    torch.float64: ["st.global.v2.b64"] * 2,
}
CASTS = {torch.bfloat16: "cvt.rn.bf16x2.f32", torch.float16: "cvt.rn.f16x2.f32", torch.float64: "cvt.f64.f32"}


def load_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark_of_gpu = load_benchmark()
LAWS: dict[str, Distribution] = benchmark_of_gpu.LAWS


@pytest.fixture(scope="module", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


def stores(ptx: str) -> list[str]:
    return re.findall(r"st\.global[.\w]*", ptx)


RUNS = [(law, torch.float32) for law in LAWS] + [("normal", dtype) for dtype in STORES if dtype != torch.float32]
RUNS += [(law, dtype) for law in LAWS for dtype in (torch.bfloat16, torch.float64) if law != "normal"]


@pytest.mark.parametrize(
    ("law", "dtype"),
    slow_after(len(LAWS) + len(STORES) - 1, RUNS),
    ids=lambda value: str(value).removeprefix("torch."),
)
def test_runs(law: str, dtype: torch.dtype):
    kernel = benchmark_of_gpu.compiled(LAWS[law], dtype)
    ptx = kernel.asm["ptx"]
    assert FORBIDDEN.findall(ptx) == []
    assert stores(ptx) == STORES[dtype]
    assert CASTS.get(dtype, "") in ptx
    assert kernel.metadata.shared == 0
    assert ("redux" in ptx) == (law in {"normal", "truncated, -1 to 4 sigma"})


@pytest.mark.parametrize(
    ("law", "dtype", "store"),
    [
        ("uniform", torch.float16, "b16"),
        ("normal", torch.bfloat16, "b16"),
        ("truncated, ±2 sigma", torch.float64, "b64"),
        ("truncated, -1 to 4 sigma", torch.float32, "b32"),
    ],
)
def test_transposed(law: str, dtype: torch.dtype, store: str):
    kernel = benchmark_of_gpu.compiled(LAWS[law], dtype, is_run=False)
    assert FORBIDDEN.findall(kernel.asm["ptx"]) == []
    assert stores(kernel.asm["ptx"]) == [f"st.global.{store}"] * 4
    assert kernel.metadata.shared == 0


@triton.jit
def _product_and_sum(out, a, b, c):
    tl.store(out, a * b + c)


@triton.jit
def _quotient_and_power(out, a, b):
    tl.store(out, tl.exp2(a) / b)


def ptx_of(function: Any, **options: Any) -> str:
    signature = {name: "*fp32" if name == "out" else "fp32" for name in function.arg_names}
    source = ASTSource(function, signature=signature)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]


def test_a_contraction_would_be_seen():
    assert FORBIDDEN.findall(ptx_of(_product_and_sum, **OPTIONS)) == []
    assert FORBIDDEN.findall(ptx_of(_product_and_sum, **OPTIONS | {"enable_fp_fusion": True})) == ["fma"]
    assert {"ex2", "div.full"} <= set(FORBIDDEN.findall(ptx_of(_quotient_and_power, **OPTIONS)))


@pytest.mark.parametrize(("law", "most"), [("uniform", 20), ("normal", 64), ("truncated, ±2 sigma", 63)])
def test_instructions_per_element(law: str, most: float):
    """16 per element let an H100 write float32 faster than its memory takes it; each more costs a normal 1.6 %."""
    needed = benchmark_of_gpu.instructions(benchmark_of_gpu.compiled(LAWS[law], torch.float32))
    assert 0.75 * most < needed <= most


def test_one_kernel_serves_every_key_law_and_shape():
    """Triton specialises integers that are 1 or multiples of 16, and floats not at all."""
    keys = [Key(1, 16), Key(2**32 - 1, 2**31), Key(0, 5)]
    laws = [Uniform(-1, 3), Uniform(0, 1), Uniform.symmetric(2.0**-64)]
    shapes = [(64, 64), (48, 1000), (37, 33)]
    with benchmark_of_gpu.compiling() as kernels:
        for key, law, shape in zip(keys, laws, shapes, strict=True):
            job = gpu.Job(key, kernel_law(law_of(law)), 1)
            whole = tuple((0, extent) for extent in shape)
            gpu.write(torch.empty(shape[::-1]).T, job, shape, whole)
            gpu.write(torch.empty(shape).reshape(-1)[: 4 * 128], job, (2**30,), ((0, 512),))
    assert len({kernel.hash for kernel in kernels}) == 2


def test_numbers_reach_the_kernel_as_binary32():
    """Triton's launcher casts a Python float to float, which changes none of these."""
    for law in [*LAWS.values(), Normal(2.0**64, 2.0**-64), Uniform.symmetric(2.0**-64)]:
        numbers = kernel_law(law_of(law)).numbers
        assert all(float(torch.tensor(number, dtype=torch.float32)) == number for number in numbers)
        assert all(number == 0 or abs(number) >= 2.0**-126 for number in numbers)


def test_the_benchmark_says_that_it_needs_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert benchmark_of_gpu.main() == 2
    assert capsys.readouterr() == ("", "benchmarks/gpu.py needs an NVIDIA GPU; --instructions works without one\n")
