"""What an optimiser's first step would do to the weights of a Keras model, tried on a copy of them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from glorot.errors import GlorotError, NoStepError
from glorot.given import kind_of
from glorot.keras.model import values_of, variables_of
from glorot.keras.preserve import out_of_scopes

Updates = dict[str, tuple[float, float]]
"""By path, the square sums of the first update of each variable, and of the variable."""


def stepper(optimizer: Any, variables: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Updates]:
    """Return a function gradients by path → what the first step of an optimiser does with them.

    Args:
        optimizer: an optimiser of Keras, of which options are taken and no state, as that of a compiled model.
        variables: the model's variables by their paths.

    Raises:
        GlorotError: if it is something else, or an optimiser of another model.
    """
    plain, trained = trained_by(optimizer, variables)
    return lambda gradients: _first_step(plain, trained, gradients)


def trained_by(optimizer: Any, variables: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return an optimiser without what scales its loss, and the variables of a model that it trains, by their paths.

    Raises:
        GlorotError: if it is something else, or an optimiser of another model.
    """
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise GlorotError(
            f"optimizer is an optimiser of Keras, as model.optimizer after model.compile, got {kind_of(optimizer)}"
        )
    trained = {path: one for path, one in variables.items() if one.trainable}
    plain = getattr(optimizer, "inner_optimizer", optimizer)  # for the loss that is measured was not scaled
    if plain.built:
        own = {id(one) for one in plain._trainable_variables}
        strange = len(own - {id(one) for one in variables.values()})
        if strange:
            raise GlorotError(
                f"{strange} variables of the optimiser are not in the model; build it of model.trainable_variables"
            )
        trained = {path: one for path, one in trained.items() if id(one) in own}
    return plain, trained


def groups(model: Any, optimizers: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Yield what some optimisers do with the variables of a model: the class, the options, and the paths.

    Those that Muon hands to Adam, and those without weight decay, are separate groups.

    Raises:
        GlorotError: if one is no optimiser of Keras, or one of another model.
    """
    variables = variables_of(model)
    for optimizer in optimizers:
        plain, trained = trained_by(optimizer, variables)
        found: dict[tuple[str, float], list[str]] = defaultdict(list)
        for path, one in trained.items():
            is_rest = getattr(plain, "_should_use_adamw", lambda _: False)(one)  # of Muon
            decay = getattr(plain, "adam_weight_decay" if is_rest else "weight_decay", 0) or 0
            kind = "AdamW" if is_rest else type(plain).__name__
            found[kind, 0.0 if _is_spared(plain, one) else float(decay)].append(path)
        for (kind, decay), paths in found.items():
            yield kind, {"weight_decay": decay}, tuple(paths)


def _is_spared(optimizer: Any, variable: Any) -> bool:
    """Tell whether a variable was excluded from weight decay, without what Keras would remember of the question."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    is_listed = optimizer._var_key(variable) in getattr(optimizer, "_exclude_from_weight_decay", set())
    return is_listed or (pattern is not None and re.search(pattern, variable.name) is not None)


def _first_step(optimizer: Any, variables: Mapping[str, Any], gradients: Mapping[str, Any]) -> Updates:
    reached = {path: one for path, one in variables.items() if path in gradients}
    if not reached:
        return {}
    with out_of_scopes():
        copies = {path: copy_of(one) for path, one in reached.items()}
        try:
            fresh_like(optimizer, reached, copies).apply([gradients[path] for path in copies], list(copies.values()))
        except Exception as error:
            raise NoStepError(f"the first step of the optimiser failed with {type(error).__name__}: {error}") from error
        return {path: _square_sums(reached[path], copy) for path, copy in copies.items()}


def copy_of(variable: Any) -> Any:
    """Return a variable like another one, under its name, by which optimisers tell variables apart."""
    copy = keras.Variable(keras.ops.copy(variable.value), dtype=variable.dtype, name=variable.name)
    copy._path, copy.constraint = variable.path, variable.constraint
    return copy


def fresh_like(optimizer: Any, variables: Mapping[str, Any], copies: Mapping[str, Any]) -> Any:
    """Return an optimiser with the options of another one, and without its state."""
    config = optimizer.get_config()
    if config.get("gradient_accumulation_steps"):
        config["gradient_accumulation_steps"] = None  # the step that follows the last of these batches, all alike
    fresh = type(optimizer).from_config(config)
    listed: set[Any] = getattr(optimizer, "_exclude_from_weight_decay", set())
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    if listed or pattern is not None:
        fresh.exclude_from_weight_decay(
            [copies[path] for path, one in variables.items() if optimizer._var_key(one) in listed],
            None if pattern is None else [pattern.pattern],
        )
    return fresh


def _square_sums(before: Any, after: Any) -> tuple[float, float]:
    old, new = (values_of(one).astype(np.float64) for one in (before, after))
    return float(np.sum((new - old) ** 2)), float(np.sum(old**2))
