"""Haar-distributed orthogonal matrices from random reflections: nothing is factorised, all is matmul.

Chosen by measurement (benchmarks/orthogonal.py). The product of reflections takes half the operations of a QR
factorisation, all in matrix products, and is well conditioned: a change of the normals moves Q by no more, where
the QR of a square matrix can multiply it by its condition number, about n.

Large matrices are products of float32, which take half the time of float64 and leave Q as orthogonal as torch.nn.init
does: a block of reflections is orthogonal whatever its vectors were rounded to, as long as the small triangle between
them fits them, and that is computed in float64. Small ones cost little in float64.
"""

import math
from typing import Any

import numpy as np

SMALL = 2**15
"""As many elements a matrix has at most that is computed in float64."""

LEAF = 32
"""As many rows a triangle has at most that is inverted by LAPACK."""

PANEL = 512
"""The width of the piece of Q updated at once: the scratch stays small, and in the cache."""


def haar(normals: Any, xp: Any = np) -> Any:
    """Return Haar-distributed (semi-)orthogonal matrices, one for each matrix of a stack of standard normals.

    The columns x_1 … x_k of the lower trapezoid of an n × k normal matrix, x_j of n - j + 1 elements, give

        Q = H_1 ⋯ H_k D,  H_j = I - v_j v_jᵀ,  v_j ∝ x_j + sign(x_j1)‖x_j‖e_1, ‖v_j‖² = 2,  D_jj = -sign(x_j1),

    so that H_j D_jj takes e_1 to x_j/‖x_j‖, a uniform direction in what the columns before have left: the law of
    the QR factor of a normal matrix with a positive diagonal of R. A wide matrix is the transpose of a tall one.
    Blocks of reflections are applied from the last to the first, as H_s ⋯ H_t = I - V T Vᵀ with
    T⁻¹ = I + striu(VᵀV), and only to the rows and columns that are not those of the identity any more.
    No element of `normals` may be 0; those of the stream never are.

    Args:
        normals: float32 or float64, of shape (…, rows, columns).
        xp: the module of the array, `numpy` or `torch`; a tensor is worked on where it lies.

    Returns:
        An array of the shape and memory order of the normals, in their dtype or, where they are few, float64, with
        orthonormal columns where rows ≥ columns, and orthonormal rows otherwise.

    References:
        - G. W. Stewart, "The efficient generation of random orthogonal matrices with an application to
          condition estimators", SIAM J. Numer. Anal. 17 (1980), section 3.
        - F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS
          54 (2007), section 5: the signs.
        - R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of Householder
          transformations", SIAM J. Sci. Stat. Comput. 10 (1989), section 2.
    """
    is_small = normals.shape[-2] * normals.shape[-1] <= SMALL
    q = xp.zeros_like(normals, dtype=xp.float64 if is_small else normals.dtype)
    is_wide = q.shape[-2] < q.shape[-1]
    tall, done = (normals.swapaxes(-1, -2), q.swapaxes(-1, -2)) if is_wide else (normals, q)
    count = tall.shape[-1]
    block = block_of(count)
    for start in range((count - 1) // block * block, -1, -block):
        stop = min(start + block, count)
        v, vt, signs = _block_reflection(tall[..., start:, start:stop], q.dtype, xp)
        top, rest = vt[..., : stop - start, :], vt[..., stop - start :, :]
        _add_diagonal(done, start, stop, -signs)
        own = v[..., : stop - start, :].swapaxes(-1, -2) * -signs[..., None, :]
        _subtract(done[..., start:, start:stop], vt, own, is_wide)
        below = v[..., stop - start :, :].swapaxes(-1, -2)
        for left in range(stop, count, PANEL):
            columns = slice(left, left + PANEL)
            products = below @ done[..., stop:, columns]
            _subtract(done[..., start:stop, columns], top, products, is_wide)
            _subtract(done[..., stop:, columns], rest, products, is_wide)
    return q


def block_of(count: int) -> int:
    """Return how many of so many reflections to apply at once: more suit the matmuls, fewer cost less besides."""
    return 4 * math.isqrt(count)


def _subtract(part: Any, left: Any, right: Any, is_wide: bool) -> None:
    """Take a product off a part of a matrix, both in one memory order: that of a wide matrix is its transpose's."""
    if is_wide:
        part = part.swapaxes(-1, -2)
        part -= right.swapaxes(-1, -2) @ left.swapaxes(-1, -2)
    else:
        part -= left @ right


def _add_diagonal(matrix: Any, start: int, stop: int, values: Any) -> None:
    places = list(range(start, stop))
    matrix[..., places, places] += values


def _block_reflection(normals: Any, dtype: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Return V and V T of the reflections that the columns of a lower trapezoid give, and their signs."""
    count = normals.shape[-1]
    v = xp.zeros_like(normals, dtype=dtype)
    v[..., :count, :] = xp.tril(normals[..., :count, :])
    v[..., count:, :] = normals[..., count:, :]
    diagonal = list(range(count))
    head = v[..., diagonal, diagonal]
    norm = (v * v).sum(-2) ** 0.5
    signs = xp.copysign(xp.ones_like(head), head)
    v /= ((norm + abs(head)) * norm)[..., None, :] ** 0.5
    v[..., diagonal, diagonal] = signs * (1 + abs(head) / norm) ** 0.5
    exact = xp.asarray(v, dtype=xp.float64)
    inverse = xp.triu(exact.swapaxes(-1, -2) @ exact)
    inverse[..., diagonal, diagonal] /= 2  # 1, but for what rounding made of ‖v‖² = 2
    return v, v @ xp.asarray(_inverse(inverse, xp), dtype=dtype), signs


def _inverse(upper: Any, xp: Any) -> Any:
    """Return the inverse of upper triangles, by those of their halves: LAPACK's does not know of the zeros."""
    count = upper.shape[-1]
    if count <= LEAF:
        return xp.linalg.inv(upper)
    half = count // 2
    first, last = _inverse(upper[..., :half, :half], xp), _inverse(upper[..., half:, half:], xp)
    inverse = xp.zeros_like(upper)
    inverse[..., :half, :half], inverse[..., half:, half:] = first, last
    inverse[..., :half, half:] = -(first @ upper[..., :half, half:] @ last)
    return inverse
