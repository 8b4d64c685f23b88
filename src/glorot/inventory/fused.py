"""Dense layers that hold several: the fused projections that model libraries write as one matrix."""

from dataclasses import replace

from glorot.fans import Fans
from glorot.inventory.layouts import blocks
from glorot.inventory.parts import Inventory, Part

ATTENTION = ("q", "k", "v")
FUSED = {
    "qkv": ATTENTION,  # timm
    "c_attn": ATTENTION,  # GPT-2 of transformers
    "qkv_proj": ATTENTION,  # Phi-3
    "gate_up_proj": ("gate", "up"),  # Phi-3, GLM
}
"""The layers whose output is cut into equal blocks, by the name that their model gives them."""


def split_by_name(inventory: Inventory) -> Inventory:
    """Return an inventory whose fused dense layers are cut into the blocks that their names stand for."""
    parameters = tuple(
        replace(one, parts=tuple(part for whole in one.parts for part in _split(one.layer, whole)))
        for one in inventory.parameters
    )
    return replace(inventory, parameters=parameters)


def _split(layer_path: str, part: Part) -> tuple[Part, ...]:
    """Cut a part of a dense layer into its blocks, each with its own fans.

    A q, k, v projection is cut only where it has three times as many outputs as inputs: what is
    narrower shares keys between heads, and is left whole.
    """
    names = FUSED.get(layer_path.rpartition(".")[2])
    is_piece = part.view is not None and part.view.is_piece
    if names is None or is_piece or part.fans is None or part.axes not in ("oi", "o"):
        return (part,)
    inputs, outputs = part.fans.fan_in, part.fans.fan_out
    if outputs % len(names) or (names is ATTENTION and outputs != 3 * inputs):
        return (part,)
    rows, *rest = part.shape[0] // len(names), *part.shape[1:]
    block = replace(part, shape=(rows, *rest), fans=Fans(inputs, outputs / len(names)))
    is_transposed = part.view is not None and part.view.order == (1, 0)
    stored, axis = ((*rest, rows), 1) if is_transposed else ((rows, *rest), 0)
    return tuple(replace(piece, name=part.name + piece.name) for piece in blocks(block, stored, axis, names))
