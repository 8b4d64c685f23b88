"""Haar-distributed orthogonal matrices from random reflections: nothing is factorised, all is matmul.

Chosen by measurement (benchmarks/orthogonal.py). The product of reflections takes half the operations of a QR
factorisation, all in matrix products, and is well conditioned: a change of the normals moves Q by no more, where
the QR of a square matrix can multiply it by its condition number, about n. It runs in float64, as float32 leaves
row sums of |QᵀQ - I| near 1e-4 at n = 4096, as in torch.nn.init; rounded once, at the end, they are 1.9e-6.
"""

import math
from typing import Any

import numpy as np

PANEL = 512
"""The width of the piece of Q updated at once: the scratch stays small, and in the cache."""


def haar(normals: Any, xp: Any = np) -> Any:
    """Return Haar-distributed (semi-)orthogonal matrices, one for each matrix of a stack of standard normals.

    The columns x_1 … x_k of the lower trapezoid of an n × k normal matrix, x_j of n - j + 1 elements, give

        Q = H_1 ⋯ H_k D,  H_j = I - v_j v_jᵀ,  v_j ∝ x_j + sign(x_j1)‖x_j‖e_1, ‖v_j‖² = 2,  D_jj = -sign(x_j1),

    so that H_j D_jj takes e_1 to x_j/‖x_j‖, a uniform direction in what the columns before have left: the law of
    the QR factor of a normal matrix with a positive diagonal of R. A wide matrix is the transpose of a tall one.
    Blocks of reflections are applied from the last to the first, as H_s ⋯ H_t = I - V T Vᵀ with
    T⁻¹ = I + striu(VᵀV), and only to the rows and columns that are not those of the identity yet.
    No element of `normals` may be 0; those of the stream never are.

    Args:
        normals: float32 or float64, of shape (…, rows, columns).
        xp: the module of the array, `numpy` or `torch`; a tensor is worked on where it lies.

    Returns:
        A float64 array of the shape and memory order of the normals, with orthonormal columns where
        rows ≥ columns, and orthonormal rows otherwise.

    References:
        - G. W. Stewart, "The efficient generation of random orthogonal matrices with an application to
          condition estimators", SIAM J. Numer. Anal. 17 (1980), section 3.
        - F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS
          54 (2007), section 5: the signs.
        - R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of Householder
          transformations", SIAM J. Sci. Stat. Comput. 10 (1989), section 2.
    """
    q = xp.zeros_like(normals, dtype=xp.float64)
    is_wide = q.shape[-2] < q.shape[-1]
    tall = normals.swapaxes(-1, -2) if is_wide else normals
    count = tall.shape[-1]
    block = block_of(count)
    for start in range((count - 1) // block * block, -1, -block):
        stop = min(start + block, count)
        v, vt, signs = _block_reflection(tall[..., start:, start:stop], xp)
        diagonal = list(range(start, stop))
        q[..., diagonal, diagonal] = -signs
        for left in range(start, count, PANEL):
            # Transposing by hand keeps both operands of the subtraction in one memory order.
            if is_wide:
                rest = q[..., left : left + PANEL, start:]
                rest -= (rest @ v) @ vt.swapaxes(-1, -2)
            else:
                rest = q[..., start:, left : left + PANEL]
                rest -= vt @ (v.swapaxes(-1, -2) @ rest)
    return q


def block_of(count: int) -> int:
    """Return how many of so many reflections to apply at once: more suit the matmuls, fewer cost less besides."""
    return 4 * math.isqrt(count)


def _block_reflection(normals: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Return V and V T of the reflections that the columns of a lower trapezoid give, and their signs."""
    v = xp.asarray(xp.tril(normals), dtype=xp.float64)
    diagonal = list(range(v.shape[-1]))
    head = v[..., diagonal, diagonal]
    norm = (v * v).sum(-2) ** 0.5
    signs = xp.copysign(xp.ones_like(head), head)
    v /= ((norm + abs(head)) * norm)[..., None, :] ** 0.5
    v[..., diagonal, diagonal] = signs * (1 + abs(head) / norm) ** 0.5
    inverse = xp.triu(v.swapaxes(-1, -2) @ v)
    inverse[..., diagonal, diagonal] = 1.0
    return v, v @ xp.linalg.inv(inverse), signs
