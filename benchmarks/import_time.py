"""What starting costs: `import glorot` and `glorot --help` over bare Python, medians of interleaved runs.

Run with: python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
COMMANDS = {
    "bare Python": [sys.executable, "-c", "pass"],
    "import glorot": [sys.executable, "-c", "import glorot"],
    "glorot --help": [str(Path(sys.executable).parent / "glorot"), "--help"],
    "glorot explain xavier": [str(Path(sys.executable).parent / "glorot"), "explain", "xavier"],
}
BUDGETS = {"import glorot": 60, "glorot --help": 150}
"""In milliseconds over bare Python."""


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(1000 * seconds(command))
    bare = statistics.median(times["bare Python"])
    for name, values in times.items():
        over = statistics.median(values) - bare
        budget = f"  (budget {BUDGETS[name]} ms)" if name in BUDGETS else ""
        print(f"{name:24} {over:7.1f} ms over bare Python{budget}")


if __name__ == "__main__":
    main()
