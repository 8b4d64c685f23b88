"""What all initializers with random numbers share: a call, a config, and the keys."""

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self, TypeVar

import keras

from glorot.distributions import Distribution
from glorot.dropins.arguments import Argument, name_errors
from glorot.dropins.table import Form
from glorot.keras.initializers.places import Place, Shape, labels, placed
from glorot.keras.initializers.source import Source
from glorot.keras.initializers.tensors import drawn, dtype_name, of_tensorflow, to_tensor
from glorot.stream import Key

T = TypeVar("T")
serializable: Callable[[type[T]], type[T]] = keras.saving.register_keras_serializable(package="glorot")


class KeyOfTensor:
    """The key of each tensor: a new one for each call, but one for all shards of a partitioned variable."""

    def __init__(self, next_key: Callable[[], Key]) -> None:
        self._next_key = next_key
        self._begun: tuple[Shape, Key] | None = None

    def __call__(self, place: Place) -> Key:
        """Return the key for a place; TensorFlow asks for the first shard first, and for the others behind it."""
        if self._begun is None or place.begins or self._begun[0] != place.whole:
            self._begun = place.whole, self._next_key()
        return self._begun[1]


class RandomInitializer(keras.initializers.Initializer):  # type: ignore[misc]
    """An initializer that draws from the stream; a subclass says which law."""

    def __init__(self, seed: Any, name: str | None) -> None:
        with name_errors(type(self).__name__):
            self._source = Source(seed, name)
        self._key = KeyOfTensor(self._source.next)

    @property
    def seed(self) -> Any:
        """The seed in use; where none was given, the number that was drawn for it."""
        return self._source.seed

    @property
    def name(self) -> str | None:
        """The name in the stream, if there is one."""
        return self._source.name

    @abstractmethod
    def law(self, shape: Shape) -> tuple[Distribution, str]:
        """Return what is drawn for a shape, and a letter for each axis."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None, layout: Any = None) -> Any:
        """Return a tensor of fresh weights.

        Args:
            shape: the shape of the tensor, (…, in, out).
            dtype: float32, bfloat16, float16, float64 or float8, of any framework; None is
                `keras.config.floatx()`. With a dtype of TensorFlow's own the tensor is TensorFlow's, whatever the
                backend of Keras.
            partition_info: of a shard of a partitioned variable, what `tf.compat.v1.get_variable` passes.
            layout: how the jax backend spreads the tensor, a NamedSharding or a TensorLayout.

        Returns:
            The tensor; for a shard, what the whole would hold there.

        Raises:
            GlorotError: if the shape is not known in full, or the dtype cannot hold the weights.
        """
        with name_errors(type(self).__name__):
            place, kind = placed(shape, partition_info), dtype_name(dtype)
            law, axes = self.law(place.whole)
            make = functools.partial(drawn, self._key(place), law, place.whole, axes, kind)
            asked_by_tensorflow = partition_info is not None or of_tensorflow(dtype)
            return to_tensor(make, place, kind, tensorflow=asked_by_tensorflow, layout=layout)

    def get_config(self) -> dict[str, Any]:
        """Return seed and name, and what a subclass adds; an initializer made from it begins anew."""
        seed = keras.saving.serialize_keras_object(self._source.given)
        return {"seed": seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return an initializer from what `get_config` gave."""
        seed = config.get("seed")
        if isinstance(seed, dict):
            seed = keras.saving.deserialize_keras_object(seed)
        return cls(**{**config, "seed": seed})


class FixedLaw(RandomInitializer):
    """An initializer whose law follows from numbers alone, and has a row in the table of drop-ins."""

    row: Form

    def __init__(self, seed: Any, name: str | None, **given: Any) -> None:
        super().__init__(seed, name)
        with name_errors(type(self).__name__):
            self._numbers = {argument: Argument(argument, value).number() for argument, value in given.items()}
            self.fixed = self.row.law_of(*self._numbers.values())
        self.__dict__.update(self._numbers)

    def law(self, shape: Shape) -> tuple[Distribution, str]:
        """Return the one law."""
        return self.fixed, labels(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**self._numbers, **super().get_config()}
