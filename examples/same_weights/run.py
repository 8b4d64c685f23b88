"""Start one network in PyTorch, Keras and Flax from the same bits: one saved plan, one seed, three frameworks.

python examples/same_weights/run.py
"""

import tempfile
from pathlib import Path

import in_flax
import in_keras
import in_torch
import jax
import numpy as np
import torch
from flax import nnx
from torch import nn

import glorot

SEED = 0


def main() -> None:
    """Start both networks everywhere, and show that weights and answers are the same."""
    draws = np.random.default_rng(0)
    images = draws.normal(size=(4, 16, 16, 3)).astype(np.float32)  # channels last, as Keras and Flax have them
    tokens = draws.normal(size=(4, 10, in_torch.WIDTH)).astype(np.float32)
    print("network  framework  weights  same numbers  first answers                    from PyTorch's")
    cnn = in_torch.Cnn(), (in_keras.cnn(), in_keras.CNN_NAMES), (in_flax.Cnn(nnx.Rngs(0)), in_flax.CNN_NAMES)
    show("cnn", *started(*cnn, images, np.moveaxis(images, -1, 1)))
    block = (
        in_torch.Block(),
        (in_keras.block(), in_keras.BLOCK_NAMES),
        (in_flax.Block(nnx.Rngs(0)), in_flax.BLOCK_NAMES),
    )
    show("block", *started(*block, tokens, tokens))


def started(torch_model: nn.Module, keras_side, flax_side, inputs, torch_inputs):
    """Start three models from one plan file; return the weights of each, sorted, and its answers."""
    (keras_model, keras_names), (flax_model, flax_names) = keras_side, flax_side
    batch = torch.from_numpy(torch_inputs)
    with tempfile.TemporaryDirectory() as folder:
        glorot.plan(torch_model, inputs=batch).save(Path(folder) / "plan.json")
        plan = glorot.Plan.load(Path(folder) / "plan.json")

    glorot.apply(plan, torch_model, seed=SEED)
    glorot.apply(plan, keras_model, seed=SEED, names=keras_names)
    flax_model = glorot.apply(plan, flax_model, seed=SEED, names=flax_names)

    weights = {
        "PyTorch": [tensor.detach().numpy() for tensor in torch_model.parameters()],
        "Keras": keras_model.get_weights(),
        "Flax": [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(flax_model, nnx.Param))],
    }
    answers = {
        "PyTorch": torch_model(batch).detach().numpy(),
        "Keras": np.asarray(keras_model(inputs)),
        "Flax": np.asarray(flax_model(inputs)),
    }
    # each framework stores the axes in its own order; sorted, the same numbers are the same array
    return {name: np.sort(np.concatenate([w.ravel() for w in found])) for name, found in weights.items()}, answers


def show(network: str, weights: dict[str, np.ndarray], answers: dict[str, np.ndarray]) -> None:
    """Print a line for each framework."""
    for framework, answer in answers.items():
        same = "yes" if np.array_equal(weights[framework], weights["PyTorch"]) else "no"
        first = "  ".join(f"{value:+.6f}" for value in answer.ravel()[:3])
        distance = f"{abs(answer - answers['PyTorch']).max():.0e}"
        print(f"{network:7}  {framework:9}  {weights[framework].size:7,}  {same:12}  {first}  {distance:>14}")


if __name__ == "__main__":
    main()
