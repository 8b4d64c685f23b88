"""Comparing: one model trained from several recipes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from glorot.plans import Rules

if TYPE_CHECKING:
    from glorot.comparison.comparison import Comparison, Progress


def compare(
    build: Any,
    data: Any,
    recipes: Sequence[str] = ("standard", "xavier", "he", "auto"),
    seeds: int | Sequence[int] = 5,
    *,
    epochs: int = 30,
    loss: Callable[[Any, Any], Any] | None = None,
    optimizer: Callable[[Any], Any] | None = None,
    batch_size: int = 32,
    progress: "Progress | bool | None" = None,
    rules: Rules | None = None,
    only: str | None = None,
    margin: float = 0.01,
) -> "Comparison":
    """Train one model from several recipes side by side, and judge them by the figures.

    figure[recipe, seed] = recipe + seed + noise; of all that is said of the differences, 5 % is false at most

    All recipes of a seed share its batches, so their differences are tested in pairs. Each answer is one of three: a
    difference, none beyond `margin`, or that these seeds cannot tell.

    Args:
        build: makes a fresh model; or a model, of which each run gets a copy; or a Caffe net, or the path of one.
        data: (train inputs, train targets, test inputs, test targets) as arrays or tensors.
        recipes: names of recipes or schemes; "current" keeps the model's own initialisation.
        seeds: how many seeds, 5 by default; or the seeds themselves, as for an independent replication.
        epochs: how often each run sees the training set, 30 by default.
        loss: function (what the model returns, targets) → scalar; by default cross-entropy for class numbers and mean
            squared error for values.
        optimizer: function (parameters) → optimiser; by default plain SGD with step 0.02.
        batch_size: examples a step, 32 by default.
        progress: None (default) shows in a terminal and in a notebook how far it has got, and nothing elsewhere; True
            shows it everywhere, as plain lines in a log; False nowhere; a function receives (recipe, seed, epoch,
            training loss) after every epoch.
        rules: (path pattern, scheme or "skip") pairs on top of every recipe.
        only: a path pattern; with "head.*" all recipes start the head alone, and the rest keeps what it has.
        margin: by how much recipes may differ and still be called alike: 0.01 (default) is one point of accuracy, and
            without classes 1 % of the loss.

    Returns:
        The comparison, to print, to index by recipe, and to save as page, picture or JSON.

    Raises:
        GlorotError: if a recipe is unknown, the data does not fit the model, or holds NaN.

    Example:
        >>> import glorot, torch, numpy as np
        >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
        >>> y = (x[:, 0] > 0).astype(int)
        >>> result = glorot.compare(lambda: torch.nn.Linear(4, 2), (x, y, x, y), ["zeros", "xavier"], 2, epochs=2)
        >>> [r.recipe for r in result.results], len(result["xavier"].runs)
        (['zeros', 'xavier'], 2)

    References:
        Glorot & Bengio (2010), section 5; Tukey (1953), "The Problem of Multiple Comparisons", for the error over all
        pairs; Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure", for that over all sentences.
    """
    from glorot.comparison.run import run_comparison, seeds_of
    from glorot.comparison.task import as_task
    from glorot.report.progress import watch

    task = as_task(build, data, loss=loss, optimizer=optimizer, batch_size=batch_size)
    chosen = [recipes] if isinstance(recipes, str) else list(recipes)
    with watch(progress, chosen, len(seeds_of(seeds)), epochs) as told:
        return run_comparison(task, chosen, seeds, epochs, told, rules or (), only, margin)
