from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

NativePiece = tuple[NDArray[Any], int, int, Sequence[int], int, int, int, Sequence[float]]

def kernels() -> list[str]: ...
def fill(pieces: list[NativePiece], kernel: str) -> None: ...
