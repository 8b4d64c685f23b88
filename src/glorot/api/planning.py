"""Planning: plan, apply and both."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from glorot.adapters import opened, take_inventory
from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory import Inventory
from glorot.inventory.labels import labelled
from glorot.plans import Assignment, Plan, Rules, assignments, resolve
from glorot.recipes import Recipe, as_recipe, own_recipe
from glorot.schemes import Scheme

M = TypeVar("M")


def plan(
    model: object,
    recipe: str | Recipe | Scheme | None = None,
    inputs: Any = None,
    rules: Rules | None = None,
    only: str | None = None,
    names: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
    forward: Forward | None = None,
) -> Plan:
    """Decide the distribution of every parameter of a model, and touch nothing.

    plan = recipe(inventory(model))

    Args:
        model: a `torch.nn.Module`, a `keras.Model`, a Flax NNX module, a pair (Linen module, params), an Equinox
            module, any pytree of arrays, or the path of a Caffe `.prototxt`.
        recipe: the name of a recipe ("auto", "xavier", "random(0.01)", …), or of a scheme for every weight; by
            default "auto", and for a Caffe net the fillers that it declares, "caffe".
        inputs: a batch that shows what the model computes: a tuple holds positional inputs, a dict named ones; of
            (inputs, targets) the targets are left out where the model takes one input. Without it glorot makes one
            where the model tells what it takes, and runs it without computing anything; False takes the classes of
            the layers and the order of registration alone. A Linen module needs a batch, for it makes its layers
            while it runs; a Caffe net takes {blob: array} for data layers whose shape it does not tell.
        rules: (path pattern, scheme or "skip") pairs on top of the recipe; `*` stands for any text,
            and the last rule that matches decides.
        only: a path pattern; parameters that it does not match are left alone.
        names: {path in this model: name in the plan}, so that one plan serves a network in several frameworks; a
            part of a fused parameter goes with its path, or bears a name of its own, as in "qkv.weight[q]".
        axes: {path pattern: a letter for each stored axis} for parameters that no layer explains: b for copies,
            o for outputs, i for inputs, k for kernel points. A pytree has them all.
        forward: function (model, inputs) that runs the model on the batch, for one that is not called itself, as a
            Lightning module or a pytree; by default the model is called.

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
    inventory = labelled(take_inventory(model, inputs, forward), axes)
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
    only: str | Iterable[str] | None = None,
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
        inputs: a batch, which a Linen module needs to tell its layers, and a Caffe net as for `glorot.plan`; a plan
            of another framework's model is fitted to what this one computes, as `glorot.plan` sees it.
        device: for PyTorch, where to move the model before it is written; what is on the meta device, as under
            `glorot.torch.deferred`, gets memory there.
        only: a path pattern or several, such as the keys that a checkpoint lacked: what they do not match is left
            alone, and need not be in both plan and model; "*" writes a stage of a pipeline from the plan of the whole.

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
    assign = partial(assignments, plan, seed=seed, prefix=prefix, names=names, only=only)
    framework, assigned = _assigned(plan, model, assign, axes, inputs)
    if device is not None and framework != "torch":
        raise GlorotError(f"device= is for models of PyTorch, got one of {framework}")
    return cast(M, adapter.write(model, assigned, device))


def _assigned(
    plan: Plan,
    model: Any,
    assign: Callable[[Inventory], list[Assignment]],
    axes: Mapping[str, str] | None,
    inputs: Any,
) -> tuple[str, list[Assignment]]:
    """Return the framework of a model, and what a plan writes into it.

    A plan of its own framework brings the parts; one of another may be cut as only what the model computes shows.
    """
    stock = labelled(take_inventory(model, False if inputs is None else inputs), axes)
    try:
        return stock.framework, assign(stock)
    except GlorotError:
        if inputs is not None or plan.framework in ("", stock.framework):
            raise
    stock = labelled(take_inventory(model), axes)
    return stock.framework, assign(stock)


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
    forward: Forward | None = None,
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
        forward: as for `glorot.plan`.

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
    inventory = labelled(take_inventory(model, inputs, forward), axes)
    planned = resolve(inventory, _chosen(recipe, inventory), rules or (), only, names)
    return cast(M, adapter.write(model, assignments(planned, inventory, seed, prefix, names)))
