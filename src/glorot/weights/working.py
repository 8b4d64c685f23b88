"""Working through the blocks of a file by several threads, each of which holds one block at a time."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.weights.blocks import BLOCK, Block, blocks_of, draw_block
from glorot.weights.tensors import StoredTensor

MOST = 2**28
"""Bytes of the blocks of all threads together, but for whole matrices."""

Act = Callable[[Block, NDArray[np.uint8]], None]
"""What is done with a block and its bytes, by one thread at a time."""


def draw_all(tensors: Sequence[StoredTensor], threads: int, act: Act) -> None:
    """Draw tensors block by block, and hand each to what is done with it; this thread works too.

    Args:
        tensors: what is drawn, as it lies in a file.
        threads: how many threads draw.
        act: receives the blocks, in about their order.
    """
    limit = min(BLOCK, MOST // threads)
    blocks = blocks_of(tensors, limit)
    taking, acting = threading.Lock(), threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        buffer = np.empty(limit, np.uint8)
        while not failures:
            try:
                with taking:
                    block = next(blocks, None)
                if block is None:
                    return
                if block.size > limit:  # a whole matrix: one at a time, for the memory
                    with acting:
                        act(block, draw_block(block, buffer, threads))
                else:
                    data = draw_block(block, buffer)
                    with acting:
                        act(block, data)
            except BaseException as failure:  # raised again below, in the thread that asked
                failures.append(failure)

    helpers = [threading.Thread(target=work) for _ in range(threads - 1)]
    try:
        for helper in helpers:
            helper.start()
        work()
    except BaseException as failure:
        failures.append(failure)
    finally:  # nobody works on once this returns
        for helper in helpers:
            if helper.ident is not None:
                helper.join()
    if failures:
        raise failures[0]
