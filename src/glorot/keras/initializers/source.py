"""Where the keys of an initializer come from: seed and name, and the number of the call."""

import operator
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.stateless_scope import in_stateless_scope  # Keras exports no name for it

from glorot.errors import GlorotError
from glorot.stream import Key, key_of

LOW_WORD = 2**32 - 1
LARGEST_DEFAULT = 10**9
_counting = threading.Lock()  # of the module, for an initializer with a lock could not be copied


class CountedSeed(int):
    """A whole number that knows how many calls were made with it.

    `EinsumDense` copies an initializer by config and gives the copy `initializer.seed`: this number, so that
    copy and original go on counting together and never repeat each other.
    """

    calls: int = 0

    def next_call(self, *, counted: bool) -> int:
        """Return the number of this call, from 0; one that is not counted leaves it to the next."""
        with _counting:
            number = self.calls
            self.calls += counted
        return number


class Source:
    """The keys of one initializer, one for each call.

    Without a name a key is (seed, number of the call), which is what a SeedGenerator of that seed yields; with
    one it is that of the stream (seed, name), then those of name#1, name#2, ….

    Attributes:
        given: the seed as it was given, for the config.
        seed: the number that counts, or the generator.
        name: the name in the stream, or None.
    """

    def __init__(self, seed: Any, name: Any) -> None:
        if name is not None and not isinstance(name, str):
            raise GlorotError(f"name must be a text such as 'layers.0.weight', or None, got {name!r}")
        if seed is None:  # as in Keras, so that `keras.utils.set_random_seed` decides
            self.given, self.seed = None, CountedSeed(random.randint(1, LARGEST_DEFAULT))
        elif isinstance(seed, keras.random.SeedGenerator):
            if name is not None:
                raise GlorotError(
                    f"a name goes with a whole number as seed, got a SeedGenerator; the numbers of "
                    f"{name!r} follow from the two, as in seed=0"
                )
            self.given = self.seed = seed
        else:
            number = int(_whole_number(seed, 64 if name is not None else 32))
            self.given, self.seed = number, seed if isinstance(seed, CountedSeed) else CountedSeed(number)
        self.name: str | None = name

    def next(self) -> Key:
        """Return the key of this call.

        Where Keras infers shapes it calls initializers for values that it throws away: those calls do not count,
        so a model starts from the same weights whether or not it was traced before.
        """
        counted = not in_stateless_scope()
        if not isinstance(self.seed, CountedSeed):
            return _key_of_generator(self.seed, counted=counted)
        call = self.seed.next_call(counted=counted)
        if self.name is None:
            return Key(int(self.seed), call & LOW_WORD)
        return key_of(int(self.seed), f"{self.name}#{call}" if call else self.name)


def _whole_number(seed: Any, bits: int) -> int:
    expected = f"seed must be None, a whole number with 0 <= seed < 2**{bits}, or a keras.random.SeedGenerator"
    try:
        number = operator.index(seed)
    except TypeError:
        number = None
    if number is None or isinstance(seed, bool | np.bool_):
        raise GlorotError(
            f"{expected}, got {seed!r} ({type(seed).__name__}); "
            "a factor on the variance is the `scale` of VarianceScaling"
        )
    if not 0 <= number < 2**bits:
        raise GlorotError(f"{expected}, got {number}; to fold any integer into that range use seed % 2**{bits}")
    return number


def _key_of_generator(generator: Any, *, counted: bool) -> Key:
    """Return the state of a SeedGenerator as a key, and advance it."""

    def read() -> Any:
        return keras.ops.convert_to_numpy(generator.next() if counted else generator.state.value * 1)

    try:
        k0, k1 = (int(word) & LOW_WORD for word in _outside(read))
    except Exception as error:
        raise GlorotError(
            f"the SeedGenerator {generator.name!r} has no value that could be read here; make it outside of graphs "
            "and compiled functions, or pass a whole number as seed"
        ) from error
    return Key(k0, k1)


def _outside(read: Callable[[], Any]) -> Any:
    """Call a function outside of every graph, trace and scope, all of which belong to the thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(read).result()
