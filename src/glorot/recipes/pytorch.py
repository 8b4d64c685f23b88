"""Recipe: what PyTorch's own modules start from."""

import math

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part
from glorot.recipes.base import Choice, Chooser, recipe, usual
from glorot.schemes import SCHEMES, as_scheme


@recipe()
def pytorch() -> Chooser:
    """PyTorch's own defaults, its own fans included.

    Linear, Conv: W, b ~ U(±1/√fan_in), fan_in as `torch.nn.init` counts it

    The laws of `reset_parameters` of each module, so that a plan can say what PyTorch would do and a
    comparison can show it. The fans are PyTorch's: those of a transposed convolution are swapped, and
    attention's q, k and v are taken as one fused matrix.

    What each part gets:
        Linear, Conv and ConvTranspose U(±1/√fan_in) for weight and bias; Embedding N(0, 1); RNN, LSTM
        and GRU all U(±1/√hidden); Bilinear U(±1/√in1); MultiheadAttention xavier_uniform on the
        fused (3E, E) and zero biases; norms 1 and 0; PReLU ¼.

    When to use:
        As the baseline of a comparison.

    Raises:
        GlorotError: if the model is not PyTorch's, or has layers of a Caffe net.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("pytorch"))
        'pytorch'

    References:
        PyTorch 2.13, `torch/nn/modules`, the `reset_parameters` of each module.
    """

    def choose(part: Part, inventory: Inventory) -> Choice:
        if inventory.framework != "torch":
            raise GlorotError(
                f"recipe 'pytorch' reproduces PyTorch's own fans and needs a PyTorch model, got {inventory.framework}; "
                "use 'standard' for the same law with true fans"
            )
        if part.declared is not None:
            raise GlorotError(
                "recipe 'pytorch' reproduces PyTorch's own fans and needs layers of PyTorch, and "
                f"{part.name} belongs to a Caffe layer, {part.layer}; use 'standard' for the same law with true fans"
            )
        if part.role in ("scale", "shift", "slope", "padding"):
            return usual(part)
        if part.layer in ("Embedding", "EmbeddingBag"):
            return Choice(as_scheme("normal(1.0)"), "PyTorch's N(0, 1)")
        if part.layer == "MultiheadAttention":
            return _attention(part, inventory)
        if part.layer == "NonDynamicallyQuantizableLinear" and part.role == "bias":
            return usual(part)  # the output projection of attention, whose bias PyTorch zeroes
        return _uniform(_fan(part, inventory))

    return choose


def _uniform(fan: float) -> Choice:
    bound = 1 / math.sqrt(fan)
    return Choice(SCHEMES.factory("uniform")(-bound, bound), f"PyTorch's U(±1/√{fan:g})")


def _fan(part: Part, inventory: Inventory) -> float:
    """Return the number that PyTorch takes the root of for this part's layer."""
    if part.fans is None:
        raise GlorotError(f"{part.name}: PyTorch has no default for {part.layer}; give a rule for it, or 'skip'")
    if part.layer.startswith(("RNN", "LSTM", "GRU")):
        return part.fans.fan_in if "weight_hr" in part.name else part.fans.fan_out
    weight = _stored_shape(part.path.removesuffix("bias") + "weight" if part.role == "bias" else part.path, inventory)
    return float(weight[1] if part.layer == "Bilinear" else math.prod(weight[1:]))


def _attention(part: Part, inventory: Inventory) -> Choice:
    shape = _stored_shape(part.path, inventory)
    if part.role != "bias":
        bound = math.sqrt(6 / (shape[0] + shape[1]))
        return Choice(SCHEMES.factory("uniform")(-bound, bound), f"PyTorch's Xavier on {shape[0]}×{shape[1]}")
    if len(shape) == 3:  # bias_k and bias_v, (1, 1, E)
        return Choice(SCHEMES.factory("normal")(math.sqrt(1 / shape[2])), "PyTorch's Xavier on 1×1×E")
    return usual(part)


def _stored_shape(path: str, inventory: Inventory) -> tuple[int, ...]:
    parameter = inventory.parameter(path)
    if parameter is None:
        raise GlorotError(f"recipe 'pytorch' looked for the weight {path!r} of a layer and found none")
    return parameter.shape
