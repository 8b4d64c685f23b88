"""Products of matrices, convolutions and attention, as steps."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glorot.graph.operations import Contract, Convolve, Opaque, Random, Reduce, Softmax, Take
from glorot.torch.graph.call import LETTERS, Call


def _linear(call: Call) -> int:
    x, weight = call["input"], call["weight"]
    batch = LETTERS[: x.dim() - 1]
    out = "Y" if weight.dim() == 2 else ""
    spec = f"{batch}Z,{out}Z->{batch}{out}"
    value = call.step(Contract(spec), [call.value(x), call.value(weight)])
    return call.affine(value, None, call["bias"])


def _contract(spec: str) -> Callable[[Call], int]:
    return lambda call: call.step(Contract(spec), list(map(call.value, call.positional[:2])))


def _add_product(spec: str) -> Callable[[Call], int]:
    """β·self + α·(one × other)."""

    def row(call: Call) -> int:
        whole, one, other = call.positional[:3]
        product = call.scaled(call.step(Contract(spec), [call.value(one), call.value(other)]), call["alpha"])
        if call["beta"] == 0:
            return product
        return call.map("add", product, call.scaled(call.value(whole), call["beta"]))

    return row


def _matmul(call: Call) -> int:
    one, other = call.positional[:2]
    rank = max(one.dim(), other.dim(), 2) - 2
    batch = LETTERS[:rank]
    left = (batch[rank - one.dim() + 2 :] + "XZ") if one.dim() > 1 else "Z"
    right = (batch[rank - other.dim() + 2 :] + "ZY") if other.dim() > 1 else "Z"
    result = batch + ("X" if one.dim() > 1 else "") + ("Y" if other.dim() > 1 else "")
    return _product(call, [(call.value(one), left), (call.value(other), right)], result)


def _product(call: Call, operands: Sequence[tuple[int, str]], result: str) -> int:
    """Contract two values, of which one may have axes of size 1 where the other has more."""
    sizes = {letter: size for value, letters in operands for letter, size in _sizes(call, value, letters) if size != 1}
    kept = [
        (
            value,
            letters,
            "".join(letter for letter, size in _sizes(call, value, letters) if size == sizes.get(letter, 1)),
        )
        for value, letters in operands
    ]
    ids = [
        call.reshaped(value, [size for letter, size in _sizes(call, value, letters) if letter in left])
        for value, letters, left in kept
    ]
    (_, _, first), (_, _, second) = kept
    shape = tuple(sizes.get(letter, 1) for letter in result)
    return call.step(Contract(f"{first},{second}->{result}"), ids, shape)


def _sizes(call: Call, value: int, letters: str) -> list[tuple[str, int]]:
    return list(zip(letters, call.graph.shape(value), strict=True))


# ---- einsum ----------------------------------------------------------------------------------------------------------


def _einsum(call: Call) -> int:
    """Contract operands from left to right, each time keeping the letters that are still asked for."""
    tensors = call["tensors"]
    inputs, result = _spelled(call["equation"], [tensor.dim() for tensor in tensors])
    if any(max(Counter(letters).values(), default=0) > 1 for letters in inputs):  # a diagonal
        return call.step(Opaque("einsum"), [call.value(tensor) for tensor in tensors])
    value, letters = call.value(tensors[0]), inputs[0]
    for n, tensor in enumerate(tensors[1:], start=1):
        later = set(result).union(*inputs[n + 1 :])
        last = n == len(tensors) - 1
        merged = dict.fromkeys(letters + inputs[n])
        kept = result if last else "".join(letter for letter in merged if letter in later)
        value = _product(call, [(value, letters), (call.value(tensor), inputs[n])], kept)
        letters = kept
    return _summed(call, value, letters, result)


def _summed(call: Call, value: int, letters: str, result: str) -> int:
    """Sum over the letters that the result lacks, and put the others in its order."""
    summed = tuple(n for n, letter in enumerate(letters) if letter not in result)
    if summed:
        shape = [size for n, size in enumerate(call.graph.shape(value)) if n not in summed]
        value = call.step(Reduce("sum", summed, False), [value], shape)
        letters = "".join(letter for letter in letters if letter in result)
    return call.permuted(value, [letters.index(letter) for letter in result])


def _spelled(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, with those that dots stand for.

    Example:
        >>> _spelled("...ij,jk", [3, 2])
        (['Zij', 'jk'], 'Zik')
    """
    given, arrow, result = equation.replace(" ", "").partition("->")
    spare = [letter for letter in reversed(LETTERS) if letter not in equation]
    inputs = given.split(",")
    hidden = [rank - len(letters) + 3 for letters, rank in zip(inputs, ranks, strict=True) if "..." in letters]
    dots = "".join(spare[: max(hidden, default=0)])[::-1]
    if not arrow:
        counts = Counter(letter for letters in inputs for letter in letters if letter.isalpha())
        once = "".join(sorted(letter for letter, times in counts.items() if times == 1))
        result = ("..." if "..." in given else "") + once
    spelled = [
        letters.replace("...", dots[len(dots) - (rank - len(letters) + 3) :])
        for letters, rank in zip(inputs, ranks, strict=True)
    ]
    return spelled, result.replace("...", dots)


