"""Verdicts of `glorot.forensics` on tensors of known origin, where detection begins, and the speed: a page of Markdown.

Run as: python benchmarks/forensics.py > benchmarks/results/forensics.md
"""

import hashlib
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

import glorot
from glorot.distributions import Orthogonal, SparseNormal
from glorot.forensics import Origin, examine
from glorot.forensics.judging import ERRORS, family_of, judge
from glorot.forensics.stored import Stored

sys.path.insert(0, str(Path(__file__).parent))
import forensics_drawn as drawn
import forensics_trained as trained
from forensics_drawn import Tensor

LEAST_SIZE, LEAST_CHANGE = 1024, 0.1
SEEDS = (2, 3, 4, 5)
RUNS = 40


def files() -> Iterator[list[Tensor]]:
    """Yield the tensors of one file after the other; PyTorch trains first, for it crashes once TensorFlow is there."""
    runs = defaultdict(list)
    for one in trained.of_training(SEEDS[0]):
        runs["/".join(one.name.split("/")[:5])].append(one)
    yield from runs.values()
    for seed in SEEDS:
        for alone in (*drawn.of_dtypes(seed), *trained.of_others(seed)):
            yield [alone]
    for source in (drawn.of_torch, drawn.of_jax, drawn.of_caffe, drawn.of_keras, drawn.of_tensorflow):
        for seed in SEEDS:
            yield list(source(seed))


def is_right(truth: Tensor, origin: Origin) -> bool:
    """Tell whether a verdict is right: of a drawn tensor the true law is told, and none farther off than 3 errors."""
    if truth.kind != "drawn" or origin.verdict != "drawn":
        return truth.kind == origin.verdict
    assert truth.law is not None
    if isinstance(truth.law, Orthogonal | SparseNormal):
        return any(type(one.law) is type(truth.law) for one in origin.explanations)
    if "_own" in truth.name:  # a spread that no framework has: the law itself must fit
        return any(family_of(law) is family_of(truth.law) for law in origin.laws)
    told = [one.law for one in origin.explanations if family_of(one.law) is family_of(truth.law)]
    return any(math.isclose(law.std, truth.law.std, rel_tol=1e-6) for law in told) and not strays(origin)


def strays(origin: Origin) -> list[str]:
    """Return the explanations whose standard deviation is more than 3 standard errors from the tensor's."""
    size = math.prod(origin.shape)
    far = []
    for one in origin.explanations:
        family = family_of(one.law)
        if family is None:
            continue
        error = math.sqrt((family.moment(4) - 1) / (4 * min(size, origin.summed))) * origin.std
        by_ends = min(abs(law.std - one.law.std) for law in origin.laws if family_of(law) is family)
        if min(abs(one.law.std - origin.std), by_ends) > (ERRORS + 0.2) * error + 0.002 * origin.std:
            far.append(str(one))
    return far


def in_half(tensor: Tensor, half: int) -> bool:
    """Tell in which half a tensor is: thresholds were chosen on 0, figures are those of 1."""
    return hashlib.sha256(tensor.name.encode()).digest()[1] % 2 == half


def accuracy(half: int) -> None:
    """Print the share of right verdicts by origin, and the wrong ones."""
    counts: Counter[tuple[str, bool]] = Counter()
    misses, alone = [], []
    for tensors in files():
        origins = examine({one.name: one.array for one in tensors})
        for truth, origin in zip(tensors, origins, strict=True):
            is_counted = math.prod(truth.array.shape) >= LEAST_SIZE and not truth.change < LEAST_CHANGE
            if not is_counted or not in_half(truth, half):
                continue
            source = truth.name.split("/")[0]
            kind = source if truth.kind == "drawn" else truth.kind
            right = is_right(truth, origin)
            counts[kind, right] += 1
            if kind == "trained":
                alone.append(judge(Stored.of_array(truth.name, truth.array)).verdict == kind)
            if not right:
                misses.append((truth, origin))
    print("| origin | tensors | right | share |\n|---|---|---|---|")
    kinds = list(dict.fromkeys(kind for kind, _ in counts))
    for kind in kinds:
        row(kind, counts[kind, True], counts[kind, False])
    total = sum(counts[kind, True] for kind in kinds)
    row("**all**", total, len(misses))
    row("trained, judged without the rest of the file", sum(alone), len(alone) - sum(alone))
    print("\n| missed | shape | truth | change | verdict | why |\n|---|---|---|---|---|---|")
    for truth, origin in misses:
        change = "" if math.isnan(truth.change) else f"{truth.change:.2f}"
        law = f"{truth.law.law} of std {truth.law.std:.4g}" if truth.law else truth.kind
        cells = (truth.name, "×".join(map(str, origin.shape)), law, change, origin.verdict, origin.because)
        print("|", " | ".join(cells), "|")


def row(kind: str, right: int, wrong: int) -> None:
    print(f"| {kind} | {right + wrong} | {right} | {right / max(1, right + wrong):.2%} |")


def detection() -> None:
    """Print the share of planted updates that are found, of a tensor alone, by side, rank and size."""
    changes = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
    print("| law | side | rank | " + " | ".join(f"{change:.0%}" for change in changes) + " |\n" + "|---" * 10 + "|")
    for law in ("normal", "uniform"):
        for side in (32, 64, 128, 256, 1024):
            for rank in (1, 8, side):
                shares = []
                for change in changes:
                    arrays = (trained.planted(seed, side, rank, change, law) for seed in range(10))
                    found = sum(judge(Stored.of_array("w", one)).verdict == "trained" for one in arrays)
                    shares.append(f"{found}/10")
                print(f"| {law} | {side}² | {'full' if rank == side else rank} | " + " | ".join(shares) + " |")


