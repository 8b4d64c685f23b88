"""Windows: the kernel, stride, pad and dilation of convolutions and poolings, as a layer sets them."""

from typing import NamedTuple

from glorot.caffe.definition.layers import Layer
from glorot.caffe.formats.messages import Message

Sizes = tuple[int, ...]


class Window(NamedTuple):
    """A window that slides over the spatial axes of a blob; one number for each of them."""

    kernel: Sizes
    stride: Sizes
    pad: Sizes
    dilation: Sizes

    @property
    def reach(self) -> Sizes:
        """How far the window reaches along each axis, dilation included."""
        return tuple(dilation * (kernel - 1) + 1 for kernel, dilation in zip(self.kernel, self.dilation, strict=True))


def window_of(layer: Layer, at: Message, spatial: int) -> Window:
    """Return the window that a layer sets up by `kernel_size`, or `kernel_h` and `kernel_w`, and their like.

    A dilation is called `hole` in DeepLab's first fork.

    Raises:
        GlorotError: if there is no kernel, a size does not fit the spatial axes, or it is given twice.
    """
    kernel = _sizes(layer, at, "kernel", "kernel_size", spatial, None)
    stride = _sizes(layer, at, "stride", "stride", spatial, 1)
    pad = _sizes(layer, at, "pad", "pad", spatial, 0)
    word = _word_for_dilation(layer, at)
    return Window(kernel, stride, pad, _sizes(layer, at, word, word, spatial, 1))


def _word_for_dilation(layer: Layer, at: Message) -> str:
    given = [name for word in ("dilation", "hole") for name in (word, f"{word}_h", f"{word}_w") if at.has(name)]
    words = {name[:4]: name for name in given}
    if len(words) > 1:
        problem = f"{words['dila']} and {words['hole']}, its older name, are both given; give one of them"
        raise layer.error(problem, at, words["hole"])
    return "hole" if "hole" in words else "dilation"


def _sizes(layer: Layer, at: Message, short: str, name: str, spatial: int, default: int | None) -> Sizes:
    least = 0 if short == "pad" else 1
    given = at.integers(name, least=least)
    by_axis = [f"{short}_{axis}" for axis in "hw" if at.has(f"{short}_{axis}")]
    if by_axis:
        if given:
            raise layer.error(f"{name} and {by_axis[0]} are both given; give one of them", at, name)
        if spatial != 2:
            raise layer.error(f"{by_axis[0]} belongs to 2 spatial axes, and there are {spatial}", at, by_axis[0])
        missing = default if short != "kernel" else None
        return at.integer(f"{short}_h", missing, least), at.integer(f"{short}_w", missing, least)
    if not given:
        if default is None:
            raise layer.error(f"needs {name}, or {short}_h and {short}_w", at)
        return (default,) * spatial
    if len(given) not in (1, spatial):
        raise layer.error(
            f"{name} is given {len(given)} times; expected once, or once for each of {spatial} axes", at, name
        )
    return tuple(given * spatial if len(given) == 1 else given)
