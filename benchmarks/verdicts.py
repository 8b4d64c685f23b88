"""How often the verdicts of a comparison are wrong, how often they see what is there, and how often intervals cover.

Run with: python benchmarks/verdicts.py > benchmarks/results/verdicts.txt
The runs that are resampled were trained, in about half an hour, with: python benchmarks/verdicts.py train

False: each of eight recipes gets runs of one and the same recipe, drawn without replacement, so that whatever tells
them apart is wrong. All that a page says is looked at: verdicts, the finding, sentences on two recipes.
Power: the same, but the accuracy of one recipe is lowered by a multiple of the standard deviation of a paired
difference.
Coverage: pages of the recipes as they are; the truth is the mean over all stored seeds.
"""

import gzip
import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glorot.comparison import Comparison, RecipeResult, Run
from glorot.comparison.digits import default_recipes, digits_task
from glorot.comparison.judging import judged
from glorot.comparison.judging.fates import Fate
from glorot.comparison.judging.inference import student_quantile
from glorot.comparison.judging.standings import Standings
from glorot.comparison.run import run_comparison
from glorot.probe import Signal
from glorot.report.conclusions import finding

RESULTS = Path(__file__).with_name("results")
SEEDS = {"tanh": 60, "relu": 30, "sigmoid": 20}
DIGITS = 5
"""Significant digits of the stored figures."""

PAGES = 400
POWER = ((2, 3.3), (3, 3.3), (5, 2.0))
"""Seeds, and the effect in standard deviations of a paired difference."""

RIVALS = ("faster", "lower training loss", "is better than")


def train() -> None:
    """Train the runs and store them."""
    for phi, seeds in SEEDS.items():
        store(run_comparison(digits_task(phi), default_recipes(phi), seeds, 30), phi)


def store(comparison: Comparison, phi: str) -> None:
    """Keep of a comparison what verdicts are computed from."""
    results = tuple(replace(r, runs=tuple(map(_light, r.runs)), prediction=None) for r in comparison.results)
    data = _rounded(replace(comparison, results=results, claims=()).to_json())
    path = RESULTS / f"verdicts_{phi}.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))


def _light(run: Run) -> Run:
    """Leave out what no verdict looks at."""
    start, end = (_without_histograms(signal) for signal in (run.start, run.end))
    assert start is not None
    return replace(run, start=start, first=None, end=end, first_weights=())


def _without_histograms(signal: Signal | None) -> Signal | None:
    if signal is None:
        return None
    layers = tuple(replace(layer, histogram=replace(layer.histogram, counts=(0,))) for layer in signal.layers)
    return replace(signal, layers=layers, input_second_moments=())


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def stored(phi: str) -> Comparison:
    """Read the runs of an activation."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "runs.json")
        path.write_bytes(gzip.decompress((RESULTS / f"verdicts_{phi}.json.gz").read_bytes()))
        return Comparison.load(path)


def page_of(bank: Comparison, runs: dict[str, list[Run]]) -> Comparison:
    """Return a judged comparison of such runs."""
    seeds = len(next(iter(runs.values())))
    results = tuple(replace(r, runs=tuple(runs[r.recipe]), prediction=None) for r in bank.results)
    return judged(replace(bank, results=results, seeds=seeds))


def equal_pages(bank: Comparison, source: RecipeResult, seeds: int, rng: np.random.Generator) -> Iterator[Comparison]:
    """Yield pages on which all recipes have runs of one."""
    for _ in range(PAGES):
        drawn = rng.permutation(len(source.runs))[: len(bank.results) * seeds].reshape(-1, seeds)
        yield page_of(
            bank,
            {
                result.recipe: [replace(source.runs[n], seed=seed) for seed, n in enumerate(row)]
                for result, row in zip(bank.results, drawn, strict=True)
            },
        )


def wrong(page: Comparison) -> set[str]:
    """Return the kinds of words on a page that tell equal recipes apart."""
    kinds = set()
    verdicts = "\n".join(result.verdict for result in page.results)
    kinds |= {"below the best"} if re.search(r"below the best|times that of the best|best here", verdicts) else set()
    kinds |= {"times the epochs"} if "times the epochs" in verdicts else set()
    kinds |= {
        claim.sentence.partition(" than")[0]
        for claim in page.claims
        if claim.holds and any(words in claim.sentence for words in RIVALS)
    }
    kinds |= {"scale that counts" for claim in page.claims if claim.holds and "scale that counts" in claim.sentence}
    kinds |= {"uniform or normal" for c in page.claims if c.holds is False and "Uniform or normal" in c.sentence}
    kinds |= {"finding"} if re.search(r"what .* needs|ends at .*, .* at", finding(page)) else set()
    return kinds


def uncorrected(page: Comparison) -> bool:
    """Tell whether Student's t at 5 %, each recipe beside the best for itself, finds one to be worse."""
    ends = np.array([[run.epochs[-1].test_accuracy for run in result.runs] for result in page.results])
    means, variances = ends.mean(1), ends.var(1, ddof=1) / ends.shape[1]
    top = int(means.argmax())
    errors = np.sqrt(variances + variances[top])
    far = means[top] - means > student_quantile(0.975, 2 * ends.shape[1] - 2) * errors
    return bool(far.any())