def speed() -> None:
    """Print the speed on files of 1 GiB, as a share of reading the same file, warm, each in turn."""
    print(
        f"Read and examined {RUNS} times in turn, the file in the cache; load average of the machine "
        f"{os.getloadavg()[0]:.1f}. The share is that of the fastest runs, then the median over turns; the last one is "
        "of processor time: what two free cores would make of it if they shared the work evenly.\n"
    )
    head = ("file of 1 GiB", "tensors", "read, GB/s", "examined, GB/s", "share", "median", "share by processor time")
    print("|", " | ".join(head), "|\n" + "|---" * len(head) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for title, dtype, shapes in (
            ("float32, width 2048", np.float32, [(8192, 2048), (2048, 2048), (2048, 2048)]),
            ("float32, width 1024", np.float32, [(4096, 1024), (1024, 1024), (1024, 1024)]),
            ("bfloat16, width 4096", np.uint16, [(14336, 4096), (4096, 4096)]),
            ("bfloat16, width 2048", np.uint16, [(8192, 2048), (2048, 2048), (2048, 2048)]),
        ):
            path = Path(folder, "weights.safetensors")
            count = _write(path, np.dtype(dtype), shapes)
            pairs = [(_seconds(lambda: _read(path)), _seconds(lambda: examine(path))) for _ in range(RUNS)]  # noqa: B023
            size = path.stat().st_size / 1e9
            read, looked, read_cpu, looked_cpu = (min(one[n][kind] for one in pairs) for kind in (0, 1) for n in (0, 1))
            median = statistics.median(one[0][0] / one[1][0] for one in pairs)
            cells = f"{size / read:.1f} | {size / looked:.1f} | {read / looked:.2f} | {median:.2f}"
            print(f"| {title} | {count} | {cells} | {2 * read_cpu / looked_cpu:.2f} |")
            path.unlink()


def memory() -> None:
    """Print the peak of memory of a look at large tensors, each in a separate process, by what it has loaded."""
    print(
        "Peak of a process that examines one file, in MB: its own memory, and pages of the file that it has mapped.\n"
    )
    print("| file | size, GB | own, before | own, at most | mapped, at most |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for title, dtype, shapes, most in (
            ("float32, one tensor of 2 GiB", np.float32, [(32768, 16384)], 2**31),
            ("float32, two tensors of 2 GiB", np.float32, [(32768, 16384)], 2**32),
            ("bfloat16, width 4096", np.uint16, [(14336, 4096), (4096, 4096)], 2**31),
        ):
            path = Path(folder, "weights.safetensors")
            _write(path, np.dtype(dtype), shapes, most)
            told = subprocess.run([sys.executable, "-c", WATCHED, path], capture_output=True, text=True, check=True)
            print(f"| {title} | {path.stat().st_size / 1e9:.1f} | {told.stdout.strip()} |")
            path.unlink()


WATCHED = """
import sys, threading
from pathlib import Path
from glorot.forensics import examine

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":") for line in lines if line.startswith(("RssAnon", "RssFile")))
    return [int(found[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")]

def watch():
    while not over.wait(0.002):
        peaks[:] = map(max, peaks, held())

before, peaks, over = held(), [0, 0], threading.Event()
watching = threading.Thread(target=watch)
watching.start()
examine(sys.argv[1])
over.set()
watching.join()
print(f"{before[0]:.0f} | {peaks[0]:.0f} | {peaks[1] - before[1]:.0f}")
"""


def _write(path: Path, dtype: np.dtype[np.generic], shapes: list[tuple[int, int]], most: int = 2**30) -> int:
    import json

    header, end, count = {}, 0, 0
    while end < most:
        shape = shapes[count % len(shapes)]
        size = math.prod(shape) * dtype.itemsize
        entry = {"dtype": "F32" if dtype.itemsize == 4 else "BF16", "shape": shape, "data_offsets": [end, end + size]}
        header[f"layer{count}.weight"] = entry
        end, count = end + size, count + 1
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for entry in header.values():
            for _ in range(entry["shape"][0] // 1024):
                numbers = rng.standard_normal((1024, entry["shape"][1]), np.float32) * np.float32(0.02)
                file.write(numbers if dtype.itemsize == 4 else (numbers.view(np.uint32) >> 16).astype(np.uint16))
    return count


def _read(path: Path) -> None:
    """Read a file into memory, 16 MiB at a time."""
    buffer = memoryview(bytearray(2**24))
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a piece of work took, by the clock and of all processors."""
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - start_cpu


PARTS: dict[str, Callable[[], None]] = {
    "accuracy": lambda: accuracy(1),
    "tuning": lambda: accuracy(0),
    "detection": detection,
    "speed": speed,
    "memory": memory,
}


def main(parts: Iterable[str]) -> None:
    print(f"# Forensics: where the values of weights come from\n\nglorot {glorot.__version__}, {os.cpu_count()} CPUs.")
    for part in parts:
        print(f"\n## {part.capitalize()}\n")
        PARTS[part]()


if __name__ == "__main__":
    main(sys.argv[1:] or ("accuracy", "detection", "speed", "memory"))
