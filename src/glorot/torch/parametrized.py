"""Weights that PyTorch computes from stored tensors whenever they are used: parametrizations, older norms, pruning."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _Orthogonal, _SpectralNorm, _WeightNorm
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part, Stored
from glorot.text import number
from glorot.torch.paths import structural
from glorot.torch.preserve import preserved
from glorot.torch.shards import is_sharded

STEPS = 15
"""Steps of power iteration that gather the largest singular vectors, as many as PyTorch takes itself."""

NORMED = "stored as its norm and its direction"
SPECTRAL = "divided by its largest singular value where it is used"
ORTHOGONAL = "kept orthogonal by its layer"

KNOWN: dict[type, str] = {_WeightNorm: NORMED, _SpectralNorm: SPECTRAL, _Orthogonal: ORTHOGONAL}
"""How PyTorch's own parametrizations store a weight."""

GATHERED: dict[type, Sequence[str]] = {_SpectralNorm: ("_u", "_v"), _Orthogonal: ("base",)}
"""The buffers that they make from a weight."""


class Computed(ABC):
    """A weight that is computed from stored tensors whenever it is used.

    Attributes:
        module: the layer that uses it.
        name: what the layer calls it.
        originals: what it is computed from, by the names that the layer has for it.
        is_exact: whether what is written is what is used, but for rounding.
        gathered: the names of the buffers that are made from it.
        mask: which elements are used; None for all.
    """

    is_exact = True
    gathered: Sequence[str] = ()
    mask: Tensor | None = None

    def __init__(self, module: nn.Module, name: str, originals: Sequence[str]) -> None:
        self.module, self.name = module, name
        self.originals: dict[str, Tensor] = {original: _at(module, original) for original in originals}

    @cached_property
    def tensor(self) -> Tensor:
        """The weight as it is used, trained if any of the stored tensors is."""
        with torch.no_grad():
            tensor = self.used().detach()
        return tensor.clone().requires_grad_(any(one.requires_grad for one in self.originals.values()))

    @property
    def kept(self) -> list[str]:
        """The names of the stored tensors that are frozen, where others are not: they are not written."""
        frozen = [name for name, one in self.originals.items() if not one.requires_grad]
        return frozen if len(frozen) < len(self.originals) else []

    @property
    def note(self) -> str:
        """What a plan says of it."""
        kept = f"; {', '.join(self.kept)} is frozen and stays" if self.kept else ""
        return f"{self.describe()}{kept}"

    @abstractmethod
    def describe(self) -> str:
        """Return how it is stored."""

    @abstractmethod
    def used(self) -> Tensor:
        """Return the weight as its layer uses it."""

    def written(self) -> Tensor:
        """Return the weight as it was written."""
        return self.used()

    @abstractmethod
    def split(self, weight: Tensor) -> Sequence[Tensor]:
        """Return what the stored tensors hold for a weight, in their order."""

    def gather(self) -> None:  # noqa: B027 - most weights have no such buffers
        """Make from the stored tensors the buffers that belong to them."""

    def refresh(self) -> None:
        """Let the layer hold the weight as it is used."""
        setattr(self.module, self.name, self.used())

    def store(self, weight: Tensor) -> None:
        """Write a weight into the stored tensors."""
        kept = self.kept
        with torch.no_grad():
            for (name, original), value in zip(self.originals.items(), self.split(weight), strict=True):
                if name not in kept:
                    original.copy_(value)
            self.gather()
            self.refresh()

    def watch(self, mark: Callable[[Tensor], None]) -> Callable[[], None]:
        """Show each weight that the layer uses while its model runs; the result ends that."""
        held = getattr(self.module, self.name, None)
        if isinstance(held, Tensor):
            mark(held)  # some functions take it without calling its layer
        return self.module.register_forward_pre_hook(lambda module, _: mark(getattr(module, self.name))).remove


