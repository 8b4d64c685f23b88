from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NativePiece = tuple[NDArray[Any], int, int, Sequence[int], int, int, int, Sequence[float]]

draw_for_xla: Any

class Batch:
    rest: list[Any]
    def __init__(
        self,
        fills: list[Any],
        kind: type,
        dtypes: list[np.dtype[Any]],
        law_of: Callable[..., tuple[int, tuple[float, ...]] | None],
    ) -> None: ...
    def fill(self, kernel: str, threads: int) -> None: ...

def kernels() -> list[str]: ...
def fill(pieces: list[NativePiece], kernel: str, threads: int = 1) -> None: ...
def fill_run(
    address: int, count: int, element: int, key: int, law: int, numbers: tuple[float, ...], threads: int, kernel: str
) -> None: ...
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
def digest(bits: NDArray[Any], key: int, first: int, steps: tuple[int, ...], threads: int) -> tuple[int, int]: ...
