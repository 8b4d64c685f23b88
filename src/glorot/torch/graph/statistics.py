"""Statistics, pools and norms, as steps."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from glorot.graph.operations import Normalise, Pool, Reduce
from glorot.torch.graph.call import Call

STATISTICS = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "max": "max", "min": "min", "prod": "product"}


def _reduce(call: Call) -> list[int]:
    other = call["other"]
    if isinstance(other, Tensor):
        return [call.map("maximum" if call.name == "max" else "minimum", call.value(call.first), call.value(other))]
    return [_statistic(call, STATISTICS[call.name], call.value(call.first), call.axes(call["dim"]))]


def _statistic(call: Call, statistic: Any, value: int, axes: tuple[int, ...]) -> int:
    shape, keeps = call.graph.shape(value), bool(call["keepdim"])
    if keeps:
        reduced = tuple(1 if n in axes else size for n, size in enumerate(shape))
    else:
        reduced = tuple(size for n, size in enumerate(shape) if n not in axes)
    return call.step(Reduce(statistic, axes, keeps), [value], reduced) if axes else value


def _variance(call: Call) -> list[int]:
    """The variance or std, with its correction for the mean; and the mean, for those that return it."""
    value, axes = call.value(call.first), call.axes(call["dim"])
    correction = call["correction"]
    if correction is None:
        correction = 1 if call["unbiased"] is None else int(call["unbiased"])
    n = math.prod([call.first.shape[axis] for axis in axes])
    factor = n / (n - correction) if n > correction else 1.0
    is_std = call.name.startswith("std")
    spread = _statistic(call, "std" if is_std else "variance", value, axes)
    spread = call.scaled(spread, math.sqrt(factor) if is_std else factor)
    return [spread, _statistic(call, "mean", value, axes)] if call.name.endswith("_mean") else [spread]


def _norm(call: Call) -> int | list[int]:
    order = call["ord"] if "ord" in call.arguments else call["p"]
    order = 2 if order is None else order
    if order == 0:  # a count
        return []
    value, axes = call.value(call.first), call.axes(call["dim"])
    if order == 2 and axes:
        return _statistic(call, "norm", value, axes)
    size = call.map("abs", value, shape=call.graph.shape(value))
    if not axes:
        return size
    if order == 1:
        return _statistic(call, "sum", size, axes)
    if math.isinf(order):
        return _statistic(call, "max" if order > 0 else "min", size, axes)
    powers = call.map("pow", size, call.number(order), shape=call.graph.shape(value))
    return call.map("pow", _statistic(call, "sum", powers, axes), call.number(1 / order))


def _logsumexp(call: Call) -> int:
    value, axes = call.value(call.first), call.axes(call["dim"])
    powers = call.map("exp", value, shape=call.graph.shape(value))
    return call.map("log", _statistic(call, "sum", powers, axes))


# ---- pools -----------------------------------------------------------------------------------------------------------


def _pool(statistic: Any) -> Callable[[Call], list[int]]:
    def row(call: Call) -> list[int]:
        rank = int(call.name.split("pool")[1][0])
        sizes = call["kernel_size"]
        window = tuple(sizes) * (rank if len(sizes) == 1 else 1)
        outer = len(call.shape) - rank
        return [call.step(Pool(statistic, (*(1,) * outer, *window)), [call.value(call.first)])]

    return row


def _adaptive(statistic: Any) -> Callable[[Call], list[int]]:
    """A pool to a size that is given: of one place, a statistic of the whole map."""

    def row(call: Call) -> list[int]:
        rank = int(call.name.split("pool")[1][0])
        value, shape = call.value(call.first), tuple(call.first.shape)
        axes = tuple(range(len(shape) - rank, len(shape)))
        if all(call.shape[axis] == 1 for axis in axes):
            return [call.step(Reduce(statistic, axes, True), [value])]
        if call.shape == shape:
            return [value]
        window = tuple(-(-shape[n] // call.shape[n]) if n in axes else 1 for n in range(len(shape)))
        return [call.step(Pool(statistic, window), [value])]

    return row


# ---- norms -----------------------------------------------------------------------------------------------------------


def _normalised(call: Call, over: Any, centred: bool, groups: int = 1, running: bool = False) -> int:
    norm = Normalise(over, centred, groups=groups, running=running)
    return call.step(norm, [call.value(call.first)], call.first.shape)


def _layer_norm(call: Call) -> list[int]:
    rank = call.first.dim()
    axes = tuple(range(rank - len(call["normalized_shape"]), rank))
    value = _normalised(call, axes, centred="rms" not in call.name)
    return [call.affine(value, call["weight"], call["bias"])]


def _group_norm(call: Call) -> list[int]:
    groups = call["group"] if call.name.startswith("native") else call["num_groups"]
    return [call.affine(_normalised(call, "groups", True, groups), call["weight"], call["bias"], channel=1)]


def _batch_norm(call: Call) -> list[int]:
    """A norm over the batch; with running statistics too, for those are what training makes of it."""
    is_still = call.name in WITHOUT_TRAINING or call["training"] is False
    norm = _normalised(call, "batch", True, running=is_still)
    return [call.affine(norm, call["weight"], call["bias"], channel=1)]


def _instance_norm(call: Call) -> int:
    value = _normalised(call, tuple(range(2, call.first.dim())), True)
    return call.affine(value, call["weight"], call["bias"], channel=1)


WITHOUT_TRAINING = ("_native_batch_norm_legit_no_training", "_batch_norm_no_update")
BATCH_NORMS = ("batch_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
               "cudnn_batch_norm", "_batch_norm_with_update", "_batch_norm_no_update")  # fmt: skip

ROWS: dict[str, Callable[[Call], int | list[int]]] = {
    **dict.fromkeys(STATISTICS, _reduce), **dict.fromkeys(("var", "std", "var_mean", "std_mean"), _variance),
    "linalg_vector_norm": _norm, "norm": _norm, "logsumexp": _logsumexp,
    **{f"avg_pool{rank}d": _pool("mean") for rank in (1, 2, 3)},
    **{f"max_pool{rank}d{end}": _pool("max") for rank in (1, 2, 3) for end in ("", "_with_indices")},
    **{f"{line}adaptive_avg_pool{rank}d": _adaptive("mean") for rank in (1, 2, 3) for line in ("", "_")},
    **{f"adaptive_max_pool{rank}d": _adaptive("max") for rank in (1, 2, 3)},
    "layer_norm": _layer_norm, "native_layer_norm": _layer_norm, "rms_norm": _layer_norm,
    "_fused_rms_norm": _layer_norm, "group_norm": _group_norm, "native_group_norm": _group_norm,
    **dict.fromkeys(BATCH_NORMS, _batch_norm), "instance_norm": _instance_norm,
}  # fmt: skip
"""What operators become, by name."""
