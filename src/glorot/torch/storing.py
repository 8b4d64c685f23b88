"""Writing weights that PyTorch computes from stored tensors, and giving back what those held where that fails."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.preserving import LOCK
from glorot.text import number
from glorot.torch.parametrized import ORTHOGONAL, Computed
from glorot.torch.preserve import device_states, set_device_states
from glorot.torch.writes import own_random_numbers

SAME = 1e-4
"""By how much, as a share of the largest element, what is used may differ from what is written; 16 bits round more."""

SOME = 0.25
"""The share of the elements that a parametrization must leave as they are written, and what their mean square may
change by."""


def store_all(computed: Mapping[str, Computed], weights: Mapping[str, Tensor]) -> None:
    """Write weights into the tensors that they are computed from.

    Args:
        computed: the computed weights of a model, by path.
        weights: what some of them are to be.

    Raises:
        GlorotError: if one cannot hold what is to be written; all are left as they were then.
    """
    if not weights:
        return
    before = [memory for path in weights for memory in _memories(computed[path])]
    held = {path: vars(computed[path].module).get(computed[path].name) for path in weights}  # of older norms
    try:
        with _seeded():
            for path, weight in weights.items():
                _store(path, computed[path], weight)
    except BaseException:
        with torch.no_grad():
            for owner, name, tensor, values in before:
                if name in owner._buffers:
                    owner._buffers[name] = tensor
                tensor.copy_(values)
        for path, attribute in held.items():
            if attribute is not None:
                setattr(computed[path].module, computed[path].name, attribute)
        raise


@contextmanager
def _seeded() -> Iterator[None]:
    """Draw inside the same numbers each time, as those that complete a narrow orthogonal matrix, and none of others."""
    with LOCK, own_random_numbers() as generator:
        before = device_states()
        generator.manual_seed(0)
        try:
            for name, _ in before:
                module = getattr(torch, name)
                getattr(module, "manual_seed_all", module.manual_seed)(0)
            yield
        finally:
            set_device_states(before)


def _memories(computed: Computed) -> Iterator[tuple[nn.Module, str, Tensor, Tensor]]:
    """Yield what writing a weight may change, with a copy."""
    for name in (*computed.originals, *computed.gathered):
        owner, _, last = name.rpartition(".")
        module = computed.module.get_submodule(owner)
        tensor = getattr(module, last)
        if tensor is not None:
            yield module, last, tensor, tensor.detach().clone()


def _store(path: str, computed: Computed, weight: Tensor) -> None:
    try:
        computed.store(weight)
        used = computed.used().detach()
    except (RuntimeError, ValueError, NotImplementedError) as error:
        raise _refusal(path, computed, f"{type(error).__name__}: {error}".rstrip("."), "") from error
    if not bool(used.isfinite().all()):
        raise _refusal(path, computed, "what comes back is not finite")
    if computed.is_exact and not computed.kept and weight.numel():
        apart = (used - weight).abs()
        tolerance = (2e-2 if weight.element_size() <= 2 else SAME) * float(weight.abs().max())
        if float(apart.max()) > tolerance and not _follows(used, weight, apart <= tolerance):
            raise _refusal(path, computed, f"what comes back differs by up to {number(float(apart.max()))}")


def _follows(used: Tensor, weight: Tensor, same: Tensor) -> bool:
    """Tell whether a weight that is used follows the law of what was written, as a mirrored half of a matrix does."""
    size = float(used.double().square().mean()) / max(float(weight.double().square().mean()), 1e-300)
    return float(same.double().mean()) >= SOME and abs(size - 1) <= SOME


def _refusal(path: str, computed: Computed, why: str, way: str | None = None) -> GlorotError:
    if way is None:
        law = "'orthogonal'" if ORTHOGONAL in computed.describe() else "another law"
        way = f"give it {law} by a rule, or "
    return GlorotError(
        f"{path} cannot hold what the plan draws for it: it is {computed.describe()}, and {why}; {way}leave it alone "
        f"with rules=[({path!r}, 'skip')]"
    )
