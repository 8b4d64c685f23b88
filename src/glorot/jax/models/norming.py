"""Wrappers that norm the weights of the layer inside them whenever it is called: weight norm and spectral norm."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from glorot.inventory import Stored
from glorot.jax.models.describing import Described, Shape, kind_in

PACKAGES = ("equinox.", "flax.nnx.", "flax.linen.")

WEIGHT = "stored as its direction, with its norm beside it"
UNSCALED = "used with norm 1, whatever it holds"
SPECTRAL = "divided by its largest singular value where it is used"

Found = Mapping[str, Described]


class Normed(NamedTuple):
    """A weight that a wrapper norms.

    Attributes:
        path: its path.
        words: how it is stored.
        scale: the path of the norm beside it; "" if there is none.
        kept: the axes along which the norm varies, if there is one.
        divides: whether zeros would be divided by zero, or stay zeros for good.
    """

    path: str
    words: str
    scale: str = ""
    kept: Sequence[int] = ()
    divides: bool = True


def with_norms(found: Found, modules: Mapping[str, Any], shapes: Mapping[str, Shape]) -> dict[str, Described]:
    """Return what is known of the leaves of a model, with how normed weights are stored.

    The norms that stand beside them are left out: they are written with the weights, so that what a layer uses is what
    the plan draws.

    Args:
        found: what is known of every leaf, by path.
        modules: every module by its path.
        shapes: the shape of every leaf.
    """
    stored: dict[str, Stored] = {}
    for path, module in modules.items():
        kind = kind_in(module, WRAPPERS, PACKAGES)
        for one in WRAPPERS[kind](path, module, found) if kind is not None else ():
            if one.path in found:
                rank = len(shapes[one.path])
                over = tuple(axis for axis in range(rank) if axis not in {kept % rank for kept in one.kept})
                stored[one.path] = Stored(one.words, scale=one.scale, over=over, divides=one.divides)
    scales = {one.scale for one in stored.values()}
    return {
        path: known._replace(parts=tuple(replace(part, stored=stored.get(path)) for part in known.parts))
        for path, known in found.items()
        if path not in scales
    }


def _weight_norm(path: str, module: Any, found: Found) -> Iterator[Normed]:
    if hasattr(module, "weight_name"):  # Equinox
        kept = () if module.axis is None else (module.axis,)
        yield Normed(_joined(path, "layer", module.weight_name), WEIGHT, _joined(path, "g"), kept)
        return
    axes = module.feature_axes
    kept = () if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    for weight, scale in _scales(path, module, found):
        yield Normed(weight, WEIGHT if scale else UNSCALED, scale, kept)


def _scales(path: str, module: Any, found: Found) -> Iterator[tuple[str, str]]:
    """Yield each weight that a wrapper of Flax norms, with the norm beside it; "" where there is none."""
    if not module.use_scale:
        yield from ((weight, "") for weight in _inside(path, module, found))
    elif hasattr(module, "scales"):  # NNX: {keys: scale}
        for keys in module.scales:
            yield _joined(path, "layer_instance", *map(str, keys)), _joined(path, "scales", str(keys))
    else:  # Linen: "Dense_0/kernel/scale"
        own = f"{path}." if path else ""
        for scale in found:
            if scale.startswith(own) and scale.endswith("/scale"):
                inner = scale.removeprefix(own).removesuffix("/scale").replace("/", ".")
                yield _joined(path.rpartition(".")[0], inner), scale


def _spectral_norm(path: str, module: Any, found: Found) -> Iterator[Normed]:
    own = hasattr(module, "weight_name")  # Equinox
    weights = [_joined(path, "layer", module.weight_name)] if own else _inside(path, module, found)
    yield from (Normed(weight, SPECTRAL, divides=own) for weight in weights)  # Flax leaves zeros as they are


def _inside(path: str, module: Any, found: Found) -> Iterator[str]:
    """Yield the kernels of the layer inside a wrapper of Flax; one of Linen stands beside it."""
    name = getattr(module.layer_instance, "name", None)
    layer = _joined(path, "layer_instance") if name is None else _joined(path.rpartition(".")[0], name)
    for weight, known in found.items():
        if weight.startswith(f"{layer}.") and any(part.role in ("kernel", "recurrent") for part in known.parts):
            yield weight


WRAPPERS: dict[str, Callable[[str, Any, Found], Iterator[Normed]]] = {
    "WeightNorm": _weight_norm,
    "SpectralNorm": _spectral_norm,
}
"""The wrappers by their name, which is the same in Equinox, NNX and Linen."""


def _joined(*steps: str) -> str:
    return ".".join(step for step in steps if step)
