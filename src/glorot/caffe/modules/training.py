"""Training as a Caffe net asks for it: how fast each blob learns."""

from collections import defaultdict
from typing import Any

from torch import nn

from glorot.caffe.modules.net import CaffeModule
from glorot.errors import GlorotError


def parameter_groups(module: CaffeModule, lr: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
    """Return parameter groups for any optimiser of PyTorch, by `lr_mult` and `decay_mult` of the net.

    lr = lr · lr_mult, weight_decay = weight_decay · decay_mult

    Args:
        module: the module of a net.
        lr: the learning rate of the solver, `base_lr`.
        weight_decay: the weight decay of the solver.

    Returns:
        A group for each pair of multipliers, in the order of the net. A blob that several layers share is there once,
        with the multipliers of the one that sets them. What has `lr_mult: 0` is in no group, and so stays as it is;
        so are the averages of a BatchNorm, which no optimiser moves.

    Raises:
        GlorotError: if the module is not made by `to_torch`.

    Example:
        >>> import torch
        >>> from glorot.caffe import parse_net
        >>> from glorot.caffe.modules import parameter_groups, to_torch
        >>> net = parse_net('''
        ... input: "x" input_shape { dim: [1, 4] }
        ... layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 5 }
        ...   param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 } }
        ... ''')
        >>> groups = parameter_groups(to_torch(net), lr=0.01, weight_decay=0.0005)
        >>> [(group["lr"], group["weight_decay"]) for group in groups]
        [(0.01, 0.0005), (0.02, 0.0)]
        >>> optimizer = torch.optim.SGD(groups, momentum=0.9)
    """
    if not isinstance(module, CaffeModule):
        raise GlorotError(f"parameter_groups takes what to_torch returns, got {type(module).__name__}")
    parameters = dict(module.named_parameters())
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for path, pair in module.net.multipliers.items():
        groups[pair].append(parameters[path])
    return [
        {"params": members, "lr": lr * lr_mult, "weight_decay": weight_decay * decay_mult}
        for (lr_mult, decay_mult), members in groups.items()
        if lr_mult
    ]
