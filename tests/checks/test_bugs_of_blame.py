"""Bugs whose cause is not the step that shows them: the tensor to blame is found by walking back in the graph."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import glorot
from glorot.checks import Finding


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def found(code: str, model: Any, *args: Any, **more: Any) -> list[Finding]:
    """Return the findings of a code, having checked that none of them is a false error of another one."""
    return [one for one in glorot.check(model, *args, **more).findings if one.code == code]


def nothing_found(code: str, model: Any, *args: Any, **more: Any) -> bool:
    """Tell whether a healthy twin has no error, and no finding of a code."""
    findings = glorot.check(model, *args, **more).findings
    return all(one.severity != "error" and one.code != code for one in findings)


# ---- tensors of zeros that divide, mask or multiply ------------------------------------------------------------------


class Causal(nn.Module):
    """Attention as in nanoGPT, whose mask is a buffer that no state dict holds."""

    bias: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
        self.register_buffer("bias", mask.view(1, 1, *mask.shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(2, (2, 16)).transpose(1, 2) for part in self.qkv(x).chunk(3, 2))
        size = x.shape[1]
        logits = (q @ k.mT / 4).masked_fill(self.bias[:, :, :size, :size] == 0, -math.inf)
        return self.out((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def test_a_mask_of_zeros_is_blamed_and_not_the_softmax_over_nothing() -> None:
    inputs = torch.randn(2, 8, 32)
    (one,) = found("GL401", nn.Sequential(Causal(torch.zeros(16, 16))), inputs)
    assert (one.severity, one.path) == ("error", "0.bias")
    assert one.why == "holds only zeros, which makes the values of softmax 1 NaN or infinite"
    assert nothing_found("GL401", nn.Sequential(Causal(torch.ones(16, 16).tril())), inputs)


class Pixels(nn.Module):
    """A network that normalises what it is given, as those of detection and segmentation do."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, std: float) -> None:
        super().__init__()
        self.register_buffer("pixel_mean", torch.full((3, 1, 1), 120.0), persistent=False)
        self.register_buffer("pixel_std", torch.full((3, 1, 1), std), persistent=False)
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv((x - self.pixel_mean) / self.pixel_std)  # type: ignore[no-any-return]


def test_a_std_of_zero_is_blamed_and_not_the_images() -> None:
    images = torch.rand(2, 3, 8, 8) * 255
    (one,) = found("GL401", Pixels(0.0), images)
    assert (one.severity, one.path) == ("error", "pixel_std")
    assert nothing_found("GL401", Pixels(58.0), images)


def test_a_parameter_that_its_exponential_makes_infinite_is_blamed() -> None:
    class Scaled(nn.Module):
        def __init__(self, log_scale: float) -> None:
            super().__init__()
            self.layer, self.out, self.log_scale = nn.Linear(8, 8), nn.Linear(8, 2), nn.Parameter(torch.zeros(8))
            nn.init.constant_(self.log_scale, log_scale)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.layer(x) * self.log_scale.exp())  # type: ignore[no-any-return]

    (one,) = found("GL401", Scaled(1000.0), torch.randn(4, 8))
    assert (one.path, one.severity) == ("log_scale", "error")
    assert nothing_found("GL401", Scaled(0.0), torch.randn(4, 8))


def test_the_vector_of_a_spectral_norm_is_blamed_for_the_weight_that_is_computed_with_it() -> None:
    def net(u: float) -> nn.Module:
        normed = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 16, 3))
        model = nn.Sequential(normed, nn.LeakyReLU(0.2), nn.Conv2d(16, 1, 3))
        normed.get_buffer("parametrizations.weight.0._u").mul_(u)
        return model.eval()

    (one,) = found("GL401", net(0.0), torch.randn(4, 3, 8, 8))
    assert one.path == "0.parametrizations.weight.0._u"
    assert nothing_found("GL401", net(1.0), torch.randn(4, 3, 8, 8))


