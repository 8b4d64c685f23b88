"""GL106: parameters that a checkpoint does not hold, and keys that the model does not have."""

import math
from collections.abc import Iterator, Mapping

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.continuing import agree, continued, grown_rows, share_apart
from glorot.checks.evidence import Array, Evidence
from glorot.checks.ranks.shards import bare

COMPUTED = ("parametrizations.", "weight_g", "weight_v", "weight_orig", "weight_u")
"""Parts of the keys under which a weight is stored that its layer computes."""


class MissingKeys(Check):
    """The reference lacks a parameter, has a key too many, or another shape.

    What it does:
        Compares the paths and shapes of the parameters with those of the state dict that the model should continue. A
        tied parameter may be under either of its paths. A prefix that all keys have, or lack, is one finding, and a
        note if the model holds the same numbers all the same; so is a vocabulary that has grown.

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
        held = continued(evidence)
        yield from self._of_names(evidence, held.renamed, held.how)
        owners = {one.path: one.tied_to or one.path for one in evidence.inventory.parameters}
        known = {owners[path] for path in held.keys if path in owners}
        missing = [path for path in _paths(evidence) if path not in known]
        if missing:
            yield self.finding(
                missing,
                "is missing from the reference, so it starts as it is",
                remedy="rename the key, or start the parameter on purpose",
                figure=len(missing),
                expected="0",
            )
        read = set(held.keys.values())
        unknown = [key for key in evidence.reference if key not in read and not _is_known(evidence, bare(key))]
        if unknown:
            yield self.finding(
                unknown,
                "is in the reference alone, so nothing reads it",
                remedy="rename the key to that of the parameter that it is meant for, or take it out",
                figure=len(unknown),
                expected="0",
            )
        yield from self._of_shapes(evidence, held.keys)

    def _of_names(self, evidence: Evidence, renamed: list[str], how: str) -> Iterator[Finding]:
        """Yield the parameters that have other names in the reference: a note if they were loaded all the same."""
        assert evidence.reference is not None
        keys = continued(evidence).keys
        paths = [path for path in _paths(evidence) if path in renamed]
        if paths:
            pairs = [(path, evidence.weights[path], evidence.reference[keys[path]]) for path in paths]
            is_loaded = all(
                math.prod(values.shape) == math.prod(saved.shape)
                and agree(values, saved.reshape(values.shape), _dtype(evidence, path))
                for path, values, saved in pairs
            )
            yield self.finding(
                paths,
                f"is {how} in the reference",
                remedy="rename the keys of the reference before it is loaded",
                severity="note" if is_loaded else None,
            )

    def _of_shapes(self, evidence: Evidence, keys: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the parameters of other shapes: a note where a vocabulary has grown and its rows are continued."""
        assert evidence.reference is not None
        grown = grown_rows(evidence)
        for path in _paths(evidence):
            if path not in keys:
                continue
            values, saved = evidence.weights[path], evidence.reference[keys[path]]
            if _differs(values, saved):
                continues = path in grown and not share_apart(values, saved, grown[path], _dtype(evidence, path))
                yield self.finding(
                    path,
                    f"has shape {values.shape}, and {saved.shape} in the reference"
                    + (", which it continues" if continues else ""),
                    remedy="build the model with the sizes that the reference was saved with",
                    severity="note" if continues else None,
                )


def _dtype(evidence: Evidence, path: str) -> str:
    parameter = evidence.inventory.parameter(path)
    return "float32" if parameter is None else parameter.dtype


def _differs(one: Array, other: Array) -> bool:
    """Tell whether shapes differ, but for scalars stored as one element."""
    return one.shape != other.shape and not math.prod(one.shape) == math.prod(other.shape) == 1


def _paths(evidence: Evidence) -> list[str]:
    """Return the paths of the parameters of which the weights are stored as they are used; tied ones once."""
    alone = [one for one in evidence.inventory.parameters if one.tied_to is None and one.path in evidence.weights]
    return [one.path for one in alone if all(part.stored is None for part in one.parts)]


def _is_known(evidence: Evidence, path: str) -> bool:
    """Tell whether a key is that of a parameter or a buffer, or of what a computed weight is stored as."""
    name = path.rpartition(".")[2]
    is_buffer = path in evidence.buffers or path in evidence.inventory.buffers or name == "num_batches_tracked"
    is_stored = any(word in path for word in COMPUTED)
    return is_buffer or is_stored or evidence.inventory.parameter(path) is not None
