"""The initializers of `tf.contrib.layers`, as they were taught, on today's TensorFlow.

They need no Keras model and give TensorFlow's tensors on every backend of Keras.
"""

import functools
import math
from typing import Any, Self

import keras

from glorot.distributions import Distribution
from glorot.dropins import laws
from glorot.dropins.arguments import Argument, fans_of, name_errors
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.keras.initializers.base import KeyOfTensor, serializable
from glorot.keras.initializers.places import labels, placed
from glorot.keras.initializers.source import LOW_WORD, Source
from glorot.keras.initializers.tensors import drawn, dtype_name, to_tensor
from glorot.schemes.variance import MODES
from glorot.stream import Key

UNCUT = 1.3  # what tf.contrib makes up for the cut at 2σ with; 1/.8796² = 1.2925 would be exact


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = "float32") -> "ContribInitializer":
    """Return Xavier's (Glorot's) law as TensorFlow 1 had it: signal and gradient keep their variance.

    W ~ U(±√(6/(fan_in + fan_out))), or without `uniform` N(0, σ²) cut at 2σ, σ = √(1.3·2/(fan_in + fan_out))

    The fans are those of the whole variable, (…, in, out), also where a partitioner cuts it: all shards together
    hold what the variable would hold in one piece. No two variables are alike.

    Args:
        uniform: the uniform law (default) or the truncated normal one.
        seed: a whole number below 2**32 that decides everything; None follows `tf.random.set_seed`, in a graph
            `tf.compat.v1.set_random_seed`, and else `keras.utils.set_random_seed`.
        dtype: float32 by default; float16, bfloat16 or float64, as TensorFlow's or by its name.

    Returns:
        The initializer: call it with a shape, or pass it as `initializer=`.

    Raises:
        GlorotError: if TensorFlow is missing, the seed is no seed, or the dtype is not of floats.

    Example:
        >>> import tensorflow as tf
        >>> w = tf.Variable(xavier_initializer(seed=0)([784, 256]), name="weights")
        >>> round(float(tf.reduce_max(abs(w))), 4), round((6 / 1040) ** 0.5, 4)
        (0.076, 0.076)

        In a graph:

        >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        ...     w = tf.compat.v1.get_variable("w", shape=[784, 256], initializer=xavier_initializer(seed=0))
        ...     _ = sess.run(tf.compat.v1.global_variables_initializer())
        ...     round(float(sess.run(w).std()) ** 2 * (784 + 256), 1)
        2.0

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
        AISTATS, equation 16; `tf.contrib.layers.xavier_initializer` of TensorFlow 1.15.
    """
    return ContribInitializer("xavier_initializer", 1.0, "FAN_AVG", uniform, seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None, dtype: Any = "float32"
) -> "ContribInitializer":
    """Return the general law of TensorFlow 1: a variance inversely proportional to a fan.

    W ~ N(0, σ²) cut at 2σ, σ = √(1.3·factor/n), or with `uniform` U(±√(3·factor/n)); n = fan_in, fan_out or their mean

    The defaults are He's law. The 1.3 makes up for the cut within 0.3 %. Fans as for `xavier_initializer`.

    Args:
        factor: the factor on the variance, 2 by default.
        mode: "FAN_IN" (default), "FAN_OUT" or "FAN_AVG".
        uniform: the uniform law instead of the truncated normal one (default).
        seed: as for `xavier_initializer`.
        dtype: as for `xavier_initializer`.

    Returns:
        The initializer: call it with a shape, or pass it as `initializer=`.

    Raises:
        GlorotError: if the factor is not positive, the mode is unknown, TensorFlow is missing, the seed is no
            seed, or the dtype is not of floats.

    Example:
        >>> import tensorflow as tf
        >>> w = variance_scaling_initializer(seed=0)([3, 3, 64, 64])
        >>> round(float(tf.math.reduce_variance(w)) * 64 * 9, 1)
        2.0

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equation 10;
        `tf.contrib.layers.variance_scaling_initializer` of TensorFlow 1.15.
    """
    return ContribInitializer("variance_scaling_initializer", factor, mode, uniform, seed, dtype)