class Mel(nn.Module):
    """A network of spectra, whose analysis window is a buffer."""

    window: Tensor

    def __init__(self, window: Tensor) -> None:
        super().__init__()
        self.register_buffer("window", window, persistent=False)
        self.net = nn.Sequential(nn.Linear(33, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(torch.fft.rfft(x * self.window).abs())  # type: ignore[no-any-return]


def test_a_window_of_zeros_is_blamed_and_not_the_layer_after_it() -> None:
    batch = torch.randn(32, 64), torch.randint(10, (32,))
    (one,) = found("GL501", Mel(torch.zeros(64)), *batch, loss=functional.cross_entropy)
    assert (one.severity, one.path) == ("error", "window")
    assert one.why.startswith("holds only zeros, which stop the signal")
    assert nothing_found("GL501", Mel(torch.hann_window(64)), *batch, loss=functional.cross_entropy)


class Masked(nn.Module):
    """A buffer that is multiplied with a kernel, with what a model returns, or hides keys in PyTorch's attention."""

    mask: Tensor

    def __init__(self, kind: str, value: float) -> None:
        super().__init__()
        self.kind, self.up, self.out = kind, nn.Linear(16, 16), nn.Linear(16, 16)
        self.register_buffer("mask", torch.full((16, 16), value))

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "kernel":
            return self.out(functional.relu(functional.linear(x, self.up.weight * self.mask, self.up.bias)))  # type: ignore[no-any-return]
        if self.kind == "output":
            return self.out(functional.relu(self.up(x))) * self.mask[0]  # type: ignore[no-any-return]
        z = self.up(x)
        return self.out(functional.scaled_dot_product_attention(z, z, z, attn_mask=self.mask[:8, :8] > 0))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["kernel", "output", "keys"])
def test_zeros_are_blamed_wherever_they_are_multiplied_or_hide(kind: str) -> None:
    batch = torch.randn(4, 8, 16), torch.randn(4, 8, 16)
    (one,) = found("GL501", Masked(kind, 0.0), *batch)
    assert (one.severity, one.path) == ("error", "mask")
    assert nothing_found("GL501", Masked(kind, 1.0), *batch)


def test_a_mask_of_zeros_that_hides_nothing_is_not_blamed() -> None:
    class Log(nn.Module):
        hidden: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)
            self.register_buffer("hidden", torch.zeros(8, dtype=torch.bool))
            self.register_buffer("shift", torch.zeros(8))

        def forward(self, x: Tensor) -> Tensor:
            return (self.layer(x) + self.shift).masked_fill(self.hidden, 0.0).log()  # type: ignore[no-any-return]

    (one,) = found("GL401", Log(), torch.randn(4, 8))
    assert one.path == "layer → a function"


# ---- units that a bias keeps silent ----------------------------------------------------------------------------------


def tower(prior: float, images: int) -> dict[str, Any]:
    """A detector's tower of convolutions, with a bias in each, and targets of which one in a hundred is an object."""
    layers = [layer for _ in range(3) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Conv2d(16, 9, 3, padding=1))
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.08)
            nn.init.constant_(layer.bias, prior if layer is not model[-1] else -math.log(99))  # type: ignore[arg-type]
    targets = (torch.arange(images * 900).view(images, 9, 10, 10) % 100 == 0).float()
    loss = functional.binary_cross_entropy_with_logits
    return {"model": model, "inputs": torch.randn(images, 16, 10, 10), "targets": targets, "loss": loss}


@pytest.mark.parametrize("images", [3, 32])
def test_the_prior_of_the_head_in_every_layer_of_a_tower_is_blamed_where_it_silences_units(images: int) -> None:
    wrong = tower(-math.log(99), images)
    (one,) = found("GL501", **wrong)
    assert one.paths[0] == "0.bias"
    assert one.why.startswith("keeps all units below zero")
    (dead,) = found("GL405", **wrong)
    assert dead.path == "0.bias"
    assert nothing_found("GL501", **tower(0.0, images))
    assert nothing_found("GL405", **tower(0.0, images))


# ---- logits that are too wide ----------------------------------------------------------------------------------------


