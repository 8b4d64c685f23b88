"""Small models, each of which changes one thing while it runs that it should leave alone."""

import os
import random
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from looking_state import STATEFUL, TRACE, Holder


class Vice(nn.Module):
    """A linear layer that does something else first; `prepare` gives it what that needs."""

    uses = 0
    log: list[int] = []  # noqa: RUF012 - a class that is written to is what is tried

    def __init__(self, act: Callable[["Vice", Tensor], Any], prepare: Callable[["Vice"], Any] | None = None) -> None:
        super().__init__()
        self.fc, self.norm, self.out = nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3)
        self.act = act
        if prepare is not None:
            prepare(self)

    def forward(self, x: Tensor) -> Tensor:
        changed = self.act(self, x)
        is_input = isinstance(changed, Tensor) and changed.shape == x.shape
        y: Tensor = self.out(torch.tanh(self.fc(changed if is_input else x)))
        return y


@torch.no_grad()
def clamp(m: Vice, x: Tensor) -> None:
    m.fc.weight.clamp_(-0.01, 0.01)


@torch.no_grad()
def normalise_by_data(m: Vice, x: Tensor) -> None:
    if not m.started:
        m.norm.weight.copy_(1 / (x.std(dim=0) + 1))
        m.norm.bias.copy_(-x.mean(dim=0))
        m.started = True


def write_through_numpy(m: Vice, x: Tensor) -> None:
    m.fc.weight.detach().numpy()[0] = 7.0


def write_through_data(m: Vice, x: Tensor) -> None:
    m.fc.weight.data[1] = 7.0


def step(m: Vice, x: Tensor) -> None:
    with torch.enable_grad():
        m.out(m.fc(x.detach())).square().mean().backward()
    m.optimizer.step()
    m.optimizer.zero_grad()


def accumulate(m: Vice, x: Tensor) -> None:
    with torch.enable_grad():
        m.fc(x.detach()).square().mean().backward()


def set_attribute(m: Vice, **values: Any) -> None:
    for name, value in values.items():
        setattr(m, name, value)


def write_item(container: Any, key: Any, value: Any) -> None:
    container[key] = value


def register_layer(m: Vice, x: Tensor) -> None:
    m.late = nn.Linear(4, 4)


def grow_class(m: Vice, x: Tensor) -> None:
    type(m).uses += 1
    type(m).log.append(1)
    type(m).last_seen = 3


def fill_environment(m: Vice, x: Tensor) -> None:
    os.environ["GLOROT_TEST_LOOKING"] = "yes"
    os.environ.pop("HOME", None)


def write_holder(m: Vice, x: Tensor) -> None:
    m.holder.count += 1
    m.holder.inside["items"].append(x)
    m.holder.new = True


class Named(Vice):
    """A layer whose own methods change what belongs to its class and its module."""

    def forward(self, x: Tensor) -> Tensor:
        self.count()
        return super().forward(x)

    def count(self) -> None:
        TRACE.append(2)
        Named.uses += 1
        Vice.log.append(2)
        Vice.uses += 1


def iterate(m: Vice, x: Tensor) -> None:
    functional.normalize(m.fc.weight.detach() @ m.u, dim=0, out=m.u)


class Checkpointed(Vice):
    checkpoint = True

    def forward(self, x: Tensor) -> Tensor:
        def inside(h: Tensor) -> Tensor:
            self.act(self, h)
            return functional.dropout(torch.tanh(self.fc(h)), 0.5)

        y: Tensor = self.out(checkpoint(inside, x, use_reentrant=False) if self.checkpoint else inside(x))
        return y


def with_hooks(m: nn.Module) -> nn.Module:
    m.seen = []
    m.fc.register_forward_hook(lambda module, args, result: m.seen.append(1))
    m.fc.weight.register_hook(lambda gradient: m.seen.append(3))
    return m


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return nn.Sequential(torch.jit.script(nn.ReLU(inplace=True)), nn.Linear(4, 3))


