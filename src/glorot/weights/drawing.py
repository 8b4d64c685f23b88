"""One stored tensor of a plan by itself, or a slice of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.stream.checks import checked_box
from glorot.stream.pieces import Box
from glorot.stream.schedule import checked_threads
from glorot.text import quoted
from glorot.weights.blocks import Block, Held, arrays_in, draw_block
from glorot.weights.tensors import StoredTensor, tensors_of


def draw(
    plan: Plan,
    name: str,
    box: Sequence[tuple[int, int]] | None = None,
    *,
    seed: int,
    dtype: str = "float32",
    threads: int | None = None,
) -> NDArray[Any]:
    """Draw a stored tensor of a plan, or a box of one, as a rank or a host needs that holds no more of it.

    W[j] = cast(law(word(i))), i the index in its part of element j of the stored tensor

    Args:
        plan: a plan of version 3 or later.
        name: the path of the tensor as the model stores it, such as "h.0.attn.c_attn.weight".
        box: (start, stop) along each stored axis; None is the whole.
        seed: 0 ≤ seed < 2**64.
        dtype: float32, bfloat16 (which needs the package ml_dtypes), float16 or float64.
        threads: how many threads draw; by default as many as there are processors.

    Returns:
        A C-contiguous array with the extents of the box. A law that draws a whole matrix draws it, and keeps the box.

    Raises:
        GlorotError: if the plan has no such tensor or does not say all of it, or an argument does not fit.

    Example:
        >>> import glorot, torch
        >>> model = torch.nn.MultiheadAttention(8, 2)
        >>> plan = glorot.plan(model, "xavier")
        >>> rows = glorot.weights.draw(plan, "in_proj_weight", ((6, 12), (0, 8)), seed=0)
        >>> whole = glorot.apply(plan, model, seed=0).in_proj_weight
        >>> torch.equal(torch.from_numpy(rows), whole[6:12])
        True

    References:
        Salmon et al. (2011), "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11.
    """
    tensors = {one.name: one for one in tensors_of(plan, seed, dtype, partial=True)[0]}
    if name not in tensors:
        near = nearest(name, tensors) if isinstance(name, str) else ""
        raise GlorotError(f"the plan has no stored tensor {quoted(name)} that it starts{near}")
    tensor, threads = tensors[name], checked_threads(threads)
    asked = checked_box(box, tensor.shape)
    if tensor.whole_laws:
        array = _drawn(tensor, checked_box(None, tensor.shape), threads)
        array = np.ascontiguousarray(array[tuple(slice(start, stop) for start, stop in asked)])
    else:
        array = _drawn(tensor, asked, threads)
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise GlorotError("bfloat16 arrays of NumPy need the package ml_dtypes: pip install ml_dtypes") from None
        return array.view(ml_dtypes.bfloat16)
    return array


def _drawn(tensor: StoredTensor, box: Box, threads: int) -> NDArray[Any]:
    block = Block(0, (Held(tensor, box),))
    data = draw_block(block, np.empty(block.size, np.uint8), threads)
    ((_, array),) = arrays_in(block, data)
    return array
