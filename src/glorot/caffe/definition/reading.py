"""Definition: from a file to the layers that a net has, in the words of Caffe 1.0 whatever the file's age."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from glorot.caffe.definition.layers import Layer, Param, Shape, shape_of
from glorot.caffe.definition.states import PHASES, State, is_present, state_of
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.prototxt import read
from glorot.caffe.formats.tokens import shown
from glorot.errors import GlorotError

SHARE_MODES = {"STRICT": 0, "PERMISSIVE": 1}

V1_TYPES = {
    "NONE": (0, ""), "ACCURACY": (1, "Accuracy"), "BNLL": (2, "BNLL"), "CONCAT": (3, "Concat"),
    "CONVOLUTION": (4, "Convolution"), "DATA": (5, "Data"), "DROPOUT": (6, "Dropout"),
    "EUCLIDEAN_LOSS": (7, "EuclideanLoss"), "FLATTEN": (8, "Flatten"), "HDF5_DATA": (9, "HDF5Data"),
    "HDF5_OUTPUT": (10, "HDF5Output"), "IM2COL": (11, "Im2col"), "IMAGE_DATA": (12, "ImageData"),
    "INFOGAIN_LOSS": (13, "InfogainLoss"), "INNER_PRODUCT": (14, "InnerProduct"), "LRN": (15, "LRN"),
    "MULTINOMIAL_LOGISTIC_LOSS": (16, "MultinomialLogisticLoss"), "POOLING": (17, "Pooling"), "RELU": (18, "ReLU"),
    "SIGMOID": (19, "Sigmoid"), "SOFTMAX": (20, "Softmax"), "SOFTMAX_LOSS": (21, "SoftmaxWithLoss"),
    "SPLIT": (22, "Split"), "TANH": (23, "TanH"), "WINDOW_DATA": (24, "WindowData"), "ELTWISE": (25, "Eltwise"),
    "POWER": (26, "Power"), "SIGMOID_CROSS_ENTROPY_LOSS": (27, "SigmoidCrossEntropyLoss"),
    "HINGE_LOSS": (28, "HingeLoss"), "MEMORY_DATA": (29, "MemoryData"), "ARGMAX": (30, "ArgMax"),
    "THRESHOLD": (31, "Threshold"), "DUMMY_DATA": (32, "DummyData"), "SLICE": (33, "Slice"), "MVN": (34, "MVN"),
    "ABSVAL": (35, "AbsVal"), "SILENCE": (36, "Silence"), "CONTRASTIVE_LOSS": (37, "ContrastiveLoss"),
    "EXP": (38, "Exp"), "DECONVOLUTION": (39, "Deconvolution"),
}  # fmt: skip
"""The types of the old `layers`: their enum number, and what Caffe 1.0 calls them."""


class Definition(NamedTuple):
    """A net as a file defines it.

    Attributes:
        name: the name of the net.
        state: what it is built for.
        inputs: blobs that the file declares by `input:`, with their shape; None for one without.
        layers: the layers that it has in that state, in order.
        ruled_out: the layer that would make a blob, by that blob, of those that it does not have in that state.
        message: the net as it was written.
    """

    name: str
    state: State
    inputs: dict[str, Shape | None]
    layers: tuple[Layer, ...]
    ruled_out: dict[str, str]
    message: Message


def definition_of(text: Message, phase: str | None, level: int | None, stages: Iterable[str]) -> Definition:
    """Return the net that a file defines, which may be a solver's.

    Args:
        text: the file, a net or a solver.
        phase: "TRAIN" or "TEST"; None for what the file says. If it says nothing, a solver has its net for TRAIN, and
            any other file is for TEST.
        level: the level of the state; None for what the file says.
        stages: stages on top of those that the file names.

    Raises:
        GlorotError: if the file is neither, or something in it does not fit Caffe's format.
    """
    net, solver_states = text, list[Message]()
    if not (text.has("layer") or text.has("layers")):
        net, solver_states = _net_of_solver(text, phase or "TRAIN")
        phase = phase or ("TRAIN" if net is not text else None)
    state = state_of([net.message("state"), *solver_states], phase, level, stages)
    old, new = net.messages("layers"), net.messages("layer")
    if old and new:
        raise old[0].error("old `layers` and new `layer` stand in one net; write all of them as `layer`")
    if not (old or new):
        raise net.error("no layer is here; expected a net with `layer { … }`, or a solver that has one")
    read_one = _old_layer if old else _new_layer
    present = {id(layer): is_present(layer, state) for layer in old or new}
    layers = tuple(read_one(layer) for layer in old or new if present[id(layer)])
    ruled_out = {
        top: layer.text("name", "") for layer in old or new if not present[id(layer)] for top in layer.texts("top")
    }
    return Definition(net.text("name", ""), state, _inputs(net), layers, ruled_out, net)


def _net_of_solver(solver: Message, phase: str) -> tuple[Message, list[Message]]:
    """Return the net of a solver for a phase, and what the solver says of its state; the file itself if it has none."""
    own, other = ("train_", "test_") if phase == "TRAIN" else ("test_", "train_")
    for kind in (own, "", other):
        found = _net_at(solver, kind)
        if found is not None:
            return found, solver.messages(f"{own}state")[:1]
    return solver, []


def _net_at(solver: Message, kind: str) -> Message | None:
    inside, outside = solver.messages(f"{kind}net_param"), solver.texts(f"{kind}net")
    if inside:
        return inside[0]
    if not outside:
        return None
    path = Path(outside[0])
    beside = Path(solver.source).parent / path
    found = next((place for place in (beside, Path(solver.source).parent / path.name, path) if _is_file(place)), None)
    if found is None:
        problem = f"the solver's {kind}net {shown(outside[0], limit=200)!r} is not there, nor beside the solver"
        raise solver.error(problem, f"{kind}net")
    return read(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can be called so
        return False


def _inputs(net: Message) -> dict[str, Shape | None]:
    """Return the blobs that a net declares by `input:`, with their shapes: the way before there were Input layers."""
    names, shapes, sizes = net.texts("input"), net.messages("input_shape"), net.integers("input_dim", least=0)
    if len(set(names)) < len(names):
        raise net.error("an input is named twice", "input")
    if shapes and sizes:
        raise net.error("input_shape and input_dim are both given; give one of them", "input_dim")
    if (shapes and len(shapes) != len(names)) or (sizes and len(sizes) != 4 * len(names)):
        given, expected = ("input_shape", len(names)) if shapes else ("input_dim", 4 * len(names))
        count = len(shapes) or len(sizes)
        raise net.error(f"{len(names)} inputs need {expected} {given}, got {count}", given)
    known: list[Shape] = [shape_of(shape) for shape in shapes]
    known += [tuple(sizes[n : n + 4]) for n in range(0, len(sizes), 4)]
    return {name: known[n] if known else None for n, name in enumerate(names)}


def _new_layer(message: Message) -> Layer:
    params = tuple(
        Param(
            one.text("name", ""),
            next(iter(_multipliers(one, "lr_mult")), None),
            next(iter(_multipliers(one, "decay_mult")), None),
            one.choice("share_mode", "STRICT", SHARE_MODES) == "PERMISSIVE",
        )
        for one in message.messages("param")
    )
    kind = message.text("type", "")
    if not kind:
        raise message.error(f'layer {message.text("name", "")!r} has no type; expected one such as "Convolution"')
    return _layer(message, kind, params)


def _old_layer(message: Message) -> Layer:
    """Return a layer of the format before Caffe 1.0, whose types are enums."""
    if message.has("layer"):
        raise message.error(
            "this is the first format of Caffe, of 2013, a layer inside `layers`; upgrade the file with Caffe's "
            "upgrade_net_proto_text, or write it as `layer`",
            "layer",
        )
    kind = _old_type(message)
    if not kind:
        raise message.error(f"layer {message.text('name', '')!r} has no type; expected one such as CONVOLUTION")
    names, rates, decays = (
        message.texts("param"), _multipliers(message, "blobs_lr"), _multipliers(message, "weight_decay")
    )  # fmt: skip
    modes = message.choices("blob_share_mode", SHARE_MODES)
    params = tuple(
        Param(
            names[n] if n < len(names) else "",
            rates[n] if n < len(rates) else None,
            decays[n] if n < len(decays) else None,
            n < len(modes) and modes[n] == "PERMISSIVE",
        )
        for n in range(max(len(names), len(rates), len(decays)))
    )
    return _layer(message, kind, params)


def _old_type(message: Message) -> str:
    """Return what Caffe 1.0 calls the type of an old layer, and one that Caffe does not have as it stands."""
    word = message.bare_word("type")
    if word is not None and word not in V1_TYPES:
        return word
    return V1_TYPES[message.choice("type", "NONE", {name: number for name, (number, _) in V1_TYPES.items()})][1]


def _multipliers(message: Message, name: str) -> list[float]:
    found = message.numbers(name)
    if not all(0 <= one < math.inf for one in found):
        raise message.error(
            f"{name} must be a number from 0 upwards, got {', '.join(f'{one:g}' for one in found)}", name
        )
    return found


def _layer(message: Message, kind: str, params: tuple[Param, ...]) -> Layer:
    name, bottoms, tops = message.text("name", ""), tuple(message.texts("bottom")), tuple(message.texts("top"))
    if len(set(tops)) < len(tops):
        raise message.error(f"layer {shown(name)!r} ({shown(kind)}): a top is named twice", "top")
    return Layer(name, kind, bottoms, tops, params, message)


def checked_phase(phase: str | None) -> str | None:
    """Return a phase in capitals; None stays None.

    Raises:
        GlorotError: if it is none.
    """
    name = phase.upper() if isinstance(phase, str) else phase
    if name not in (None, *PHASES):
        raise GlorotError(f"phase must be TRAIN or TEST, got {phase!r}")
    return name


def check_rules(level: Any, stages: Any) -> None:
    """Raise unless a level and stages may be asked for."""
    if level is not None and (not isinstance(level, int) or isinstance(level, bool)):
        raise GlorotError(f"level must be a whole number, got {level!r}")
    if isinstance(stages, str) or not all(isinstance(stage, str) for stage in stages):
        raise GlorotError(f"stages must be a list of names, as in ['deploy'], got {stages!r}")
