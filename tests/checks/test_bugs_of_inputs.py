"""What is given to a check and does not fit: one clear message each, and the model stays as it was."""

import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from flax import nnx

import glorot
from glorot.cli import main
from glorot.errors import GlorotError

pytest_plugins = ("pytester",)

X = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)
Y = np.arange(32) % 10


def in_torch() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))


def in_nnx() -> Any:
    return nnx.Linear(64, 10, rngs=nnx.Rngs(0))


def in_keras() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)])


def in_equinox() -> Any:
    return equinox.nn.MLP(64, 10, 32, 1, key=jax.random.key(0))


# ---- seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [-1, 2**70, "zero", 1.5, True])
def test_a_seed_that_is_none_does_not_pass_for_one(seed: Any, tmp_path: Path) -> None:
    model = in_torch()
    plan = glorot.plan(model)
    file = tmp_path / "weights.npz"
    np.savez(file, **{path: tensor.detach().numpy() for path, tensor in model.named_parameters()})
    for checked in (model, file):
        with pytest.raises(GlorotError, match=r"seed must be a whole number with 0 <= seed < 2\*\*64, got"):
            glorot.check(checked, plan=plan, seed=seed)


def test_a_seed_compares_bits_and_needs_its_plan() -> None:
    plan = glorot.plan(in_torch())
    assert not glorot.check(glorot.apply(plan, in_torch(), seed=7), plan=plan, seed=7).findings
    assert {one.code for one in glorot.check(in_torch(), plan=plan, seed=7).findings} == {"GL701"}
    with pytest.raises(GlorotError, match="^seed=3 needs the plan that was drawn with it: give plan=$"):
        glorot.check(in_torch(), seed=3)


# ---- optimizers ------------------------------------------------------------------------------------------------------


def wrong_optimizers() -> dict[str, tuple[Callable[[], Any], Any, str]]:
    step = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    return {
        "a name, Keras": (in_keras, "adam", "optimizer is an optimiser of Keras, .* got a str"),
        "Optax's, Keras": (in_keras, optax.adam(1e-3), "optimizer is an optimiser of Keras"),
        "a name, NNX": (in_nnx, "adam", "optimizer is a transformation of gradients as Optax has them, got a str"),
        "PyTorch's, NNX": (in_nnx, step, "optimizer is a transformation of gradients .*, got a SGD"),
        "NNX's own": (
            in_nnx, nnx.Optimizer(in_nnx(), optax.adam(1e-3), wrt=nnx.Param), r"got a Optimizer; pass the one in its tx"
        ),
        "a name, PyTorch": (in_torch, "adam", "optimizer is an optimiser of the model's parameters, .* got a str"),
    }  # fmt: skip


@pytest.mark.parametrize("case", wrong_optimizers())
def test_an_optimizer_of_another_kind_is_refused(case: str) -> None:
    build, optimizer, words = wrong_optimizers()[case]
    with pytest.raises(GlorotError, match=words):
        glorot.check(build(), X, optimizer=optimizer)


def test_an_optimizer_that_cannot_step_by_itself_has_groups_still() -> None:
    model = in_torch()
    report = glorot.check(model, X, Y, optimizer=torch.optim.LBFGS(model.parameters()))
    assert "GL108" in report.asked
    assert "GL505" not in report.asked
    assert [one for one in report.notes if one.startswith("the first step of the optimizer was not tried")]


def test_without_a_batch_an_optimizer_of_optax_asks_for_one() -> None:
    with pytest.raises(GlorotError, match="an optimizer is tried on a batch of a Linear, .* pass one as inputs="):
        glorot.check(in_nnx(), optimizer=optax.adam(1e-3))


def test_checks_of_groups_say_why_they_do_not_run_on_jax() -> None:
    report = glorot.check(in_nnx(), X, optimizer=optax.adam(1e-3))
    reasons = {one.code: one.why for one in report.unasked}
    assert all("trains whatever it is handed" in reasons[code] for code in ("GL108", "GL109", "GL312", "GL314"))
    assert "GL505" in report.asked


def test_an_optimizer_of_keras_that_trains_a_part() -> None:
    import keras

    for count, blamed in ((2, {"layers.1.kernel", "layers.1.bias"}), (4, set[str]())):
        model, optimizer = in_keras(), keras.optimizers.Adam(1e-3)
        optimizer.build(model.trainable_variables[:count])
        report = glorot.check(model, optimizer=optimizer)
        assert {path for one in report.findings for path in one.paths} == blamed
        assert {one.code for one in report.findings} == ({"GL108"} if blamed else set())


