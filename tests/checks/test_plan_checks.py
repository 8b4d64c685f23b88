"""Checks of the family 7xx: do the weights follow a plan, or what they should continue?"""

import math
from itertools import pairwise
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from museum import arguments
from torch import nn

import glorot
from glorot import stream
from glorot.adapters import take_inventory
from glorot.checks import Evidence, Finding, Tested
from glorot.checks.plan.following import Fit, fit_of, rounding_of
from glorot.checks.registry import check_named
from glorot.checks.running import significant
from glorot.distributions import Distribution, Normal, SparseNormal, TruncatedNormal, Uniform


def mlp(*sizes: int) -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.Sequential(*[step for layer in layers for step in (layer, nn.Tanh())][:-1])


def found(model: Any, code: str = "GL7", **more: Any) -> list[Finding]:
    return list(glorot.check(model, select=code, **more).findings)


# ---- GL701: laws -----------------------------------------------------------------------------------------------------

RECIPES = ["xavier", "he", "auto", "orthogonal", "lecun"]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_what_was_applied_follows_its_plan_in_law_and_in_bits(recipe: str, dtype: torch.dtype) -> None:
    model = mlp(64, 128, 128, 10).to(dtype)
    plan = glorot.plan(model, recipe)
    glorot.apply(plan, model, seed=3)
    assert not found(model, plan=plan)
    assert not found(model, plan=plan, seed=3)


def test_another_seed_has_the_same_law_and_other_bits() -> None:
    model = mlp(64, 128, 10)
    plan = glorot.plan(model, "xavier")
    glorot.apply(plan, model, seed=3)
    (one,) = found(model, plan=plan, seed=4)
    assert one.code == "GL701"
    assert one.paths == ("0.weight", "2.weight")
    assert one.why == "differs from what the plan writes with this seed"


def test_weights_of_another_std_are_named_and_told_from_the_others() -> None:
    model = mlp(64, 128, 10)
    plan = glorot.plan(model, "xavier")
    glorot.apply(plan, model, seed=0)
    nn.init.normal_(model[2].weight)
    (one,) = found(model, plan=plan)
    assert (one.code, one.severity, one.path) == ("GL701", "warning", "2.weight")
    assert one.why == "does not follow the law of the plan"
    assert one.expected == "uniform with std 0.1204"


def test_the_same_std_by_another_law_is_another_law() -> None:
    model = mlp(256, 256, 10)
    plan = glorot.plan(model, "xavier")
    glorot.apply(plan, model, seed=0)
    nn.init.normal_(model[0].weight, std=plan["0.weight"].distribution.std)
    assert [one.path for one in found(model, plan=plan)] == ["0.weight"]


def test_constants_and_orthogonal_matrices_are_compared_as_such() -> None:
    model = mlp(64, 128, 10)
    plan = glorot.plan(model, "orthogonal")
    glorot.apply(plan, model, seed=0)
    nn.init.constant_(model[0].bias, 1e-3)
    nn.init.xavier_normal_(model[0].weight)
    reasons = {one.path: one.why for one in found(model, plan=plan)}
    assert reasons == {
        "0.bias": "is not what the plan sets it to",
        "0.weight": "is not orthogonal with the gain of the plan",
    }


def test_weights_that_miss_the_depth_scale_of_their_plan_are_one_finding() -> None:
    kept = arguments(6, wrong=True)
    rules = [("*.c_proj.weight", f"normal(std={0.02 / math.sqrt(24)})"), ("*.c_fc.weight", "normal(std=0.02)")]
    plan = glorot.plan(kept["model"], "pytorch", inputs=kept["inputs"], rules=rules)
    (one,) = found(kept["model"], "GL701", plan=plan, inputs=kept["inputs"])
    assert one.paths == tuple(f"{n}.c_proj.weight" for n in range(24))
    assert one.why == "does not follow the law of the plan"
    glorot.apply(plan, kept["model"], seed=0)
    assert not found(kept["model"], "GL701", plan=plan, inputs=kept["inputs"])


