"""The same comparison at several depths."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from glorot.comparison.comparison import Comparison, Progress
from glorot.comparison.judging import judged
from glorot.comparison.results import SweepPoint
from glorot.comparison.run import Seeds, run_comparison
from glorot.comparison.task import Task
from glorot.errors import GlorotError
from glorot.plans import Rules

SHOWN_DEPTH = 5
"""The depth whose comparison is shown whole, if it is among those asked for."""


def run_sweep(
    task_of: Callable[[int], Task],
    depths: Sequence[int],
    recipes: Sequence[str],
    seeds: Seeds,
    epochs: int,
    progress: Progress | None = None,
    rules: Rules = (),
    margin: float = 0.01,
) -> Comparison:
    """Compare at every depth, and show one whole with the end of all.

    Args:
        task_of: makes the task of a depth.
        depths: numbers of hidden layers, each once.
        recipes: names of recipes or schemes.
        seeds: how many seeds, or the seeds themselves.
        epochs: how often each run sees the training set.
        progress: told (recipe, seed, epoch, training loss) after every epoch.
        rules: (path pattern, scheme or "skip") pairs on top of every recipe.
        margin: by how much recipes may differ and still be called alike.

    Returns:
        The comparison of depth 5, or else of the greatest depth, with the sweep if there are several.

    Raises:
        GlorotError: if a depth is not positive or named twice.
    """
    if not depths or len(set(depths)) < len(depths):
        raise GlorotError(f"depths must be positive integers, each named once, got {list(depths)}")
    tasks = {depth: task_of(depth) for depth in sorted(depths)}
    shown = SHOWN_DEPTH if SHOWN_DEPTH in tasks else max(tasks)
    done: dict[int, Comparison] = {}
    interrupted = False
    for depth, task in tasks.items():
        try:
            done[depth] = run_comparison(task, recipes, seeds, epochs, progress, rules, margin=margin)
        except KeyboardInterrupt:
            if not done:
                raise
        interrupted = depth not in done or done[depth].interrupted
        if interrupted:
            break
    points = tuple(
        SweepPoint(depth, result.recipe, result.final("test_accuracy"))
        for depth, comparison in done.items()
        for result in comparison.results
    )
    whole = done.get(shown, done[max(done)])
    swept = replace(
        whole,
        sweep=points if len(tasks) > 1 else (),
        interrupted=interrupted,
        seconds=sum(comparison.seconds for comparison in done.values()),
    )
    return judged(swept)  # some sentences are about depth
