"""The network of a plan as a column: its layers, the streams that they lie on, and the branches beside those."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from glorot.inventory import Branch
from glorot.markup import html_text
from glorot.plans.entry import PlanEntry
from glorot.plans.folding import Fold
from glorot.plans.outline import Outline, outline_of
from glorot.plans.tree import cells_of
from glorot.report.colors import hues

CAPTION = (
    "Read downwards. The line is a stream; beside it stand its branches, which are made from it and added to it at +."
)


@dataclass(frozen=True)
class _Layer:
    """A main parameter of a layer, with its name as far as its frame does not say it."""

    name: str
    leaf: Outline

    @property
    def entry(self) -> PlanEntry:
        """What the plan says of it, in the first of several equal blocks."""
        return self.leaf.entries[0]

    @property
    def ends(self) -> bool:
        """Whether it is the last kernel of a branch."""
        return self.entry.branch is not None and self.entry.role in ("kernel", "recurrent")


@dataclass(frozen=True)
class _Frame:
    """Equal blocks, drawn once."""

    label: str
    times: int
    inside: "tuple[_Layer | _Frame, ...]"


@dataclass(frozen=True)
class _Merge:
    """The branches that are added to a stream at one point."""

    branches: tuple[tuple[_Layer, ...], ...]


def network_html(entries: Sequence[PlanEntry]) -> str:
    """Return a drawing of the network that a plan is for; "" where no graph showed it.

    Args:
        entries: the entries of the plan.
    """
    if not any(entry.seen for entry in entries):
        return ""
    streams = sorted({entry.branch.stream for entry in entries if entry.branch is not None})
    colours = dict(zip(streams, hues([str(stream) for stream in streams]).values(), strict=True))
    drawn = _Drawing(colours).column(_items(outline_of(entries)))
    return f'<div class="net">\n{drawn}\n</div>'


def _items(module: Outline, before: str = "", is_framed: bool = False) -> tuple[_Layer | _Frame, ...]:
    """Return layers and frames of blocks; of other modules what they hold, under dotted names.

    Args:
        module: the module.
        before: what stands before the names in it.
        is_framed: whether a frame is around it already, so that only equal blocks get one.
    """
    found: list[_Layer | _Frame] = []
    for one in module.inside:
        name = f"{before}{one.label}"
        is_block = one.label[:1].isdecimal() and len(one.inside) > 1 and not is_framed
        if one.entries:
            found.append(_Layer(f"{name} ×{one.times}" if one.times > 1 else name, one))
        elif one.times > 1 or is_block:
            found.append(_Frame(name, one.times, _items(one, is_framed=True)))
        else:
            found += _items(one, f"{name}.", is_framed)
    return tuple(found)


def _merged(layers: Sequence[_Layer]) -> Iterator[_Layer | _Merge]:
    """Put the layers of each branch together: those since the last merge, as far as they lie in its block."""
    keys: list[Branch | None] = []
    for layer in reversed(layers):
        keys.append(layer.entry.branch or (keys[-1] if keys else None))
    last = max((n for n, layer in enumerate(layers) if layer.ends), default=len(layers))
    block = _block(layers[last].entry.name) if last < len(layers) else ""
    norms_follow = any(_is_norm(layer) and _block(layer.entry.name) == block for layer in layers[last:])
    is_first = True
    for key, pairs in groupby(zip(reversed(keys), layers, strict=True), lambda pair: pair[0]):
        group = [layer for _, layer in pairs]
        on_stream = group if key is None else _on_stream(group, norms_follow and not is_first)
        yield from on_stream
        yield from [] if key is None else [_Merge(tuple(_branches([one for one in group if one not in on_stream])))]
        is_first = False


def _on_stream(group: Sequence[_Layer], norms_follow: bool) -> list[_Layer]:
    """Return the layers before a merge that lie on the stream: the stem, shortcuts, a norm after the merge before."""
    end = next((layer for layer in group if layer.ends), group[-1])
    found: list[_Layer] = []
    for n, layer in enumerate(group[: group.index(end)]):
        entry = layer.entry
        is_after = norms_follow and n == len(found) and _is_norm(layer)
        is_stem = _block(entry.name) != _block(end.entry.name) or 0 < entry.depth <= 1
        found += [layer] if is_after or is_stem or entry.purpose == "shortcut" else []
    return found


def _is_norm(layer: _Layer) -> bool:
    """Tell whether a layer is a norm, as far as a plan says, and none that ends a branch."""
    return layer.entry.role == "scale" and layer.entry.branch is None


def _block(name: str) -> str:
    """Return a path up to its first number."""
    names = name.split(".")
    place = next((n for n, one in enumerate(names) if one.isdecimal()), -1)
    return ".".join(names[: place + 1])


def _branches(group: Sequence[_Layer]) -> Iterator[tuple[_Layer, ...]]:
    """Cut the layers of parallel branches after each last kernel and the scales that follow it."""
    branch: list[_Layer] = []
    for layer in group:
        if any(one.ends for one in branch) and layer.entry.branch is None:
            yield tuple(branch)
            branch = []
        branch.append(layer)
    yield tuple(branch)


class _Drawing:
    """Draws items, each on the stream that is added to next."""

    def __init__(self, colours: dict[int, int]) -> None:
        self.colours = colours
        self.stream = min(colours, default=0)

    def column(self, items: Sequence[_Layer | _Frame]) -> str:
        """Draw items one below another."""
        found: list[str] = []
        layers: list[_Layer] = []
        for item in items:
            if isinstance(item, _Layer):
                layers.append(item)
            else:
                found += [*map(self._item, _merged(layers)), self._item(item)]
                layers = []
        return "\n".join([*found, *map(self._item, _merged(layers))])

    def _item(self, item: "_Layer | _Frame | _Merge") -> str:
        match item:
            case _Layer():
                return f'<div class="{self._line()}">{self._layer(item)}</div>'
            case _Frame():
                times = f" <b>×{item.times}</b>" if item.times > 1 else ""
                head = f'<p class="head">{html_text(item.label)}{times}</p>'
                inside = self.column(item.inside)
                return f'<div class="{self._line("frame")}">{head}\n{inside}\n</div>'
            case _Merge(branches):
                return self._merge(branches)

    def _merge(self, branches: Sequence[Sequence[_Layer]]) -> str:
        end = next(layer for branch in branches for layer in reversed(branch) if layer.entry.branch is not None)
        self.stream = end.entry.branch.stream if end.entry.branch is not None else self.stream
        where = Fold(end.name, end.leaf.entries).merge(self._branch_text)
        boxes = "".join(f'<div class="branch">{"".join(map(self._layer, branch))}</div>' for branch in branches)
        plus = f'<p class="plus"><i>+</i> {html_text(where)}</p>'
        return f'<div class="{self._line()}">{boxes}{plus}</div>'

    def _branch_text(self, entry: PlanEntry) -> str:
        if entry.branch is None:
            return ""
        stream = f" on stream {entry.branch.stream}" if len(self.colours) > 1 else ""
        return f"branch {entry.branch.index} of {entry.branch.count}{stream}"

    def _line(self, kind: str = "line") -> str:
        return f"{kind} c{self.colours[self.stream]}" if self.stream in self.colours else kind

    def _layer(self, layer: _Layer) -> str:
        fans, fed_by, purpose = cells_of(layer.leaf, 1)
        words = [
            purpose.partition(", ends branch")[0],
            fans,
            f"fed by {fed_by}" if fed_by not in ("", "identity") else "",
        ]
        about = "".join(f" <span>{html_text(word)}</span>" for word in words if word)
        return f'<div class="layer"><code>{html_text(layer.name)}</code>{about}</div>'