LAWS = [Uniform(-0.1, 0.1), Normal(0.0, 0.02), TruncatedNormal(0.0, 0.02, -0.04, 0.04), SparseNormal(0.0, 1.0, 0.1)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
@pytest.mark.parametrize("count", [16, 200, 4096])
def test_the_probability_of_what_is_drawn_to_plan_is_no_smaller_than_it_says(law: Distribution, count: int) -> None:
    chances = np.array([_fit(law, seed, count).p for seed in range(400)])
    for level in (0.1, 0.02, 0.005):
        allowed = 400 * level + 4 * math.sqrt(400 * level)
        assert np.sum(chances < level) <= allowed


def _fit(law: Distribution, seed: int, count: int) -> Fit:
    return fit_of(stream.draw(stream.key_of(seed, "w"), law, (count,)), law, rounding_of("float32"))


@pytest.mark.slow
def test_models_drawn_to_plan_are_accused_no_more_often_than_the_error_rate_says() -> None:
    model = mlp(48, 32, 32, 32, 10)
    plan = glorot.plan(model, "he")
    stock, runs = take_inventory(model), []
    for seed in range(1000):
        glorot.apply(plan, model, seed=seed)
        weights = {path: one.detach().numpy() for path, one in model.named_parameters()}
        results = check_named("GL701").run(Evidence(stock, weights, plan=plan))
        tests = [one for one in results if isinstance(one, Tested)]
        assert len(tests) == 4  # one for each kernel; the biases are what they are set to
        runs.append(tests)
    assert sum(bool(significant(tests)) for tests in runs) <= 4  # at 0.001, one is expected at most
    assert sum(bool(significant(tests, alpha=0.05)) for tests in runs) <= 50 + 4 * math.sqrt(50)


def test_a_plan_holds_for_keras_and_jax_as_well() -> None:
    import keras
    from flax import nnx

    net = keras.Sequential([keras.Input((64,)), keras.layers.Dense(128, name="a")])
    module = nnx.Linear(64, 128, rngs=nnx.Rngs(0))
    for model in (net, module):
        plan = glorot.plan(model, "xavier")
        written = glorot.apply(plan, model, seed=0)
        assert not found(written, plan=plan, seed=0)
        assert len(found(written, plan=plan, seed=1)) == 1


def test_rounding_is_that_of_the_dtype() -> None:
    assert rounding_of("bfloat16") >= float(ml_dtypes.finfo(ml_dtypes.bfloat16).eps) / 2
    assert rounding_of("float8_e4m3fn") >= float(ml_dtypes.finfo(ml_dtypes.float8_e4m3fn).eps) / 2


# ---- GL702 -----------------------------------------------------------------------------------------------------------


def test_a_plan_of_another_model_is_an_error_that_names_what_differs() -> None:
    plan = glorot.plan(mlp(64, 128, 10), "xavier")
    told = {one.path: one.why for one in found(mlp(64, 128, 128, 12), plan=plan)}
    assert told == {
        "2.weight": "is 128×128 (oi), and 10×128 (oi) in the plan",
        "2.bias": "is 128 (o), and 10 (o) in the plan",
        "4.weight, 4.bias": "is not in the plan",
    }
    assert found(mlp(64, 128, 128, 12), plan=plan)[0].severity == "error"


# ---- GL703 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_was_loaded_continues_even_in_low_precision(dtype: torch.dtype) -> None:
    saved = mlp(64, 128, 10)
    model = mlp(64, 128, 10).to(dtype)
    model.load_state_dict(saved.state_dict())
    assert not found(model, reference=saved.state_dict())
    nn.init.normal_(model[2].weight, std=0.02)
    (one,) = found(model, reference=saved.state_dict())
    assert str(one) == (
        "GL703 error: 2.weight: differs from the reference, though the model should continue it (1, expected 0 of 4)"
    )


def test_a_buffer_that_was_computed_again_is_named() -> None:
    saved, model = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    model.load_state_dict(saved.state_dict())
    model.running_mean.add_(1)
    assert [one.paths for one in found(model, reference=saved.state_dict())] == [("running_mean",)]


def test_what_is_meant_to_start_again_is_waived() -> None:
    saved, model = mlp(8, 8, 4), mlp(8, 8, 4)
    model.load_state_dict(saved.state_dict())
    nn.init.normal_(model[2].weight)
    report = glorot.check(model, reference=saved.state_dict(), waive={"GL703 2.*": "new classes"}, select="GL703")
    assert report.ok
    assert [reason for _, reason in report.waived] == ["new classes"]
