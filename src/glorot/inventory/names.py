"""Names: what those that model libraries agree on say of parameters that no graph shows and no class explains."""

import re
from dataclasses import replace

from glorot.fans import ELEMENTWISE, Fans
from glorot.inventory.layouts import blocks
from glorot.inventory.parts import Inventory, Parameter, Part

ATTENTION = ("q", "k", "v")
FUSED = {
    "qkv": ATTENTION,  # timm
    "c_attn": ATTENTION,  # GPT-2 of transformers
    "qkv_proj": ATTENTION,  # Phi-3
    "gate_up_proj": ("gate", "up"),  # Phi-3, GLM
}
"""The layers whose output is cut into equal blocks, by the name that their model gives them."""

BY_NAME = "told by its name alone"
"""Why a parameter has its role, as a note says it."""

LEARNED = r"(\w+_)?"
ROLES: tuple[tuple[str, str, float], ...] = (
    (r"\w*(Norm|LN)\w*\.(weight|gamma)", "scale", 1.0),
    (r"\w*(Norm|LN)\w*\.(bias|beta)", "shift", 1.0),
    (r"\w*LayerScale\.\w+", "layer_scale", 1.0),
    (rf"\w+\.(layer_?scale(_parameter)?(_?\d)?|lambda_\d|ls\d|{LEARNED}gamma(_?\d)?)", "layer_scale", 1.0),
    (rf"\w+\.{LEARNED}pos(ition|itional)?_?(emb|embed|embeddings?|encoding)(_table|_window|_vlm)?", "position", 1.0),
    (rf"\w+\.{LEARNED}(cls|class)_(pos|position)_(emb|embed|embeddings?)", "position", 1.0),
    (r"\w+\.(relative_(position_bias_table|attention_bias)|attention_biases|rel_pos_[hw])", "relative_bias", 1.0),
    (rf"\w+\.{LEARNED}(cls|class|mask(ed)?(_spec)?)_(emb|embed|embeddings?)", "token", 1.0),
    (rf"\w+\.(level_embeds?|{LEARNED}embedding(_parameter)?|no_\w+_pointer|{LEARNED}prompt)", "token", 1.0),
    (rf"\w+\.({LEARNED}(query_)?tokens?|probe|latents|latent_query|image_newline)", "token", 1.0),
    (r"\w+\.(logit_scale(_[a-z])?)", "temperature", 0.0),
    (r"\w+\.temperature", "temperature", 1.0),
    (r"\w+\.sinks?", "sink", 1.0),
    (r"\w+\.A_log", "state_rate", 1.0),
    (r"\w+\.dt_bias", "state_step", 1.0),
    (rf"\w+\.{LEARNED}bias_[uv]", "bias", 1.0),
)
"""Class of the layer and name of the parameter, the role that these stand for, and its neutral value.

Fans and axes are never told from a name, so there is no kernel among them.
"""


def named(inventory: Inventory) -> Inventory:
    """Return an inventory in which parameters that nothing else explains have the role that their name stands for.

    Args:
        inventory: what the layers, and the graph where there is one, tell of a model.

    Example:
        >>> leaf = Parameter("cls_token", (1, 1, 64), "float32", (Part("cls_token", "", (1, 1, 64), "unknown", "ViT"),))
        >>> named(Inventory("torch", (leaf,))).parts[0].role
        'token'
    """
    return replace(inventory, parameters=tuple(map(_named, inventory.parameters)))


def _named(parameter: Parameter) -> Parameter:
    roles = {part.role for part in parameter.parts}
    if roles != {"unknown"} or any(part.seen for part in parameter.parts):
        return parameter
    part = parameter.parts[0]
    if 0 in parameter.shape:
        return replace(parameter, parts=(replace(part, kept="it has no elements"),))
    name = f"{part.layer}.{parameter.path.rpartition('.')[2]}"
    row = next((row for row in ROLES if re.fullmatch(row[0], name)), None)
    if row is None:
        return parameter
    _, role, neutral = row
    is_vector = role in ("bias", "scale", "shift")
    told = replace(part, role=role, neutral=neutral, note=BY_NAME, by_use=True, kept="", held=None)
    if is_vector:
        told = replace(told, axes="o" * len(parameter.shape), fans=ELEMENTWISE)
    return replace(parameter, parts=(told,))


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
