"""From a Caffe net to a graph: each type of layer states its own steps, in `glorot.caffe.kinds`."""

from glorot.caffe.definition.states import PHASES
from glorot.caffe.kinds import kind_of
from glorot.caffe.kinds.lowering import Lowering
from glorot.caffe.nets import Net, Node
from glorot.graph import Graph
from glorot.graph.operations import Reshape

KERNELS = ("kernel", "recurrent", "interpolation")
"""The roles of blobs that a layer multiplies what it reads with, even if that is another blob."""


def lower(net: Net) -> Graph:
    """Return the graph of a net.

    Args:
        net: the net.

    Returns:
        The graph; its inputs are those of the net, in order, and a parameter is called as in an inventory. A layer of
        an unknown type is a step that is not understood.

    Example:
        >>> from glorot.caffe import parse_net
        >>> net = parse_net('''
        ... input: "x" input_dim: [1, 3, 8, 8]
        ... layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 5 } }
        ... layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
        ... ''')
        >>> [type(step.operation).__name__ for step in lower(net).steps]
        ['Reshape', 'Contract', 'Map', 'Map']
    """
    graph = Graph()
    known = {name: graph.input(shape) for name, shape in net.inputs.items()}
    blobs: dict[str, int] = {}
    for node in net.nodes:
        layer = node.layer
        if not layer.bottoms and not node.blobs:  # what it makes comes from outside
            known |= {
                top: graph.input(shape) for top, shape in zip(layer.tops, node.tops, strict=True) if top not in known
            }
            continue
        phase = layer.message.choice("phase", net.state.phase, PHASES)
        bottoms = tuple(known[name] for name in layer.bottoms)
        at = Lowering(graph, layer, bottoms, node.tops, _blobs(graph, node, blobs), phase == "TRAIN")
        tops = kind_of(layer).lower(at)
        assert [graph.shape(top) for top in tops] == list(node.tops), layer.kind
        known.update(zip(layer.tops, tops, strict=True))
    graph.outputs = [known[name] for name in net.outputs]
    return graph


def _blobs(graph: Graph, node: Node, known: dict[str, int]) -> tuple[int, ...]:
    """Return the blobs of a layer, and add those that are its own to the graph."""
    found = []
    for index, (blob, owner) in enumerate(zip(node.blobs, node.owners, strict=True)):
        path = owner or node.path(index)
        if path not in known:
            slope = next((part.start for part in blob.parts if part.role == "slope"), None)
            is_kernel = any(part.role in KERNELS for part in blob.parts)
            known[path] = graph.parameter(path, blob.shape, slope, is_kernel=is_kernel)
        value = known[path]
        is_whole = graph.shape(value) == blob.shape
        found.append(value if is_whole else graph.step(Reshape(), [value], blob.shape))
    return tuple(found)
