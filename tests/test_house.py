"""The house itself: floors, sizes, what an import costs, and that every verb stays callable."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import glorot

SOURCE = Path(glorot.__file__).parent
VERBS = (
    "plan", "apply", "initialize", "match", "compare", "draw", "explain", "measure", "predict", "jacobian", "check",
    "audit", "diff", "digest",
)  # fmt: skip
FRAMEWORKS = ("torch", "jax", "flax", "equinox", "keras", "tensorflow", "sklearn", "altair", "scipy")


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def imported_by(code: str) -> set[str]:
    """Return the names of all modules that are loaded once some code has run."""
    return set(run_python(f"{code}\nimport sys; print(*sys.modules, sep='\\n')").splitlines())


def test_the_floors_are_kept():
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=SOURCE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: 1 kept, 0 broken." in result.stdout, result.stdout


def test_importing_glorot_is_light():
    loaded = imported_by("import glorot")
    assert not loaded & {*FRAMEWORKS, "numpy", "click", "rich"}
    assert "numpy" in imported_by("import glorot; glorot.draw('zeros', (2, 2), seed=0)")  # the test can fail


ALONE = {  # a drop-in of a framework that nobody imported, and a model
    "torch": "glorot.torch.init.xavier_uniform_; import torch; glorot.initialize(torch.nn.Linear(2, 2), seed=0)",
    "jax": "glorot.jax.initializers.xavier_uniform; import jax; "
    "glorot.initialize({'w': jax.numpy.ones((2, 2))}, seed=0, axes={'w': 'io'})",
}


@pytest.mark.parametrize("framework", ALONE)
def test_a_drop_in_and_a_model_of_one_framework_bring_no_other_along(framework):
    loaded = imported_by(f"import glorot; {ALONE[framework]}")
    assert f"glorot.{framework}" in loaded
    others = {"torch", "jax", "flax", "equinox", "keras", "tensorflow"} - {framework}
    assert not loaded & {*others, *(f"glorot.{other}" for other in others)}


@pytest.mark.parametrize("words", ["['--help']", "['--version']", "['explain', 'xavier']", "['compare', '--help']"])
def test_the_command_line_imports_no_framework_to_explain_itself(words):
    loaded = imported_by(
        f"import sys; sys.argv = ['glorot', *{words}]\nfrom glorot.cli import main\ntry: main()\nexcept SystemExit as e: assert not e.code"
    )
    assert not loaded & set(FRAMEWORKS)


def test_every_verb_is_callable_once_every_module_is_imported():
    for module in pkgutil.walk_packages(glorot.__path__, "glorot."):
        importlib.import_module(module.name)
    for verb in VERBS:
        assert callable(getattr(glorot, verb)), verb
        assert not (SOURCE / f"{verb}.py").exists()


PUBLIC = {
    "activations", "checks", "distributions", "fans", "probe", "recipes", "schemes", "stream", "theory", "weights",
}  # fmt: skip


def test_completion_offers_what_is_public_before_and_after_use():
    listed = "import glorot; print(*dir(glorot))"
    used = "import glorot; glorot.draw('zeros', (2, 2), seed=0); glorot.theory; glorot.explain('relu'); print(*dir(glorot))"
    assert run_python(listed) == run_python(used) == " ".join(sorted(glorot.__all__))
    assert set(glorot.__all__) == {*VERBS, *PUBLIC, "Comparison", "Fans", "GlorotError", "Plan", "Signal"}


@pytest.mark.slow
def test_the_drop_ins_of_keras_are_there_without_an_import_of_their_own():
    assert run_python("import glorot; print(callable(glorot.keras.XavierUniform))").endswith("True")


def test_a_star_hides_no_framework():
    assert (
        run_python("import json as torch\nfrom glorot import *\nprint(torch.__name__, callable(draw))") == "json True"
    )


def test_public_names_are_there_and_no_others():
    for name in glorot.__all__:
        assert getattr(glorot, name) is not None
    with pytest.raises(AttributeError, match="module 'glorot' has no attribute 'plann'"):
        _ = glorot.plann


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_stay_short(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= (45 if path == SOURCE / "__init__.py" else 400)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False)
            length = node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert length <= 50, f"{node.name}: {length} lines"
