from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

NativePiece = tuple[NDArray[Any], int, int, Sequence[int], int, int, int, Sequence[float]]

def kernels() -> list[str]: ...
def fill(pieces: list[NativePiece], kernel: str) -> None: ...
def sums(
    matrix: NDArray[Any], element: int, center: float, threads: int, kernel: str
) -> tuple[float, float, float]: ...
def skim(
    bits: NDArray[Any], first: int, step: int, picked: NDArray[Any], element: int, kernel: str
) -> tuple[int, int, int, float, float]: ...
def look_at_lines(
    matrix: NDArray[Any], center: float, turns: int, rows: NDArray[Any], columns: NDArray[Any], kernel: str
) -> tuple[float, float, float]: ...
def compare_sample(
    sample: NDArray[Any], mean: float, std: float, scale: float, tail: float, kernel: str
) -> tuple[float, float, float]: ...
