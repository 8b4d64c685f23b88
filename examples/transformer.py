"""Start a transformer from one recipe and two rules, and read the plan before a weight is written.

python examples/transformer.py
"""

import torch
from torch import nn

import glorot
from glorot.activations import activation

LAYERS, WIDTH = 12, 64

# Each layer adds two branches to the residual stream. With their last weights divided by √(2·LAYERS),
# all branches together add as much variance as one would.
QUIETER = (2 * LAYERS) ** -0.5
GELU = activation("gelu").gain
RULES = [
    ("*.self_attn.out_proj.weight", f"xavier_uniform(gain={QUIETER:.4f})"),
    ("*.linear2.weight", f"xavier_uniform(gain={GELU * QUIETER:.4f})"),
]


def main() -> None:
    """Plan, show the first layer, apply, and show that no two layers start alike."""
    layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=4 * WIDTH, activation="gelu", batch_first=True)
    model = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    print("stacked by copying, all layers start alike:", identical(model))

    plan = glorot.plan(model, inputs=torch.randn(8, 16, WIDTH), rules=RULES)
    for entry in plan.entries:
        if entry.name.startswith("layers.0."):
            print(f"{entry.name:36}  {entry.scheme:28}  {entry.why}")

    model = glorot.apply(plan, model, seed=0)
    print("after glorot.apply, all layers start alike:", identical(model))


def identical(model: nn.TransformerEncoder) -> bool:
    """Tell whether the first two layers have the same weights."""
    first, second = (model.layers[n].linear1.weight for n in (0, 1))
    return torch.equal(first, second)


if __name__ == "__main__":
    main()
