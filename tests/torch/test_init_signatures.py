"""The drop-in has the names and the arguments of torch.nn.init, and tells of them."""

import inspect
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from docstring_rules import problems
from glorot.torch import init

ALIASES = [name for name in nn.init.__all__ if not name.endswith("_") and name != "calculate_gain"]
FUNCTIONS = [name for name in nn.init.__all__ if name not in ALIASES]


def arguments(function: Any) -> list[tuple[Any, ...]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default, type(p.default)) for p in parameters]


def test_every_public_name_is_there_and_no_other():
    assert sorted(init.__all__) == sorted(nn.init.__all__)
    assert len(ALIASES) == 11
    assert len(FUNCTIONS) == 15


@pytest.mark.parametrize("name", nn.init.__all__)
def test_arguments_are_those_of_torch(name):
    ours, theirs = getattr(init, name), getattr(nn.init, name)
    assert ours is not theirs
    assert ours.__name__ == theirs.__name__
    assert arguments(ours) == arguments(theirs)


@pytest.mark.parametrize("name", ["_calculate_fan_in_and_fan_out", "_calculate_correct_fan"])
def test_the_two_private_functions_that_models_call_are_there_too(name):
    assert arguments(getattr(init, name)) == arguments(getattr(nn.init, name))
    for shape in [(3, 5), (4, 6, 3, 2)]:
        modes = [()] if name.endswith("out") else [("fan_in",), ("FAN_OUT",)]
        for mode in modes:
            tensor = torch.empty(shape)
            assert getattr(init, name)(tensor, *mode) == getattr(nn.init, name)(tensor, *mode)


CALLS: dict[str, tuple[tuple[int, ...], tuple[Any, ...]]] = {
    "uniform": ((3, 4), (-1.0, 1.0)),
    "normal": ((3, 4), (0.0, 2.0)),
    "constant": ((3, 4), (2.0,)),
    "eye": ((3, 4), ()),
    "dirac": ((4, 2, 3), (2,)),
    "xavier_uniform": ((3, 4), (2.0,)),
    "xavier_normal": ((3, 4), ()),
    "kaiming_uniform": ((3, 4), (0.1, "fan_out")),
    "kaiming_normal": ((3, 4), ()),
    "orthogonal": ((3, 4), (2.0,)),
    "sparse": ((3, 4), (0.5,)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_an_old_name_warns_in_the_words_of_torch_and_does_the_same(name):
    shape, numbers = CALLS[name]
    with pytest.warns(FutureWarning) as theirs:
        getattr(nn.init, name)(torch.empty(shape), *numbers)
    torch.manual_seed(1)
    with pytest.warns(FutureWarning) as ours:
        old = getattr(init, name)(torch.empty(shape), *numbers)
    assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
    assert ours[0].filename == __file__
    torch.manual_seed(1)
    assert torch.equal(old, getattr(init, name + "_")(torch.empty(shape), *numbers))


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"])
def test_gains_are_those_of_torch(nonlinearity):
    ours, theirs = init.calculate_gain(nonlinearity), nn.init.calculate_gain(nonlinearity)
    assert (ours, type(ours)) == (theirs, type(theirs))


@pytest.mark.parametrize("slope", [None, 0, 1, 0.2, -3.5])
def test_the_gain_of_leaky_relu_is_that_of_torch(slope):
    assert init.calculate_gain("leaky_relu", slope) == nn.init.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize("name", nn.init.__all__)
def test_functions_can_be_pickled(name):
    function = getattr(init, name)
    assert pickle.loads(pickle.dumps(function)) is function


def test_docstrings_explain():
    assert {name: found for name in FUNCTIONS if (found := problems("function", getattr(init, name)))} == {}
    assert problems("function", nn.init.uniform_)  # the test can fail


def test_a_warning_points_at_the_caller():
    with pytest.warns(UserWarning, match="mean is more than 2 std") as truncated:
        init.trunc_normal_(torch.empty(3), mean=5.0)
    with pytest.warns(UserWarning, match="zero-element") as empty:
        init.kaiming_uniform_(torch.empty(0, 3))
    assert [w[0].filename for w in (truncated, empty)] == [__file__, __file__]


def test_no_other_call_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init.trunc_normal_(torch.empty(3), mean=3.9)
        init.trunc_normal_(torch.empty(3, device="meta"), mean=5.0)
        init.xavier_uniform_(torch.empty(0, 3))
