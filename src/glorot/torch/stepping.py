"""What an optimiser's first step would do to the weights of a PyTorch model, tried on a copy of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from glorot.errors import GlorotError, NoStepError
from glorot.torch.shards import is_sharded


def first_step(
    optimizer: Any, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, tuple[float, float]]:
    """Return, by path, the square sums of the first update of each parameter, and of the parameter.

    Args:
        optimizer: an optimiser of these parameters, of which groups and options are taken and no state; a function
            parameters → optimiser, as a class is; or a list of optimisers, each of other parameters.
        weights: the parameters by their paths.
        gradients: their gradients, of those that have one.

    Raises:
        GlorotError: if the optimiser has other parameters, or fails.
    """
    with _disable_current_modes(), torch.enable_grad():
        copies = {path: weights[path].detach().clone().requires_grad_() for path in gradients}
        for path, gradient in gradients.items():
            copies[path].grad = gradient.detach().clone()
        try:
            for one in optimizer if isinstance(optimizer, list | tuple) else (optimizer,):
                _fresh(one, weights, copies).step()
        except GlorotError:
            raise
        except Exception as error:
            raise NoStepError(f"the first step of the optimiser failed with {type(error).__name__}: {error}") from error
        with torch.no_grad():
            return {
                path: (_square_sum(copy - weights[path].detach()), _square_sum(weights[path].detach()))
                for path, copy in copies.items()
            }


def _square_sum(tensor: Tensor) -> float:
    return float(tensor.float().square().sum(dtype=torch.float64).item())


def _fresh(optimizer: Any, weights: Mapping[str, Tensor], copies: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """Return an optimiser of the copies with the options of another one, and without its state."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        if not callable(optimizer):
            raise GlorotError(
                f"optimizer is an optimiser of the model's parameters, or a function parameters → optimiser, got a "
                f"{type(optimizer).__name__}"
            )
        made = optimizer(list(copies.values()))
        if not isinstance(made, torch.optim.Optimizer):
            raise GlorotError(f"optimizer must return a torch.optim.Optimizer, got a {type(made).__name__}")
        return made
    paths = {id(tensor): path for path, tensor in weights.items()}
    groups = []
    for group in optimizer.param_groups:
        strange = sum(id(one) not in paths for one in group["params"])
        if any(is_sharded(one) and id(one) not in paths for one in group["params"]):
            raise NoStepError(
                "the optimiser holds shards of parameters that several processes hold together, and its step is tried "
                "on whole ones; hand in a function parameters → optimiser, such as torch.optim.AdamW"
            )
        if strange:
            raise NoStepError(
                f"{strange} parameters of the optimiser are not in the model; build it of model.parameters()"
            )
        own = [copies[paths[id(one)]] for one in group["params"] if paths[id(one)] in copies]
        groups += [{**group, "params": own}] if own else []
    fresh: torch.optim.Optimizer = type(optimizer)(groups, **optimizer.defaults)
    return fresh
