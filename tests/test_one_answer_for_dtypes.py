"""Every dtype gets the same answer from every way to draw: the same bits, or the same sentence."""

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import equinox
import flax.linen
import jax
import jax.numpy as jnp
import keras
import ml_dtypes
import numpy as np
import pytest
import torch
from flax import nnx
from numpy.typing import NDArray

import glorot
from glorot import GlorotError
from glorot.adapters import adapter_for
from glorot.distributions import (
    Bilinear,
    Constant,
    Distribution,
    Identity,
    Normal,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.jax import draw as draw_in_jax
from glorot.jax import initializers as of_jax
from glorot.keras import initializers as of_keras
from glorot.stream import draw, fill, key_of
from glorot.stream.elements import ELEMENTS
from glorot.torch import init as of_torch
from glorot.torch.init.source import draw_key
from glorot.weights.safetensors import pieces_of

pytestmark = pytest.mark.usefixtures("compiled_in_full")

SHAPE, LAW, RULES = (64, 32), Normal(std=0.5), [("*", "normal(std=0.5)")]
KEY = key_of(0, "weight")
WHY = {
    "complex64": ", for the stream has real numbers alone",
    "complex128": ", for the stream has real numbers alone",
    "float8_e8m0fnu": ", for it has neither sign nor zero",
    "float4_e2m1fn": "",
    "int8": "",
}
"""The dtypes that are refused, and the reason that is given."""

EXPECTED = "float32, bfloat16, float16, float64 or a float8 that has a sign and a zero"
KERAS = (
    "float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "complex64", "complex128",
)  # fmt: skip
"""The dtypes that variables of Keras have too."""


def of_torch_tensor(tensor: torch.Tensor, dtype: str) -> NDArray[Any]:
    """Return a tensor as an array of the same bits."""
    bits = tensor.detach().contiguous().view(torch.uint8).numpy()
    return np.frombuffer(bits.tobytes(), dtype).reshape(tensor.shape)


def torch_model(dtype: str) -> torch.nn.Module:
    model = torch.nn.Linear(32, 64, bias=False)
    blank = torch.empty(SHAPE, dtype=getattr(torch, dtype))
    model.weight = torch.nn.Parameter(blank, requires_grad=blank.is_floating_point())
    return glorot.initialize(model, rules=[("weight", "normal(std=0.5)")], seed=0)


def by_apply_in_torch(dtype: str) -> NDArray[Any]:
    return of_torch_tensor(torch_model(dtype).weight, dtype)


def by_torch_init(dtype: str) -> NDArray[Any]:
    tensor = torch.empty(SHAPE, dtype=getattr(torch, dtype))
    of_torch.normal_(tensor, std=0.5, generator=torch.Generator().manual_seed(0))
    return of_torch_tensor(tensor, dtype)


def by_draw(dtype: str) -> NDArray[Any]:
    return glorot.draw("normal(std=0.5)", SHAPE, seed=0, in_axis=1, out_axis=0, dtype=np.dtype(dtype))


def by_fill(dtype: str) -> NDArray[Any]:
    """Write into memory that is turned round."""
    out = np.empty((32, 64), np.dtype(dtype)).T
    fill(out, KEY, LAW, SHAPE)
    return out


def by_draw_in_jax(dtype: str) -> NDArray[Any]:
    return np.asarray(draw_in_jax(KEY, LAW, SHAPE, dtype=np.dtype(dtype)))


def by_initializer_of_jax(dtype: str) -> NDArray[Any]:
    return np.asarray(of_jax.normal(0.5)(jnp.array(KEY, jnp.uint32), SHAPE, np.dtype(dtype)))


def tree(dtype: str) -> dict[str, Any]:
    model = {"weight": jnp.zeros(SHAPE, np.dtype(dtype))}
    return glorot.initialize(model, "normal(std=0.5)", seed=0, axes={"*": "oi"})


def by_apply_to_a_tree(dtype: str) -> NDArray[Any]:
    return np.asarray(tree(dtype)["weight"])


def by_apply_to_nnx(dtype: str) -> NDArray[Any]:
    model = nnx.Linear(32, 64, use_bias=False, rngs=nnx.Rngs(0))
    model.kernel = nnx.Param(jnp.zeros((32, 64), np.dtype(dtype)))
    return np.asarray(glorot.initialize(model, rules=RULES, seed=0, names={"kernel": "weight"}).kernel[...]).T


def by_apply_to_linen(dtype: str) -> NDArray[Any]:
    dense = flax.linen.Dense(64, use_bias=False, dtype=None if "complex" in dtype else jnp.float32)
    model = dense, {"params": {"kernel": jnp.zeros((32, 64), np.dtype(dtype))}}
    options = {"inputs": jnp.zeros((2, 32)), "names": {"kernel": "weight"}}
    _, tree = glorot.initialize(model, rules=RULES, seed=0, **options)
    return np.asarray(tree["params"]["kernel"]).T


def by_apply_to_equinox(dtype: str) -> NDArray[Any]:
    model = equinox.nn.Linear(32, 64, use_bias=False, key=jax.random.key(0))
    model = equinox.tree_at(lambda one: one.weight, model, jnp.zeros(SHAPE, np.dtype(dtype)))
    return np.asarray(glorot.initialize(model, rules=RULES, seed=0).weight)


class Own(keras.layers.Layer):
    """A layer of Keras with one kernel of any dtype."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def build(self, shape: Any) -> None:
        def blank(shape: Any, dtype: Any) -> Any:  # TensorFlow has no zeros of float8
            return keras.ops.cast(keras.ops.zeros(shape), dtype)

        self.kernel = self.add_weight((32, 64), blank, self.kind, name="kernel")


def keras_model(dtype: str) -> Own:
    layer = Own(dtype)
    layer.build((None, 32))
    options = {"names": {"kernel": "weight"}, "axes": {"kernel": "io"}}
    return glorot.initialize(layer, rules=RULES, seed=0, **options)


def of_keras_tensor(tensor: Any, dtype: str) -> NDArray[Any]:
    with warnings.catch_warnings():  # NumPy 2 complains of how TensorFlow hands out what NumPy lacks
        warnings.simplefilter("ignore", DeprecationWarning)
        wide = keras.ops.cast(tensor, "float32") if dtype.startswith("float8") else tensor
        return np.asarray(keras.ops.convert_to_numpy(wide)).astype(np.dtype(dtype))


def by_apply_in_keras(dtype: str) -> NDArray[Any]:
    return of_keras_tensor(keras_model(dtype).kernel.value, dtype).T


def by_initializer_of_keras(dtype: str) -> NDArray[Any]:
    return of_keras_tensor(of_keras.RandomNormal(stddev=0.5, seed=0, name="weight")((32, 64), dtype), dtype).T


WAYS: list[Callable[[str], NDArray[Any]]] = [
    by_apply_in_torch, by_torch_init, by_draw, by_fill, by_draw_in_jax, by_initializer_of_jax, by_apply_to_a_tree,
    by_apply_to_nnx, by_apply_to_linen, by_apply_to_equinox, by_apply_in_keras, by_initializer_of_keras,
]  # fmt: skip

INTO_JAX = (tree, by_apply_to_a_tree, by_apply_to_nnx, by_apply_to_linen, by_apply_to_equinox)
"""What compiles for each dtype once more what `by_draw_in_jax` has compiled."""


def case(way: Callable[[str], Any], dtype: str) -> Any:
    takes_long = way in INTO_JAX and dtype in ELEMENTS and "float8" in dtype and dtype != "float8_e4m3fn"
    name = f"{way.__name__.removeprefix('by_')}-{dtype}"
    return pytest.param(way, dtype, id=name, marks=[pytest.mark.slow] if takes_long else [])


def ways(dtypes: Any) -> list[Any]:
    """Return every way with every dtype that its framework has."""
    return [
        case(way, dtype)
        for way in WAYS
        for dtype in dtypes
        if ("torch" not in way.__name__ or hasattr(torch, dtype)) and ("keras" not in way.__name__ or dtype in KERAS)
        if (way, dtype) != (by_apply_to_equinox, "int8")  # integers are no parameters there
    ]


@pytest.fixture(autouse=True)
def _wide() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def key_for(way: Callable[[str], NDArray[Any]]) -> Any:
    return draw_key(torch.empty(1), torch.Generator().manual_seed(0)) if way is by_torch_init else KEY


@pytest.mark.parametrize(("way", "dtype"), ways(ELEMENTS))
def test_what_is_served_has_the_bits_of_one_cast(way: Callable[[str], NDArray[Any]], dtype: str) -> None:
    values = way(dtype)
    assert values.dtype == np.dtype(dtype)
    assert values.tobytes() == draw(key_for(way), LAW, SHAPE).astype(np.dtype(dtype)).tobytes()


@pytest.mark.parametrize(("way", "dtype"), ways(WHY))
def test_what_is_refused_is_refused_in_one_sentence(way: Callable[[str], NDArray[Any]], dtype: str) -> None:
    sentence = f"dtype {dtype} holds no weights that are drawn{WHY[dtype]}; expected {EXPECTED}"
    with pytest.raises(GlorotError, match=rf"^(\w+: )?{re.escape(sentence)}(; cast it, or skip it by a rule)?$"):
        way(dtype)


@pytest.mark.parametrize("shape", [(0,), (4, 0)])
def test_an_array_without_elements_is_drawn_in_the_same_dtypes(shape: tuple[int, ...]) -> None:
    for dtype in ELEMENTS:
        drawn = glorot.draw("normal(std=0.5)", shape, seed=0, dtype=np.dtype(dtype))
        assert (drawn.shape, drawn.dtype) == (shape, np.dtype(dtype))
    for dtype, why in WHY.items():
        sentence = re.escape(f"dtype {dtype} holds no weights that are drawn{why}; expected {EXPECTED}")
        with pytest.raises(GlorotError, match=f"^{sentence}$"):
            glorot.draw("normal(std=0.5)", shape, seed=0, dtype=np.dtype(dtype))
    with pytest.raises(GlorotError, match="^dtype must be float32, .* got wide; is its package imported"):
        glorot.draw("normal(std=0.5)", shape, seed=0, dtype="wide")


@pytest.mark.parametrize(
    ("make", "dtype"), [case(make, dtype) for make in (torch_model, tree, keras_model) for dtype in ELEMENTS]
)
def test_what_numpy_lacks_is_saved_as_float32(make: Callable[[str], Any], dtype: str) -> None:
    if (make is torch_model and not hasattr(torch, dtype)) or (make is keras_model and dtype not in KERAS):
        pytest.skip(f"the framework has no {dtype}")
    model = make(dtype)
    (array,) = adapter_for(model).arrays(model).values()
    assert array.dtype.name == (dtype if dtype in ("float16", "float32", "float64") else "float32")
    expected = draw(KEY, LAW, SHAPE, dtype=np.dtype(dtype)).astype(array.dtype)
    assert np.array_equal(array.T if make is keras_model else array, expected)
    assert len(b"".join(pieces_of({"weight": array}))) > array.nbytes


@pytest.mark.parametrize(
    ("law", "dtype", "words"),
    [
        (
            Constant(1e5),
            "float16",
            "reaches 100000, but float16 holds at most 65504; choose a smaller scale or a wider",
        ),
        (Constant(500.0), "float8_e4m3fn", "reaches 500, but float8_e4m3fn holds at most 448; choose a smaller scale"),
        (Constant(1e-9), "float16", "is of size 1e-09, but float16 rounds what is below 2.98023e-08 to 0; choose"),
        (Normal(std=1e-8), "float16", "is of size 1e-08, but float16 rounds what is below 2.98023e-08 to 0; choose a"),
        (Uniform.symmetric(2.0**-64), "float16", "is of size 3.12982e-20, but float16 rounds what is below"),
        (TruncatedNormal(0, 1e-4, -2e-4, 2e-4), "float8_e4m3fn", "is of size 8.79626e-05, but float8_e4m3fn rounds"),
        (SparseNormal(0, 1e-4, 0.5), "float8_e4m3fn", "is of size 0.0001, but float8_e4m3fn rounds what is below"),
        (Identity(1e-5), "float8_e3m4", "is of size 1e-05, but float8_e3m4 rounds what is below 0.0078125 to 0"),
        (Bilinear(1e-5), "float8_e3m4", "is of size 1e-05, but float8_e3m4 rounds what is below 0.0078125 to 0"),
    ],
)
def test_what_a_dtype_would_lose_is_refused(law: Distribution, dtype: str, words: str) -> None:
    axes = "kk" if isinstance(law, Bilinear) else "oi"
    for draws in (draw, draw_in_jax):
        with pytest.raises(GlorotError, match=rf"^{re.escape(str(law))} {re.escape(words)}"):
            draws(KEY, law, (4, 4), axes=axes, dtype=np.dtype(dtype))


def test_the_ways_of_pytorch_say_so_too() -> None:
    words = re.escape("Normal(mean=0.0, std=1e-08) is of size 1e-08, but float16 rounds what is below 2.98023e-08 to 0")
    tensor = torch.ones(3, 4, dtype=torch.float16)
    with pytest.raises(GlorotError, match=f"^normal_: {words}"):
        of_torch.normal_(tensor, std=1e-8)
    model = torch.nn.Linear(4, 3, bias=False).half()
    before = model.weight.clone()
    with pytest.raises(GlorotError, match=f"^weight: {words}"):
        glorot.initialize(model, "normal(std=1e-8)", seed=0)
    assert bool((tensor == 1).all())
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("dtype", ELEMENTS)
def test_the_range_of_a_dtype_is_exact(dtype: str) -> None:
    held = ELEMENTS[dtype]
    largest, least = (draw(KEY, Constant(end), (1,), dtype=np.dtype(dtype)).astype(np.float64)[0] for end in held)
    assert largest == held.largest == float(ml_dtypes.finfo(dtype if dtype != "float64" else "float32").max)
    assert (least > 0) == (held.least > 0)
    below = np.nextafter(np.float32(held.least), np.float32(-1))
    assert not held.least or below.astype(np.dtype(dtype)) == 0
    assert not draw(KEY, Constant(0.0), (1,), dtype=np.dtype(dtype)).astype(np.float32).any()


@pytest.mark.parametrize(
    ("make", "owner"),
    [
        (lambda value, dtype: of_jax.constant(value)(None, (2, 3), dtype), "constant"),
        (lambda value, dtype: of_jax.constant(np.array([[1.0], [value]]))(None, (2, 3), dtype), "constant"),
        (lambda value, dtype: of_keras.Constant(value)((2, 3), dtype), "Constant"),
        (lambda value, dtype: of_keras.Identity(value)((2, 3), dtype), "Identity"),
    ],
    ids=["jax", "jax array", "keras", "keras identity"],
)
def test_a_constant_that_a_dtype_would_lose_is_refused(make: Callable[[float, str], Any], owner: str) -> None:
    words = "reaches 100000, but float16 holds at most 65504; choose a smaller scale or a wider dtype"
    with pytest.raises(GlorotError, match=rf"^{owner}: Constant\(value=100000.0\) {words}$"):
        make(1e5, "float16")
    with pytest.raises(GlorotError, match=rf"^{owner}: Constant\(value=1e-09\) is of size 1e-09, but float16 rounds"):
        make(1e-9, "float16")
    with pytest.raises(GlorotError, match=rf"^{owner}: Constant\(value=1e\+39\) reaches 1e\+39, but float32 holds"):
        make(1e39, "float32")
    for value, dtype in ((1e4, "float16"), (1e39, "float64"), (1e-40, "float64"), (0.0, "float16")):
        assert np.isclose(np.asarray(make(value, dtype)).astype(np.float64), value, rtol=1e-3, atol=0).any()
