"""The laws of Caffe's fillers in tensors of PyTorch: what NumPy draws, however the tensor lies."""

import numpy as np
import pytest
import torch

import glorot
from glorot import stream
from glorot.distributions import Bilinear, Distribution, PositiveUnitball, SparseNormal
from glorot.errors import GlorotError
from glorot.stream import key_of
from glorot.torch.filling import TensorFill, fill, fill_all

KEY = key_of(1, "w")
LAWS = [SparseNormal(0.1, 0.5, 0.3), PositiveUnitball(), PositiveUnitball("bi", 2.0), Bilinear(0.5)]
SHAPE, AXES = (3, 2, 4, 4), "oikk"
each_law = pytest.mark.parametrize("law", LAWS, ids=str)


@each_law
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_holds_what_numpy_draws(law: Distribution, dtype: torch.dtype):
    tensor = torch.empty(SHAPE, dtype=dtype)
    fill(tensor, KEY, law, AXES)
    assert torch.equal(tensor, torch.from_numpy(stream.draw(KEY, law, SHAPE, AXES)).to(dtype))


@each_law
def test_any_memory_format_and_a_flip(law: Distribution):
    tensor = torch.empty(SHAPE).to(memory_format=torch.channels_last)
    fill_all([TensorFill(tensor, KEY, law, SHAPE, AXES, flip=(0,))])
    assert torch.equal(tensor, torch.from_numpy(stream.draw(KEY, law, SHAPE, AXES)).flip(0))


class Wrapped(torch.Tensor):
    """A tensor whose memory is its own business."""


@each_law
def test_tensors_that_are_not_plain_are_copied_to(law: Distribution):
    tensor = torch.empty(SHAPE).as_subclass(Wrapped)
    fill(tensor, KEY, law, AXES)
    assert torch.equal(tensor.as_subclass(torch.Tensor), torch.from_numpy(stream.draw(KEY, law, SHAPE, AXES)))


@each_law
def test_a_part_of_another_shape_than_its_tensor(law: Distribution):
    tensor = torch.empty(6, 4, 4)
    fill_all([TensorFill(tensor, KEY, law, SHAPE, AXES)])
    assert torch.equal(tensor, torch.from_numpy(stream.draw(KEY, law, SHAPE, AXES)).reshape(6, 4, 4))


def test_a_model_gets_them_by_rules():
    model = torch.nn.Sequential(torch.nn.ConvTranspose2d(6, 6, 4, stride=2, groups=3), torch.nn.Linear(5, 7))
    rules = [("0.weight", "bilinear"), ("1.weight", "sparse_normal(0.5, 0.4)"), ("1.bias", "positive_unitball")]
    glorot.initialize(model, "zeros", seed=3, rules=rules)
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(model[0].weight, (tent[:, None] * tent).expand(6, 2, 4, 4))
    sparse = stream.draw(key_of(3, "1.weight"), SparseNormal(0, 0.5, 0.4), (7, 5))
    assert np.array_equal(model[1].weight.detach().numpy(), sparse)
    assert torch.equal(model[1].bias, torch.ones(7))


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_no_kernel_of_a_gpu_is_asked_for_them(law: Distribution, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("triton", reason="Triton is made for Linux only")
    from glorot.torch import gpu

    monkeypatch.setattr(gpu, "_check_device", lambda tensor: None)
    before = torch.full(SHAPE, 7.0)
    with pytest.raises(GlorotError, match=r"a sparse law needs two; use stream\.fill|the stream has no law for"):
        gpu.fill(before, KEY, law, SHAPE)
    assert (before == 7).all()


@each_law
@pytest.mark.gpu
def test_a_gpu_holds_what_numpy_draws(law: Distribution):
    tensor = torch.empty(SHAPE, device="cuda")
    fill(tensor, KEY, law, AXES)
    assert torch.equal(tensor.cpu(), torch.from_numpy(stream.draw(KEY, law, SHAPE, AXES)))