@serializable
class ContribInitializer(keras.initializers.Initializer):  # type: ignore[misc]
    """What the functions above return; `get_variable` calls it once for each variable or shard.

    It holds nothing but numbers and names, so that it can be copied, pickled and saved with a layer of Keras.
    """

    def __init__(self, owner: str, factor: float, mode: str, uniform: bool, seed: Any, dtype: Any) -> None:
        self._owner = owner
        with name_errors(owner):
            if _is_shape(factor):
                raise GlorotError(f"factor must be a number, got {factor!r}; {_way_out(owner, factor)}")
            self._factor = Argument("factor", factor).above_zero()
            self._mode = Argument("mode", mode).one_of(("FAN_IN", "FAN_OUT", "FAN_AVG"))
            if not isinstance(uniform, bool):
                raise GlorotError(f"uniform must be True or False, got {uniform!r}; {_way_out(owner, uniform)}")
            self._uniform = uniform
            _tensorflow()
            self._dtype = dtype_name(dtype)
            self._source = Source(seed, None)
        self._key = KeyOfTensor(self._source.next if seed is not None else self._next_key)

    def __repr__(self) -> str:
        """Return the call that makes it."""
        law = {} if self._owner == "xavier_initializer" else {"factor": self._factor, "mode": self._mode}
        given = {**law, "uniform": self._uniform, "seed": self._source.given, "dtype": self._dtype}
        return f"{self._owner}({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor; an initializer made from them begins anew."""
        seed = keras.saving.serialize_keras_object(self._source.given)
        law = {"factor": self._factor, "mode": self._mode, "uniform": self._uniform}
        return {"owner": self._owner, **law, "seed": seed, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return an initializer from what `get_config` gave."""
        return cls(**{**config, "seed": keras.saving.deserialize_keras_object(config["seed"])})

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return a tensor of fresh weights; in a graph, one that gives the same weights whenever it is run.

        Args:
            shape: the shape of the variable, (…, in, out), or of the shard.
            dtype: instead of the initializer's own.
            partition_info: of a shard, what `get_variable` passes.

        Returns:
            The tensor.

        Raises:
            GlorotError: if the shape is not known in full, or the dtype cannot hold the weights.
        """
        with name_errors(self._owner):
            place = placed(shape, partition_info)
            kind = self._dtype if dtype is None else dtype_name(dtype)
            axes = labels(place.whole)
            law = self._law(fans_of(place.whole, axes))
            make = functools.partial(drawn, self._key(place), law, place.whole, axes, kind)
            return to_tensor(make, place, kind, tensorflow=True)

    def _law(self, fans: Fans) -> Distribution:
        fan = MODES[self._mode.lower()](fans)
        if self._uniform:
            return laws.symmetric(Argument("the bound that factor and fans give", math.sqrt(3 * self._factor / fan)))
        std = Argument("the std that factor and fans give", math.sqrt(UNCUT * self._factor / fan))
        return laws.cut_at_two(Argument("mean", 0.0), std)

    def _next_key(self) -> Key:
        """Return the seeds that TensorFlow gives its next random operation, if its seed is set."""
        words = _tensorflow().compat.v1.get_seed(None)
        if None in words:
            return self._source.next()
        return Key(int(words[0]) & LOW_WORD, int(words[1]) & LOW_WORD)


def _is_shape(given: Any) -> bool:
    return isinstance(given, list | tuple) or hasattr(given, "as_list")


def _way_out(owner: str, given: Any) -> str:
    """Say what to write where something else was passed first: a shape belongs to what the function returns."""
    if _is_shape(given):
        shape = tuple(given) if isinstance(given, list | tuple) else "shape"
        return f"if that is the shape, make the initializer first and call it with the shape: {owner}()({shape})"
    return "pass others by name, as in seed=0"


def _tensorflow() -> Any:
    try:
        import tensorflow
    except ImportError as error:
        raise GlorotError(
            "TensorFlow is not installed: pip install tensorflow; "
            "for another backend of Keras take glorot.keras.XavierUniform or VarianceScaling"
        ) from error
    return tensorflow
