"""What the GPU adapter refuses, before anything is launched."""

import pytest

pytest.importorskip("triton", reason="Triton is made for Linux only")

import torch

from glorot import GlorotError
from glorot.distributions import Constant, Normal, Orthogonal, TruncatedNormal, Uniform
from glorot.stream import Key
from glorot.stream.gpu import kernel_law
from glorot.stream.spec import law_of
from glorot.torch import gpu

REFUSED = {
    "integers": ({"tensor": torch.zeros(2, 3, dtype=torch.int32)}, "must have dtype float16, .* got torch.int32"),
    "complex": ({"tensor": torch.zeros(2, 3, dtype=torch.complex64)}, "got torch.complex64"),
    "no tensor": ({"tensor": [[0.0]]}, "tensor must be a torch.Tensor, got list"),
    "sparse": ({"tensor": torch.zeros(2, 3).to_sparse()}, "tensor must be dense, got layout torch.sparse_coo"),
    "processor": ({}, "write CUDA tensors, got one on cpu; use glorot.stream.fill"),
    "meta": ({"tensor": torch.zeros(2, 3, device="meta")}, "got one on meta"),
    "wrong shape": ({"tensor": torch.zeros(3, 2)}, r"shape \(3, 2\), but the box has extents \(2, 3\)"),
    "expanded": ({"tensor": torch.zeros(3).expand(2, 3)}, r"share memory \(strides \(0, 1\)\); pass a copy"),
    "overlap": ({"tensor": torch.zeros(9).as_strided((2, 3), (1, 1))}, r"share memory \(strides \(1, 1\)\)"),
    "box": ({"box": ((0, 2), (1, 4))}, "0 <= start <= stop <= extent"),
    "shape": ({"shape": (2.0, 3)}, "shape must be a sequence of whole numbers"),
    "key": ({"key": Key(2**32, 0)}, r"key must be two whole numbers below 2\*\*32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    changes, message = REFUSED[case]
    call = {"tensor": torch.zeros(2, 3), "key": Key(0, 0), "law": Normal(), "shape": (2, 3), "box": None} | changes
    with pytest.raises(GlorotError, match=message):
        gpu.fill(*call.values())


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (Uniform(0, 1e5), "reaches 100000, but .* holds at most 65504"),
        (Constant(1e39), "reaches 1e.39"),
        (Orthogonal(), "the stream has no law for Orthogonal"),
        ("normal", "distribution must be one of glorot.distributions, got 'normal'"),
    ],
)
def test_a_refused_law(law: object, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpu, "_check_device", lambda tensor: None)
    before = torch.full((2, 3), 7.0, dtype=torch.float16)
    with pytest.raises(GlorotError, match=message):
        gpu.fill(before, Key(0, 0), law, (2, 3))
    assert (before == 7).all()


def test_easy_cases_of_a_cut_law():
    assert kernel_law(law_of(TruncatedNormal(0, 1, -2, 2)))[:2] == ("symmetric_cut", False)
    assert kernel_law(law_of(TruncatedNormal(0, 1, -4, 4)))[:2] == ("symmetric_cut", True)
    assert kernel_law(law_of(TruncatedNormal(0, 1, -2, 3)))[:2] == ("truncated_normal", True)
    assert kernel_law(law_of(TruncatedNormal(0, 1, -2, 2.9)))[:2] == ("truncated_normal", False)


def test_axes_are_merged_where_stream_and_memory_agree():
    axes = [gpu.Axis(2, 60, 60), gpu.Axis(3, 20, 20), gpu.Axis(1, 20, 7), gpu.Axis(5, 4, 1), gpu.Axis(4, 1, 5)]
    assert gpu._merged(axes) == [(6, 20, 20), (5, 4, 1), (4, 1, 5)]
    assert gpu._merged([gpu.Axis(7, 3, 3)]) == [(7, 3, 3), (1, 1, 1)]
    assert gpu._merged([]) == [(1, 1, 1)]


def test_axes_beyond_62_bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpu, "write_strided", None)
    job = gpu.Job(Key(0, 0), kernel_law(law_of(Normal())), 1)
    with pytest.raises(GlorotError, match="lie 4611686018427387904 elements apart; the GPU kernels count up to"):
        gpu.write(torch.zeros(3, 2), job, (3, 2**62), ((0, 3), (0, 2)))
