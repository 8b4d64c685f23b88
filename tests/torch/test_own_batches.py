"""A batch that nobody gave: which models glorot makes one for, what the plan is then, and that it costs nothing."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.adapters import take_inventory
from glorot.errors import GlorotError


class Of(nn.Module):
    """A model whose forward pass is a function of it and what it is called with."""

    def __init__(self, run: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower, self.head = nn.Linear(5, 4), nn.Linear(8, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(torch.cat([torch.tanh(self.tower(left)), torch.tanh(self.tower(right))], -1))


def lenet() -> nn.Module:
    return Of(
        lambda m, x: m.out(functional.relu(m.dense(functional.max_pool2d(functional.relu(m.conv(x)), 2).flatten(1)))),
        conv=nn.Conv2d(1, 6, 5, padding=2),
        dense=nn.Linear(6 * 14 * 14, 20),
        out=nn.Linear(20, 10),
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], dict[str, str]]] = {  # and what feeds some of its kernels
    "dense layers between functions": (
        lambda: Of(lambda m, x: m.b(functional.relu(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)),
        {"a.weight": "identity", "b.weight": "relu"},
    ),
    "images of the one size that fits": (lenet, {"dense.weight": "relu", "out.weight": "relu"}),
    "sound": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 9), nn.ELU(), nn.Conv1d(4, 4, 9)),
        {"0.weight": "identity", "2.weight": "elu"},
    ),
    "volumes": (lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.SiLU(), nn.Conv3d(4, 4, 3)), {"2.weight": "silu"}),
    "words": (
        lambda: Of(
            lambda m, x: m.b(torch.tanh(m.a(m.words(x)))),
            words=nn.Embedding(9, 4),
            a=nn.Linear(4, 4),
            b=nn.Linear(4, 2),
        ),
        {"b.weight": "tanh"},
    ),
    "sequences": (
        lambda: Of(lambda m, x: m.head(m.body(x)[0]), body=nn.LSTM(3, 4), head=nn.Linear(4, 2)),
        {"head.weight": "sigmoid × tanh"},
    ),
    "two inputs": (Pair, {"head.weight": "tanh"}),
    "two unlike inputs": (lambda: nn.Bilinear(3, 4, 5), {"weight": "identity × identity"}),
    "queries, keys and values": (lambda: nn.MultiheadAttention(8, 2), {"out_proj.weight": "identity"}),
    "encoder and decoder": (
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        {"decoder.layers.0.linear2.weight": "relu"},
    ),
    "another layer first": (
        lambda: Of(lambda m, x: m.a(torch.tanh(m.b(x))), a=nn.Linear(4, 2), b=nn.Linear(7, 4)),
        {"a.weight": "tanh", "b.weight": "identity"},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_tells_what_it_takes_is_seen_without_a_batch(name: str) -> None:
    build, fed_by = MODELS[name]
    plan = glorot.plan(build(), "auto")
    assert {entry.name: entry.fed_by for entry in plan if entry.name in fed_by} == fed_by
    assert all(entry.seen for entry in plan)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_same_plan_on_meta_and_nothing_is_changed(name: str) -> None:
    build, _ = MODELS[name]
    model = build()
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    plan = glorot.plan(model, "auto")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[path]) for path, tensor in model.state_dict().items())
    assert all(tensor.device.type == "cpu" and tensor.grad is None for tensor in model.parameters())
    with torch.device("meta"):
        assert glorot.plan(build(), "auto").entries == plan.entries


def test_sizes_that_were_made_up_count_for_nothing() -> None:
    """Fans count the borders of a map where its size is known, and the size of an own batch is not."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
    own, given = glorot.plan(net), glorot.plan(net, inputs=torch.ones(2, 3, 8, 8))
    assert (own["2.weight"].fans.fan_in, own["2.weight"].seen) == (72, True)
    assert given["2.weight"].fans.fan_in < 72


def test_classes_alone_are_asked_where_no_batch_is_wanted() -> None:
    model = MODELS["dense layers between functions"][0]()
    plan = glorot.plan(model, inputs=False)
    assert [(entry.fed_by, entry.seen) for entry in plan][2] == ("identity", False)


def test_a_pass_that_nobody_asked_for_may_fail() -> None:
    def refuse(model: Any, x: Tensor) -> Tensor:
        raise SystemError("not today")

    plan = glorot.plan(Of(refuse, a=nn.Linear(3, 4)))
    assert [(entry.name, entry.seen) for entry in plan] == [("a.weight", False), ("a.bias", False)]


@pytest.mark.filterwarnings("error")
def test_a_warning_of_a_pass_that_nobody_asked_for_is_not_shown() -> None:
    def warn(model: Any, x: Tensor) -> Tensor:
        import warnings

        warnings.warn("slow", stacklevel=1)
        return model.a(x)

    assert glorot.plan(Of(warn, a=nn.Linear(3, 4)))["a.weight"].seen


# ---- what the batch may be -------------------------------------------------------------------------------------------


def test_inputs_with_targets_are_understood() -> None:
    model = MODELS["dense layers between functions"][0]()
    x, y = torch.ones(2, 3), torch.zeros(2, dtype=torch.long)
    alone = glorot.plan(model, inputs=x)
    for batch in ((x, y), [x, y]):
        assert glorot.plan(model, inputs=batch) == alone