def _running_sum(call: Call) -> int:
    """Sum over all positions up to each one: a product with a triangle of ones."""
    axis, letters = call.axis, LETTERS[: call.first.dim()]
    spec = f"{letters},{letters[axis]}Z->{letters[:axis]}Z{letters[axis + 1 :]}"
    size = call.first.shape[axis]
    ones = call.graph.constant((size, size), integers=np.triu(np.ones((size, size), np.int64)))
    return call.step(Contract(spec), [call.value(call.first), ones])


# ---- layers ----------------------------------------------------------------------------------------------------------


def _bilinear(call: Call) -> int:
    """Every product of the two inputs, times the kernel."""
    one, other, weight = call["input1"], call["input2"], call["weight"]
    batch, at = LETTERS[: one.dim() - 1], tuple(range(one.dim() - 1))
    pairs = (*one.shape, other.shape[-1])
    spread = (
        call.spread(call.value(one), pairs, [*at, len(at)]),
        call.spread(call.value(other), pairs, [*at, len(at) + 1]),
    )
    value = call.step(Contract(f"{batch}XZ,YXZ->{batch}Y"), [call.map("mul", *spread, shape=pairs), call.value(weight)])
    return call.affine(value, None, call["bias"])


def _grouped(call: Call) -> int:
    """Rows in groups, each with its own matrix."""
    one, other = call.positional[:2]
    specs = {(2, 3): "ai,gio->ao", (3, 3): "gai,gio->gao", (3, 2): "gai,io->ao", (2, 2): "ai,io->ao"}
    value = call.step(Contract(specs[one.dim(), other.dim()]), [call.value(one), call.value(other)])
    return call.affine(value, None, call["bias"])


def _convolution(call: Call) -> int:
    x, weight = call["input"] if call["input"] is not None else call["self"], call["weight"]
    rank = weight.dim() - 2

    def each(numbers: Any) -> tuple[int, ...]:
        numbers = [numbers] if isinstance(numbers, int) else list(numbers)
        return tuple(numbers * rank if len(numbers) == 1 else numbers)

    is_transposed = bool(call["transposed"])
    window = tuple(range(2, 2 + rank))
    operation = Convolve(
        window=tuple(weight.shape[2:]),
        stride=each(call["stride"]),
        padding=tuple((width, width) for width in each(call["padding"])),
        dilation=each(call["dilation"]),
        groups=call["groups"],
        transposed=is_transposed,
        channel=1,
        kernel=(1, 0, *window) if is_transposed else (0, 1, *window),
    )
    return call.affine(call.step(operation, [call.value(x), call.value(weight)]), None, call["bias"], channel=1)


STATISTICS: tuple[Any, ...] = ("sum", "mean", "max")


