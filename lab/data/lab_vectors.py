"""Write tests/data/lab_vectors.json: what Python computes, against which `lab/tests/net` checks the page's engine."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lab_digits import TRAIN, scaled, shuffled
from lab_nets import ACTIVATIONS, INPUTS, LabNet, json_text
from torch import Tensor
from torch.nn.functional import cross_entropy

import glorot

FILE = Path(__file__).parents[2] / "tests/data/lab_vectors.json"
RULES = (
    "zero", "equal", "sigma", "standard", "xavier_uniform", "xavier_normal", "he_normal", "lecun_normal", "orthogonal",
    "auto",
)  # fmt: skip
BATCH, STEPS, RATE = 32, 10, 0.05
DIGITS = 9
"""Significant digits kept: what they leave out lies far below the tolerances of the page."""


@dataclass(frozen=True)
class Case:
    """One net, and how it starts."""

    width: int
    depth: int
    activation: str
    rule: str
    skips: bool = False
    norms: bool = False
    sigma: float = 0.05
    seed: int = 0


def cases() -> Iterator[Case]:
    """Return every rule, every activation plain, with skips, with norms and with both, and some sizes."""
    for rule in RULES:
        yield Case(64, 4, "tanh", rule, seed=1)
    for activation in ACTIVATIONS:
        for skips in (False, True):
            for norms in (False, True):
                yield Case(16, 4, activation, "auto", skips, norms)
    yield Case(128, 10, "tanh", "xavier_uniform", seed=7)
    yield Case(32, 50, "tanh", "sigma", sigma=0.17, seed=2**32 + 1)
    yield Case(8, 1, "relu", "he_normal", skips=True, norms=True)
    yield Case(256, 2, "selu", "lecun_normal", seed=3)


def vectors() -> dict[str, Any]:
    """Return all of the file."""
    return {
        "batch": BATCH,
        "rate": RATE,
        "weights": [weights_of(rule, activation) for rule in RULES for activation in ACTIVATIONS],
        "cases": [{**asdict(case), **answers(case)} for case in cases()],
    }


def weights_of(rule: str, activation: str) -> dict[str, Any]:
    """Return a digest of the bits that a rule draws; of a law that promises no bits, the values of one row a layer."""
    case = Case(32, 3, activation, rule, seed=5)
    weights = [layer.weight.detach().numpy() for layer in started(case).layers]
    if rule == "orthogonal":
        return {**asdict(case), "rows": [kept(weight[-1].tolist()) for weight in weights]}
    digest = hashlib.sha256(b"".join(weight.astype("<f4").tobytes() for weight in weights)).hexdigest()
    return {**asdict(case), "sha256": digest}


def started(case: Case) -> Any:
    """Return a net with the weights that glorot draws."""
    net = LabNet(case.width, case.depth, case.activation, skips=case.skips, norms=case.norms)
    recipe = {"zero": "zeros", "equal": f"constant({case.sigma})", "sigma": f"random({case.sigma})"}
    rules = [("*.weight", "orthogonal")] if case.rule == "orthogonal" else None
    plan = glorot.plan(
        net, None if rules else recipe.get(case.rule, case.rule), inputs=torch.ones(2, INPUTS), rules=rules
    )
    return glorot.apply(plan, net, seed=case.seed)


def answers(case: Case) -> dict[str, Any]:
    """Return signal and gradient at the start, and what ten steps of gradient descent make of it, in binary64."""
    net = started(case).double()
    images, labels = shuffled()
    examples, targets = torch.from_numpy(scaled(images)[:TRAIN]).double(), torch.from_numpy(labels[:TRAIN])
    sums, values = net.trace(examples[:BATCH])
    for sum_ in sums:
        sum_.retain_grad()
    cross_entropy(sums[-1], targets[:BATCH]).backward()
    layers = [
        {
            "sums": spread(sum_),
            "values": spread(value),
            "sum_gradient": sample(gradient_of(sum_)),
            "weight_gradient": sample(gradient_of(layer.weight)),
            "bias_gradient": sample(gradient_of(layer.bias)),
        }
        for sum_, value, layer in zip(sums, values, net.layers, strict=True)
    ]
    return {"layers": layers, **trained(net, examples, targets)}


def trained(net: LabNet, examples: Tensor, targets: Tensor) -> dict[str, Any]:
    """Return the losses of ten steps, and the weights after them."""
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    losses = []
    for start in range(0, STEPS * BATCH, BATCH):
        optimizer.zero_grad()
        loss = cross_entropy(net(examples[start : start + BATCH]), targets[start : start + BATCH])
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    weights = [parameter for name, parameter in net.named_parameters() if name.endswith("weight")]
    return {"losses": kept(losses), "trained": [sample(weight) for weight in weights]}


def gradient_of(tensor: Tensor) -> Tensor:
    """Return the gradient that a backward pass has left."""
    assert tensor.grad is not None
    return tensor.grad


def spread(values: Tensor) -> list[float]:
    """Return mean and standard deviation."""
    return kept([float(values.detach().mean()), float(values.detach().std(correction=0))])


def sample(values: Tensor) -> list[float]:
    """Return the root of the mean square, and the elements at the start, after a third, and at the end."""
    flat = values.detach().reshape(-1)
    return kept([float(flat.square().mean().sqrt()), *flat[[0, flat.numel() // 3, -1]].tolist()])


def kept(numbers: Sequence[float]) -> list[float]:
    """Round to what the file keeps."""
    return [float(f"{number:.{DIGITS}g}") for number in np.asarray(numbers).tolist()]


if __name__ == "__main__":
    torch.set_num_threads(1)  # these nets are small: more threads wait for each other
    FILE.write_text(json_text(vectors()), encoding="utf-8")
