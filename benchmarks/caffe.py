"""An AlexNet-size Caffe net, 60 million weights: read, planned, filled and written, beside the memory and the disk.

    python benchmarks/caffe.py

Each figure is the median of five processes. The peers do the least that could be asked for: NumPy fills an array of
as many weights with one number, and a file of as many bytes is written and flushed to the disk.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NET = Path(__file__).parents[1] / "examples" / "caffe" / "alexnet_like.prototxt"
RUNS = 5


def measured(folder: Path) -> dict[str, float]:
    """Return the seconds of each step, in a process that has imported nothing yet."""
    times = {}
    start = last = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        times[step], last = now - last, now

    import glorot
    from glorot.caffe import read_net, save

    lap("import glorot and NumPy")
    net = read_net(NET)
    lap("read the net")
    plan = glorot.plan(net)
    lap("plan")
    weights = glorot.apply(plan, net, seed=0)
    lap("fill")
    save(folder / "net.caffemodel", net, weights)
    lap("write the .caffemodel")
    times["all of it"] = time.perf_counter() - start
    count = sum(array.size for array in weights.values())

    import numpy as np

    last = time.perf_counter()
    memory = np.full(count, 1.0, np.float32)
    lap("peer: NumPy fills as many")
    with (folder / "peer").open("wb") as file:
        import os

        file.write(memoryview(memory))
        file.flush()
        os.fsync(file.fileno())
    lap("peer: as many bytes to the disk")
    times["weights"] = count
    return times


def main() -> None:
    if "--one" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(Path(folder))))
        return
    runs = [
        json.loads(subprocess.run([sys.executable, __file__, "--one"], check=True, stdout=subprocess.PIPE).stdout)
        for _ in range(RUNS)
    ]
    medians = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
    print(f"{NET.name}: {medians.pop('weights') / 1e6:.1f} M weights, float32; medians of {RUNS} processes")
    for step, seconds in medians.items():
        print(f"  {step:32} {seconds:6.3f} s")
    least = medians["peer: NumPy fills as many"] + medians["peer: as many bytes to the disk"]
    print(f"all of it takes {medians['all of it'] / least:.2f} times as long as both peers together ({least:.3f} s)")


if __name__ == "__main__":
    main()
