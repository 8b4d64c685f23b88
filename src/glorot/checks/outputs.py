"""What a model returns, and what was added to it last: the bias of its outputs, and how many classes they have."""

from collections.abc import Iterator, Sequence

from glorot.graph.folding import Folded
from glorot.graph.operations import Map
from glorot.inventory import Inventory
from glorot.inventory.walking import way_back


def output_biases(folded: Folded | None, inventory: Inventory) -> list[str]:
    """Return the paths of what is added to the outputs; where nothing is, as after a softmax, the biases of heads."""
    return added_to_outputs(folded) or [part.path for part in inventory.parts if part.purpose == "output bias"]


def added_to_outputs(folded: Folded | None) -> list[str]:
    """Return the paths of what is added to the outputs after the last step that is more than a move or a function."""
    return [] if folded is None else list(dict.fromkeys(_added(folded)))


def classes_of(folded: Folded | None, inventory: Inventory, targets: Sequence[int], *, is_number: bool) -> int:
    """Return how many classes the first output of a model has; 0 where that is not known.

    Args:
        folded: what the model computes.
        inventory: its parameters.
        targets: the shape of the targets.
        is_number: whether these are class numbers, and so have no axis for the classes.
    """
    shapes = {one.path: one.shape for one in inventory.parameters}
    sizes = [(shapes[path] or (1,))[-1] for path in output_biases(folded, inventory) if path in shapes]
    outputs = [] if folded is None else folded.graph.outputs
    if folded is None or not outputs or not folded.graph.shape(outputs[0]):
        return sizes[0] if sizes else 0
    shape = folded.graph.shape(outputs[0])
    fitting = [size for size in sizes if size in (shape[-1], shape[min(1, len(shape) - 1)])]
    if fitting:
        return fitting[0]
    if is_number and len(shape) > 1 and len(shape) > len(targets):
        is_second = tuple(targets) == (shape[0], *shape[2:])
        return shape[1 if is_second else -1]
    return 1 if 1 in sizes else 0


def _added(folded: Folded) -> Iterator[str]:
    for output in folded.graph.outputs:
        for at in way_back(folded, output) if output in folded.source else ():
            step = folded.makers.of(at)
            if step is not None and step.operation == Map("add") and at in folded.passes:
                yield from (path for value in step.operands for path in folded.parameters.get(value, ()))
