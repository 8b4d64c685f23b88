"""How right predicted signals are: mean squares, gradients and correlations beside the means of several seeds.

    python benchmarks/predictions.py                  every net of predictions_nets.py, 8 seeds; some minutes
    python benchmarks/predictions.py --nets gelu RNN  some of them, each step shown

A mean over seeds is itself uncertain; a figure counts as off by what lies beyond two standard errors of it.
Writes results/signal.md when all nets are run.
"""

import argparse
import math
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from predictions_nets import NETS, Net

import glorot
from glorot.probe.steps import Grade, StepSignal

PAGE = Path(__file__).parent / "results" / "signal.md"
SEEDS = 8


class Gap(NamedTuple):
    """A figure that is predicted, beside what was measured.

    Attributes:
        step: the step.
        figure: "signal", "gradient" or "correlation".
        off: how far it is off: of root mean squares the relative error, of correlations the difference.
        noise: two standard errors of the measured mean.
        grade: what the prediction says of itself.
    """

    step: str
    figure: str
    off: float
    noise: float
    grade: Grade

    @property
    def beyond(self) -> float:
        """How far it is off beyond the noise."""
        return max(abs(self.off) - self.noise, 0.0)


def gaps_of(net: Net, seeds: int = SEEDS) -> tuple[list[Gap], float]:
    """Return how far each figure of a net is off, and the seconds that the prediction took."""
    torch.manual_seed(0)
    model, batch = net.build().train(net.train), net.batch()
    plan = glorot.plan(model, net.recipe, inputs=batch, rules=list(net.rules))
    start = time.perf_counter()
    predicted = glorot.predict(plan)
    seconds = time.perf_counter() - start
    measured: dict[str, list[StepSignal]] = defaultdict(list)
    for seed in range(seeds):
        glorot.apply(plan, model, seed=seed)
        torch.manual_seed(seed)
        for step in glorot.measure(model, batch).steps:
            measured[step.name].append(step)
    gaps = []
    for step in predicted.steps:
        if step.kind == "embedding" or step.name not in measured:
            continue
        seen = measured[step.name]
        gaps.append(_relative(step, "signal", step.second_moment, [one.second_moment for one in seen], step.grade))
        squares = [one.gradient_std**2 for one in seen]
        gaps.append(_relative(step, "gradient", step.gradient_std**2, squares, step.gradient_grade))
        shared = [one.correlation for one in seen if not math.isnan(one.correlation)]
        if shared and not math.isnan(step.correlation):
            noise = 2 * statistics.stdev(shared) / math.sqrt(len(shared))
            gaps.append(Gap(step.name, "correlation", step.correlation - statistics.mean(shared), noise, step.grade))
    return gaps, seconds


def _relative(step: StepSignal, figure: str, predicted: float, seen: list[float], grade: Grade) -> Gap:
    mean = statistics.mean(seen)
    if math.isnan(predicted) or math.isnan(mean) or not mean:
        return Gap(step.name, figure, math.nan, math.nan, grade)
    noise = statistics.stdev(seen) / math.sqrt(len(seen)) / mean
    return Gap(step.name, figure, math.sqrt(predicted / mean) - 1, noise, grade)


def row_of(name: str, gaps: list[Gap], seconds: float) -> str:
    """Return the row of a net: what is predicted, and the worst of each grade."""
    cells = [name]
    for figure in ("signal", "gradient", "correlation"):
        known = [gap for gap in gaps if gap.figure == figure and not math.isnan(gap.off)]
        missing = sum(gap.figure == figure for gap in gaps) - len(known)
        for kind in ("exact", "approximate"):
            offs = [gap.beyond for gap in known if gap.grade.kind == kind]
            cells.append(f"{len(offs)}: {100 * max(offs):.1f}" if offs else "–")
        cells += [str(missing)] if figure == "gradient" else []
    return f"| {' | '.join(cells)} | {seconds:.2f} |"


def reasons_of(found: dict[str, list[Gap]]) -> list[str]:
    """Return for each reason why a prediction is approximate how far it was off."""
    offs: dict[str, list[float]] = defaultdict(list)
    stated = {}
    for gap in (gap for gaps in found.values() for gap in gaps):
        if gap.grade.kind == "approximate" and not math.isnan(gap.off) and gap.figure != "correlation":
            offs[gap.grade.why].append(gap.beyond)
            stated[gap.grade.why] = gap.grade.error
    return [
        f"| {why} | {len(own)} | {100 * np.median(own):.1f} | {100 * np.percentile(own, 90):.1f} | "
        f"{100 * max(own):.1f} | {100 * stated[why]:.0f} |"
        for why, own in sorted(offs.items())
    ]


HEAD = f"""# How right predictions are

Made by `python benchmarks/predictions.py`; PyTorch {torch.__version__}, Python {platform.python_version()}, {SEEDS}
seeds a net, {len(NETS)} nets. In per cent of the root mean square: how far the worst prediction of each grade is off,
beyond two standard errors of the mean over the seeds; of correlations between examples the difference, times 100.
Before each, the number of figures.

| net | signal, exact | approximate | gradient, exact | approximate | none | correlation, exact | approximate | s |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", choices=list(NETS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    found: dict[str, list[Gap]] = {}
    rows = []
    for name in given.nets or NETS:
        found[name], seconds = gaps_of(NETS[name], given.seeds)
        rows.append(row_of(name, found[name], seconds))
        print(rows[-1], flush=True)
        for gap in found[name] if given.nets else ():
            print(f"  {gap.step:40s} {gap.figure:12s} {100 * gap.off:+7.1f} ±{100 * gap.noise:5.1f}  {gap.grade}")
    if not given.nets and given.seeds == SEEDS:
        reasons = "\n".join(reasons_of(found))
        foot = (
            "\n## By the reason\n\nIn per cent of the root mean square, beyond the noise: median, 90th percentile and "
            "worst, and the error that the prediction states.\n\n| reason | figures | median | 90 % | worst | stated |"
            f"\n|---|---:|---:|---:|---:|---:|\n{reasons}\n"
        )
        PAGE.write_text(HEAD + "\n".join(rows) + "\n" + foot)


if __name__ == "__main__":
    main()
