"""A Caffe net as a PyTorch module."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glorot.caffe.definition.layers import Layer
from glorot.caffe.kinds.losses import is_loss, loss_weights
from glorot.caffe.model import inventory, net_of
from glorot.caffe.modules import combining, convolution, dense, detection, forks, losses, neurons, norms, pooling
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Net, Node
from glorot.caffe.starting import Weights, started
from glorot.caffe.weights import Arrays
from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.text import shape_text

LAYERS: dict[str, Callable[[Node], CaffeLayer]] = {
    name: kind
    for family in (convolution, dense, pooling, norms, neurons, combining, detection, forks, losses)
    for name, kind in family.LAYERS.items()
}
"""One row a type of layer."""

MOVING = {"Slice", "Concat", "Split", "Flatten", "Reshape", "Permute", "Silence"}
"""The layers that compute nothing."""

INDICES = {"Embed": 0, "SoftmaxWithLoss": 1, "Accuracy": 1}
"""The bottom of a layer that holds labels or other whole numbers."""

WRAPPERS = {"_orig_mod", "_checkpoint_wrapped_module"}
"""What wrappers of PyTorch call what they wrap; such a step tells nothing of a parameter's place."""


class Outputs(dict[str, Tensor]):
    """The blobs that a net ends in, by name, in the order of the net."""

    @property
    def logits(self) -> Tensor:
        """The last of them: the scores of the last classifier, where no labels were given."""
        return list(self.values())[-1]


def to_torch(net: Net | str | Path, *, seed: int = 0, weights: Weights | None = None) -> "CaffeModule":
    """Return a Caffe net as a PyTorch module, which computes and trains as Caffe does.

    Args:
        net: the net, or the path of its `.prototxt`.
        seed: the seed of its own fillers.
        weights: what it starts from in their place: {"conv1.0": array, …} as `glorot.apply` returns them, or the
            path of a `.caffemodel`. A blob that is not among them starts from its filler, and layers of a file that
            the net does not have are passed over, so that trained weights are tuned as in Caffe.

    Returns:
        The module, in training mode; a layer with a `phase` of its own keeps to that. Its parameters are called as
        Caffe's blobs are, so a plan made for the net fits the module, and the module's for the net.

    Raises:
        GlorotError: if the net cannot be read, has a layer that there is no module for, or the weights do not fit. A
            loss or a DetectionOutput without a module is left out where nobody reads it.

    Example:
        >>> from glorot.caffe import parse_net
        >>> from glorot.caffe.modules import to_torch
        >>> net = parse_net('''
        ... input: "x" input_dim: [1, 3, 8, 8]
        ... layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y"
        ...   inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
        ... ''')
        >>> module = to_torch(net, seed=0)
        >>> {name: tuple(values.shape) for name, values in module.state_dict().items()}
        {'fc.0': (5, 192), 'fc.1': (5,)}
        >>> module(torch.zeros(64, 3, 8, 8)).shape
        torch.Size([64, 5])

    References:
        Jia et al. (2014), "Caffe: Convolutional Architecture for Fast Feature Embedding"; Caffe 1.0, `src/caffe`.
    """
    net = net_of(net)
    layers = [_layer(node) for node in net.nodes if not (_is_fed(node) or _is_judging(net, node))]
    return CaffeModule(net, layers, started(net, seed, weights))


def _is_fed(node: Node) -> bool:
    """Tell whether what a layer makes is fed from outside."""
    return not node.layer.bottoms and not node.blobs


def _is_judging(net: Net, node: Node) -> bool:
    """Tell whether a layer only judges what the net makes, has no module and is read by nobody."""
    judges = is_loss(node.layer) or node.layer.kind == "DetectionOutput"
    return judges and node.layer.kind not in LAYERS and set(net.outputs).issuperset(node.layer.tops)


def _layer(node: Node) -> CaffeLayer:
    layer = node.layer
    if layer.kind not in LAYERS:
        raise layer.error(f"to_torch has no such layer; it has: {', '.join(sorted(LAYERS))}")
    return LAYERS[layer.kind](node)