def test_muon_of_keras_on_what_it_is_not_for() -> None:
    import keras

    def found(**options: Any) -> set[str]:
        model = keras.Sequential(
            [keras.Input((8,)), keras.layers.Embedding(50, 32), keras.layers.Dense(32), keras.layers.Dense(50)]
        )
        words = np.arange(32).reshape(4, 8)
        report = glorot.check(model, words, optimizer=keras.optimizers.Muon(1e-3, **options), select="GL312")
        return {path for one in report.findings for path in one.paths}

    assert found(exclude_embeddings=False) == {"layers.0.embeddings", "layers.2.kernel"}
    assert found(exclude_embeddings=True) == {"layers.2.kernel"}
    assert found(exclude_layers=["dense_.*[13579]/|embeddings|dense"]) == set()


# ---- models that take one example ------------------------------------------------------------------------------------


def each(model: Any, batch: Any) -> Any:
    return jax.vmap(model)(batch)


def test_a_model_of_equinox_runs_on_a_batch() -> None:
    model = in_equinox()
    with pytest.raises(GlorotError, match="pass forward=lambda model, batch"):
        glorot.check(model, X)
    report = glorot.check(model, X, Y, forward=each)
    assert report.ok
    assert "GL404" in report.asked
    dead = equinox.tree_at(lambda one: one.layers[0].bias, model, jnp.full(32, -1e3))
    assert "GL501" in {one.code for one in glorot.check(dead, X, Y, forward=each).findings}
    assert glorot.hooks.optax_check(optax.adam(1e-3), model, X, Y, forward=each).ok


def test_a_pytree_runs_by_its_function() -> None:
    tree = {"w": jnp.asarray(X[:10].T) / 8, "b": jnp.zeros(10)}
    report = glorot.check(tree, X, Y, forward=lambda tree, batch: batch @ tree["w"] + tree["b"])
    assert report.signal is not None


def test_forward_needs_a_batch_and_takes_no_steps() -> None:
    with pytest.raises(GlorotError, match="forward= runs the model on a batch, and there is none; pass one as inputs="):
        glorot.check(in_equinox(), forward=each)
    with pytest.raises(GlorotError, match="steps= trains a model that is called itself, and forward= runs this one"):
        glorot.check(in_equinox(), X, Y, forward=each, steps=2)


# ---- one message each ------------------------------------------------------------------------------------------------


def loader() -> Any:
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(X)), 8)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "ranks that are a number": ({"ranks": 3}, "^ranks must be a list of the weights of each rank, got an int$"),
    "no ranks": ({"ranks": []}, "^ranks is empty; pass the weights of each rank"),
    "a baseline by its path": ({"baseline": "r.json"}, "^baseline must be a report, .* got a str; .* --baseline"),
    "a list of waivers": ({"waive": ["GL303"]}, "^waive must be a dict of reasons, .* got a list$"),
    "a waiver as text": ({"waive": "GL303"}, "^waive must be a dict of reasons, .* got a str$"),
    "a reason that is none": ({"waive": {"GL303": None}}, r"^waive must be a dict of reasons, .* got \{'GL303': None\}$"),
    "a waiver of no check": ({"waive": {"GL999": "meant"}}, "^there is no check 'GL999'"),
    "a number of a check": ({"select": 3}, "^select must be codes or names of checks, .* got 3$"),
    "numbers of checks": ({"ignore": [301]}, r"^ignore must be codes or names of checks, .* got \[301\]$"),
    "targets alone": ({"targets": Y}, "^targets= needs a batch, and there is none; pass one as inputs=$"),
    "a loss alone": ({"loss": torch.nn.functional.cross_entropy}, "^loss= needs a batch, and there is none"),
    "a loss that lacks targets": (
        {"inputs": X, "loss": torch.nn.functional.cross_entropy}, "pass targets=, or a loss that needs none$"
    ),
    "a loss the other way round": (
        {"inputs": X, "targets": Y, "loss": lambda goal, out: torch.nn.functional.cross_entropy(out, goal)},
        r"it is called as loss\(outputs, targets\)$",
    ),
    "a loss as Keras has them": (
        {"inputs": X, "targets": Y, "loss": lambda y_true, y_pred: y_pred.mean()},
        r"^loss takes \(y_true, y_pred\), as losses of Keras do, .*: pass lambda outputs, targets: loss",
    ),
    "a loader": ({"inputs": loader()}, "^inputs must be one batch, got a DataLoader, which gives several: pass one of"),
    "a generator": ({"inputs": (X for _ in range(2))}, "^inputs must be one batch, got a generator"),
    "a batch too narrow": ({"inputs": X[:, :63]}, "the last axis of what it reads must have 64 elements, and has 63$"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(case: str) -> None:
    arguments, words = REFUSED[case]
    model = in_torch()
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    with pytest.raises(GlorotError) as told:
        glorot.check(model, **arguments)
    assert re.search(words, str(told.value)), str(told.value)
    assert "\n" not in str(told.value)
    assert all(torch.equal(tensor, before[path]) for path, tensor in model.state_dict().items())


def test_a_loss_of_keras_is_told_by_its_arguments() -> None:
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(GlorotError, match=r"loss takes \(y_true, y_pred\)"):
        glorot.check(in_keras(), X, Y, loss=loss)
    assert glorot.check(in_keras(), X, Y, loss=lambda outputs, targets: loss(targets, outputs)).ok


# ---- files -----------------------------------------------------------------------------------------------------------


def test_files_that_are_no_whole_weights(tmp_path: Path) -> None:
    net = glorot.caffe.parse_net(
        'input: "x" input_dim: [1, 1, 8, 8]\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" inner_product_param { num_output: 10 } }'
    )
    whole = tmp_path / "whole.caffemodel"
    weights = {path: values.detach().numpy() for path, values in glorot.caffe.to_torch(net).named_parameters()}
    glorot.caffe.save(whole, net, weights)
    assert glorot.check(whole).ok
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(GlorotError, match="the file is cut off or damaged; copy it again$"):
        glorot.check(cut)
    saved = tmp_path / "net.keras"
    with zipfile.ZipFile(saved, "w") as archive:  # as Keras writes one
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, b"{}")
    with pytest.raises(
        GlorotError, match="this is a .keras file, whose weights lie in HDF5; load it with keras.saving"
    ):
        glorot.check(saved)
    with pytest.raises(GlorotError, match="is a file of weights, .* loss= needs one"):
        glorot.check(whole, loss=len)


