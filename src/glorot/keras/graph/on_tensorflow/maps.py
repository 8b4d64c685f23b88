"""TensorFlow's operations on elements, and its statistics."""

from collections.abc import Callable

from glorot.graph.operations import Normalise, Pool, Random, Reduce, Softmax
from glorot.keras.graph.on_tensorflow.nodes import Ids, Node

MAPS = {
    "Add": "add", "AddV2": "add", "Sub": "sub", "Mul": "mul", "RealDiv": "div", "Div": "div", "DivNoNan": "div",
    "Xdivy": "div", "Neg": "neg", "Maximum": "maximum", "Minimum": "minimum", "Abs": "abs", "Sign": "sign",
    "Square": "square", "Pow": "pow", "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Reciprocal": "reciprocal", "Inv": "reciprocal",
    "Exp": "exp", "Expm1": "expm1", "Log": "log", "Log1p": "log1p", "Sin": "sin", "Cos": "cos", "Tan": "tan",
    "Atan": "arctan", "Sinh": "sinh", "Cosh": "cosh", "Erf": "erf", "Erfc": "erfc", "Floor": "floor", "Ceil": "ceil",
    "Round": "round", "Rint": "round", "Greater": "greater", "GreaterEqual": "greater_equal", "Less": "less",
    "LessEqual": "less_equal", "Equal": "equal", "NotEqual": "not_equal", "LogicalAnd": "and", "LogicalOr": "or",
    "LogicalNot": "not", "Select": "where", "SelectV2": "where", "ClipByValue": "clip",
    "Relu": "relu", "Relu6": "relu6", "Elu": "elu", "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign",
    "Sigmoid": "sigmoid", "Tanh": "tanh",
}  # fmt: skip
"""Operations that are a function of each element, by their name in `glorot.graph.functions` or the catalogue."""

REDUCTIONS = {
    "Sum": "sum", "Mean": "mean", "Max": "max", "Min": "min", "Prod": "product", "EuclideanNorm": "norm", "All": "min",
    "Any": "max",
}  # fmt: skip
POOLS = {"MaxPool": "max", "MaxPool3D": "max", "AvgPool": "mean", "AvgPool3D": "mean"}

RANDOM = ("Random", "StatelessRandom", "StatelessTruncated", "StatelessParameterized", "ParameterizedTruncated",
          "TruncatedNormal", "Multinomial", "StatelessMultinomial")  # fmt: skip
"""How the names of the operations begin that draw numbers."""


def bias_add(node: Node) -> Ids:
    """Add a vector along the axis of channels."""
    signal, bias = node.operands
    if node.attribute("data_format") == "NCHW":
        bias = node.broadcast(bias, node.shape, at=(1,))
    return [node.map("add", signal, bias)]


def leaky_relu(node: Node) -> Ids:
    """Add a leaky ReLU, whose slope is an attribute in single precision."""
    return [node.map("leaky", node.operands[0], node.graph.number(float(f"{node.attribute('alpha'):.7g}")))]


def squared_difference(node: Node) -> Ids:
    """Add (x − y)²."""
    return [node.map("square", node.map("sub", *node.operands))]


def add_n(node: Node) -> Ids:
    """Add a sum of several."""
    total = node.operands[0]
    for term in node.operands[1:]:
        total = node.map("add", total, term)
    return [total]


def x_log_y(node: Node) -> Ids:
    """Add x·log y."""
    return [node.map("mul", node.operands[0], node.map("log", node.operands[1]))]


def floor_of_ratio(node: Node) -> Ids:
    """Add ⌊x/y⌋."""
    return [node.map("floor", node.map("div", *node.operands))]


def remainder(node: Node) -> Ids:
    """Add x − y·⌊x/y⌋."""
    whole = floor_of_ratio(node)[0]
    return [node.map("sub", node.operands[0], node.map("mul", node.operands[1], whole))]


def one_hot(node: Node) -> Ids:
    """Add a one where a position is the number of its column."""
    axis = node.attribute("axis") % len(node.shapes[0])
    index = node.reshaped(node.operands[0], (*node.shape[:axis], 1, *node.shape[axis:]))
    columns = node.graph.constant((node.shapes[0][axis],))
    is_column = node.map("equal", index, node.broadcast(columns, node.shapes[0], at=(axis,)))
    return [node.map("where", is_column, node.operands[2], node.operands[3])]


# ---- statistics ------------------------------------------------------------------------------------------------------


def reduction(node: Node) -> Ids:
    """Add a statistic over axes."""
    statistic, axes = REDUCTIONS[node.name], node.axes(1, len(node.shape))
    return [node.step(Reduce(statistic, axes, node.attribute("keep_dims")), node.operands[:1])]  # type: ignore[arg-type]


def pool(node: Node) -> Ids:
    """Add a statistic of a window."""
    return [node.step(Pool(POOLS[node.name], tuple(node.attribute("ksize"))), node.operands[:1])]  # type: ignore[arg-type]


def interpolated(node: Node) -> Ids:
    """Add a map of another size, whose elements are means of neighbours."""
    return [node.step(Pool("mean", (1, 2, 2, 1)), node.operands[:1])]


def softmax(node: Node) -> Ids:
    """Add shares along the last axis."""
    return [node.step(Softmax((len(node.shape) - 1,)))]


def log_softmax(node: Node) -> Ids:
    """Add the logarithm of shares, written out: z − log Σ exp z, once the largest z is taken away."""
    lines = (*node.shape[:-1], 1)
    along = (len(node.shape) - 1,)
    largest = node.step(Reduce("max", along, keeps=True), node.operands, lines)
    below = node.map("sub", node.operands[0], largest)
    total = node.step(Reduce("sum", along, keeps=True), [node.map("exp", below)], lines)
    return [node.map("sub", below, node.map("log", total))]


def batch_norm(node: Node) -> Ids:
    """Add a norm over the batch, its scale and its shift; what it tells of its statistics is left unknown."""
    channel = 1 if node.attribute("data_format") in ("NCHW", "NCDHW") else len(node.shape) - 1
    scale, shift = (node.broadcast(vector, node.shape, at=(channel,)) for vector in node.operands[1:3])
    normal = node.step(Normalise("batch", True, channel, running=not node.attribute("is_training")), node.operands[:1])
    others = [node.graph.constant(shape) for shape in node.shapes[1:]]
    return [node.map("add", node.map("mul", normal, scale), shift), *others]


def random(node: Node) -> Ids:
    """Add numbers that are drawn while the model runs."""
    return [node.step(Random(node.name), shape=shape) for shape in node.shapes]


ROWS: dict[str, Callable[[Node], Ids]] = {
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(POOLS, pool),
    **dict.fromkeys(("ResizeBilinear", "ResizeBicubic", "ResizeArea", "ScaleAndTranslate"), interpolated),
    "BiasAdd": bias_add,
    "LeakyRelu": leaky_relu,
    "SquaredDifference": squared_difference,
    "AddN": add_n,
    "Xlogy": x_log_y,
    "FloorDiv": floor_of_ratio,
    "FloorMod": remainder,
    "OneHot": one_hot,
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), batch_norm),
}
"""Operations that take more than one step, or need their attributes."""
