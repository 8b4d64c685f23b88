"""Dense layers that hold several: the fused projections that model libraries write as one matrix."""

from dataclasses import replace

from glorot.fans import Fans
from glorot.inventory import Part, View

ATTENTION = ("q", "k", "v")
FUSED = {
    "qkv": ATTENTION,  # timm
    "c_attn": ATTENTION,  # GPT-2 of transformers
    "qkv_proj": ATTENTION,  # Phi-3
    "gate_up_proj": ("gate", "up"),  # Phi-3, GLM
}
"""The layers whose output is cut into equal blocks, by the name that their model gives them."""


def split(layer_path: str, part: Part) -> tuple[Part, ...]:
    """Cut a part of a dense layer into the blocks that its name tells of, each with fans of its own.

    A q, k, v projection is cut only where it has three times as many outputs as inputs: what is
    narrower shares keys between heads, and is left whole.
    """
    names = FUSED.get(layer_path.rpartition(".")[2])
    if names is None or part.fans is None or part.axes not in ("oi", "o"):
        return (part,)
    inputs, outputs = part.fans.fan_in, part.fans.fan_out
    if outputs % len(names) or (names is ATTENTION and outputs != 3 * inputs):
        return (part,)
    rows = part.shape[0] // len(names)
    shape = (rows, *part.shape[1:])
    counts = Fans(inputs, outputs / len(names))
    return tuple(
        replace(part, name=f"[{name}]", shape=shape, fans=counts, view=_block(part, n * rows, rows))
        for n, name in enumerate(names)
    )


def _block(part: Part, start: int, rows: int) -> View:
    block, rest = (start, start + rows), tuple((0, size) for size in part.shape[1:])
    transposed = part.view is not None and part.view.order == (1, 0)
    return View(box=(*rest, block), order=(1, 0)) if transposed else View(box=(block, *rest))
