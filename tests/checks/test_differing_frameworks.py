"""`glorot.diff` on models of every framework."""

import numpy as np
import pytest
from test_frameworks import FRAMEWORKS, SIZES

import glorot


def drawn(seed: int, kernel: float = 1.0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, (inputs, outputs) in zip("ab", SIZES, strict=True):
        found[f"{name}.kernel"] = generator.normal(size=(inputs, outputs)).astype(np.float32) / inputs**0.5
        found[f"{name}.bias"] = np.zeros(outputs, np.float32)
    found["a.kernel"] *= kernel
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_of_each_framework(framework: str) -> None:
    build = FRAMEWORKS[framework]
    same = glorot.diff(build(drawn(0)), build(drawn(1)))
    assert str(same) == "no differences; 2 the same; 2 equal in law (a std off by 5–12 % would have been found)"
    (found,) = glorot.diff(build(drawn(0)), build(drawn(1, kernel=1.2))).differences
    assert (found.why, len(found.paths)) == ("has 1.2 times the std in B", 1)
    plan = glorot.plan(build(drawn(0)), "lecun_normal")
    assert not glorot.diff(plan, build(drawn(2)))
    assert [one.why for one in glorot.diff(build(drawn(2, kernel=1.2)), plan).differences] == [
        "does not follow the law of the plan"
    ]
