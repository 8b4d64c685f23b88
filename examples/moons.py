"""A task of your own for `glorot compare`: two half moons, and a ReLU net that is deeper than it need be.

glorot compare examples/moons.py:task --recipe current --recipe xavier --recipe he --recipe auto
"""

import numpy as np
from sklearn.datasets import make_moons
from torch import nn

from glorot.comparison import Task


def build() -> nn.Module:
    """Return a fresh net; the start that PyTorch gives it is what the recipe `current` keeps."""
    layers: list[nn.Module] = [nn.Linear(2, 32), nn.ReLU()]
    for _ in range(7):
        layers += [nn.Linear(32, 32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 2))


def task() -> Task:
    """Return the model and its data; inputs have mean 0 and variance 1, as every recipe supposes."""
    points, labels = make_moons(n_samples=1000, noise=0.2, random_state=0)
    points = ((points - points.mean(axis=0)) / points.std(axis=0)).astype(np.float32)
    return Task(
        build=build,
        train=(points[:750], labels[:750]),
        test=(points[750:], labels[750:]),
        name="two moons, 8 hidden layers of 32 ReLU units",
        learning_rate=0.05,
    )
