"""The laws of whole matrices: orthogonal and sparse."""

import math

import torch
from torch import Tensor

from glorot.dropins.arguments import Argument, check_axes
from glorot.errors import GlorotError
from glorot.torch.init.writing import holds_elements, law_of, on_shards, overridable, write


@overridable
def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with a random orthogonal matrix, in place: it turns signals and leaves their length.

    W = gain·Q, QQᵀ = I, or QᵀQ = I where rows outnumber columns; Q is Haar-distributed

    All axes after the first are flattened into the columns. The law is PyTorch's, the numbers are not: the same
    seed gives another matrix. It is computed in float32 at least and rounded once, so float16 and bfloat16 work.

    Args:
        tensor: the tensor (out, in, *kernel) to fill; float8, float16, bfloat16, float32 or float64.
        gain: factor on Q, 1 by default; 0 writes zeros. Q and -Q are equally likely, so a sign changes nothing.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has less than 2 dimensions, |gain| is neither 0 nor in [2⁻⁶⁴, 2⁶⁴], or the
            tensor cannot hold or take the values.

    Example:
        >>> w = orthogonal_(torch.empty(3, 5), gain=2, generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(w @ w.T, 4 * torch.eye(3), atol=1e-5)
        True

    References:
        Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks", ICLR, section 3. Mezzadri (2007), "How to generate random matrices from the classical
        compact groups", section 5, for the signs.
    """
    check_axes(tensor.dim() >= 2, tensor.shape, "2 or more axes, (out, in, *kernel)")
    law = law_of("orthogonal_", tensor.dtype, gain)
    return write(tensor, law, generator, axes="oi" + "k" * (tensor.dim() - 2))


@overridable
@on_shards
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers and put zeros at random places, in place.

    W ~ N(0, std²), and ⌈sparsity·rows⌉ elements of each column = 0

    A column of a Linear weight (out, in) holds what one input sends out. The paper counts the other way round: 15
    connections into each unit; pass `w.T` for that. PyTorch takes the places of the zeros from its default
    generator even where one is given; here `generator` decides them too.

    Args:
        tensor: the matrix (rows, columns) to fill; float8, float16, bfloat16, float32 or float64.
        sparsity: the share of zeros in each column, from 0 to 1.
        std: standard deviation of the other elements, 0.01 by default.
        generator: where the two keys of the stream come from, one for the numbers and one for the places; None
            is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has other than 2 dimensions, sparsity lies outside [0, 1], std is negative or
            outside [2⁻⁶⁴, 2⁶⁴], or the tensor cannot hold or take the values.

    Example:
        >>> w = sparse_(torch.empty(10, 4), sparsity=0.75, generator=torch.Generator().manual_seed(0))
        >>> (w == 0).sum(0).tolist()
        [8, 8, 8, 8]

    References:
        `torch.nn.init.sparse_`. Martens (2010), "Deep learning via Hessian-free optimization", ICML, section 5.
    """
    check_axes(tensor.dim() == 2, tensor.shape, "2 axes, (rows, columns)")
    sparsity = Argument("sparsity", sparsity).number()
    if not 0 <= sparsity <= 1:
        raise GlorotError(f"sparsity must lie between 0 and 1, got {sparsity:g}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    write(tensor, law_of("sparse_", tensor.dtype, std), generator)
    if zeros and holds_elements(tensor):
        # The rows with the smallest of fresh uniform numbers are a uniform choice without repetition.
        ranks = torch.empty((columns, rows), dtype=torch.float32, device=tensor.device)
        write(ranks, law_of("uniform_", ranks.dtype, 0.0, 1.0), generator)
        chosen = ranks.topk(zeros, largest=False, sorted=False).indices
        tensor.detach().scatter_(0, chosen.T, 0)
    return tensor
