"""Poison: patterns that memory holds until something is written to it."""

import torch
from torch import Tensor

BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Whole numbers of each size, as which any element is read bit by bit."""

NANS = {
    torch.float64: (0x7FF8 << 48, 0xFFFFFF),
    torch.float32: (0x7FC00000, 0x3FFFFF),
    torch.bfloat16: (0x7FC0, 0x3F),
    torch.float16: (0x7E00, 0x1FF),
}
"""The quiet NaN of each type, and the bits that tell one NaN from another."""

WHOLE = {torch.int64: 0x5EED_5EED << 32, torch.int32: 0x5EED << 16, torch.int16: 0x5E00}
"""What whole numbers begin with."""


def poison(tensor: Tensor, key: int, variant: int) -> None:
    """Fill a tensor with its pattern.

    Args:
        tensor: any dense tensor with memory.
        key: which tensor it is.
        variant: 0 or 1; the two patterns of one key differ in every element.
    """
    real = _real(tensor)
    _bits(real).copy_(_pattern(real, key, variant))


def poisoned(tensor: Tensor, key: int, variant: int) -> Tensor:
    """Return, element by element, whether a tensor still holds its pattern."""
    real = _real(tensor)
    same = _bits(real) == _pattern(real, key, variant)
    return same.any(-1) if tensor.is_complex() else same


def is_told_apart(tensor: Tensor) -> bool:
    """Tell whether no init would write the pattern by chance, as it may where elements have few values."""
    return tensor.is_complex() or tensor.dtype in NANS or tensor.element_size() > 2


def _real(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view(BITS[tensor.element_size()])


def _pattern(tensor: Tensor, key: int, variant: int) -> Tensor:
    """Return the bits of the pattern: one value for all elements, or a fixed random one for each of a small type."""
    kind = BITS[tensor.element_size()]
    number = 2 * key + variant
    if tensor.dtype in NANS:
        nan, most = NANS[tensor.dtype]
        return torch.tensor(nan | (number & most), dtype=kind, device=tensor.device)
    if tensor.dtype in WHOLE:
        return torch.tensor(WHOLE[tensor.dtype] | (number & 0xFF), dtype=kind, device=tensor.device)
    count = torch.arange(tensor.numel(), device=tensor.device).reshape(tensor.shape)
    coin = ((count + key) * 0x9E3779B1 >> 15 & 1) ^ variant
    if tensor.dtype == torch.bool:
        return coin.to(kind)
    if tensor.is_floating_point():  # of eight bits
        return torch.where(coin.bool(), 0x7F, 0xFF).to(kind)
    return torch.where(coin.bool(), 0x5A, 0xA5).to(kind)
