"""What an init function did to the tensors of a model: plain data, free of any framework."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

State = Literal["once", "again", "partly", "never", "empty", "raw"]

STATES: dict[str, str] = {
    "once": "written once",
    "again": "written more than once",
    "partly": "written in part",
    "never": "never written",
    "empty": "written while it was empty",
    "raw": "written from memory that nothing had written",
}
"""What can become of a tensor, and how it is said."""


@dataclass(frozen=True)
class Written:
    """What an init function did to one parameter or buffer.

    Attributes:
        path: its path in the model.
        kind: "parameter", "buffer", or "non-persistent buffer", which no checkpoint holds.
        shape: its shape.
        dtype: the type of its elements.
        state: what became of it, one of `STATES`.
        times: how often each of its elements was written over, at least; 1 too where NumPy or a kernel wrote it.
        unwritten: how many of its elements were never written.
        writers: the functions and lines that wrote it, in order; those of changes in place are not among them.
        read_first: the line that read it before it was written; "" for none.
        constructor: what its constructor had put there; "" where that is not known.
        tied: the other paths of the same memory.
        parted: paths that shared its memory when the model was built, and no longer do.
        replaced: whether the init put another tensor in its place.
        layer: the class of the module that holds it.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    state: State
    times: int
    unwritten: int = 0
    writers: tuple[str, ...] = ()
    read_first: str = ""
    constructor: str = ""
    tied: tuple[str, ...] = ()
    parted: tuple[str, ...] = ()
    replaced: bool = False
    layer: str = ""


class Lost(NamedTuple):
    """A write into a temporary: a tensor made of one of the model's, which nothing kept.

    Attributes:
        paths: the parameters and buffers that the temporary was made of.
        writer: the function and line that wrote it.
        made: how the temporary was made, and where.
    """

    paths: tuple[str, ...]
    writer: str
    made: str


class WrittenModel(NamedTuple):
    """What an init function did to a model.

    Attributes:
        tensors: one for each parameter and buffer; tied ones count once, at their first path.
        lost: writes that went into temporaries.
        skipped: (path, reason) of tensors that were not looked at.
        call: what was called, as code.
        built: how the model was built.
    """

    tensors: tuple[Written, ...]
    lost: tuple[Lost, ...]
    skipped: tuple[tuple[str, str], ...]
    call: str
    built: str
