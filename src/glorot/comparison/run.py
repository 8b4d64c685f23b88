"""Running a comparison: every recipe from every seed, seed by seed."""

import platform
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue

import numpy as np
import torch

from glorot import __version__
from glorot.adapters import take_inventory
from glorot.comparison.comparison import Comparison, Progress
from glorot.comparison.judging import judged
from glorot.comparison.randomness import seeded, states_kept
from glorot.comparison.results import RecipeResult, Run, hidden
from glorot.comparison.task import Task
from glorot.comparison.training import check_fresh, shares_process, train
from glorot.errors import GlorotError
from glorot.plans import Plan, Rules, resolve
from glorot.preserving import ENVIRONMENT, LOCK, SWITCHES, set_back
from glorot.probe import Signal, prediction
from glorot.recipes import as_recipe
from glorot.theory import Prediction
from glorot.torch.preserve import SWITCHES as TORCH_SWITCHES

Seeds = int | Sequence[int]


def run_comparison(
    task: Task,
    recipes: Sequence[str],
    seeds: Seeds,
    epochs: int,
    progress: Progress | None = None,
    rules: Rules = (),
    only: str | None = None,
    margin: float = 0.01,
) -> Comparison:
    """Train every recipe from every seed, and judge.

    Args:
        task: model, data, loss and optimiser.
        recipes: names of recipes or schemes.
        seeds: how many seeds, counted from 0, or the seeds themselves.
        epochs: how often each run sees the training set.
        progress: told (recipe, seed, epoch, training loss) after every epoch.
        rules: (path pattern, scheme or "skip") pairs on top of every recipe.
        only: a path pattern; what it does not match keeps the weights that it was built with.
        margin: by how much recipes may differ and still be called alike.

    Returns:
        The comparison. Ctrl-C ends it with the runs that are complete.

    Raises:
        GlorotError: if a recipe is unknown or named twice, a number is not positive, or the data does not fit.
        KeyboardInterrupt: if Ctrl-C comes before the first run is complete.
    """
    chosen = seeds_of(seeds)
    _check(recipes, epochs, margin)
    began = time.perf_counter()
    model = check_fresh(task)
    taken = take_inventory(model, task.train[0][:2])
    plans = {recipe: resolve(taken, as_recipe(recipe), rules, only) for recipe in recipes}
    runs, interrupted = _all_runs(task, plans, chosen, epochs, progress, shares_process(task, model))
    results = tuple(
        RecipeResult(recipe, plans[recipe], tuple(done), _predicted(plans[recipe], done[0].start))
        for recipe, done in runs.items()
        if done
    )
    if not results:
        raise KeyboardInterrupt("before the first run was complete")
    comparison = Comparison(
        task=task.name,
        activation=_hidden_activation(results[0].runs[0].start),
        classifies=task.classifies,
        chance=task.chance,
        seeds=len(chosen),
        epochs=epochs,
        results=results,
        interrupted=interrupted,
        versions=_versions(),
        test_examples=len(task.test[1]),
        baseline=task.baseline,
        margin=margin,
    )
    return replace(judged(comparison), seconds=time.perf_counter() - began)


def _predicted(plan: Plan, start: Signal) -> tuple[Prediction, ...] | None:
    """Return what theory says of a start; a prediction that fails never costs what was trained."""
    try:
        return prediction(plan, start)
    except GlorotError:
        return None


class _StoppedError(Exception):
    """Raised in a run whose comparison was interrupted."""


class _FailedError(Exception):
    """Raised where a run has failed, so that the others need not go on."""


