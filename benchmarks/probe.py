"""What `glorot.measure` and `glorot.check` cost beside a forward and backward pass of the same batch.

Each figure comes from a separate process, so that peaks of memory don't mix. Where others use the machine, the time of
its processors says more than the clock:

    python benchmarks/probe.py            # prints the table
    python benchmarks/probe.py resnet-50  # one model alone
    python benchmarks/probe.py --cuda     # on a GPU, whose memory counts then
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROUNDS = 5
"""How often each way runs; the median counts."""

ON_CUDA = "PROBE_ON_CUDA"
"""The variable of the environment that sends the processes to a GPU."""


def resnet_50() -> tuple[Any, Any, Any]:
    """Return transformers' ResNet-50, a batch of images and classes."""
    import torch
    import transformers

    model = transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000))
    return model.train(), {"pixel_values": torch.randn(32, 3, 224, 224)}, torch.arange(32)


def transformer_12() -> tuple[Any, Any, Any]:
    """Return a transformer of 12 layers as large as GPT-2, a batch of texts, and the classes that follow."""
    import torch
    import transformers

    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False))
    ids = torch.randint(0, 50257, (8, 256))
    return model.train(), {"input_ids": ids}, ids


MODELS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {"resnet-50": resnet_50, "transformer-12": transformer_12}


def plainly(model: Any, inputs: Any, targets: Any) -> None:
    """Run a batch forward and backward."""
    from glorot.torch.losses import loss_of

    model.zero_grad(set_to_none=True)
    loss_of(model(**inputs), targets, None).backward()


def measured(model: Any, inputs: Any, targets: Any) -> None:
    """Measure a batch."""
    import glorot

    model.zero_grad(set_to_none=True)
    glorot.measure(model, inputs, targets)


def checked(model: Any, inputs: Any, targets: Any) -> None:
    """Check the model on a batch."""
    import glorot

    model.zero_grad(set_to_none=True)
    glorot.check(model, inputs, targets)


WAYS = {"plain": plainly, "measured": measured, "checked": checked}
CPU = " cpu"


@contextmanager
def peak_of_memory(found: dict[str, float]) -> Iterator[None]:
    """Watch how much memory the process holds, and keep the largest, in MiB beyond what it held before."""
    page = 4096
    statm = Path("/proc/self/statm")

    def held() -> int:
        return int(statm.read_text().split()[1]) * page

    if ON_CUDA in os.environ:
        import torch

        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        yield
        found["mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
        return
    before, most, is_over = held(), [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            most[0] = max(most[0], held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        found["mib"] = (most[0] - before) / 2**20


def memory_of(name: str, way: str) -> dict[str, float]:
    """Return the peak of memory of one way to run a model, in this process."""
    import glorot  # noqa: F401 - as in the other way

    case, found = case_of(name), dict[str, float]()
    with peak_of_memory(found):
        WAYS[way](*case)
    return found


def seconds_of(name: str) -> dict[str, float]:
    """Return the median seconds of all ways, which take turns: by the clock, and of all processors together."""
    case = case_of(name)
    seconds: dict[str, list[float]] = {which: [] for way in WAYS for which in (way, way + CPU)}
    for number in range(ROUNDS + 1):
        for way, run in WAYS.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            run(*case)
            finish()
            if number:  # the first round warms up
                seconds[way].append(time.perf_counter() - start)
                seconds[way + CPU].append(time.process_time() - start_cpu)
    return {way: statistics.median(found) for way, found in seconds.items()}


def finish() -> None:
    """Await what a GPU still computes."""
    if ON_CUDA in os.environ:
        import torch

        torch.cuda.synchronize()


def case_of(name: str) -> tuple[Any, Any, Any]:
    """Return a model and a batch, the same in every process."""
    import torch

    torch.manual_seed(0)
    model, inputs, targets = MODELS[name]()
    if ON_CUDA in os.environ:
        inputs = {key: one.cuda() for key, one in inputs.items()}
        model, targets = model.cuda(), targets.cuda()
    return model, inputs, targets


def in_a_process(*arguments: str) -> dict[str, float]:
    """Return what a function of this file does in a separate process."""
    done = subprocess.run(
        [sys.executable, *(["-P"] if sys.flags.safe_path else []), __file__, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(names: list[str]) -> None:
    """Print the table."""
    if "--cuda" in names:
        names.remove("--cuda")
        os.environ[ON_CUDA] = "1"
    print(
        "model           plain s  measured s  ratio  checked s  ratio  by processors"
        "  plain MiB  measured MiB  ratio  checked MiB  ratio"
    )
    for name in names or list(MODELS):
        seconds = in_a_process(name, "seconds")
        memory = {way: in_a_process(name, way)["mib"] for way in WAYS}
        by_cpu = "  ".join(f"{seconds[way + CPU] / seconds['plain' + CPU]:.2f}" for way in ("measured", "checked"))
        figures = row_of(seconds, (7, 10, 9), 2), f"{by_cpu:>13}", row_of(memory, (9, 12, 11), 0)
        print(f"{name:14}", *figures, sep="  ", flush=True)


def row_of(found: dict[str, float], widths: tuple[int, int, int], places: int) -> str:
    """Return the figures of all ways, each but the first with its ratio to it."""
    plain, measured, checked = (found[way] for way in WAYS)
    texts = [f"{one:{width}.{places}f}" for one, width in zip((plain, measured, checked), widths, strict=True)]
    return f"{texts[0]}  {texts[1]}  {measured / plain:5.2f}  {texts[2]}  {checked / plain:5.2f}"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        name, what = sys.argv[1:]
        print(json.dumps(seconds_of(name) if what == "seconds" else memory_of(name, what)))
    else:
        main(sys.argv[1:])