def _embedding_bag(call: Call) -> list[int]:
    """The rows of each bag, and their sum, mean or maximum; bags of several sizes are not told apart."""
    weight, indices, offsets = call["weight"], call["indices"], call["offsets"]
    rows, width = indices.numel(), weight.shape[1]
    value = call.step(Take(0), [call.value(weight), call.value(indices)], (rows, width))
    if call["per_sample_weights"] is not None:
        factor = call.spread(call.value(call["per_sample_weights"]), (rows, width), [0])
        value = call.map("mul", value, factor, shape=(rows, width))
    bags = call.shape[0]
    if not bags or rows % bags:
        bag = call.step(Opaque("embedding_bag"), [value, call.value(offsets)])
    else:
        value = call.reshaped(value, (bags, rows // bags, width))
        bag = call.step(Reduce(STATISTICS[call["mode"]], (1,), False), [value])
    return [bag, *(call.graph.constant(counts.shape) for counts in call.results[1:])]


def _weight_norm(call: Call) -> list[int]:
    """V · g/‖v‖, the norm taken over all axes but one."""
    v, g, axis = call["v"], call["g"], call["dim"]
    others = tuple(n for n in range(v.dim()) if n != axis % v.dim() or axis == -1)
    sizes = tuple(1 if n in others else size for n, size in enumerate(v.shape))
    norm = call.step(Reduce("norm", others, True), [call.value(v)], sizes)
    factor = call.map("div", call.reshaped(call.value(g), sizes), norm, shape=sizes)
    return [call.map("mul", call.value(v), factor), call.reshaped(norm, call.results[1].shape)]


# ---- attention -------------------------------------------------------------------------------------------------------


MOST_HIDDEN = 1 << 20
"""Elements of the largest causal mask that is kept."""


def _attention(call: Call) -> list[int]:
    """Attention written out: logits, scale, mask, softmax, and the mean of the values."""
    query, key, value = (call[name] for name in ("query", "key", "value"))
    batch = LETTERS[: query.dim() - 2]
    shape = (*query.shape[:-1], key.shape[-2])
    q, k, v = call.value(query), _heads(call, key, query), _heads(call, value, query)
    logits = call.step(Contract(f"{batch}XZ,{batch}YZ->{batch}XY"), [q, k], shape)
    scale = 1 / math.sqrt(query.shape[-1]) if call["scale"] is None else call["scale"]
    logits = call.map("mul", logits, call.number(scale), shape=shape)
    mask = call["attn_mask"] if call["attn_mask"] is not None else call["attn_bias"]
    if mask is not None or call["is_causal"]:
        hidden = _causal(call, shape) if mask is None else _mask(call, mask)
        logits = call.map("add", logits, hidden, shape=shape)
    shares = call.step(Softmax((len(shape) - 1,)), [logits], shape)
    if call["dropout_p"]:
        shares = call.scaled(shares, 1 / max(1 - call["dropout_p"], 1e-3))
        shares = call.map("mul", shares, call.step(Random("dropout"), [], shape), shape=shape)
    return [call.step(Contract(f"{batch}XY,{batch}YZ->{batch}XZ"), [shares, v], (*query.shape[:-1], value.shape[-1]))]


def _mask(call: Call, mask: Tensor) -> int:
    """Return what is added to the logits: a constant without a number, unless the mask depends on more than numbers."""
    value = call.value(mask)
    leaf = call.graph.values[value]
    if leaf.leaf != "constant":
        return value
    elements = leaf.elements if leaf.number is None else np.full((1,) * mask.dim(), leaf.number)
    if elements is not None and mask.dtype == torch.bool:
        elements = np.where(elements, 0.0, -np.inf)
    return call.graph.constant(tuple(mask.shape), elements=elements, buffers=call.graph.buffers.get(value, ()))


def _causal(call: Call, shape: tuple[int, ...]) -> int:
    """Return what hides from each position those after it."""
    hides = np.triu(np.full(shape[-2:], -np.inf), 1) if math.prod(shape[-2:]) <= MOST_HIDDEN else None
    return call.spread(call.graph.constant(shape[-2:], elements=hides), shape)


def _heads(call: Call, tensor: Tensor, query: Tensor) -> int:
    """Return keys or values, each head repeated for the queries that share it."""
    value, shape = call.value(tensor), tuple(tensor.shape)
    batch, wanted = shape[:-2], tuple(query.shape[:-2])
    if batch == wanted:
        return value
    if batch[:-1] == wanted[:-1] and wanted[-1] % batch[-1] == 0:
        value = call.reshaped(value, (*batch, 1, *shape[-2:]))
        value = call.spread(value, (*batch, wanted[-1] // batch[-1], *shape[-2:]))
        return call.reshaped(value, (*wanted, *shape[-2:]))
    return call.spread(value, (*wanted, *shape[-2:]))


ATTENTION = [
    f"_scaled_dot_product_{kind}"
    for kind in (
        *("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention"),
        "fused_attention_overrideable",
    )
]

ROWS: dict[str, Callable[[Call], Any]] = {
    "linear": _linear, "mm": _contract("ai,io->ao"), "bmm": _contract("bai,bio->bao"), "mv": _contract("ai,i->a"),
    "dot": _contract("i,i->"), "vdot": _contract("i,i->"), "addmm": _add_product("ai,io->ao"),
    "baddbmm": _add_product("bai,bio->bao"), "addbmm": _add_product("bai,bio->ao"), "addmv": _add_product("ai,i->a"),
    "addr": _add_product("a,o->ao"), "matmul": _matmul, "cumsum": _running_sum,
    "einsum": _einsum, "bilinear": _bilinear,
    "_grouped_mm": _grouped, "convolution": _convolution, "_convolution": _convolution,
    "mkldnn_convolution": _convolution, "embedding_bag": _embedding_bag, "_embedding_bag": _embedding_bag,
    "_embedding_bag_forward_only": _embedding_bag, "_weight_norm_interface": _weight_norm,
    **dict.fromkeys(("scaled_dot_product_attention", "flex_attention", *ATTENTION), _attention),
}  # fmt: skip
"""What operators become, by name."""
