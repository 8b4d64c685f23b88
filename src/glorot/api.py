"""The public verbs. Each one checks what it was given and hands it to the room that does the work."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from glorot import fans, stream
from glorot.backends import opened
from glorot.errors import GlorotError
from glorot.inventory import Inventory
from glorot.inventory.labels import labelled
from glorot.plans import Plan, Rules, assignments, resolve
from glorot.recipes import Recipe, as_recipe, own_recipe
from glorot.schemes import Scheme, as_scheme
from glorot.stream.checks import MOST_AXES, checked_dtype
from glorot.text import quoted, shape_text

if TYPE_CHECKING:
    from glorot.comparison.comparison import Comparison, Progress

M = TypeVar("M")


def plan(
    model: object,
    recipe: str | Recipe | Scheme | None = None,
    inputs: Any = None,
    rules: Rules | None = None,
    only: str | None = None,
    names: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
) -> Plan:
    """Decide the distribution of every parameter of a model, and touch nothing.

    plan = recipe(inventory(model))

    Args:
        model: a `torch.nn.Module`, a `keras.Model`, a Flax NNX module, a pair (Linen module, params), an Equinox
            module, any pytree of arrays, or the path of a Caffe `.prototxt`.
        recipe: the name of a recipe ("auto", "xavier", "random(0.01)", …), or of a scheme for every weight; by
            default "auto", and for a Caffe net the fillers that it declares, "caffe".
        inputs: a batch (a tuple holds positional inputs, a dict named ones) that shows which activation
            feeds which layer; without it, the order in which the modules were registered is taken. A Linen module
            needs it, for it makes its layers while it runs; a Caffe net takes {blob: array} for data layers whose
            shape it does not tell.
        rules: (path pattern, scheme or "skip") pairs on top of the recipe; `*` stands for any text,
            and the last rule that matches decides.
        only: a path pattern; parameters that it does not match are left alone.
        names: {path in this model: name in the plan}, so that one plan serves a network in several frameworks; a
            part of a fused parameter goes with its path, or bears a name of its own, as in "qkv.weight[q]".
        axes: {path pattern: a letter for each stored axis} for parameters that no layer explains: b for copies,
            o for outputs, i for inputs, k for kernel points. A pytree has them all.

    Returns:
        The plan, to print, save, compare and apply.

    Raises:
        GlorotError: if a name is unknown, a rule matches nothing, the batch does not fit, or a parameter
            belongs to no layer that glorot knows and no rule names it.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(300, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
        >>> glorot.plan(model)["2.weight"].why
        'gain for relu'

    References:
        Glorot & Bengio (2010), section 4.2.
    """
    adapter, model = opened(model, inputs)
    inventory = labelled(adapter.inventory(model, inputs), axes)
    return resolve(inventory, _chosen(recipe, inventory), rules or (), only, names)


def _chosen(recipe: str | Recipe | Scheme | None, inventory: Inventory) -> Recipe:
    return own_recipe(inventory) if recipe is None else as_recipe(recipe)


def apply(
    plan: Plan,
    model: M,
    *,
    seed: int,
    prefix: str = "",
    names: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
    inputs: Any = None,
    device: Any = None,
) -> M:
    """Write the weights of a plan into a model, every parameter once.

    W = quantile of the planned law at the random number (seed, name, element)

    Args:
        plan: a plan made for this model or one of the same structure, in any framework.
        model: the model to write to.
        seed: 0 ≤ seed < 2**64; the weights are a pure function of plan and seed.
        prefix: put before every name; two networks of one shape that must differ need two seeds or prefixes.
        names: {path in this model: name in the plan and the stream}, as for `glorot.plan`; a plan that has the
            model's own names is renamed by it.
        axes: as for `glorot.plan`.
        inputs: a batch, which a Linen module needs to tell its layers, and a Caffe net as for `glorot.plan`.
        device: for PyTorch, where to move the model before it is written; what is on the meta device, as under
            `glorot.torch.deferred`, gets memory there.

    Returns:
        The same model for PyTorch and Keras, a new one for JAX. A leaf that is sharded stays sharded so: each
        device makes its own part. For a Caffe net its weights, {"conv1.0": array, …} by layer and blob.

    Raises:
        GlorotError: if the plan was made for another model, the seed is no seed, or a parameter cannot be
            written; the model is not changed then.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.Linear(300, 100)
        >>> model = glorot.apply(glorot.plan(model, "xavier"), model, seed=0)
        >>> round(model.weight.std().item(), 3)
        0.071

    References:
        Salmon et al. (2011), "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11, for the stream.
    """
    if not isinstance(plan, Plan):
        raise GlorotError(f"apply takes a plan first and then the model, got {type(plan).__name__}")
    adapter, model = opened(model, inputs)
    inventory = labelled(adapter.inventory(model, inputs), axes)
    assigned = assignments(plan, inventory, seed, prefix, names)
    if device is None:
        return cast(M, adapter.write(model, assigned))
    if inventory.framework != "torch":
        raise GlorotError(f"device= is for models of PyTorch, got one of {inventory.framework}")
    return cast(M, adapter.write(model, assigned, device))


def initialize(
    model: M,
    recipe: str | Recipe | Scheme | None = None,
    *,
    seed: int,
    inputs: Any = None,
    rules: Rules | None = None,
    only: str | None = None,
    prefix: str = "",
    names: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
) -> M:
    """Plan and apply in one go.

    W = apply(plan(model), seed)

    Every parameter is written, also one that is frozen: to keep what is pretrained, name the rest by `only`, or
    skip it by a rule.

    Args:
        model: the model to initialise.
        recipe: as for `glorot.plan`.
        seed: as for `glorot.apply`.
        inputs: as for `glorot.plan`.
        rules: as for `glorot.plan`.
        only: as for `glorot.plan`; with "head.*" the rest of the model keeps its weights.
        prefix: as for `glorot.apply`; two models of one shape that must differ need two.
        names: as for `glorot.plan`.
        axes: as for `glorot.plan`.

    Returns:
        The model, as from `glorot.apply`.

    Raises:
        GlorotError: as `glorot.plan` and `glorot.apply` do; the model is not changed then.

    Example:
        >>> import glorot, torch
        >>> model = glorot.initialize(torch.nn.Linear(4, 2), "zeros", seed=0)
        >>> model.weight.tolist()
        [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]

    References:
        Glorot & Bengio (2010); He et al. (2015).
    """
    adapter, model = opened(model, inputs)
    inventory = labelled(adapter.inventory(model, inputs), axes)
    planned = resolve(inventory, _chosen(recipe, inventory), rules or (), only, names)
    return cast(M, adapter.write(model, assignments(planned, inventory, seed, prefix, names)))


def draw(
    scheme: str | Scheme,
    shape: Sequence[int],
    *,
    seed: int,
    name: str = "weight",
    in_axis: int = -2,
    out_axis: int = -1,
    dtype: Any = np.float32,
) -> NDArray[Any]:
    """Draw one array straight from a scheme.

    W ~ scheme(fans(shape)), from the stream of (seed, name)

    Args:
        scheme: the name of a scheme, a call such as "normal(std=0.02)", or a scheme.
        shape: the shape of the array.
        seed: 0 ≤ seed < 2**64.
        name: the name in the stream; a parameter of a model has its path.
        in_axis: the axis of the inputs, -2 by default as in JAX and Keras.
        out_axis: the axis of the outputs, -1 by default; all other axes are those of a kernel.
        dtype: float32 (default), float16, float64, or of ml_dtypes bfloat16 or a float8 that has a sign and a zero.

    Returns:
        The array. The same numbers as in a parameter of that name, whatever its layout.

    Raises:
        GlorotError: if the scheme is unknown, the seed is no seed, the dtype is another one, or a scheme that needs
            fans gets a shape with one axis.

    Example:
        >>> import glorot
        >>> w = glorot.draw("xavier_uniform", (300, 100), seed=0)
        >>> w.shape, round(float(w.std()), 3), bool(abs(w).max() <= (6 / 400) ** 0.5)
        ((300, 100), 0.071, True)

    References:
        Glorot & Bengio (2010), equation 16.
    """
    rule = as_scheme(scheme)
    shape = _check_shape(shape)
    key = stream.key_of(seed, name)
    if 0 in shape:
        return np.zeros(shape, checked_dtype(dtype))
    if len(shape) < 2:
        return stream.draw(key, rule(None, shape), shape, dtype=dtype)
    axes = _label(len(shape), in_axis, out_axis)
    order = sorted(range(len(shape)), key=lambda axis: "oik".index(axes[axis]))
    sorted_shape = tuple(shape[axis] for axis in order)
    sorted_axes = "".join(axes[axis] for axis in order)
    law = rule(fans.from_axes(shape, axes), sorted_shape, sorted_axes)
    drawn = stream.draw(key, law, sorted_shape, axes=sorted_axes, dtype=dtype)
    return drawn.transpose(np.argsort(order))


def _check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Sequence) else (None,)
    if not all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0 for size in sizes):
        raise GlorotError(f"shape must be a sequence of sizes such as (300, 100), got {quoted(shape)}")
    if len(sizes) > MOST_AXES:
        raise GlorotError(f"a shape must have {MOST_AXES} axes at most, got {len(sizes)}")
    whole = tuple(int(size) for size in sizes)
    if 8 * math.prod(max(size, 1) for size in whole) > sys.maxsize:
        raise GlorotError(f"{shape_text(whole)} are more numbers than a computer can address; ask for smaller sizes")
    return whole


def _label(rank: int, in_axis: int, out_axis: int) -> str:
    for what, axis in (("in_axis", in_axis), ("out_axis", out_axis)):
        if not -rank <= axis < rank:
            raise GlorotError(f"{what}={axis} is no axis of a shape with {rank} axes")
    if in_axis % rank == out_axis % rank:
        raise GlorotError(f"in_axis={in_axis} and out_axis={out_axis} name the same axis")
    return "".join("i" if n == in_axis % rank else "o" if n == out_axis % rank else "k" for n in range(rank))


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


def explain(name: str | None = None, *, full: bool = False) -> str:
    """Explain a scheme, a recipe or an activation on one screen; without a name, list them all.

    page = docstring + the numbers of a layer from 300 to 100 units

    Args:
        name: its name in any spelling, as in "xavier", "He normal" or "gelu"; "scheme:zeros" where a recipe has the
            same. None lists what there is, by group.
        full: the whole page instead of one screen.

    Returns:
        The page as text.

    Raises:
        GlorotError: if nothing has that name, and what the nearest names are.

    Example:
        >>> import glorot
        >>> "fan_in" in glorot.explain("xavier")
        True

    References:
        Glorot & Bengio (2010).
    """
    from glorot.report.explanation import explanation

    return explanation(name, full=full)
