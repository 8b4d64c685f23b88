"""Seeing: what the graph of a model adds to what is known of its layers, and where it knows better."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE, Fans, embedding
from glorot.graph import Folded, Graph, Use
from glorot.graph.operations import Convolve
from glorot.graph.sources import kernel_before
from glorot.inventory.branches import branches_of, merges_of
from glorot.inventory.cuts import Comb, comb_of, names_of, pieces_of, purpose_in
from glorot.inventory.kernels import Kernel, fans_of, kernel_of, kernel_operand, outputs_of
from glorot.inventory.layouts import comb, laid_out
from glorot.inventory.lowrank import other_factor
from glorot.inventory.parts import Inventory, Parameter, Part, runs
from glorot.inventory.purposes import purpose_of, purposes_of
from glorot.inventory.roles import Role, role_of
from glorot.inventory.seen import Seen, first_of, seen_in
from glorot.inventory.states import states_of
from glorot.inventory.twins import like_twins
from glorot.inventory.ways import ways_in
from glorot.text import number

Cut = tuple[tuple[str, Comb], ...]
"""The pieces that the outputs of a kernel are taken apart into, each with its name."""

MOST_PIECES = 16
"""Pieces of one parameter; what is taken apart further is left whole."""

VECTORS = ("bias", "scale", "shift", "slope")
"""The roles of what acts on each unit by itself."""


def observed(inventory: Inventory, graph: Graph) -> Inventory:
    """Return an inventory with all that the graph of its model shows.

    Args:
        inventory: what is known of the model by the classes of its layers.
        graph: what the model computes on a batch.

    Returns:
        The inventory: parameters that no class explains by their use, true fans with the sizes of the maps, fused
        kernels piece by piece, sources, followers, and the order of execution. What the batch does not reach is like
        its twin in another block, or kept.
    """
    view = _View(inventory, graph)
    ways = ways_in(view.folded, {part.path for part in inventory.parts if runs(part.role)})
    parameters = tuple(
        replace(
            one,
            parts=tuple(
                replace(part, way=None if runs(part.role) else ways.get(one.path)) for part in view.parts_of(one)
            ),
        )
        if one.parts
        else one
        for one in inventory.parameters
    )
    stop = f"what the model computes was seen up to here: {graph.incomplete}" if graph.incomplete else ""
    notes = (*graph.notes, *([stop] if stop else []))
    return replace(inventory, parameters=like_twins(parameters), notes=notes, graph=graph)


class _View:
    """The graph of a model, asked parameter by parameter."""

    def __init__(self, inventory: Inventory, graph: Graph) -> None:
        every = inventory.parameters
        layers = {one.path: one.layer for one in every}
        unowned = {one.path for one in every if any(part.role == "unknown" for part in one.parts)}
        ties = {one.path: one.tied_to for one in every if one.tied_to is not None}
        self.zeros = {one.path for one in every if one.parts and all(map(_holds_zeros, one.parts))}
        self.filled = {part.path for part in inventory.parts if part.filled}
        self.folded = Folded(graph)
        self.stored = {value.path for value in graph.values if value.path}
        self.seen = seen_in(self.folded)
        merges = merges_of(self.folded)
        self.branches = branches_of(self.folded, merges)
        self.plain = {path for one in merges for path in one.ends if path not in one.rescaled}
        self.states = states_of(self.folded)
        self.purposes = purposes_of(self.folded, self.branches, [path for one in merges for path in one.shortcut])
        self.layers = dict(layers)
        together: dict[str, list[str]] = defaultdict(list)
        for path, layer in layers.items():  # a weight that no layer owns is a layer by itself
            self.layers[path] = path if path in unowned and path in self.seen else layer
            together[self.layers[path]].append(ties.get(path, path))
        found = {layer: first_of(self.seen, paths) for layer, paths in together.items()}
        self.firsts = {layer: first for layer, first in found.items() if first is not None}
        own = {self.layers[path] for path in layers if path not in ties}
        order = sorted(own & self.firsts.keys(), key=lambda layer: self.firsts[layer].position)
        self.depths = {layer: depth for depth, layer in enumerate(order, start=1)}
        self.cuts: dict[int, Cut] = {}
        self.told: dict[int, dict[str, str]] = {}  # what pieces are for that have no name, by the step of their kernel

    def parts_of(self, parameter: Parameter) -> tuple[Part, ...]:
        """Return the parts of a parameter as the graph shows them."""
        path, parts = parameter.path, parameter.parts
        if path not in self.stored and not runs(parts[0].role):  # as the integers of a quantised layer
            return parts
        role = self._role(path)
        if role is not None:
            is_unknown = all(part.role == "unknown" for part in parts)
            parts = self._understand(parameter, role) if is_unknown else self._refine(parameter, role)
        layer = self.layers.get(path, "")
        first = self.firsts.get(layer)
        if parameter.parts[0].role in ("bias", "forget_bias"):
            seen = first if role is None else self._shifted(role, layer) or first
        else:
            seen = self.seen.get(path, first)
        placed = (self._placed(part, seen, self.depths.get(layer, 0), role is not None) for part in parts)
        if role is not None and role.name == "kernel" and self._starts_as_no_change(path, role.use):
            return tuple(replace(part, role="shift") for part in placed)
        return tuple(placed)

    def _starts_as_no_change(self, path: str, use: Use) -> bool:
        """Tell whether a kernel is the second matrix of an adapter: it holds zeros, and the first one does not."""
        signal, is_second = self.folded.signal_beside(use), self.purposes.get(path) == "adapter B"
        if is_second and path not in self.filled:
            return True
        if path not in self.zeros:
            return False
        if is_second and signal is not None:
            first = kernel_before(self.folded, self.folded.back(signal))
        else:
            first = other_factor(self.folded, use)
        return first != "" and first not in self.zeros

    def _role(self, path: str) -> Role | None:
        role = role_of(self.folded, path, self.branches)
        return replace(role, name=self.states[path]) if role is not None and path in self.states else role

    def _shifted(self, role: Role, layer: str) -> Seen | None:
        """Return what is seen of the kernel of a layer whose result a bias is added to; None for anything else."""
        signal = self.folded.signal_beside(role.use)
        if role.name != "bias" or signal is None:
            return None
        kernel = kernel_before(self.folded, self.folded.back(signal))
        return self.seen.get(kernel) if self.layers.get(kernel) == layer else None

    def _placed(self, part: Part, seen: Seen | None, depth: int, is_seen: bool) -> Part:
        if part.role == "unknown":
            part = replace(part, kept=_kept(part, is_seen))
        if part.role != "recurrent":  # its states are added from turn to turn, which makes no branch
            branch = self.branches.get(part.path)
            is_rescaled = branch is not None and part.path not in self.plain
            purpose = purpose_of(self.purposes, part)
            part = replace(part, branch=branch, is_rescaled=is_rescaled, purpose=purpose)
        is_seen = is_seen or runs(part.role)  # whether a batch meets averages depends on the mode alone
        if seen is None:
            return replace(part, seen=is_seen, depth=0)
        source, follower = seen.source, seen.followed_by
        return replace(part, source=source, fed_by=source.text, followed_by=follower, depth=depth, seen=is_seen)

    # ---- parameters that no class explains ---------------------------------------------------------------------------

    def _understand(self, parameter: Parameter, role: Role) -> tuple[Part, ...]:
        """Return the parts of a parameter by its use alone."""
        shape, layer = parameter.shape, parameter.parts[0].layer
        neutral = 1.0 if role.neutral is None else role.neutral
        if role.name == "kernel":
            kernel = kernel_of(self.folded, role.use)
            return parameter.parts if kernel is None else self._kernel(parameter, role, kernel)
        if role.name == "embedding" and len(shape) == 2:
            part = laid_out("b o", shape, "embedding", layer, embedding(shape[1]))
        elif role.name in VECTORS:
            part = Part("", "o" * len(shape), shape, role.name, layer, ELEMENTWISE, neutral=neutral)
        elif role.name:
            part = Part("", "", shape, role.name, layer, neutral=neutral)
        else:
            return parameter.parts
        part = _like(part, parameter.parts[0])
        return self._cut_bias(part, shape, role)

    def _kernel(self, parameter: Parameter, role: Role, kernel: Kernel) -> tuple[Part, ...]:
        pattern = " ".join(
            f"({' '.join(letters)})" if len(letters) > 1 else letters or "b" for letters in kernel.letters
        )
        try:
            part = laid_out(
                pattern, parameter.shape, "kernel", parameter.parts[0].layer, kernel.fans, b=max(kernel.groups, 1)
            )
        except GlorotError:  # several meanings share an axis in another way than groups do
            return parameter.parts
        part = _like(part, parameter.parts[0])
        return self._cut(part, parameter.shape, role, kernel)

    # ---- parameters of known layers ----------------------------------------------------------------------------------

    def _refine(self, parameter: Parameter, role: Role) -> tuple[Part, ...]:
        """Return the parts of a parameter of a known layer, with what the graph knows better."""
        if len(parameter.parts) > 1:
            return parameter.parts
        (part,) = parameter.parts
        if part.role == "kernel" and role.name == "kernel":
            kernel = kernel_of(self.folded, role.use)
            return parameter.parts if kernel is None else self._better(part, parameter.shape, role, kernel)
        if part.role == "embedding" and role.name in ("position", "relative_bias"):
            return (replace(part, role=role.name),)
        if role.name == "state_step":
            return (replace(part, role=role.name),)
        if part.role == "scale" and role.neutral is not None:
            return (replace(part, neutral=role.neutral),)
        return self._cut_bias(part, parameter.shape, role) if part.role == "bias" else parameter.parts

    def _better(self, part: Part, shape: Sequence[int], role: Role, kernel: Kernel) -> tuple[Part, ...]:
        claimed, note = part.fans, ""
        is_convolution = isinstance(self.folded.graph.steps[role.use.step].operation, Convolve)
        if claimed is not None and claimed != kernel.fans and not is_convolution:
            note = f"connects {_fans(kernel.fans)}, its class {_fans(claimed)}"
        fans = claimed if is_convolution and self.folded.graph.invented else kernel.fans
        return self._cut(replace(part, fans=fans, note=note), shape, role, kernel)

    # ---- fused kernels -----------------------------------------------------------------------------------------------

    def _cut(self, part: Part, shape: Sequence[int], role: Role, kernel: Kernel) -> tuple[Part, ...]:
        """Cut a kernel into the pieces that its model takes its outputs apart into."""
        axes = [axis for axis, letters in enumerate(kernel.letters) if letters == "o"]
        if len(axes) != 1 or kernel.groups > 1 or not kernel.outputs:
            return (part,)
        pieces = self._pieces(role.use.step, kernel.outputs, shape[axes[0]])
        told = {f"{part.name}[{name}]": purpose for name, purpose in self.told[role.use.step].items() if purpose}
        self.purposes |= told if part.path not in self.purposes else {}
        return _pieces_in(part, shape, axes[0], pieces)

    def _pieces(self, position: int, outputs: Sequence[int], size: int) -> Cut:
        if position not in self.cuts:
            found = pieces_of(self.folded, position, outputs)
            combs = [comb_of(piece.features) for piece in found if 1 < len(found) <= MOST_PIECES]
            known = [one for one in combs if one is not None and _can_be_cut(one, size)]
            names = names_of(found)
            self.cuts[position] = tuple(zip(names, known, strict=False)) if len(known) == len(found) else ()
            self.told[position] = {
                name: purpose_in(one) for name, one in zip(names, found, strict=True) if name.isdigit()
            }
        return self.cuts[position]

    def _cut_bias(self, part: Part, shape: Sequence[int], role: Role) -> tuple[Part, ...]:
        """Cut what is added to the outputs of a fused kernel as the kernel is."""
        signal = self.folded.signal_beside(role.use)
        if role.name != "bias" or signal is None or len(shape) != 1:
            return (part,)
        maker = self.folded.makers.of(self.folded.back(signal))
        kernel = None if maker is None else kernel_operand(self.folded, maker)
        if maker is None or kernel is None:
            return (part,)
        if isinstance(maker.operation, Convolve) and not self.folded.graph.invented:
            return (replace(part, fans=fans_of(self.folded, maker, kernel)),)
        cut = self._pieces(self.folded.position(maker), outputs_of(maker, kernel), shape[0])
        fits = sum(one.run * one.times for _, one in cut) == shape[0]
        return _pieces_in(part, shape, 0, cut) if fits else (part,)


def _kept(part: Part, is_seen: bool) -> str:
    """Return why what a real model holds in an unknown part stays; "" where it has to be asked."""
    if not part.filled:
        return ""
    why = "how it enters is not understood" if is_seen else "the batch does not reach it"
    return f"{why}, so it keeps the start of its model (provisional)"


def _holds_zeros(part: Part) -> bool:
    return part.held is not None and part.held.value == 0


def _can_be_cut(piece: Comb, size: int) -> bool:
    """Tell whether a piece of an axis is more than one output, and lies in it evenly."""
    return piece.run * piece.times > 1 and (piece.times == 1 or size % piece.period == 0)


def _like(part: Part, unknown: Part) -> Part:
    """Return what an unknown part turned out to be, with all else that is known of it."""
    is_plain = part.role != "kernel" and unknown.held is not None and unknown.held.value is not None
    return replace(
        unknown,
        axes=part.axes,
        shape=part.shape,
        role=part.role,
        fans=part.fans,
        view=part.view,
        neutral=part.neutral,
        by_use=True,
        held=None if is_plain else unknown.held,  # a token of zeros is nothing unusual
    )


def _pieces_in(part: Part, shape: Sequence[int], axis: int, cut: Cut) -> tuple[Part, ...]:
    """Return the pieces of a part, each with its own outputs; the part itself if it is not cut."""
    if not cut:
        return (part,)
    found = []
    for name, (start, run, period, times) in cut:
        piece = comb(part, shape, axis, start, run, period if times > 1 else shape[axis], times)
        fans = part.fans
        if fans is not None and part.role in ("kernel", "bias"):
            fans = Fans(fans.fan_in, fans.fan_out * run * times / shape[axis])
        found.append(replace(piece, name=f"{part.name}[{name}]", fans=fans))
    return tuple(found)


def _fans(fans: Fans) -> str:
    return f"{number(fans.fan_in)} → {number(fans.fan_out)}"