class CaffeModule(nn.Module):
    """A Caffe net as a PyTorch module; see `to_torch`.

    Attributes:
        net: the net.
        read_as_data: the blobs that some layer computes with, and does not only take for labels or indices.
    """

    def __init__(self, net: Net, layers: Sequence[CaffeLayer], weights: Arrays) -> None:
        super().__init__()
        self.net = net
        self._paths = _paths(layers)
        self._layers = [layer.layer for layer in layers]
        self.read_as_data = _data(self._layers)
        self._own(layers, weights)
        for path, layer in zip(self._paths, layers, strict=True):
            _place(self, path, layer)

    def _own(self, layers: Sequence[CaffeLayer], weights: Arrays) -> None:
        """Give layers their blobs, one parameter to all that share it, and what is planned of them."""
        known = {parameter.path: parameter for parameter in inventory(self.net).parameters}
        parameters: dict[str, nn.Parameter] = {}
        for layer in layers:
            layer.glorot_parts = {}
            for index, (blob, owner) in enumerate(zip(layer.node.blobs, layer.node.owners, strict=True)):
                path = owner or layer.node.path(index)
                if path not in parameters:
                    values = torch.from_numpy(weights[path])
                    parameters[path] = nn.Parameter(values, requires_grad=blob.is_learnt)
                layer.register_parameter(str(index), parameters[path])
                layer.glorot_parts[str(index)] = tuple(
                    replace(part, name=part.name.removeprefix(path)) for part in known[path].parts
                )

    def forward(self, *blobs: Tensor, **named_blobs: Tensor) -> Tensor | Outputs:
        """Return what the net makes of its inputs.

        Args:
            *blobs: the inputs in the order of the net, all or the first few. They take the dtype of the weights, but
                for labels and indices, which may be of any.
            **named_blobs: others of them by their names.

        Returns:
            The blob that no layer reads, or an `Outputs` of all of them. A layer is left out if something that it
            reads is not given, as a loss is without labels.

        Raises:
            GlorotError: if an input is unknown or none at all, or a layer cannot read a blob of its shape.
        """
        outputs, _ = self._run(blobs, named_blobs)
        return outputs.logits if len(outputs) == 1 else outputs

    def total_loss(self, *blobs: Tensor, **named_blobs: Tensor) -> Tensor:
        """Return what Caffe would train on: the sum of all losses, each times its `loss_weight`.

        Args:
            *blobs: the inputs, as `forward` takes them, with labels.
            **named_blobs: others of them by their names.

        Raises:
            GlorotError: if no loss can be computed from them, or the net has one that there is no module for; or as
                `forward` does.
        """
        for layer in (*(node.layer for node in self.net.nodes), *self.net.left_out):
            if is_loss(layer) and layer not in self._layers:
                raise layer.error("it is not in the module, so there is no total_loss")
        _, losses = self._run(blobs, named_blobs)
        if not losses:
            missing = [name for name in self.net.inputs if name not in self._inputs(blobs, named_blobs)]
            hint = f"; not given: {', '.join(missing)}" if missing else ", for it has no layer of a loss"
            raise GlorotError(f"{self.net.source}: the net computes no loss from these inputs{hint}")
        return torch.stack(losses).sum()

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """Yield layers in the order of the net, also where dots in their names make them lie in one another."""
        found = list(super().named_modules(memo, prefix, remove_duplicate))
        places = {f"{prefix}.{path}".removeprefix("."): place for place, path in enumerate(self._paths)}
        yield from sorted(found, key=lambda pair: places.get(pair[0], -1))

    def _run(self, blobs: Sequence[Tensor], named: Mapping[str, Tensor]) -> tuple[Outputs, list[Tensor]]:
        """Return the blobs that no layer reads, and the weighted losses."""
        known, unread, losses = self._inputs(blobs, named), Outputs(), []
        for path, layer in zip(self._paths, self._layers, strict=True):
            if not all(name in known for name in layer.bottoms):
                for name in layer.tops:
                    known.pop(name, None)
                continue
            result = _module_at(self, path.split("."))(*(known[name] for name in layer.bottoms))
            results = (result,) if isinstance(result, Tensor) else result
            for name in layer.bottoms:
                unread.pop(name, None)
            known.update(zip(layer.tops, results, strict=False))
            unread.update(zip(layer.tops or [layer.name], results, strict=False))
            losses += [weight * top.sum() for weight, top in zip(loss_weights(layer), results, strict=False) if weight]
        if not unread:
            raise GlorotError(f"{self.net.source}: no layer can run on {', '.join(known)} alone")
        return unread, losses

    def _inputs(self, blobs: Sequence[Tensor], named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = list(self.net.inputs)
        expected = f"inputs here: {', '.join(names)}"
        if len(blobs) > len(names) or not (blobs or named):
            raise GlorotError(f"{self.net.source}: got {len(blobs)} inputs, expected 1 to {len(names)}; {expected}")
        found = dict(zip(names, blobs, strict=False))
        for name, blob in named.items():
            if name not in names:
                raise GlorotError(f"{self.net.source}: there is no input {name!r}{nearest(name, names)}; {expected}")
            if name in found:
                raise GlorotError(f"{self.net.source}: input {name!r} is given twice, by its place and by its name")
            found[name] = blob
        for name, blob in found.items():
            declared = self.net.inputs[name]
            if not isinstance(blob, Tensor):
                raise GlorotError(f"{self.net.source}: input {name!r} must be a tensor, got {type(blob).__name__}")
            if blob.dim() != len(declared):
                raise GlorotError(
                    f"{self.net.source}: input {name!r} must have {len(declared)} axes, as {shape_text(declared)} has, "
                    f"got shape {shape_text(blob.shape)}"
                )
        return {name: self._converted(blob) if name in self.read_as_data else blob for name, blob in found.items()}

    def _converted(self, blob: Tensor) -> Tensor:
        """Return data in the dtype of the weights; where there are none, whole numbers alone change theirs."""
        weights = next(self.parameters(), None)
        if weights is not None:
            return blob.to(weights.dtype)
        return blob if blob.is_floating_point() else blob.to(torch.get_default_dtype())


def _data(layers: Sequence[Layer]) -> set[str]:
    """Return the blobs that some layer computes with, and does not only take for labels or indices."""
    found: set[str] = set()
    for layer in reversed(layers):
        for index, name in enumerate(layer.bottoms):
            if not found.isdisjoint(layer.tops) if layer.kind in MOVING else index != INDICES.get(layer.kind):
                found.add(name)
    return found


def _paths(layers: Iterable[CaffeLayer]) -> list[str]:
    """Return where each layer is placed: under its name, which only those without weights may have to change."""
    taken = {layer.layer.name for layer in layers if layer.node.blobs}
    copies: Counter[str] = Counter()
    found = []
    for layer in layers:
        path = name = layer.layer.name or layer.layer.kind
        _check_path(layer)
        while not layer.node.blobs and path in taken:
            copies[name] += 1
            path = f"{name}_{copies[name] + 1}"
        taken.add(path)
        found.append(path)
    return found


def _check_path(layer: CaffeLayer) -> None:
    """Raise if PyTorch would not tell the name of a layer from another."""
    name, problem = layer.layer.name, ""
    if layer.node.blobs and name.startswith("."):
        problem = "a parameter's path cannot begin with a dot"
    for step in sorted(WRAPPERS.intersection(name.split("."))):
        problem = f"{step!r} is what PyTorch's wrappers put into paths, and is not read as part of them"
    if problem:
        raise layer.layer.error(f"{problem}; give the layer another name", field="name")


def _place(root: nn.Module, path: str, layer: nn.Module) -> None:
    """Put a layer at a path, whatever its steps are called: PyTorch itself refuses the names of its own attributes."""
    *outer, last = path.split(".")
    for step in outer:
        root._modules.setdefault(step, nn.Module())
        root = _module_at(root, [step])
    inside = root._modules.get(last)
    if inside is not None:  # "a.b" came before "a"
        layer._modules.update(inside._modules)
    root._modules[last] = layer


def _module_at(root: nn.Module, steps: Iterable[str]) -> Any:
    module: Any = root
    for step in steps:
        module = module._modules[step]
    return module
