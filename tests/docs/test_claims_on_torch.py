"""What the pages say of PyTorch, of PyTorch itself."""

import math
import warnings

import pytest
import torch
from page_claims import assert_said, table
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

from glorot.activations import activation

README, PAGE = "README.md", "docs/torch-init.md"


def test_modules_start_as_the_readme_says() -> None:
    (row,) = (row for row in table(README, "`torch.nn.init`") if "unasked" in row[""])
    assert row["`torch.nn.init`"].startswith("U(±1/√fan_in), weight and bias")
    bound = 1 / math.sqrt(300)
    for tensor in nn.Linear(300, 10_000).parameters():
        assert 0.999 * bound < tensor.abs().max() <= bound
        assert float(tensor.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_xavier_normal_is_not_truncated() -> None:
    (row,) = (row for row in table(README, "`torch.nn.init`") if "xavier/glorot normal" in row[""])
    assert row["`torch.nn.init`"] == "an untruncated normal"
    assert_said(
        "docs/jax-initializers.md", "The functions named `…_normal` are cut at 2σ, and those of PyTorch are not."
    )
    values = nn.init.xavier_normal_(torch.empty(500, 500)) / math.sqrt(2 / 1000)
    assert values.abs().max() > 4
    assert float(values.std()) == pytest.approx(1, rel=0.01)


def test_two_layers_differ_by_the_generator_and_those_of_an_encoder_do_not() -> None:
    (row,) = (row for row in table(README, "`torch.nn.init`") if "two layers" in row[""])
    assert row["`torch.nn.init`"] == (
        "differ by the state of the generator; alike in `nn.TransformerEncoder`, which copies one layer"
    )
    assert not torch.equal(nn.Linear(8, 8).weight, nn.Linear(8, 8).weight)
    layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, batch_first=True), 3).layers
    assert torch.equal(layers[0].linear1.weight, layers[2].linear1.weight)


def test_attention_keeps_the_function_that_it_imported_by_name() -> None:
    assert_said(PAGE, "that has imported a function by name, as `nn.MultiheadAttention` does, keeps PyTorch's")
    assert nn.modules.activation.xavier_uniform_ is nn.init.xavier_uniform_
    assert nn.modules.linear.init is nn.init  # looked up when it is called


def test_half_precision_overflows_in_torch() -> None:
    assert_said(PAGE, "where PyTorch writes infinities (a constant that overflows is refused by PyTorch itself")
    assert nn.init.normal_(torch.empty(100, dtype=torch.float16), std=1e6).isinf().any()
    with pytest.raises(RuntimeError, match="without overflow"):
        nn.init.constant_(torch.empty(3, dtype=torch.float16), 1e6)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_"])
def test_integers_are_refused_by_torch_as_well(name: str) -> None:
    assert_said(PAGE, "integers PyTorch refuses as well, for random laws")
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        getattr(nn.init, name)(torch.zeros(3, 4, dtype=torch.int64))


def test_torch_fills_tensors_that_keep_their_values_in_others() -> None:
    assert_said(PAGE, "or let `torch.nn.init` do it")
    tensor = TwoTensor(torch.zeros(3, 4), torch.zeros(3, 4))
    assert nn.init.ones_(tensor).a.all()
    assert nn.init.normal_(tensor).a.all()


@pytest.mark.parametrize("draw", [nn.init.xavier_uniform_, nn.init.xavier_normal_])
def test_torch_divides_by_an_empty_shape(draw) -> None:
    assert_said(PAGE, "a tensor of shape (0, 0) is left alone; PyTorch divides by 0")
    with pytest.raises(ZeroDivisionError):
        draw(torch.empty(0, 0))


def test_what_is_arguable() -> None:
    assert_said(PAGE, "The gain of tanh is 5/3 and that of SELU 3/4. By 1/√(E φ²) they would be 1.59 and 1")
    assert (nn.init.calculate_gain("tanh"), nn.init.calculate_gain("selu")) == (5 / 3, 3 / 4)
    gains = [activation(name).moments(1.0).second_moment ** -0.5 for name in ("tanh", "selu")]
    assert gains == pytest.approx([1.59, 1], abs=0.005)
    assert_said(PAGE, "`kaiming_uniform_(w, a=√5)`, which PyTorch's layers call, is ±1/√fan_in in disguise")
    values = nn.init.kaiming_uniform_(torch.empty(1000, 300), a=math.sqrt(5))
    assert float(values.abs().max()) == pytest.approx(1 / math.sqrt(300), rel=1e-3)
    assert_said(PAGE, "`trunc_normal_(w, std=0.02)` cuts at ±2, a hundred std away: no value is cut")
    values = nn.init.trunc_normal_(torch.empty(300, 300), std=0.02) / 0.02
    assert 4 < values.abs().max() < 7


def test_the_kernel_of_dirac_has_its_one_at_half_its_size() -> None:
    assert_said("docs/jax-initializers.md", "PyTorch's `dirac_` has size // 2.")
    assert nn.init.dirac_(torch.empty(1, 1, 4)).flatten().tolist() == [0, 0, 1, 0]


def test_a_table_starts_its_padding_row_at_zero() -> None:
    assert_said("docs/keras.md", "PyTorch's with `padding_idx=0` is `[padding]`, zeros, and `[after]`")
    table_ = nn.Embedding(5, 3, padding_idx=0).weight
    assert not table_[0].any()
    assert table_[1:].all()


def test_a_lstm_has_two_biases() -> None:
    assert_said("docs/everywhere.md", "PyTorch's LSTM has two biases where Keras and Flax have one")
    assert [name for name, _ in nn.LSTM(3, 4).named_parameters() if "bias" in name] == ["bias_ih_l0", "bias_hh_l0"]


def test_a_mean_far_outside_the_cut_gives_a_warning() -> None:
    assert_said(PAGE, "PyTorch's warning about a mean far outside [a, b] is kept")
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        nn.init.trunc_normal_(torch.empty(3), mean=5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.init.trunc_normal_(torch.empty(3), mean=3.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_torch_refuses_a_generator_of_the_cpu_on_a_gpu() -> None:
    assert_said(PAGE, "A CPU generator, passed as `generator=`, gives the same weights on a GPU; PyTorch refuses it.")
    with pytest.raises(RuntimeError, match="generator"):
        nn.init.normal_(torch.empty(3, device="cuda"), generator=torch.Generator())