class _Chain(Computed):
    """A weight under `torch.nn.utils.parametrize`."""

    def __init__(self, module: nn.Module, name: str, steps: parametrize.ParametrizationList) -> None:
        names = ["original"] if steps.is_tensor else [f"original{n}" for n in range(steps.ntensors)]
        super().__init__(module, name, [f"parametrizations.{name}.{original}" for original in names])
        self.steps = steps
        self.spectral = [step for step in self._chain if isinstance(step, _SpectralNorm)]
        self.is_exact = not self.spectral
        self.gathered = [
            f"parametrizations.{name}.{n}.{buffer}"
            for n, step in enumerate(self._chain)
            for buffer in GATHERED.get(type(step), ())
            if buffer in step._buffers
        ]

    @property
    def _chain(self) -> list[Any]:
        return list(self.steps)

    def describe(self) -> str:
        return "; ".join(
            KNOWN.get(type(step), f"stored through the right_inverse of {type(step).__name__}") for step in self._chain
        )

    def used(self) -> Tensor:
        with _evaluating(self.steps):
            return self._through(lambda step, *values: step(*values))

    def written(self) -> Tensor:
        return self._through(lambda step, *values: values[0] if step in self.spectral else step(*values))

    def _through(self, run: Callable[..., Any]) -> Tensor:
        values: Any = tuple(self.originals.values())
        for step in self._chain:
            values = (run(step, *values),)
        return values[0]  # type: ignore[no-any-return]

    def split(self, weight: Tensor) -> Sequence[Tensor]:
        value: Any = weight
        for step in reversed(self._chain):
            value = step.right_inverse(value)
        return (value,) if isinstance(value, Tensor) else value

    def gather(self) -> None:
        def gathering(step: Any, *values: Tensor) -> Any:
            if step in self.spectral and values[0].dim() > 1:
                step._v.fill_(step._v.numel() ** -0.5)  # a start that no earlier weight has left
                step._power_method(step._reshape_weight_to_matrix(values[0]), STEPS)
            return step(*values)

        if self.spectral:
            with _evaluating(self.steps):
                self._through(gathering)

    def refresh(self) -> None:
        """Do nothing: the layer computes it when it is asked for."""

    def watch(self, mark: Callable[[Tensor], None]) -> Callable[[], None]:
        return self.steps.register_forward_hook(lambda _, __, result: mark(result)).remove


class _WeightNormed(Computed):
    """A weight under the older `torch.nn.utils.weight_norm`."""

    def __init__(self, module: nn.Module, norm: WeightNorm) -> None:
        super().__init__(module, norm.name, [f"{norm.name}_g", f"{norm.name}_v"])
        self.norm = norm

    def describe(self) -> str:
        return NORMED

    def used(self) -> Tensor:
        return self.norm.compute_weight(self.module)  # type: ignore[no-any-return]

    def split(self, weight: Tensor) -> Sequence[Tensor]:
        return torch.norm_except_dim(weight, 2, self.norm.dim), weight


class _SpectralNormed(Computed):
    """A weight under the older `torch.nn.utils.spectral_norm`."""

    is_exact = False

    def __init__(self, module: nn.Module, norm: SpectralNorm) -> None:
        super().__init__(module, norm.name, [f"{norm.name}_orig"])
        self.norm = norm
        self.gathered = [f"{norm.name}_u", f"{norm.name}_v"]

    def describe(self) -> str:
        return SPECTRAL

    def used(self) -> Tensor:
        return self.norm.compute_weight(self.module, do_power_iteration=False)

    def written(self) -> Tensor:
        return self.originals[f"{self.name}_orig"]

    def split(self, weight: Tensor) -> Sequence[Tensor]:
        return (weight,)

    def gather(self) -> None:
        u, v = (_at(self.module, name) for name in self.gathered)
        matrix = self.norm.reshape_weight_to_matrix(self.written())
        v.fill_(v.numel() ** -0.5)  # a start that no earlier weight has left
        for _ in range(STEPS):
            u.copy_(nn.functional.normalize(matrix.mv(v), dim=0, eps=self.norm.eps))
            v.copy_(nn.functional.normalize(matrix.t().mv(u), dim=0, eps=self.norm.eps))


class _Pruned(Computed):
    """A weight of which a mask leaves some elements."""

    is_exact = False

    def __init__(self, module: nn.Module, method: BasePruningMethod) -> None:
        name = str(method._tensor_name)
        super().__init__(module, name, [f"{name}_orig"])
        self.method = method
        self.mask = _at(module, f"{name}_mask")

    def describe(self) -> str:
        if self.mask is None or self.mask.is_meta:
            return "behind a mask that has no values yet"
        return f"a mask leaves {number(100 * _share(self.mask))} % of it"

    def used(self) -> Tensor:
        return self.method.apply_mask(self.module)  # type: ignore[no-any-return]

    def written(self) -> Tensor:
        return self.originals[f"{self.name}_orig"]

    def split(self, weight: Tensor) -> Sequence[Tensor]:
        return (weight,)


def computed_in(model: nn.Module) -> dict[str, Computed]:
    """Return the weights of a model that are computed whenever they are used, by path.

    One that cannot be written, for want of a `right_inverse`, is not among them: it is what its parametrization makes
    of stored tensors that are planned by themselves.

    Args:
        model: the model; it is left as it was found.
    """
    found: dict[str, Computed] = {}
    known: dict[tuple[int, str], Computed] = {}  # a layer may be used under several paths
    for path, module in model.named_modules(remove_duplicate=False):
        for one in _of_layer(module):
            first = known.setdefault((id(module), one.name), one)
            found[structural(f"{path}.{one.name}").removeprefix(".")] = first
    return found


