"""Caffe: nets from `.prototxt` files, as models to plan, to write and to run.

The path of a `.prototxt` is a model everywhere in glorot; `read_net` is for what a path cannot say.
"""

from typing import TYPE_CHECKING, Any

from glorot.caffe.building import parse_net, read_net
from glorot.caffe.formats.caffemodel import read_caffemodel
from glorot.caffe.nets import Net
from glorot.caffe.weights import save

if TYPE_CHECKING:
    from glorot.caffe.modules import parameter_groups, to_torch

__all__ = [
    "Net", "parameter_groups", "parse_net", "read_caffemodel", "read_net", "save", "to_torch",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("parameter_groups", "to_torch"):  # what needs PyTorch
        from glorot.caffe import modules

        return getattr(modules, name)
    raise AttributeError(f"module 'glorot.caffe' has no attribute {name!r}")
