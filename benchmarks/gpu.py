"""The GPU kernels against what the chip can write and what torch.nn.init takes, and the instructions they need.

Run with: python benchmarks/gpu.py                   on an H100 or H200
          python benchmarks/gpu.py --instructions    anywhere: compiles for sm_90 and counts

An SM issues four warp instructions a clock, one from each scheduler. So instructions per element bound the elements
per second, whatever the memory does: SMs × 4 × 32 × clock / instructions. The count is that of the loop in the machine
code, and of the tail's loop as often as a warp enters it.
"""

import contextlib
import math
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.stream import Key, fill
from glorot.stream.elements import BFLOAT16
from glorot.stream.gpu import kernel_law
from glorot.stream.spec import law_of
from glorot.torch import gpu

RESULTS = Path(__file__).parent / "results"
NVDISASM = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
KEY = Key(0x0A0786CC, 0x0A5AD30A)
LAWS: dict[str, Distribution] = {
    "uniform": Uniform.symmetric(0.05),
    "normal": Normal(std=0.02),
    "truncated, ±2 sigma": TruncatedNormal(0, 0.02, -0.04, 0.04),
    "truncated, -1 to 4 sigma": TruncatedNormal(0, 0.02, -0.02, 0.08),
}
IN_TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda tensor: torch.nn.init.uniform_(tensor, -0.05, 0.05),
    "normal": lambda tensor: torch.nn.init.normal_(tensor, std=0.02),
    "truncated, ±2 sigma": lambda tensor: torch.nn.init.trunc_normal_(tensor, 0, 0.02, -0.04, 0.04),
    "truncated, -1 to 4 sigma": lambda tensor: torch.nn.init.trunc_normal_(tensor, 0, 0.02, -0.02, 0.08),
}
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
RUNS = 11
CALLS = 1000
BLOCK = 4  # elements of each thread and turn of a loop
PAST_THE_SPLIT = 0.0021  # the share of a normal law's words
H100 = SimpleNamespace(processors=132, clock=1.98e9, bandwidth=3.35e12)  # the data sheet of the SXM5 card


class Compiling:
    """Stands in for a kernel, and compiles it where it would be launched."""

    def __init__(self, kernel: Any, compiled: list[Any]) -> None:
        self.kernel, self.compiled = kernel, compiled

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *args, **kwargs: self.compiled.append(self.kernel.warmup(*args, grid=grid, **kwargs))


@contextlib.contextmanager
def compiling() -> Iterator[list[Any]]:
    """Compile for sm_90 what `gpu.write` launches, and launch nothing."""
    compiled: list[Any] = []
    kernels = gpu.write_runs, gpu.write_strided
    gpu.write_runs, gpu.write_strided = (Compiling(kernel, compiled) for kernel in kernels)
    before = driver._active  # reset_active would look for a GPU
    driver.set_active(
        SimpleNamespace(
            get_current_target=lambda: GPUTarget("cuda", 90, 32),
            get_current_device=lambda: 0,
            get_current_stream=lambda device: 0,
        )
    )
    try:
        yield compiled
    finally:
        driver.set_active(before)
        gpu.write_runs, gpu.write_strided = kernels
        for kernel in kernels:
            kernel.device_caches.clear()


def compiled(law: Distribution, dtype: torch.dtype, is_run: bool = True) -> Any:
    """Return a kernel as it would be launched for a long run, or for a transposed matrix."""
    tensor = torch.empty(64, 64, dtype=dtype)
    with compiling() as kernels:
        job = gpu.Job(KEY, kernel_law(law_of(law)), 1)
        gpu.write(tensor if is_run else tensor.T, job, (64, 64), ((0, 64), (0, 64)))
    return kernels[0]