class Cosine(nn.Module):
    """Attention by cosines, as in Swin V2, with the logarithm of a temperature for each head."""

    def __init__(self, tau: float, *, on_queries: bool = False) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(32, 96, bias=False), nn.Linear(32, 32)
        self.tau, self.on_queries = nn.Parameter(torch.full((2, 1, 1), tau)), on_queries

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(2, (2, 16)).transpose(1, 2) for part in self.qkv(x).chunk(3, 2))
        q, k, factor = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1), self.tau.clamp(max=4.6).exp()
        logits = (q * factor) @ k.mT if self.on_queries else q @ k.mT * factor
        return self.out((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


@pytest.mark.parametrize("on_queries", [False, True])
def test_a_temperature_is_blamed_for_logits_of_cosines(on_queries: bool) -> None:
    inputs = torch.randn(4, 16, 32)
    (one,) = found("GL407", nn.Sequential(Cosine(10.0, on_queries=on_queries)), inputs)
    assert (one.path, one.severity) == ("0.tau", "warning")
    assert one.why == "makes the logits so wide that attention picks one position for each query"
    assert one.expected == "several of 16 positions in softmax 1"
    assert nothing_found("GL407", nn.Sequential(Cosine(math.log(10), on_queries=on_queries)), inputs)


class Unscaled(nn.Module):
    """T5's attention, which has no 1/√d and draws queries smaller instead."""

    def __init__(self, q: float, k: float = 1.0, table: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(128)
        self.q, self.k, self.v, self.o = (nn.Linear(128, 128, bias=False) for _ in "qkvo")
        for layer, size in ((self.q, q), (self.k, k), (self.v, 1.0), (self.o, 1.0)):
            nn.init.normal_(layer.weight, std=size * 128**-0.5)
        self.table = nn.Parameter(torch.randn(2, 24, 24) * table)

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(x)
        q, k, v = (layer(z).unflatten(2, (2, 64)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        logits = q @ k.mT + self.table
        return x + self.o((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"q": 1.5}, ("q.weight", "k.weight")),
        ({"q": 0.125, "k": 10.0}, ("k.weight",)),
        ({"q": 0.125, "table": 20.0}, ("table",)),
    ],
)
def test_kernels_of_queries_and_keys_or_a_bias_are_blamed_for_their_logits(
    wrong: dict[str, float], paths: tuple[str, ...]
) -> None:
    inputs = torch.randn(4, 24, 128)
    (one,) = found("GL407", Unscaled(**wrong), inputs)
    assert one.paths == paths
    assert nothing_found("GL407", Unscaled(64**-0.5), inputs)


# ---- first losses ----------------------------------------------------------------------------------------------------


class Pairs(nn.Module):
    """Cosines of two modalities, as in CLIP, and with a bias as in SigLIP."""

    def __init__(self, scale: float, bias: float | None = None, *, outside: bool = False) -> None:
        super().__init__()
        self.image, self.text, self.outside = nn.Linear(48, 256), nn.Linear(24, 256), outside
        self.logit_scale = nn.Parameter(torch.tensor(scale))
        self.logit_bias = None if bias is None else nn.Parameter(torch.tensor(bias))

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        a, b = (functional.normalize(one, dim=-1) for one in (self.image(images), self.text(texts)))
        factor = self.logit_scale.exp()
        logits = factor * (a @ b.mT) if self.outside else factor * a @ b.mT
        return logits if self.logit_bias is None else logits + self.logit_bias


@pytest.mark.parametrize("outside", [False, True])
def test_a_temperature_that_was_not_given_as_a_logarithm_is_blamed_for_the_loss(outside: bool) -> None:
    batch, targets = (torch.randn(16, 48), torch.randn(16, 24)), torch.arange(16)
    (one,) = found("GL409", Pairs(1 / 0.07, outside=outside), batch, targets, loss=functional.cross_entropy)
    assert (one.path, one.severity) == ("logit_scale", "warning")
    assert one.expected == "about 2.77, at most 4.27"
    healthy = Pairs(math.log(1 / 0.07), outside=outside)
    assert nothing_found("GL409", healthy, batch, targets, loss=functional.cross_entropy)


def test_cosines_times_a_factor_that_is_usual_are_let_pass_in_few_dimensions_too() -> None:
    model = Pairs(math.log(1 / 0.07))
    model.image, model.text = nn.Linear(48, 24), nn.Linear(24, 24)
    batch, targets = (torch.randn(16, 48), torch.randn(16, 24)), torch.arange(16)
    assert functional.cross_entropy(model(*batch), targets) > 4.27
    assert nothing_found("GL409", model, batch, targets, loss=functional.cross_entropy)


@pytest.mark.parametrize("outside", [False, True])
def test_the_bias_of_pairs_of_which_few_belong_together_is_blamed(outside: bool) -> None:
    batch, loss = (torch.randn(64, 48), torch.randn(64, 24)), functional.binary_cross_entropy_with_logits
    wrong, right = (Pairs(math.log(10), bias, outside=outside) for bias in (0.0, -10.0))
    findings = [one for one in glorot.check(wrong, batch, torch.eye(64), loss=loss).findings if one.code[2] in "34"]
    assert {(one.code, one.path) for one in findings} == {("GL310", "logit_bias"), ("GL409", "logit_bias")}
    assert nothing_found("GL310", right, batch, torch.eye(64), loss=loss)
    assert nothing_found("GL409", right, batch, torch.eye(64), loss=loss)


@pytest.mark.parametrize("loss", [functional.mse_loss, functional.l1_loss, nn.SmoothL1Loss()])
def test_the_bias_of_a_regression_is_blamed_whatever_the_loss(loss: Any) -> None:
    model, inputs = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 1)), torch.randn(128, 16)
    targets = 400 + 3 * torch.randn(128, 1)
    nn.init.zeros_(model[2].bias)  # type: ignore[arg-type]
    (one,) = found("GL409", model, inputs, targets, loss=loss)
    assert (one.path, one.severity) == ("2.bias", "warning")
    assert one.remedy.startswith("start it at what the targets are on average")
    nn.init.constant_(model[2].bias, 400.0)  # type: ignore[arg-type]
    assert nothing_found("GL409", model, inputs, targets, loss=loss)


def test_a_loss_that_a_constant_answer_makes_zero_judges_nothing() -> None:
    model, inputs, targets = nn.Linear(16, 4), torch.randn(32, 16), torch.randn(32, 4)
    assert nothing_found("GL409", model, inputs, targets, loss=lambda made, _: made.var(0).sum())


class Ratings(nn.Module):
    """A model of ratings by two embeddings."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(50, 64), nn.Embedding(60, 64)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=std)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return (self.user(users) * self.item(items)).sum(-1)  # type: ignore[no-any-return]


def test_both_embeddings_are_blamed_for_a_wide_product() -> None:
    batch = (torch.randint(50, (64,)), torch.randint(60, (64,))), torch.rand(64) * 5
    (one,) = found("GL409", Ratings(1.0), *batch, loss=functional.mse_loss)
    assert one.paths == ("user.weight", "item.weight")
    assert nothing_found("GL409", Ratings(0.1), *batch, loss=functional.mse_loss)


class Words(nn.Module):
    """A pre-norm model of text without a last norm, which multiplies its embedding by √d."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(100, 64), nn.Linear(64, 100)
        nn.init.normal_(self.embed.weight, std=std)
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) * 16
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + functional.gelu(layer(norm(x)))
        return self.head(x)  # type: ignore[no-any-return]


def entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def test_an_embedding_that_starts_a_wide_stream_is_blamed_and_not_the_head_that_reads_it() -> None:
    ids = torch.randint(100, (4, 33))
    batch = ids[:, :-1], ids[:, 1:]
    (one,) = found("GL409", Words(1.0), *batch, loss=entropy)
    assert (one.path, one.severity) == ("embed.weight", "warning")
    assert one.remedy.startswith("draw it smaller, so that the stream")
    assert nothing_found("GL409", Words(1 / 16), *batch, loss=entropy)
    wide = Words(1 / 16)
    nn.init.normal_(wide.head.weight)
    (one,) = found("GL409", wide, *batch, loss=entropy)
    assert one.path == "head.weight"
