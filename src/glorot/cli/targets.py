"""Targets: from `package.module:name` or `path/to/file.py:name` to the model, or the task, that is meant."""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import glorot
from glorot.adapters import adapter_for
from glorot.catalogue import nearest
from glorot.cli.nets import is_net, load_net, refuse_net_options
from glorot.errors import GlorotError


def load_target(target: str) -> Any:
    """Import what a target names; a function is called.

    Args:
        target: `package.module:name` or `path/to/file.py:name`; the name is that of a function without arguments, or
            of a class, or of what such a function returns: a model, for one.

    Returns:
        What the function returned, or the object itself.

    Raises:
        GlorotError: if the text is not a target, the module does not import, the name is not there or the function
            fails.
    """
    found = _import_target(target)
    if not _is_factory(found):
        return found
    try:
        return found()
    except GlorotError:
        raise
    except (Exception, SystemExit) as error:
        raise GlorotError(f"{target}: the factory failed with {_described(error)}") from error


def _import_target(target: str) -> Any:
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise GlorotError(
            f"{target!r} is not a target: write package.module:name, path/to/file.py:name or path/to/net.prototxt"
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    if not hasattr(module, name):
        names = [key for key in vars(module) if not key.startswith("_")]
        raise GlorotError(f"{place} has no {name!r}{nearest(name, names)}")
    return getattr(module, name)


def _is_factory(found: Any) -> bool:
    """Tell what makes a model from a model, which can be called too."""
    if inspect.isroutine(found) or isinstance(found, type):
        return True
    if not callable(found):
        return False
    try:
        adapter_for(found)
    except GlorotError:
        return True
    return False


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise GlorotError(f"{path} is not a file; a target is written path/to/file.py:name")
    name = f"glorot_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise GlorotError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise GlorotError(f"{path} does not import: {_described(error)}") from error
    finally:
        sys.path.pop(0)
    return module


def _from_name(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as `python -m` does: modules of the current folder count
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise GlorotError(f"module {name!r} does not import: {_described(error)}") from error
    finally:
        sys.path.pop(0)


def _described(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}:{error.lineno})"
    words = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    return words + _place(error)


def _place(error: BaseException) -> str:
    """Say where an error arose; nothing if no line but ours and those of importlib took part."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    theirs = [
        (path.name, line)
        for path, line in frames
        if str(path) not in (__file__, importlib.__file__) and not path.name.startswith("<frozen importlib")
    ]
    return f" ({theirs[-1][0]}:{theirs[-1][1]})" if theirs else ""


def model_and_inputs(target: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Load the model, and the batch if there is one, of a target that `model_arguments` loads.

    Args:
        target: as for `model_arguments`.
        options: the values of `net_options`.

    Raises:
        GlorotError: as that does.
    """
    found = model_arguments(target, options)
    return found["model"], found.get("inputs")


def check_arguments(target: str, options: dict[str, Any]) -> dict[str, Any]:
    """Load a target as `model_arguments` does, or find the weights that it is the path of.

    Args:
        target: as for `model_arguments`, or the path of a file of weights, or of a folder of such.
        options: the values of `net_options`.

    Raises:
        GlorotError: as `model_arguments` does.
    """
    if is_net(target) or not _is_of_weights(target):
        return model_arguments(target, options)
    refuse_net_options(target, options)
    return {"model": Path(target)}


def model_arguments(target: str, options: dict[str, Any]) -> dict[str, Any]:
    """Load a target that is or makes a model, (model, inputs), (model, inputs, targets), or all of `glorot.check`.

    Args:
        target: as for `load_target`, or the path of a `.prototxt`; a model of Linen is (module, params), and a batch
            and targets may follow in the same tuple.
        options: the values of `net_options`.

    Raises:
        GlorotError: if the target does not load, is no model, or gives an argument that `glorot.check` lacks.
    """
    if is_net(target):
        return {"model": load_net(target, options)}
    refuse_net_options(target, options)
    made = load_target(target)
    found = made if _is_of_arguments(made) else _named(made)
    takes = list(inspect.signature(glorot.check).parameters)
    for name in found:
        if name not in takes:
            raise GlorotError(f"{target}: glorot.check has no argument {name!r}{nearest(name, takes)}")
    if found["model"] is None:
        raise GlorotError(f"{target} is or returned None; it must be a model, or return one")
    try:
        adapter_for(found["model"])
    except GlorotError as error:
        raise GlorotError(f"{target}: {error}") from error
    return found


def _is_of_arguments(made: Any) -> bool:
    """Tell whether a factory returned arguments of glorot.check, and no pytree that has a branch called "model"."""
    if not isinstance(made, dict) or "model" not in made:
        return False
    return not isinstance(made["model"], Mapping) or set(made) <= {*inspect.signature(glorot.check).parameters}


def _named(made: Any) -> dict[str, Any]:
    """Return what a factory returned as arguments of glorot.check."""
    if _begins_as_linen(made):
        given = ((made[0], made[1]), *made[2:])
    else:
        given = made if isinstance(made, tuple) and len(made) in (2, 3) else (made,)
    return dict(zip(("model", "inputs", "targets"), given, strict=False))


def _is_of_weights(target: str) -> bool:
    """Tell whether a target is a file of weights or a folder of such, or would be one if it were there."""
    path = Path(target)
    if ":" in path.name or path.suffix == ".py":
        return False
    return path.exists() or path.suffix in (".safetensors", ".pt", ".pth", ".bin", ".npz", ".npy", ".caffemodel")


def _begins_as_linen(made: Any) -> bool:
    """Tell whether a factory returned a Flax Linen module and its params, which are one model, before what follows."""
    linen = sys.modules.get("flax.linen")
    is_long = isinstance(made, tuple) and len(made) in (2, 3, 4)
    return linen is not None and is_long and isinstance(made[0], linen.Module) and isinstance(made[1], Mapping)
