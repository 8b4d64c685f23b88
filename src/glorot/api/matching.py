"""Matching: one network in two frameworks."""

from collections.abc import Mapping
from typing import Any

from glorot.adapters import take_inventory
from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory.labels import labelled
from glorot.plans import Plan
from glorot.plans.matching import matched


def match(
    plan: Plan,
    model: object,
    inputs: Any = None,
    names: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
    forward: Forward | None = None,
) -> dict[str, str]:
    """Propose what the parameters of a model are called in a plan that was made for the same network elsewhere.

    names = the one pairing of parts with equal axes and shapes that fits both graphs

    Parts of one shape are told apart by what every framework shows alike, the surest first: what they are for, how
    far they are from the batch and from the end, the functions around them, what they are connected to, and at last
    the words and numbers that both names have.

    Args:
        plan: a plan made for the same network, in this framework or another one.
        model: the model whose parameters are to be named, as for `glorot.plan`.
        inputs: a batch, as for `glorot.plan`; with it, and with one for the plan, the graphs of both tell.
        names: {path in this model: name in the plan} for parts that nothing else tells apart.
        axes: as for `glorot.plan`.
        forward: as for `glorot.plan`.

    Returns:
        {path in this model: name in the plan} of all parameters, for `glorot.apply(plan, model, seed=0, names=…)`;
        piece by piece where one side keeps in one parameter what the other keeps in several.

    Raises:
        GlorotError: if a part of one side has no counterpart, or if several fit one. Nothing is guessed.

    Example:
        >>> import glorot, torch
        >>> plan = glorot.plan(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)))
        >>> class Net(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.head, self.body = torch.nn.Linear(8, 2), torch.nn.Linear(4, 8)
        >>> glorot.match(plan, Net())
        {'head.weight': '2.weight', 'head.bias': '2.bias', 'body.weight': '0.weight', 'body.bias': '0.bias'}

    References:
        Weisfeiler & Leman (1968), "The Reduction of a Graph to Canonical Form and the Algebra Which Appears Therein",
        for telling the nodes of a graph apart by what they are connected to.
    """
    if not isinstance(plan, Plan):
        raise GlorotError(f"match takes a plan first and then the model, got {type(plan).__name__}")
    return matched(plan, labelled(take_inventory(model, inputs, forward), axes), names)
