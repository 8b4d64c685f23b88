"""What the pages say of Keras, of Keras itself."""

import inspect
import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications.convnext import ConvNeXt, LayerScale
from page_claims import assert_said, table

README, PAGE, INITIALIZERS = "README.md", "docs/keras.md", "docs/keras-initializers.md"

pytestmark = [
    pytest.mark.slow,
    # NumPy 2 complains of how TensorFlow hands out variables
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


def values(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def readme_cell(row: str) -> str:
    (found,) = (line for line in table(README, "`torch.nn.init`") if row in line[""])
    return found["Keras"]


def built(layer: Any, *shape: int | None) -> Any:
    layer.build(shape)
    return layer


def test_dense_layers_start_as_the_readme_says() -> None:
    assert readme_cell("unasked") == "`glorot_uniform`, biases 0"
    layer = built(layers.Dense(1000), None, 300)
    assert float(abs(values(layer.kernel)).max()) == pytest.approx(math.sqrt(6 / 1300), rel=1e-3)
    assert not values(layer.bias).any()


def test_xavier_normal_is_truncated_and_corrected() -> None:
    assert readme_cell("xavier/glorot normal") == "truncated at 2σ and corrected"
    drawn = values(keras.initializers.GlorotNormal()((500, 500))) / math.sqrt(2 / 1000)
    assert abs(drawn).max() == pytest.approx(2 / 0.87962566, rel=1e-3)
    assert drawn.std() == pytest.approx(1, rel=0.01)


def test_fans_are_of_the_last_two_axes_or_of_those_that_the_layer_names() -> None:
    assert readme_cell("fans") == "from the last two axes of the shape, or those that the layer names"
    assert_said(INITIALIZERS, "`EinsumDense` and `MultiHeadAttention` of Keras 3.15 tell ours their axes as they tell")
    shape = (64, 4, 25)  # inputs, heads, size
    assert abs(values(keras.initializers.LecunUniform()(shape))).max() == pytest.approx(math.sqrt(3 / 256), rel=0.01)
    layer = layers.EinsumDense("bi,ihd->bhd", (4, 25), kernel_initializer="lecun_uniform")
    kernel = values(built(layer, None, 64).kernel)
    assert kernel.shape == shape
    assert abs(kernel).max() == pytest.approx(math.sqrt(3 / 64), rel=0.01)


@pytest.mark.parametrize("seed", [None, 3])
def test_one_instance_makes_twins(seed: int | None) -> None:
    assert readme_cell("two layers") == "alike if one initializer instance serves both"
    assert_said(INITIALIZERS, "Keras's own repeat, unless a `SeedGenerator` seeds them")
    shared = keras.initializers.GlorotUniform(seed)
    one, other = (built(layers.Dense(4, kernel_initializer=shared), None, 3) for _ in range(2))
    assert (values(one.kernel) == values(other.kernel)).all()
    assert (values(built(layers.Dense(4), None, 3).kernel) != values(one.kernel)).all()
    counting = keras.initializers.GlorotUniform(keras.random.SeedGenerator(3))
    assert (values(counting((3, 4))) != values(counting((3, 4)))).all()


@pytest.mark.parametrize("seed", [3, keras.random.SeedGenerator(3), None], ids=["number", "generator", "none"])
def test_layers_that_clone_their_initializer_begin_alike_with_a_seed(seed: Any) -> None:
    assert_said(
        INITIALIZERS,
        "`MultiHeadAttention` does so for query, key and value, and `Bidirectional` for forward and backward, which "
        "therefore begin alike if a seed was given, a number or a `SeedGenerator`",
    )
    attention = layers.MultiHeadAttention(2, 8, kernel_initializer=keras.initializers.GlorotUniform(seed))
    attention.build((None, 5, 16), (None, 5, 16))
    lstm = layers.LSTM(4, kernel_initializer=keras.initializers.GlorotUniform(seed))
    both = built(layers.Bidirectional(lstm), None, 5, 3)
    pairs = [
        (attention._query_dense.kernel, attention._key_dense.kernel),
        (both.forward_layer.cell.kernel, both.backward_layer.cell.kernel),
    ]
    assert [bool((values(one) == values(other)).all()) for one, other in pairs] == [seed is not None] * 2


def test_layers_are_named_in_the_order_in_which_the_process_makes_them() -> None:
    assert_said(PAGE, "Keras names layers `dense`, `dense_1`, … in the order in which a *process* makes them")
    one, other = (layers.Dense(3).name for _ in range(2))
    assert one != other
    assert int(other.removeprefix("dense_")) == int(one.removeprefix("dense").lstrip("_") or 0) + 1


def test_a_layer_without_an_input_shape_has_no_weights_yet() -> None:
    assert_said(PAGE, "a layer without an input shape has no weights yet")
    assert layers.Dense(3).weights == []


def test_the_gates_have_the_letters_that_keras_gives_them() -> None:
    assert_said(PAGE, "PyTorch's letters, Keras calls g c", "Keras calls n h")
    lstm, gru = (inspect.getsource(cell.call) for cell in (layers.LSTMCell, layers.GRUCell))
    assert "k_i, k_f, k_c, k_o = ops.split(self.kernel, 4, axis=1)" in lstm
    positions = [gru.index(f"x_{gate} = ops.matmul") for gate in "zrh"]
    assert positions == sorted(positions)


def test_a_gru_has_two_rows_of_biases_and_an_lstm_one() -> None:
    assert_said(PAGE, "`bias` of two rows (`reset_after=True`, the default)")
    assert_said("docs/everywhere.md", "PyTorch's LSTM has two biases where Keras and Flax have one")
    assert built(layers.GRU(4), None, 5, 3).cell.bias.shape == (2, 12)
    assert built(layers.LSTM(4), None, 5, 3).cell.bias.shape == (16,)


def test_recurrent_kernels_are_one_orthogonal_matrix() -> None:
    rows = {row["layer"]: row["stock Keras"] for row in table(PAGE, "stock Keras")}
    assert rows["LSTM 64 → 128, recurrent kernel (each gate)"] == "128/512 (orthogonal, of all gates at once)"
    kernel = values(built(layers.LSTM(128), None, 5, 64).cell.recurrent_kernel)
    assert kernel.shape == (128, 512)
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(128), atol=1e-5)
    gate = kernel[:, :128]
    assert abs(gate @ gate.T - np.eye(128)).max() > 0.1


def test_row_0_of_a_masked_table_is_drawn() -> None:
    assert_said(PAGE, "An `Embedding` is one part, also with `mask_zero=True`, for Keras draws row 0 too")
    assert values(built(layers.Embedding(5, 3, mask_zero=True), None).embeddings)[0].all()


def test_the_scales_of_a_convnext_start_at_a_millionth() -> None:
    assert_said(PAGE, "the `LayerScale` of `keras.applications.ConvNeXtTiny`, which Keras starts at 1e-6")
    defaults = inspect.signature(ConvNeXt).parameters
    assert defaults["layer_scale_init_value"].default == 1e-6
    gamma = values(built(LayerScale(1e-6, 3), None, 3).gamma)
    assert gamma.tolist() == [np.float32(1e-6)] * 3


def test_constraints_are_applied_after_a_step() -> None:
    assert_said(PAGE, "`constraint`s are applied by Keras after a step of an optimizer, and not here")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(40, kernel_constraint="non_neg")])
    assert (values(model.layers[0].kernel) < 0).any()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3), np.float32), np.ones((4, 40), np.float32), verbose=0)
    assert (values(model.layers[0].kernel) >= 0).all()