def test_a_batch_that_lacks_an_input_is_told_what_the_model_takes() -> None:
    told = "its forward pass takes left, right: a tuple holds them in order, a dict by name"
    for batch in (torch.ones(2, 5), {"left": torch.ones(2, 5)}, {"left": torch.ones(2, 5), "wrong": torch.ones(2, 5)}):
        with pytest.raises(GlorotError, match=told):
            glorot.plan(Pair(), inputs=batch)


class Training(nn.Module):
    """As a module of Lightning: it has no forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        return functional.cross_entropy(self.b(functional.gelu(self.a(x))), y)


def test_a_function_runs_what_is_not_called_itself() -> None:
    batch = torch.ones(2, 3), torch.zeros(2, dtype=torch.long)
    plan = glorot.plan(Training(), inputs=batch, forward=lambda model, batch: model.training_step(batch))
    assert plan["b.weight"].fed_by == "gelu"
    assert glorot.plan(Training())["b.weight"].seen is False


def test_a_function_without_a_batch_is_refused() -> None:
    with pytest.raises(
        GlorotError, match=r"forward= runs the model on a batch, and there is none; pass one as inputs="
    ):
        glorot.plan(Training(), forward=lambda model, batch: model.training_step(batch))


# ---- models with a configuration -------------------------------------------------------------------------------------

CONFIGURED = {
    "gpt2": {"n_layer": 2},
    "bert": {"num_hidden_layers": 2},
    "vit": {"num_hidden_layers": 2},
    "t5": {"num_layers": 2},
    "clip": {},
    "whisper": {"encoder_layers": 2, "decoder_layers": 2},
    "mixtral": {"num_hidden_layers": 2},
    "resnet": {},
    "blip_2_qformer": {"num_hidden_layers": 2},  # queries beside states of another model
    "lxmert": {"l_layers": 1, "x_layers": 1, "r_layers": 1},  # regions of an image
    "siglip2_vision_model": {"num_hidden_layers": 2},  # patches with their shapes
    "hiera": {},  # sizes in lists
    "gemma4_audio": {"num_hidden_layers": 2},
    "muse_spark_audio": {},  # a length that must be a multiple
    "speecht5": {"encoder_layers": 2, "decoder_layers": 2},
    "kyutai_speech_to_text": {"num_hidden_layers": 2},  # words beside codes
    "timesfm": {"num_hidden_layers": 2},
    "xmod": {"num_hidden_layers": 2},  # languages
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers and what it imports
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", CONFIGURED)
def test_text_images_sound_and_mixtures_are_made(kind: str) -> None:
    import torch._dynamo  # before TensorFlow, which transformers may bring
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        model = AutoModel.from_config(
            AutoConfig.for_model(kind, **CONFIGURED[kind])
        ).eval()  # or layers drop out by chance
    assert all(part.seen for part in take_inventory(model).parts)


# ---- arguments that tell what they are --------------------------------------------------------------------------------


class Sums(nn.Module):
    """A layer of a graph: each node takes the sum of its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.in_channels = 5
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        made = x @ self.weight
        return torch.zeros_like(made).index_add(0, edge_index[1], made[edge_index[0]])


class Towers(nn.Module):
    """Images beside texts, with the temperature that their likeness is multiplied by afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.image_size, self.context_length = 16, 9
        self.patches, self.words = nn.Conv2d(3, 4, 16), nn.Embedding(50, 4)
        self.places = nn.Parameter(torch.randn(9, 4))
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor | None = None, text: Tensor | None = None) -> Any:
        seen = None if image is None else self.patches(image).flatten(1)
        read = None if text is None else (self.words(text) + self.places).mean(1)
        return {"image": seen, "text": read, "scale": self.logit_scale.exp()}


class Found(nn.Module):
    """A model that takes images of any size, in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)

    def forward(self, images: list[Tensor], targets: list[Any] | None = None) -> Tensor:
        return torch.stack([self.a(one[None]).mean() for one in images])


class Patched(nn.Module):
    """An image that is cut into patches before the first layer, with a place for each and for a token."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.pos_embedding = nn.Linear(3 * 8 * 8, 6), nn.Parameter(torch.randn(1, 26, 6))

    def forward(self, img: Tensor) -> Tensor:
        patches = functional.unfold(img, 8, stride=8).mT
        return self.a(patches) + self.pos_embedding[:, 1:]


class Denoising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.when = nn.Conv2d(3, 4, 3), nn.Embedding(9, 4)

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        return self.a(x) + self.when(timesteps)[:, :, None, None]


@pytest.mark.parametrize("build", [Sums, Towers, Found, Patched, Denoising])
def test_names_and_types_of_arguments_tell_what_they_are(build: Callable[[], nn.Module]) -> None:
    assert all(part.seen for part in take_inventory(build()).parts)


def test_a_number_that_a_model_returns_as_a_factor_is_a_temperature() -> None:
    (part,) = take_inventory(Towers()).parameter("logit_scale").parts  # type: ignore[union-attr]
    assert (part.role, part.neutral, part.seen) == ("temperature", 0.0, True)


BESIDE_TENSORFLOW = """
import tensorflow, torch, glorot
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, x):
        y = self.a(x)
        return self.b(torch.cat([y, torch.relu(y)], -1))

print(glorot.plan(Net())["b.weight"].fed_by)
"""


@pytest.mark.slow
def test_tensorflow_may_be_there_too() -> None:
    """Some operators on meta import Triton, which ends a process that has TensorFlow."""
    run = subprocess.run([sys.executable, "-c", BESIDE_TENSORFLOW], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "identity | relu")
