"""The schemes of Caffe's fillers beside figures measured on Caffe 1.0, what they refuse, and fans counted its way."""

import math

import numpy as np
import pytest

import glorot
from glorot.distributions import Bilinear, PositiveUnitball
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes import as_scheme

MEASURED = [  # scheme, fan_in and fan_out as Caffe counts them, std and bound of what it drew
    ("caffe_xavier", (300, 100), 0.0577, 0.1000),  # InnerProduct 300 → 100
    ("caffe_xavier('AVERAGE')", (300, 100), 0.0707, 0.1225),
    ("caffe_xavier", (100, 300), 0.1000, 0.1732),  # stored transposed
    ("caffe_xavier", (64 * 9, 128 * 9), 0.0417, 0.0722),  # convolution 64 → 128, 3×3
    ("caffe_xavier('AVERAGE')", (64 * 9, 128 * 9), 0.0340, 0.0589),
    ("caffe_xavier", (16 * 9, 128 * 9), 0.0833, 0.1443),  # in four groups
    ("caffe_xavier", (9, 64 * 9), 0.3332, 0.5774),  # depthwise
    ("caffe_xavier", (128 * 9, 64 * 9), 0.0295, 0.0510),  # deconvolution 64 → 128
    ("caffe_xavier", (1, 10), 1.000, 1.732),  # bias
]


@pytest.mark.parametrize(("text", "fans", "std", "bound"), MEASURED)
def test_widths_are_those_that_caffe_draws(text, fans, std, bound):
    law = as_scheme(text)(Fans(*map(float, fans)))
    assert law.std == pytest.approx(std, rel=3e-3)
    assert law.high == -law.low == pytest.approx(bound, abs=1.1e-4)


def test_caffes_xavier_is_lecuns_rule_unless_told_to_average():
    fans = Fans(300.0, 100.0)
    assert as_scheme("caffe_xavier")(fans) == as_scheme("lecun_uniform")(fans)
    assert as_scheme("caffe_xavier('AVERAGE')")(fans).high == pytest.approx(as_scheme("xavier_uniform")(fans).high)


@pytest.mark.parametrize("name", ["caffe_xavier", "caffe_msra"])
@pytest.mark.parametrize("norm", ["'fan_in'", "'FAN_AVG'", "''", "0"])
def test_an_unknown_variance_norm_is_refused(name, norm):
    words = f"^{name}: variance_norm must be one of FAN_IN, FAN_OUT, AVERAGE, got {norm}$"
    with pytest.raises(GlorotError, match=words):
        as_scheme(f"{name}({norm})")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sparse_normal(0, 0.1)", "sparse_normal: std must be a positive number, got 0"),
        ("sparse_normal(1)", "missing a required argument: 'density'"),
        ("sparse_normal(1, 1.5)", "SparseNormal: density must lie between 0 and 1, got 1.5"),
        ("positive_unitball('x')", "each must hold letters of axes, .* got 'x'"),
        ("bilinear(2)", "too many positional arguments; the scheme is bilinear"),
    ],
)
def test_refusals_of_text(text, words):
    with pytest.raises(GlorotError, match=words):
        as_scheme(text)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((100, 300), "oi"), ((8, 8, 3, 4), "oikk"), ((8, 8, 4), "oik"), ((2, 2, 4, 4, 4), "oikkk"), ((4, 4), "")],
)
def test_bilinear_refuses_what_is_no_square_kernel(shape, axes):
    with pytest.raises(GlorotError, match="bilinear fills square kernels of two axes, .*; shape .* has axes"):
        as_scheme("bilinear")(None, shape, axes)


def test_a_unit_ball_needs_letters():
    with pytest.raises(GlorotError, match=r"positive_unitball must know .* those of shape \(5, 3\) have no letters"):
        as_scheme("positive_unitball")(None, (5, 3))
    assert as_scheme("positive_unitball('b')")(None, (5, 3), "bo") == PositiveUnitball("b")


def test_draws_from_the_schemes():
    kernel = glorot.draw("bilinear", (3, 4, 4, 2), seed=0, in_axis=0, out_axis=3)
    assert np.array_equal(kernel[1, :, :, 1], np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25]))
    ball = glorot.draw("positive_unitball", (300, 100), seed=0)
    np.testing.assert_allclose(ball.sum(axis=0, dtype=np.float64), 1, atol=1e-6)
    assert ball.sum(axis=1).std() > 0.01  # the other way round they are no averages


def test_a_bilinear_deconvolution_enlarges_an_image():
    """The use of the filler: factor 2, kernel 2·2 - 2 mod 2 = 4, padding 1; inside, a ramp stays a ramp."""
    torch = pytest.importorskip("torch")
    enlarge = torch.nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1, groups=3, bias=False)
    glorot.initialize(enlarge, seed=0, rules=[("weight", "bilinear")])
    image = torch.arange(6.0).expand(1, 3, 6, 6)
    expected = torch.arange(12.0)[2:-2] / 2 - 0.25
    assert torch.equal(enlarge(image)[0, 1, 5, 2:-2], expected)


def test_a_scheme_counted_otherwise_reads_those_fans_and_no_others():
    scheme = as_scheme("caffe_xavier('AVERAGE')")
    counted = scheme.counted(Fans(9.0, 64.0 * 9))
    assert counted.text == scheme.text
    assert not counted.needs_fans
    expected = scheme(Fans(9.0, 64.0 * 9))
    assert counted(None) == counted(Fans(1.0, 1.0)) == expected
    assert expected != scheme(Fans(1.0, 1.0))


def test_a_counted_scheme_still_sees_shape_and_axes():
    counted = as_scheme("bilinear").counted(Fans(1.0, 1.0))
    assert counted(None, (1, 1, 4, 4), "oikk") == Bilinear()
    with pytest.raises(GlorotError, match="bilinear fills square kernels"):
        counted(None, (4, 4), "oi")


def test_a_sparse_layer_has_the_moments_measured_on_caffe():
    """InnerProduct 784 → 1000, gaussian of std 1 with sparse 15: 98.49 % zeros, std .1227."""
    weights = glorot.draw("sparse_normal(1.0, 0.015)", (784, 1000), seed=0).astype(np.float64)
    error = math.sqrt(0.015 * 0.985 / weights.size)
    share = (weights == 0).mean()
    assert abs(share - 0.985) < 4.5 * error
    assert abs(share - 0.9849) < 4.5 * error + 5e-5  # of Caffe's figure, which has an error of its own
    assert weights.std() == pytest.approx(0.1227, rel=0.03)
    kept = weights[weights != 0]
    assert kept.std() == pytest.approx(1, rel=0.03)
    assert abs(kept.mean()) < 4.5 / math.sqrt(kept.size)