def _all_runs(
    task: Task, plans: dict[str, Plan], seeds: Sequence[int], epochs: int, progress: Progress | None, side_by_side: bool
) -> tuple[dict[str, list[Run]], bool]:
    """Return the complete runs of each recipe, and whether Ctrl-C came before the end.

    Small nets leave most of a processor idle, so several runs share it, each on a thread of its own.
    """
    stop, ended = threading.Event(), SimpleQueue[bool]()

    def check() -> None:
        if stop.is_set():
            raise _StoppedError

    def one(recipe: str, seed: int) -> Run:
        def tell(epoch: int, loss: float) -> None:
            if progress is not None:
                progress(recipe, seed, epoch, loss)

        is_whole = False
        try:
            with nullcontext() if side_by_side else seeded(seed):
                run = train(task, plans[recipe], seed, epochs, tell, check)
            is_whole = True
            return run
        except (GlorotError, _StoppedError):
            raise
        except Exception as error:
            raise GlorotError(
                f"recipe {recipe!r}, seed {seed}: training failed with {type(error).__name__}: {error}"
            ) from error
        finally:
            ended.put(is_whole)

    with _process_kept() as threads:
        workers = threads if side_by_side else 1
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads // workers,))
        jobs: list[tuple[str, Future[Run]]] = []
        try:
            jobs.extend((recipe, pool.submit(one, recipe, seed)) for seed in seeds for recipe in plans)
            _wait_for(len(jobs), ended)
        except (KeyboardInterrupt, _FailedError):
            stop.set()
        except BaseException:  # the process must end, and not wait for a batch
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown(cancel_futures=stop.is_set())
    runs: dict[str, list[Run]] = {recipe: [] for recipe in plans}
    for recipe, job in jobs:
        if not job.cancelled() and not isinstance(job.exception(), _StoppedError):
            runs[recipe].append(job.result())
    return runs, stop.is_set()


@contextmanager
def _process_kept() -> Iterator[int]:
    """Give back to the process whatever runs change in it, on any thread; return how many threads it computes on.

    The lock is held for a moment at both ends only, for what a look has switched in between is not to be kept.
    """
    threads = torch.get_num_threads()
    with LOCK, ExitStack() as kept:
        kept.enter_context(states_kept())
        for switch in (ENVIRONMENT, *SWITCHES, *TORCH_SWITCHES):
            kept.callback(set_back, switch, switch.read())
        kept.callback(torch.set_num_threads, threads)
        at_the_end = kept.pop_all()
    try:
        yield threads
    finally:
        with LOCK:
            at_the_end.close()


def _wait_for(count: int, ended: "SimpleQueue[bool]") -> None:
    """Wait until so many jobs have ended, a moment at a time so that Ctrl-C is heard; raise once one has failed.

    `concurrent.futures.wait` holds the locks of all jobs for a while, and keeps them where Ctrl-C comes just then.
    """
    while count:
        with suppress(Empty):
            if not ended.get(timeout=0.2):
                raise _FailedError
            count -= 1


def seeds_of(seeds: Seeds) -> tuple[int, ...]:
    """Return the seeds that a number, or a list of them, stands for.

    Example:
        >>> seeds_of(3), seeds_of([5, 6]), seeds_of(range(10, 12))
        ((0, 1, 2), (5, 6), (10, 11))
    """
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds > 0:
        return tuple(range(seeds))
    found = tuple(seeds) if isinstance(seeds, Sequence) and not isinstance(seeds, str) else ()
    whole = all(isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64 for seed in found)
    if not found or not whole or len(set(found)) < len(found):
        raise GlorotError(
            f"seeds must be a positive integer, or different seeds from 0 on such as [5, 6], got {seeds!r}"
        )
    return found


def _check(recipes: Sequence[str], epochs: int, margin: float) -> None:
    if not recipes:
        raise GlorotError("compare needs at least one recipe")
    twice = {recipe for recipe in recipes if recipes.count(recipe) > 1}
    if twice:
        raise GlorotError(f"recipe {min(twice)!r} is named twice")
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise GlorotError(f"epochs must be a positive integer, got {epochs!r}")
    if not isinstance(margin, int | float) or isinstance(margin, bool) or not 0 < margin < 1:
        raise GlorotError(f"margin must be a share between 0 and 1, such as 0.01 for one point, got {margin!r}")


def _hidden_activation(signal: Signal) -> str:
    names = {layer.activation for layer in hidden(signal)}
    return names.pop() if len(names) == 1 else "mixed"


def _versions() -> tuple[tuple[str, str], ...]:
    return (
        ("glorot", __version__),
        ("Python", platform.python_version()),
        ("PyTorch", str(torch.__version__)),
        ("NumPy", np.__version__),
    )
