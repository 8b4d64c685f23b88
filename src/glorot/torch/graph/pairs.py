"""Complex tensors, as pairs of real numbers along one more axis, which is the last."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from glorot.graph.operations import Broadcast, Permute, Slice
from glorot.torch.graph import contracting
from glorot.torch.graph.call import Call, tensors_in
from glorot.torch.graph.memory import View


def of_pairs(view: View) -> View:
    """Return what a view of a complex tensor is to its pairs."""
    shape = (*view.shape, 2)
    match view.operation:
        case Permute(order):
            return View(Permute((*order, len(order))), shape)
        case Slice(index):
            return View(Slice((*index, (0, 2, 1))), shape)
        case Broadcast(at):
            return View(Broadcast((*at, len(shape) - 1)), shape)
    return View(view.operation, shape)


def is_complex(tensors: Any) -> bool:
    """Tell whether one of several tensors is complex."""
    return any(tensor.is_complex() for tensor in tensors)


def _halves(call: Call, tensor: Tensor) -> tuple[int, int]:
    value = call.value(tensor)
    return call.at(value, tensor.dim(), 0), call.at(value, tensor.dim(), 1)


def _pair(call: Call, real: int, imaginary: int) -> int:
    shape = call.shape
    halves = [call.reshaped(call.spread(half, shape), (*shape, 1)) for half in (real, imaginary)]
    return call.joined(halves, len(shape))


def _parts(call: Call, factor: Any) -> tuple[int, int | None]:
    """Return the real and the imaginary part of a tensor or a number; None for that of a real one."""
    if isinstance(factor, Tensor) and factor.is_complex():
        return _halves(call, factor)
    if isinstance(factor, complex):
        return call.value(factor.real), call.value(factor.imag)
    return call.value(factor), None


def _product(call: Call) -> int:
    """(a + bi)·(c + di), or one of them times a real number."""
    (a, b), (c, d) = (_parts(call, factor) for factor in call.positional[:2])
    real = call.map("mul", a, c)
    across = [call.map("mul", *factors) for factors in ((a, d), (b, c)) if None not in factors]
    if b is not None and d is not None:
        real = call.map("sub", real, call.map("mul", b, d))
    return _pair(call, real, across[0] if len(across) == 1 else call.map("add", *across))


def _sum(call: Call) -> int:
    """(a + bi) ± (c + di), where one of them may be real."""
    terms = call.positional[:2]
    (a, b), (c, d) = (_parts(call, term) for term in (reversed(terms) if call.name == "rsub" else terms))
    zero, sign = call.number(0), "add" if call.name == "add" else "sub"
    real, imaginary = (
        call.map(sign, one, call.scaled(other, call["alpha"]))
        for one, other in ((a, c), (zero if b is None else b, zero if d is None else d))
    )
    return _pair(call, real, imaginary)


def _polar(call: Call) -> int:
    size, angle = call.value(call["abs"]), call.value(call["angle"])
    return _pair(call, *(call.map("mul", size, call.map(wave, angle)) for wave in ("cos", "sin")))


def _complex(call: Call) -> int:
    return _pair(call, call.value(call["real"]), call.value(call["imag"]))


def _contract(call: Call) -> int | list[int]:
    """(a + bi)·(c + di) for products of matrices: four of real ones."""
    factors = list({id(tensor): tensor for tensor in tensors_in(call.arguments)}.values())
    if len(factors) != 2 or not all(tensor.is_complex() for tensor in factors):
        return []
    halves = {id(tensor): _halves(call, tensor) for tensor in factors}
    one, other = map(id, factors)

    def of_halves(first: int, second: int) -> int:
        picked = {one: halves[one][first], other: halves[other][second]}
        return int(contracting.ROWS[call.name](replace(call, of=lambda tensor: picked[id(tensor)])))

    real = call.map("sub", of_halves(0, 0), of_halves(1, 1))
    return _pair(call, real, call.map("add", of_halves(0, 1), of_halves(1, 0)))


ROWS: dict[str, Callable[[Call], int | list[int]]] = {
    "mul": _product, "add": _sum, "sub": _sum, "rsub": _sum, "polar": _polar, "complex": _complex,
    **dict.fromkeys(("einsum", "matmul", "mm", "bmm"), _contract),
}  # fmt: skip
"""What operators on complex tensors become, by name."""