# ---- the command line ------------------------------------------------------------------------------------------------

TARGETS = """
import jax, equinox, torch, numpy as np
X = np.ones((4, 64), "float32") * np.arange(1, 5)[:, None] / 9
def model(): return torch.nn.Linear(64, 10)
def alone(): return equinox.nn.MLP(64, 10, 8, 1, key=jax.random.key(0)), X
def together(): return {"model": alone()[0], "inputs": X, "forward": lambda model, batch: jax.vmap(model)(batch)}
def baseline(): return {"model": model(), "baseline": "report.json"}
def ranks(): return {"model": model(), "ranks": 3}
"""


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["t.py:model", "--seed", "-1"], 2, "seed must be a whole number with 0 <= seed"),
        (["t.py:model", "--seed", "3"], 2, "seed=3 needs the plan that was drawn with it"),
        (["t.py:baseline"], 2, "baseline must be a report"),
        (["t.py:ranks"], 2, "ranks must be a list of the weights of each rank, got an int"),
        (["t.py:model", "--waive", "GL999=meant"], 2, "there is no check 'GL999'"),
        (["t.py:alone"], 2, "a target returns it as {'model': …, 'inputs': …, 'forward': …}"),
        (["t.py:together"], 0, ""),
        (["w.npz", "--select", "GL3"], 2, ""),
        (["w.npz", "--select", "GL113"], 0, ""),
    ],
)  # fmt: skip
def test_the_command_line_ends_with_2_and_one_line(
    words: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "t.py").write_text(TARGETS)
    np.savez(tmp_path / "w.npz", w=X)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["glorot", "check", *words])
    with pytest.raises(SystemExit) as end:
        main()
    found = capsys.readouterr()
    assert end.value.code == code, found
    assert told in found.err
    assert found.err.count("error:") == bool(told)
    assert "not foreseen" not in found.err


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_a_batch_function_that_returns_no_pair() -> None:
    from glorot.hooks.lightning import _checked_pair

    assert _checked_pair((X, None)) == (X, None)
    with pytest.raises(GlorotError, match=r"batch= must return two things, \(inputs, targets\), got a Tensor"):
        _checked_pair(torch.zeros(34, 2))
    with pytest.raises(GlorotError, match="got 3 of them"):
        _checked_pair([1, 2, 3])


def test_the_fixture_shows_the_line_of_the_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        "import torch\n\n\ndef test_it(glorot_check):\n    glorot_check(torch.nn.Linear(3, 2), torch.zeros(4, 5))\n"
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "glorot.hooks.pytest")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "test_the_fixture_shows_the_line_of_the_test.py:5: GlorotError" in text
    assert "src/glorot" not in text
    assert "must have 3 elements, and has 5" in text
