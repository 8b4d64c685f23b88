"""The adapter of Caffe, as `glorot.adapters` asks for it."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from glorot.caffe.model import graph, layers
from glorot.caffe.model import net_of as open  # noqa: A004 - as in every adapter
from glorot.caffe.nets import Net
from glorot.caffe.weights import write

__all__ = ["arrays", "graph", "layers", "matches", "open", "write"]


def matches(model: object) -> bool:
    """Tell whether a model is a net, or the path of a `.prototxt`."""
    return isinstance(model, Net | str | Path)


def arrays(model: Any) -> dict[str, NDArray[Any]]:
    """Return the weights of a net as `glorot.apply` returns them: a dict of arrays, which is all that it stores."""
    return dict(model)
