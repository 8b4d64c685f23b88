"""What needs no random numbers: constants, the identity matrix and the identity convolution."""

import torch
from torch import Tensor

from glorot.dropins.arguments import check_axes
from glorot.errors import GlorotError
from glorot.torch.init.writing import check_no_overlap, on_shards, overridable
from glorot.torch.shards import check_placements


@overridable
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value, in place.

    W = val

    Weights that are all equal get equal gradients and never part; constants are for biases and scales.

    Args:
        tensor: the tensor to fill, of any shape and dtype.
        val: the value.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if `tensor` is no tensor.

    Example:
        The forget gate of an LSTM starts open:

        >>> from torch import nn
        >>> lstm = nn.LSTM(3, 2)
        >>> constant_(lstm.bias_ih_l0[2:4], 1.0).tolist()
        [1.0, 1.0]

    References:
        `torch.nn.init.constant_`. Jozefowicz et al. (2015), "An Empirical Exploration of Recurrent Network
        Architectures", ICML, for the example.
    """
    check_placements("the tensor", tensor)
    with torch.no_grad():
        return tensor.fill_(val)


@overridable
def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with ones, in place.

    W = 1

    Args:
        tensor: the tensor to fill, of any shape and dtype.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if `tensor` is no tensor.

    Example:
        The scale of a normalisation starts by changing nothing:

        >>> ones_(torch.empty(3)).tolist()
        [1.0, 1.0, 1.0]

    References:
        `torch.nn.init.ones_`.
    """
    check_placements("the tensor", tensor)
    with torch.no_grad():
        return tensor.fill_(1.0)


@overridable
def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with zeros, in place.

    W = 0

    Args:
        tensor: the tensor to fill, of any shape and dtype.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if `tensor` is no tensor.

    Example:
        >>> zeros_(torch.empty(3)).tolist()
        [0.0, 0.0, 0.0]

    References:
        `torch.nn.init.zeros_`.
    """
    check_placements("the tensor", tensor)
    with torch.no_grad():
        return tensor.zero_()


@overridable
@on_shards
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity, in place: a Linear layer starts by passing its inputs on.

    W[o, i] = 1 where o = i, 0 elsewhere

    Args:
        tensor: the matrix (out, in) to fill, of any dtype; of a longer side the rest stays 0.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has other than 2 dimensions, or its elements share memory.

    Example:
        >>> eye_(torch.empty(2, 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    References:
        `torch.nn.init.eye_`. Le, Jaitly & Hinton (2015), "A Simple Way to Initialize Recurrent Networks of
        Rectified Linear Units".
    """
    check_axes(tensor.dim() == 2, tensor.shape, "2 axes, (out, in)")
    check_no_overlap(tensor)
    with torch.no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


@overridable
@on_shards
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the kernel of a convolution with the identity, in place: it starts by passing its inputs on.

    W[g·n + c, c, centre] = 1 for each group g of n = out/groups channels, 0 elsewhere

    The centre is size // 2 along each axis of the kernel; as many channels are passed on as both sides have.

    Args:
        tensor: the kernel (out, in/groups, *kernel) to fill, of 3, 4 or 5 dimensions and any dtype.
        groups: the groups of the convolution, 1 by default; each passes its own inputs on.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has other than 3 to 5 dimensions, `groups` does not divide its first, or its
            elements share memory.

    Example:
        >>> conv = torch.nn.Conv1d(2, 2, 3, padding=1, bias=False)
        >>> _ = dirac_(conv.weight)
        >>> conv(torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])).tolist()
        [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]

    References:
        `torch.nn.init.dirac_`. Zagoruyko & Komodakis (2017), "DiracNets: Training Very Deep Neural Networks
        Without Skip-Connections".
    """
    expected = "3, 4 or 5 axes, (out, in/groups, *kernel)"
    check_axes(tensor.dim() in (3, 4, 5), tensor.shape, expected, "; for a matrix call eye_")
    if not isinstance(groups, int) or groups < 1 or tensor.shape[0] % groups:
        raise GlorotError(
            f"groups must be a whole number from 1 upwards that divides the {tensor.shape[0]} outputs "
            f"in dimension 0, got {groups!r}"
        )
    check_no_overlap(tensor)
    if tensor.numel() == 0:
        return tensor
    with torch.no_grad():
        tensor.zero_()
        centre = tensor
        for size in reversed(tensor.shape[2:]):
            centre = centre.select(-1, size // 2)
        centre.unflatten(0, (groups, -1)).diagonal(dim1=1, dim2=2).fill_(1)
    return tensor