def instructions(kernel: Any) -> float:
    """Return the instructions that a warp issues for an element of each of its threads."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        text = subprocess.run([NVDISASM, "-c", file.name], capture_output=True, text=True, check=True).stdout
    loops = sorted(_loops(text))
    turns = 1 - (1 - PAST_THE_SPLIT) ** (BLOCK * 32)
    inner = loops[0] if len(loops) > 1 else 0
    return (loops[-1] - inner + turns * inner) / BLOCK


def _loops(text: str) -> list[int]:
    """Return how many instructions lie between the ends of each branch backwards, but for the one at the end."""
    lengths, labels, count = [], {}, 0
    for line in text.splitlines():
        if label := re.match(r"\.(L_x_\d+):", line):
            labels[label[1]] = count
        elif re.match(r"\s+/\*[0-9a-f]{4}\*/", line):
            count += 1
            branch = re.search(r"BRA `\(\.(L_x_\d+)\)", line)
            if branch and branch[1] in labels and count - labels[branch[1]] > 1:
                lengths.append(count - labels[branch[1]])
    return lengths


def count_instructions() -> str:
    lines = [
        "# python benchmarks/gpu.py --instructions",
        f"# Triton {triton.__version__}, sm_90: warp instructions per element, and the GB/s that they allow an H100:",
        f"# {H100.processors} SMs at {H100.clock / 1e9:.2f} GHz, whose memory takes {H100.bandwidth / 1e9:.0f} GB/s",
        f"{'law':26}{'dtype':10}{'run':>8}{'GB/s':>8}{'transposed':>13}{'GB/s':>8}",
    ]
    for name, law in LAWS.items():
        for dtype in DTYPES:
            line = f"{name:26}{str(dtype)[6:]:10}"
            for is_run, width in ((True, 8), (False, 13)):
                needed = instructions(compiled(law, dtype, is_run))
                line += f"{needed:{width}.1f}{dtype.itemsize * _limit(H100, needed) / 1e9:8.0f}"
            lines.append(line)
    return "\n".join(lines) + "\n"


def _limit(chip: SimpleNamespace, needed: float) -> float:
    """Return how many elements a second the schedulers allow."""
    return float(chip.processors * 4 * 32 * chip.clock / needed)


def chip_at_hand() -> SimpleNamespace:
    properties = torch.cuda.get_device_properties(0)
    clock = driver.active.utils.get_device_properties(0)["sm_clock_rate"] * 1e3
    return SimpleNamespace(name=properties.name, processors=properties.multi_processor_count, clock=clock)


def check_bits(tensor: Tensor, law: Distribution) -> None:
    """Compare the ends and the middle of a filled matrix with the reference."""
    rows, columns = tensor.shape
    span = min(columns, 2**14)
    for row in (0, rows // 2, rows - 1):
        for column in {0, (columns - span) // 2, columns - span}:
            box = ((row, row + 1), (column, column + span))
            is_bfloat16 = tensor.dtype == torch.bfloat16
            expected = np.empty((1, span), BFLOAT16 if is_bfloat16 else str(tensor.dtype)[6:])
            fill(expected, KEY, law, tensor.shape, box)
            written = tensor[row : row + 1, column : column + span].contiguous().cpu()
            assert written.view(torch.uint8).numpy().tobytes() == expected.tobytes(), (law, tensor.dtype, box)


def seconds(work: Callable[[], object]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    began.record()
    work()
    ended.record()
    ended.synchronize()
    return float(began.elapsed_time(ended)) / 1e3


def replayed(work: Callable[[], object]) -> Callable[[], object]:
    """Return what runs the kernels of some work again, without the launches, which are measured by themselves.

    What waits for the device in between, as drawing again what lies outside the cuts, can't be replayed and runs as is.
    """
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            work()
    except RuntimeError:
        return work
    return graph.replay


def medians(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the medians of interleaved runs, each in seconds."""
    times: dict[str, list[float]] = {kind: [] for kind in work}
    for run in range(RUNS + 2):
        for kind, write in work.items():
            taken = seconds(write)
            if run >= 2:  # the first compile, and bring the clocks up
                times[kind].append(taken)
    return {kind: statistics.median(taken) for kind, taken in times.items()}


def measured(tensor: Tensor, name: str) -> dict[str, float]:
    """Return how long the device takes to fill a tensor in each way, and compare the bits of ours."""
    law, shape = LAWS[name], tuple(tensor.shape)
    work: dict[str, Callable[[], object]] = {
        "torch.nn.init": lambda: IN_TORCH[name](tensor),
        "fill_": lambda: tensor.fill_(1.0),
        "glorot": lambda: gpu.fill(tensor, KEY, law, shape),
    }
    times = medians({kind: replayed(write) for kind, write in work.items()})
    work["glorot"]()
    check_bits(tensor, law)
    return times


