"""The task of a Caffe net: the net as it learns handwritten digits."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.arrays import check_memory
from glorot.caffe import Net, parse_net
from glorot.caffe.nets import Node
from glorot.comparison.digits import check_optimizer, load_digits, optimizer_of
from glorot.comparison.task import Task
from glorot.errors import GlorotError
from glorot.text import shape_text

CLASSES = 10
DECAY = 5e-4
"""Weight decay of a parameter whose decay_mult is 1: that of Caffe's own examples."""

HEAD = """
input: "maps" input_shape {{ {sizes} }}
layer {{
  name: "{mean}" type: "Pooling" bottom: "maps" top: "{mean}"
  pooling_param {{ pool: AVE global_pooling: true }}
}}
layer {{
  name: "{scores}" type: "InnerProduct" bottom: "{mean}" top: "{scores}"
  inner_product_param {{ num_output: {classes} weight_filler {{ type: "xavier" }} }}
}}
"""
"""What a net gets that ends in maps, so that it tells classes."""

ADDED = f", with a mean over positions and an InnerProduct of {CLASSES} added"

STEPS = {"sgd": 0.05, "momentum": 0.01, "adam": 0.001}


def net_settings(net: Net) -> dict[str, Any]:
    """Return the fields of a task that follow from a net: how it is built, what of it learns how fast, and its loss."""
    scores = _scores_of(net)
    return {
        "build": partial(_module_of, net),
        "parameters": _learnt,
        "loss": _of_probabilities() if scores is not None and scores.layer.kind == "Softmax" else None,
    }


def _module_of(net: Net) -> Any:
    from glorot.caffe import to_torch

    return to_torch(net)


def _learnt(module: Any) -> list[dict[str, Any]]:
    """Return the parameters of a net in groups that know their `lr_mult` and `decay_mult`."""
    from glorot.caffe import parameter_groups

    return [
        {"params": group["params"], "lr_mult": group["lr"], "decay_mult": group["weight_decay"]}
        for group in parameter_groups(module, lr=1.0, weight_decay=1.0)
    ]


def net_task(net: Net, optimizer: str = "momentum", learning_rate: float | None = None) -> Task:
    """Return the task: a Caffe net on handwritten digits, drawn as large as its input.

    The 8×8 digits are stretched to the net's height and width, and repeated for each of its channels. `lr_mult` and
    `decay_mult` hold, on top of a weight decay of 5e-4. A net that ends in maps gets a mean over positions and an
    InnerProduct of ten, and the task's name says so.

    Args:
        net: a net that tells classes, with scores or probabilities for ten or more of them, or one that ends in maps.
        optimizer: "sgd" (plain), "momentum" (0.9, the default) or "adam".
        learning_rate: its step; by default 0.05, 0.01 with momentum, 0.001 for adam.

    Returns:
        The task.

    Raises:
        GlorotError: if the net takes no images or tells fewer than ten classes, scikit-learn is not installed, the
            images would not fit into memory, or a setting is out of range.
    """
    check_optimizer(optimizer, learning_rate)
    step = STEPS[optimizer] if learning_rate is None else learning_rate
    shape = _image_shape(net)
    net, added = _with_scores(net)
    _check_scores(net)
    (train_images, train_labels), (test_images, test_labels) = load_digits()
    count = len(train_images) + len(test_images)
    check_memory(4 * count * math.prod(shape[1:]), f"{net.source}: {count} digits of {shape_text(shape[1:])} numbers")
    return Task(
        **net_settings(net),
        train=(stretched(train_images, shape), train_labels),
        test=(stretched(test_images, shape), test_labels),
        name=f"handwritten digits, {net.name or 'the net'} of {net.source}{added}, {optimizer} {step:g}",
        optimizer=lambda groups: optimizer_of(optimizer, groups, step, DECAY),
        batch_size=shape[0] if shape[0] > 1 else 32,
    )


def stretched(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return 8×8 images, given as rows of 64, bilinearly stretched to (examples, channels, height, width)."""
    import torch
    from torch.nn import functional

    _, channels, height, width = shape
    squares = torch.from_numpy(images).reshape(-1, 1, 8, 8)
    large = functional.interpolate(squares, size=(height, width), mode="bilinear", align_corners=False)
    return np.ascontiguousarray(large.expand(-1, channels, -1, -1).numpy())


def _image_shape(net: Net) -> tuple[int, ...]:
    """Return the shape of the images that a net takes: that of its first input."""
    name, shape = next(iter(net.inputs.items()), ("", ()))
    if len(shape) != 4:
        given = f"its first input is {name!r} of shape {shape_text(shape)}" if net.inputs else "it has no input"
        raise GlorotError(
            f"{net.source}: digits are images, and need a net whose first input has shape N×C×H×W; {given}"
        )
    return shape


def _scores_of(net: Net) -> Node | None:
    """Return the layer whose top tells the classes: the last one that can run on the first input alone."""
    known, scores = set(list(net.inputs)[:1]), None
    for node in net.nodes:
        if node.layer.bottoms and known.issuperset(node.layer.bottoms):
            known.update(node.layer.tops)
            scores = node if node.layer.tops else scores
    return scores


def _with_scores(net: Net) -> tuple[Net, str]:
    """Return a net that tells classes, and what was added for that: nothing where it ends in something else than maps.

    Maps of probabilities are passed over: what is added reads the scores that they are made from.
    """
    last = _scores_of(net)
    if last is None or len(last.tops[0]) != 4:
        return net, ""
    is_softmax = last.layer.kind == "Softmax"
    maps, shape = (last.layer.bottoms[0], last.bottoms[0]) if is_softmax else (last.layer.tops[0], last.tops[0])
    mean, scores = (_free_name(net, name) for name in ("mean", "scores"))
    sizes = " ".join(f"dim: {size}" for size in shape)
    head = parse_net(HEAD.format(sizes=sizes, mean=mean, scores=scores, classes=CLASSES)).nodes
    pooling = replace(head[0], layer=replace(head[0].layer, bottoms=(maps,)))
    return replace(net, nodes=(*net.nodes, pooling, *head[1:])), ADDED


def _free_name(net: Net, name: str) -> str:
    """Return a name that no layer and no blob of a net has."""
    taken = {node.layer.name for node in net.nodes} | set(net.shapes)
    while name in taken:
        name += "_"
    return name


def _check_scores(net: Net) -> None:
    scores = _scores_of(net)
    shape = scores.tops[0] if scores is not None else ()
    if scores is None or len(shape) != 2 or shape[1] < CLASSES:
        top = repr(scores.layer.tops[0]) if scores is not None else ""
        told = f"{top} has shape {shape_text(shape)}" if top else "no layer reads the images"
        raise GlorotError(f"{net.source}: digits have ten classes, and need a net that ends in N×10 scores; {told}")


def _of_probabilities() -> Callable[[Any, Any], Any]:
    """Return the cross-entropy of probabilities, as of a net that ends in a Softmax."""
    from torch.nn import functional

    def loss(outputs: Any, targets: Any) -> Any:
        return functional.nll_loss(outputs.clamp_min(1e-30).log(), targets)

    return loss