def lowered(runs: list[Run], by: float) -> list[Run]:
    """Return runs that end less well."""
    ends = [replace(run.epochs[-1], test_accuracy=run.epochs[-1].test_accuracy - by) for run in runs]
    return [replace(run, epochs=(*run.epochs[:-1], end)) for run, end in zip(runs, ends, strict=True)]


def false_verdicts(bank: Comparison, phi: str) -> None:
    """Print how often a page of equal recipes tells some apart."""
    fates = Standings(bank).fates
    for source in (result for result in bank.results if fates[result.recipe] in (Fate.LIVES, Fate.MIXED)):
        for seeds in (2, 3, 5):
            if len(bank.results) * seeds > len(source.runs):
                continue
            pages = list(equal_pages(bank, source, seeds, np.random.default_rng(seeds)))
            found = [wrong(page) for page in pages]
            kinds = sorted(
                {kind for one in found for kind in one}, key=lambda kind: (-sum(kind in one for one in found), kind)
            )
            share = sum(map(bool, found)) / PAGES
            before = sum(map(uncorrected, pages)) / PAGES
            told = ", ".join(f"{kind} {100 * sum(kind in one for one in found) / PAGES:.1f}" for kind in kinds)
            print(f"{phi:8} {source.recipe:24} {seeds}  {100 * share:5.1f} %  {100 * before:8.1f} %   {told}")


def called_worse(bank: Comparison, source: RecipeResult, seeds: int, effect: float) -> float:
    """Return how often a recipe that is worse by a given effect than seven others is found to be."""
    ends = np.array([run.epochs[-1].test_accuracy for run in source.runs])
    paired = math.sqrt(2) * float(ends.std(ddof=1))
    first, called = bank.results[0].recipe, 0
    for page in equal_pages(bank, source, seeds, np.random.default_rng(1)):
        runs = {result.recipe: list(result.runs) for result in page.results}
        runs[first] = lowered(runs[first], effect * paired)
        called += "below the best" in page_of(bank, runs).results[0].verdict
    return called / PAGES


def power(bank: Comparison) -> None:
    """Print how often a recipe that is worse is found to be."""
    for name in ("xavier_uniform", "standard"):
        for seeds, effect in POWER:
            share = called_worse(bank, bank[name], seeds, effect)
            print(f"{name:24} {seeds}  {effect}  {100 * share:5.1f} %")


def real_pages(bank: Comparison, seeds: int) -> Iterator[Comparison]:
    """Yield pages of the recipes as they are, from seeds drawn at random."""
    rng = np.random.default_rng(0)
    for _ in range(PAGES):
        chosen = rng.permutation(len(bank.results[0].runs))[:seeds]
        yield page_of(bank, {r.recipe: [r.runs[n] for n in chosen] for r in bank.results})


def covered(bank: Comparison, seeds: int) -> tuple[float, float, float]:
    """Return how often an interval holds the true gap, all of a page do, and a dead recipe is told from the living."""
    fates = Standings(bank).fates
    truth = {result.recipe: result.final("test_accuracy").mean for result in bank.results}
    held: list[list[bool]] = []
    dead: list[bool] = []
    for page in real_pages(bank, seeds):
        standings = Standings(page)
        leader = standings.leader
        versus = {r.recipe: standings.ends(r, leader) for r in standings.living if r is not leader}
        held.append([v.low <= truth[leader.recipe] - truth[name] <= v.high for name, v in versus.items()])
        dead += ["does not learn" in r.verdict for r in page.results if fates[r.recipe] is Fate.DIES]
    single = [one for page in held for one in page]
    return float(np.mean(single)), float(np.mean([all(page) for page in held])), float(np.mean(dead))


def coverage(bank: Comparison, phi: str) -> None:
    """Print the same for numbers of seeds."""
    for seeds in (2, 3, 5):
        single, whole, dead = (100 * share for share in covered(bank, seeds))
        print(f"{phi:8} {seeds}  {single:6.1f} %  {whole:10.1f} %  {dead:8.1f} %")


def main() -> None:
    """Print the tables."""
    banks = {phi: stored(phi) for phi in SEEDS}
    print("python benchmarks/verdicts.py")
    print(f"{PAGES} pages a line; runs: " + ", ".join(f"{phi} {seeds} seeds" for phi, seeds in SEEDS.items()))
    print("\nEqual recipes: pages with any false word, beside Student's t for each recipe alone; which words, in %")
    print("runs of                         seeds  pages  uncorrected   words")
    for phi, bank in banks.items():
        false_verdicts(bank, phi)
    print("\nOne of eight is worse: how often that is found\nruns of               seeds  effect  found")
    power(banks["tanh"])
    print("\nThe recipes as they are: intervals that hold the true gap, one by one and all of a page; the dead told")
    print("runs    seeds  single  whole page  dead told")
    for phi, bank in banks.items():
        coverage(bank, phi)


if __name__ == "__main__":
    train() if sys.argv[1:] == ["train"] else main()