def a_call() -> str:
    """Return how long it takes to call for a small tensor, over and over."""
    tensor, lines = torch.empty(64, 64, device="cuda"), [f"# a call for 64 x 64, mean of {CALLS} in a row, us"]
    for name, law in LAWS.items():
        ours = _seconds_a_call(lambda law=law: gpu.fill(tensor, KEY, law, (64, 64)))
        peer = _seconds_a_call(lambda name=name: IN_TORCH[name](tensor))
        lines.append(f"{name:26}glorot {ours * 1e6:6.0f}   torch.nn.init {peer * 1e6:6.0f}")
    return "\n".join(lines) + "\n"


def _seconds_a_call(work: Callable[[], object]) -> float:
    return min(seconds(lambda: [work() for _ in range(CALLS)]) for _ in range(3)) / CALLS


LAYOUTS = {
    "64 Mi": lambda dtype: torch.empty(2**13, 2**13, dtype=dtype, device="cuda"),
    "1 Gi": lambda dtype: torch.empty(2**15, 2**15, dtype=dtype, device="cuda"),
    "64 Mi transposed": lambda dtype: torch.empty(2**13, 2**13, dtype=dtype, device="cuda").T,
}


def whole_model() -> str:
    """Return how long a model of 1.6 billion weights takes, beside loops over its tensors."""
    import transformers

    import glorot

    with torch.device("cuda"):
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=1600, n_layer=48, n_head=25)).bfloat16()
    plan = glorot.plan(model, "normal(std=0.02)")
    work = {
        "glorot.apply": lambda: glorot.apply(plan, model, seed=0),
        "torch.nn.init": lambda: [torch.nn.init.normal_(one, std=0.02) for one in model.parameters()],
        "fill_": lambda: [one.data.fill_(1.0) for one in model.parameters()],
    }
    times = medians(work)
    count = sum(one.numel() for one in model.parameters())
    lines = [
        f"# GPT-2 XL in bfloat16, {count / 1e9:.2f} billion weights in {len(list(model.parameters()))} tensors, ms"
    ]
    return "\n".join([*lines, *(f"{way:26}{taken * 1e3:8.1f}" for way, taken in times.items())]) + "\n"


def measure() -> str:
    chip = chip_at_hand()
    lines = [
        f"# python benchmarks/gpu.py, medians of {RUNS} interleaved replays by CUDA events; bits checked against NumPy",
        f"# {chip.name}, {chip.processors} SMs at up to {chip.clock / 1e9:.2f} GHz; "
        f"PyTorch {torch.__version__}, Triton {triton.__version__}",
        f"{'law':26}{'dtype':10}{'elements':18}{'GB/s':>8}{'of fill_':>10}{'of issue limit':>16}{'x torch.init':>14}",
    ]
    for name, law in LAWS.items():
        for dtype in DTYPES:
            needed = {is_run: instructions(compiled(law, dtype, is_run)) for is_run in (True, False)}
            for layout, empty in LAYOUTS.items():
                tensor = empty(dtype)
                times = measured(tensor, name)
                count = math.prod(tensor.shape)
                share = count / times["glorot"] / _limit(chip, needed[tensor.is_contiguous()])
                lines.append(
                    f"{name:26}{str(dtype)[6:]:10}{layout:18}{count * dtype.itemsize / times['glorot'] / 1e9:8.0f}"
                    f"{times['fill_'] / times['glorot']:10.0%}{share:16.0%}"
                    f"{times['torch.nn.init'] / times['glorot']:14.1f}"
                )
                print(lines[-1], file=sys.stderr)
                del tensor
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--instructions" in sys.argv[1:]:
        text, path = count_instructions(), RESULTS / "gpu-instructions.txt"
    elif not torch.cuda.is_available():
        print("benchmarks/gpu.py needs an NVIDIA GPU; --instructions works without one", file=sys.stderr)
        return 2
    else:
        text = measure() + a_call() + whole_model()
        path = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', torch.cuda.get_device_name(0).lower())}.txt"
    print(text, end="")
    path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