class Tokens(nn.Module):
    """An embedding that renormalises its rows where they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(9, 4, max_norm=0.1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.table((x[:, 0].abs() * 4).long()))
        return y


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 4, 2, dropout=0.5, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.lstm(x[:, None])[0][:, 0])
        return y


# what is done in forward, and what is made ready for it
VICES: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None]] = {
    "weights: clamped": (clamp, None),
    "weights: set from the data": (normalise_by_data, lambda m: set_attribute(m, started=False)),
    "weights: through NumPy": (write_through_numpy, None),
    "weights: through data": (write_through_data, None),
    "weights: data replaced": (lambda m, x: setattr(m.fc.weight, "data", torch.ones(4, 4)), None),
    "weights: half precision and back": (lambda m, x: m.norm.half(), None),
    "weights: parameter replaced": (lambda m, x: setattr(m.fc, "weight", nn.Parameter(torch.ones(4, 4))), None),
    "weights: parameter registered": (lambda m, x: m.register_parameter("late", nn.Parameter(torch.ones(2))), None),
    "weights: parameter removed": (lambda m, x: [m.norm._parameters.pop("bias", None)], None),
    "weights: an optimiser's step": (step, lambda m: set_attribute(m, optimizer=torch.optim.Adam(m.parameters()))),
    "weights: storage freed": (lambda m, x: m.norm.weight.untyped_storage().resize_(0), None),
    "weights: attribute of a parameter": (lambda m, x: setattr(m.fc.weight, "seen", True), None),
    "batch: added to": (lambda m, x: x.add_(1.0), None),
    "batch: rectified": (lambda m, x: functional.relu(x, inplace=True), None),
    "batch: scaled by a parameter": (lambda m, x: x.mul_(m.norm.weight), None),
    "batch: through a view": (lambda m, x: x[0].fill_(3.0), None),
    "batch: through NumPy": (lambda m, x: write_item(x.detach().numpy(), 0, 3.0), None),
    "batch: requires a gradient": (lambda m, x: x.requires_grad_(), None),
    "batch: resized": (lambda m, x: x.detach().clone().set_(x.detach().resize_(24)).view(6, 4), None),
    "gradients: accumulated": (accumulate, None),
    "gradients: written": (lambda m, x: m.fc.weight.grad.zero_() if m.fc.weight.grad is not None else None, None),
    "gradients: dropped": (lambda m, x: m.zero_grad(), None),
    "gradients: frozen": (lambda m, x: m.out.requires_grad_(False) if m.training else m.norm.requires_grad_(False), None),
    "gradients: hook on a parameter": (lambda m, x: m.fc.weight.register_hook(lambda gradient: gradient), None),
    "buffers: written": (lambda m, x: m.mean.copy_(x.detach().mean(dim=0)), lambda m: m.register_buffer("mean", torch.zeros(4))),
    "buffers: replaced": (lambda m, x: setattr(m, "mean", x.detach() * 2), lambda m: m.register_buffer("mean", torch.zeros(4))),
    "buffers: resized": (lambda m, x: [m.mean.resize_(50).fill_(2)], lambda m: m.register_buffer("mean", torch.zeros(4))),
    "buffers: registered": (lambda m, x: m.register_buffer("late", x.detach(), persistent=False), None),
    "buffers: batch norm": (lambda m, x: m.bn(x), lambda m: setattr(m, "bn", nn.BatchNorm1d(4))),
    "buffers: instance norm": (lambda m, x: m.inorm(x[None])[0], lambda m: setattr(m, "inorm", nn.InstanceNorm1d(6, track_running_stats=True))),
    "buffers: power iteration": (iterate, lambda m: m.register_buffer("u", torch.ones(4))),
    "modules: registered": (register_layer, None),
    "modules: replaced": (lambda m, x: setattr(m, "norm", nn.Identity()), None),
    "modules: removed": (lambda m, x: delattr(m, "norm"), None),
    "modules: appended": (lambda m, x: m.more.append(nn.Linear(2, 2)), lambda m: setattr(m, "more", nn.ModuleList([nn.Tanh()]))),
    "modules: mode": (lambda m, x: m.train(not m.training), None),
    "modules: hooked": (lambda m, x: m.norm.register_forward_hook(lambda *_: None), None),
    "attributes: cache": (lambda m, x: set_attribute(m, cache=x, count=m.count + 1), lambda m: set_attribute(m, count=0)),
    "attributes: deleted": (lambda m, x: m.__dict__.pop("count", None), lambda m: set_attribute(m, count=0)),
    "attributes: list": (lambda m, x: m.seen.append(x), lambda m: set_attribute(m, seen=[1, [2]])),
    "attributes: deep list": (lambda m, x: m.seen[1].append(x), lambda m: set_attribute(m, seen=[1, [2]])),
    "attributes: dict": (lambda m, x: m.seen.update(a=2, b=x), lambda m: set_attribute(m, seen={"a": 1})),
    "attributes: ordered dict": (lambda m, x: m.seen.move_to_end("a"), lambda m: set_attribute(m, seen=OrderedDict(a=1, b=2))),
    "attributes: default dict": (lambda m, x: m.seen["x"].append(1), lambda m: set_attribute(m, seen=defaultdict(list))),
    "attributes: counter": (lambda m, x: m.seen.update(["a"]), lambda m: set_attribute(m, seen=Counter("ab"))),
    "attributes: set": (lambda m, x: m.seen.add(3), lambda m: set_attribute(m, seen={1})),
    "attributes: deque": (lambda m, x: m.seen.append(3), lambda m: set_attribute(m, seen=deque([1], maxlen=1))),
    "attributes: tensor": (lambda m, x: m.memory.add_(1), lambda m: set_attribute(m, memory=torch.zeros(4))),
    "attributes: array": (lambda m, x: write_item(m.memory, 0, 1.0), lambda m: set_attribute(m, memory=np.zeros(4))),
    "attributes: object": (write_holder, lambda m: set_attribute(m, holder=Holder())),
    "attributes: namespace": (lambda m, x: setattr(m.holder, "a", 2), lambda m: set_attribute(m, holder=types.SimpleNamespace(a=1))),
    "attributes: class": (grow_class, None),
    **STATEFUL,
    "generators: PyTorch's": (lambda m, x: x + torch.rand(4, generator=m.generator), lambda m: set_attribute(m, generator=torch.Generator().manual_seed(1))),
    "generators: NumPy's": (lambda m, x: m.generator.random(), lambda m: set_attribute(m, generator=np.random.default_rng(1))),
    "generators: NumPy's old": (lambda m, x: m.generator.rand(), lambda m: set_attribute(m, generator=np.random.RandomState(1))),
    "generators: Python's": (lambda m, x: m.generator.random(), lambda m: set_attribute(m, generator=random.Random(1))),
    "random: PyTorch": (lambda m, x: x + torch.rand(4) + torch.randn_like(x) + torch.rand_like(x), None),
    "random: dropout": (lambda m, x: functional.dropout(x, 0.5, True), None),
    "random: attention's dropout": (lambda m, x: functional.scaled_dot_product_attention(x[None], x[None], x[None], dropout_p=0.5)[0], None),
    "random: a leaky rectifier": (lambda m, x: functional.rrelu(x, training=True), None),
    "random: permutation": (lambda m, x: x[torch.randperm(6)] + torch.bernoulli(torch.full((4,), 0.5)), None),
    "random: choice": (lambda m, x: x[torch.multinomial(torch.ones(6), 6)], None),
    "random: seeded": (lambda m, x: torch.manual_seed(3), None),
    "random: NumPy": (lambda m, x: np.random.rand(), None),  # noqa: NPY002
    "random: Python": (lambda m, x: random.random(), None),
    "process: default dtype": (lambda m, x: torch.set_default_dtype(torch.float64), None),
    "process: default device": (lambda m, x: torch.set_default_device("cpu"), None),
    "process: filters": (lambda m, x: warnings.simplefilter("ignore"), None),
    "process: errstate": (lambda m, x: np.seterr(all="ignore"), None),
    "process: environment": (fill_environment, None),
    "process: grad mode": (lambda m, x: torch.set_grad_enabled(True), None),
    "process: autocast": (lambda m, x: torch.set_autocast_enabled("cpu", True), None),
    "process: deterministic": (lambda m, x: torch.use_deterministic_algorithms(True), None),
    "process: fast path": (lambda m, x: torch.backends.mha.set_fastpath_enabled(False), None),
    "process: threads": (lambda m, x: torch.set_num_threads(3), None),
    "process: anomaly": (lambda m, x: torch.set_anomaly_enabled(True, check_nan=False), None),
    "process: cuDNN": (lambda m, x: setattr(torch.backends.cudnn, "benchmark", True), None),
    "process: precision": (lambda m, x: torch.set_float32_matmul_precision("medium"), None),
}  # fmt: skip


def of_vice(name: str) -> Callable[[], nn.Module]:
    return lambda: Vice(*VICES[name])


def fail(error: BaseException) -> Callable[[Vice, Tensor], None]:
    def act(m: Vice, x: Tensor) -> None:
        write_through_data(m, x)
        x.add_(1.0)
        torch.set_default_dtype(torch.float64)
        m.cache = x
        raise error

    return act


MODELS: dict[str, Callable[[], nn.Module]] = {
    **{name: of_vice(name) for name in VICES},
    "embedding with a largest norm": Tokens,
    "in place first": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)),
    "named": lambda: Named(clamp),
    "checkpointed": lambda: Checkpointed(clamp),
    "hooked": lambda: with_hooks(Vice(clamp)),
    "compiled": lambda: torch.compile(Vice(clamp), backend="eager"),
    "scripted": scripted,
    "transformer": lambda: nn.Sequential(nn.Linear(4, 4), nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Linear(4, 3)),
    "recurrent": Recurrent,
}  # fmt: skip

FAILING: dict[str, Callable[[], nn.Module]] = {
    type(error).__name__: lambda error=error: Vice(fail(error))
    for error in (KeyError("k"), ZeroDivisionError("z"), RuntimeError("r"), StopIteration(), NotImplementedError(), MemoryError("m"))
}  # fmt: skip