def _of_layer(module: nn.Module) -> Iterator[Computed]:
    if "parametrizations" in module._modules and parametrize.is_parametrized(module):
        for name, steps in module.parametrizations.items():  # type: ignore[operator, union-attr]
            is_stored = not any(original.endswith("_orig") for original in steps._parameters)
            if is_stored and steps._parameters and all(hasattr(step, "right_inverse") for step in steps):
                yield _Chain(module, name, steps)
    for hook in module._forward_pre_hooks.values():
        kind = next((row for row in OLDER if isinstance(hook, row)), None)
        one = None if kind is None else OLDER[kind](module, hook)
        if one is not None and all(isinstance(original, nn.Parameter) for original in one.originals.values()):
            yield one


OLDER: dict[type, Callable[[nn.Module, Any], Computed]] = {
    WeightNorm: _WeightNormed,
    SpectralNorm: _SpectralNormed,
    BasePruningMethod: _Pruned,
}
"""What computes a weight before each call of its layer."""


def stored_in(model: nn.Module, computed: Mapping[str, Computed]) -> list[tuple[str, Tensor]]:
    """Return the parameters of a model by path, with a computed weight in the place of what it is computed from."""
    places = {original: path for path, one in computed.items() for original in paths_of(path, one)}
    found: dict[str, Tensor] = {}
    with preserved(model) if computed else nullcontext():  # a parametrization may count, or draw, when it is asked
        for stored_path, tensor in model.named_parameters(remove_duplicate=False):
            path = structural(stored_path)
            place = places.get(path, path)
            found[place] = _used(place, computed[place]) if place in computed else tensor
    return list(found.items())


def _used(path: str, computed: Computed) -> Tensor:
    if any(map(is_sharded, computed.originals.values())):
        raise GlorotError(
            f"{path} is {computed.describe()}, and several processes hold together what it is computed from, so that "
            "none can write its part by itself; plan and start the model before it is sharded"
        )
    try:
        return computed.tensor
    except Exception as error:  # whatever a parametrization of someone's own raises
        raise GlorotError(
            f"{path} cannot be computed from what is stored: it is {computed.describe()}, which raised "
            f"{type(error).__name__}: {error}"
        ) from error


def describe_kind(module: nn.Module) -> str:
    """Return the kind of a module; of a parametrization that cannot be written through, why."""
    kind = type(module).__name__
    if not isinstance(module, parametrize.ParametrizationList):
        return kind
    lacking = [type(step).__name__ for step in module if not hasattr(step, "right_inverse")]
    return f"{kind}, where {', '.join(lacking)} has no right_inverse" if lacking else kind


def paths_of(path: str, computed: Computed) -> dict[str, Tensor]:
    """Return the stored tensors of a computed weight, by path."""
    return {f"{path.removesuffix(computed.name)}{name}": tensor for name, tensor in computed.originals.items()}


def gathered_in(computed: Mapping[str, Computed]) -> set[str]:
    """Return the paths of the buffers that are made from computed weights."""
    return {f"{path.removesuffix(one.name)}{name}" for path, one in computed.items() for name in one.gathered}


def with_storage(inventory: Inventory, computed: Mapping[str, Computed]) -> Inventory:
    """Return an inventory that says how computed weights are stored; what is gathered with them is not a buffer."""
    parameters = tuple(
        replace(parameter, parts=tuple(_stored(part, computed[parameter.path]) for part in parameter.parts))
        if parameter.path in computed
        else parameter
        for parameter in inventory.parameters
    )
    gathered = gathered_in(computed)
    buffers = tuple(path for path in inventory.buffers if path not in gathered)
    return replace(inventory, parameters=parameters, buffers=buffers)


def _stored(part: Part, computed: Computed) -> Part:
    scheme = "orthogonal" if computed.describe() == ORTHOGONAL and len(part.shape) == 2 else ""
    return replace(part, stored=Stored(computed.note, scheme))


def _share(mask: Tensor) -> float:
    return float(mask.count_nonzero()) / max(mask.numel(), 1)


def _at(module: nn.Module, name: str) -> Any:
    """Return what a module holds under a dotted name."""
    owner, _, last = name.rpartition(".")
    return getattr(module.get_submodule(owner), last)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Let a module and those in it compute as they do after training: nothing is gathered meanwhile."""
    before = [(one, one.training) for one in module.modules()]
    try:
        for one, _ in before:
            one.training = False
        yield
    finally:
        for one, training in before:
            one.training = training
