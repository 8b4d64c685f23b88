"""Layers of unknown types: which shapes the user tells, what depends on the others, and what is said of them."""

from collections.abc import Iterator, Mapping

from glorot.caffe.definition.layers import Layer, Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.tokens import shown
from glorot.caffe.kinds import suggest
from glorot.caffe.kinds.losses import judges
from glorot.catalogue import nearest
from glorot.errors import GlorotError

MOST_NAMES = 8
"""Layers that a warning names."""

MOST_TYPES = 100
"""Unknown types that a file may have and still be taken for a net."""


class Unknown:
    """Keeps the layers of unknown types of a net, and what is left out because of them.

    Args:
        told: the shapes that the user tells, by layer or by blob.

    Attributes:
        left_out: the layers that are not in the net: those of unknown types, and those that depend on them.
    """

    def __init__(self, told: Mapping[str, Shape]) -> None:
        self.told = told
        self.left_out: list[Layer] = []
        self._used: set[str] = set()
        self._told: list[Layer] = []
        self._known_names: set[str] = set()
        self._lost: dict[str, Layer] = {}
        self._dependent: dict[str, list[str]] = {}
        self._layers: dict[str, list[Layer]] = {}

    def has_lost(self, blob: str) -> bool:
        """Tell whether the shape of a blob depends on that of a layer of unknown type."""
        return blob in self._lost

    def leaves_out(self, layer: Layer) -> bool:
        """Tell whether a layer reads a blob whose shape is not known, and leave it out if so."""
        self._known_names.add(layer.name)
        cause = next((self._lost[name] for name in layer.bottoms if name in self._lost), None)
        if cause is not None:
            self._lose(layer, layer.tops, cause)
        return cause is not None

    def resolve(self, layer: Layer, followed: Mapping[str, Shape]) -> dict[str, Shape]:
        """Return the shapes that are known of what a layer of unknown type makes, and note those that are not.

        Args:
            layer: the layer.
            followed: the shape of each blob that it makes, where it follows from those that it reads.
        """
        self._layers.setdefault(layer.kind, []).append(layer)
        if len(self._layers) > MOST_TYPES:
            raise layer.error(f"more than {MOST_TYPES} types of layer are unknown; expected a net of Caffe")
        found: dict[str, Shape] = {}
        for top in layer.tops:
            names = [top, layer.name] if len(layer.tops) == 1 else [top]
            told = next((name for name in reversed(names) if name in self.told), None)
            shape = followed.get(top) if told is None else self.told[told]
            if told is not None:
                self._used.add(told)
                self._told.append(layer)
            if shape is not None:
                found[top] = shape
        missing = tuple(top for top in layer.tops if top not in found)
        if missing or not layer.tops:
            self._lose(layer, missing, self._cause(layer))
        return found

    def _cause(self, layer: Layer) -> Layer:
        return next((self._lost[name] for name in layer.bottoms if name in self._lost), layer)

    def _lose(self, layer: Layer, tops: tuple[str, ...], cause: Layer) -> None:
        self.left_out.append(layer)
        if layer is not cause and not judges(layer):
            self._dependent.setdefault(cause.kind, []).append(layer.name)
        self._lost |= dict.fromkeys(tops, cause)

    def check_all_used(self) -> None:
        """Raise if a shape was given for something that is not a layer of unknown type."""
        for name in self.told:
            if name in self._used:
                continue
            unknown = [layer.name for layers in self._layers.values() for layer in layers]
            if name in self._known_names:
                problem = "glorot knows the type of this layer, and works its shape out"
            else:
                problem = f"the net has no layer of unknown type with this name{nearest(name, unknown)}"
            raise GlorotError(f"shape for layer {name!r}: {problem}")

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each unknown type.

        Nothing is said of a layer that owns no weights and is a loss that nobody reads, makes data, or has a shape that
        was told.
        """
        for kind, layers in self._layers.items():
            if kind in self._dependent or any(map(self._may_matter, layers)):
                yield self._describe(layers, kind in self._dependent)

    def _may_matter(self, layer: Layer) -> bool:
        is_quiet = judges(layer) or layer in self._told or not layer.bottoms
        return _may_own_weights(layer) or not is_quiet

    def error(self) -> GlorotError:
        """Return the error of a net of which nothing is left."""
        if not self._layers:  # known ones alone are left out: losses whose labels nobody made
            first = self.left_out[0]
            return first.error("no layer but this is left, and the shape of what it reads is not known")
        return GlorotError(self._describe(next(iter(self._layers.values())), is_in_the_way=True))

    def _describe(self, layers: list[Layer], is_in_the_way: bool) -> str:
        first = layers[0]
        words = [f"layer {shown(first.name)!r}" + (f" and {len(layers) - 1} more" if len(layers) > 1 else "")]
        words[0] += f": {suggest(first)}"
        if any(map(_may_own_weights, layers)):
            words.append("weights that such a layer owns are not planned")
        dependent = self._dependent.get(first.kind, [])
        if dependent:
            named = ", ".join(map(shown, dependent[:MOST_NAMES]))
            more = f" and {len(dependent) - MOST_NAMES} more" if len(dependent) > MOST_NAMES else ""
            words.append(f"what depends on its shape is left out: {named}{more}")
        lost = [(layer, top) for layer in layers for top in layer.tops if top in self._lost]
        if lost and is_in_the_way:
            words.append(_how_to_tell(*lost[0]))
        return str(first.message.error("; ".join(words), "type"))


def _how_to_tell(layer: Layer, top: str) -> str:
    """Say how to give the shape of a blob that a layer of unknown type makes."""
    flag, argument = ("shape", "shapes") if layer.bottoms else ("input-shape", "input_shapes")
    name = shown(layer.name if layer.bottoms and len(layer.tops) == 1 else top)
    return (
        f"give its shape on the command line with --{flag} {name}=64,32,28,28, or as "
        f"{argument}={{{name!r}: (64, 32, 28, 28)}} of glorot.caffe.read_net"
    )


def _may_own_weights(layer: Layer) -> bool:
    return bool(layer.params) or _has_filler(layer.message)


def _has_filler(message: Message) -> bool:
    return any(name.endswith("filler") or _has_filler(nested) for name, nested in message.nested())
