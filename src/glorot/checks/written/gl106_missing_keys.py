"""GL106: parameters that a checkpoint does not hold, and keys that the model does not have."""

import math
from collections.abc import Iterator, Mapping

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence

PREFIXES = ("module.", "_orig_mod.", "model.", "base_model.", "transformer.", "state_dict.")
"""What wrappers put before every key."""

COMPUTED = ("parametrizations.", "weight_g", "weight_v", "weight_orig", "weight_u")
"""Parts of the keys under which a weight is stored that its layer computes."""


class MissingKeys(Check):
    """The reference lacks a parameter, has a key too many, or another shape.

    What it does:
        Compares the paths and shapes of the parameters with those of the state dict that the model should continue. A
        tied parameter may be under either of its paths.

    Why it matters:
        `load_state_dict(strict=False)` and `from_pretrained` leave what is missing at its random start, or as raw
        memory if the model was built on the meta device. A key too many is mostly the same parameter by another name.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
        >>> saved = {"0.weight": model[0].weight, "0.bias": model[0].bias}
        >>> print(glorot.check(model, reference=saved, select="GL106").findings[0])
        GL106 warning: 1.weight, 1.bias: is missing from the reference, so it starts as it is (2, expected 0)

    What to do:
        Rename the keys, or start the new parameters on purpose: `glorot.initialize(model, "auto", seed=0, only=...)`.
    """

    code = "GL106"
    name = "missing-keys"
    severity = "warning"
    needs = ("reference",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.reference is not None
        reference = evidence.reference
        prefix = _prefix(evidence, reference)
        if prefix is not None:
            add, text = prefix
            yield self.finding(
                _paths(evidence),
                f"is {text} {add!r} in the reference",
                remedy="rename the keys of the reference before it is loaded",
            )
            return
        held = set(_owners(evidence, reference))
        missing = [path for path in _paths(evidence) if path not in held]
        if missing:
            yield self.finding(
                missing,
                "is missing from the reference, so it starts as it is",
                remedy="rename the key, or start the parameter on purpose",
                figure=len(missing),
                expected="0",
            )
        unknown = [path for path in reference if not _is_known(evidence, path)]
        if unknown:
            yield self.finding(
                unknown,
                "is in the reference alone, so nothing reads it",
                remedy="rename the key to that of the parameter that it is meant for, or take it out",
                figure=len(unknown),
                expected="0",
            )
        for path in _paths(evidence):
            if path in reference and _differs(evidence.weights[path], reference[path]):
                yield self.finding(
                    path,
                    f"has shape {evidence.weights[path].shape}, and {reference[path].shape} in the reference",
                    remedy="build the model with the sizes that the reference was saved with",
                )


def _differs(one: Array, other: Array) -> bool:
    """Tell whether shapes differ, but for scalars stored as one element."""
    return one.shape != other.shape and not math.prod(one.shape) == math.prod(other.shape) == 1


def _paths(evidence: Evidence) -> list[str]:
    """Return the paths of the parameters of which the weights are stored as they are used; tied ones once."""
    alone = [one for one in evidence.inventory.parameters if one.tied_to is None and one.path in evidence.weights]
    return [one.path for one in alone if all(part.stored is None for part in one.parts)]


def _owners(evidence: Evidence, reference: Mapping[str, Array]) -> Iterator[str]:
    """Yield the paths of the parameters that a reference holds, under theirs or a tied path."""
    for one in evidence.inventory.parameters:
        if one.path in reference:
            yield one.tied_to or one.path


def _is_known(evidence: Evidence, path: str) -> bool:
    """Tell whether a key is that of a parameter or a buffer, or of what a computed weight is stored as."""
    name = path.rpartition(".")[2]
    is_buffer = path in evidence.buffers or path in evidence.inventory.buffers or name == "num_batches_tracked"
    is_stored = any(word in path for word in COMPUTED)
    return is_buffer or is_stored or evidence.inventory.parameter(path) is not None


def _prefix(evidence: Evidence, reference: Mapping[str, Array]) -> tuple[str, str] | None:
    """Return what all keys of the reference have, or lack, before the path of their parameter, if that is all."""
    paths = _paths(evidence)
    if not paths or any(path in reference for path in paths):
        return None
    for prefix in PREFIXES:
        if all(f"{prefix}{path}" in reference for path in paths):
            return prefix, "under the prefix"
        if all(path.removeprefix(prefix) in reference for path in paths):
            return prefix, "without the prefix"
    return None
