"""Bugs that the numbers in a model's tensors show by themselves, each with a healthy twin."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import glorot


def with_buffer(values: Tensor, name: str = "table") -> Any:
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_buffer(name, values, persistent=False)
    return model


def told(model: Any, code: str, **more: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Return the severity and the paths of what one check finds."""
    return [(one.severity, one.paths) for one in glorot.check(model, select=code, **more).findings]


# ---- GL102: the small whole numbers of memory, read as floats --------------------------------------------------------


def small_integers(*shape: int, share: float) -> Tensor:
    """Return memory that held small whole numbers among zeros, read as float32."""
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(1, 60_000, shape, generator=generator, dtype=torch.int32)
    return (words * (torch.rand(shape, generator=generator) < share)).view(torch.float32)


@pytest.mark.parametrize("share", [0.15, 0.6])
def test_denormal_numbers_among_zeros_are_memory(share: float) -> None:
    # As in graph layers of torch.FloatTensor(n, m), and the bias that balances experts after to_empty:
    # github.com/pytorch/torchtitan, github.com/huggingface/transformers/issues/45902
    model = with_buffer(small_integers(64, share=share), "expert_bias")
    model[0].weight.data = small_integers(4, 4, share=share)
    assert told(model, "GL102") == [("error", ("0.weight", "expert_bias"))]
    model[0].weight.data.zero_()
    assert told(model, "GL102") == [("error", ("expert_bias",))]
    model.expert_bias.zero_()
    assert told(model, "GL102") == []


def test_denormal_numbers_with_a_gap_to_ordinary_ones_are_memory() -> None:
    values = small_integers(64, share=0.5)
    values[40:50], values[39], values[50] = torch.linspace(0.1, 1.0, 10), 0, 0
    (found,) = glorot.check(with_buffer(values), select="GL102").findings
    assert (
        found.why == "holds numbers below 1e-38, ordinary ones, and none in between, as memory does that nothing wrote"
    )
    faded = torch.exp(-(torch.linspace(0, 20, 400) ** 2))  # down to zero, through all sizes
    assert told(with_buffer(faded), "GL102") == []


def test_a_weight_that_decayed_as_a_whole_is_a_warning() -> None:
    layer = nn.Linear(8, 8)
    layer.weight.data = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) * 1e-39 + 1e-40
    assert told(layer, "GL102") == [("warning", ("weight",))]


# ---- GL104: tables of rotations, indices and positions ---------------------------------------------------------------


def angles(positions: int = 512, width: int = 8, dtype: torch.dtype = torch.float32) -> Tensor:
    count = torch.arange(positions, dtype=dtype).float()
    return torch.outer(count, 10000 ** (-torch.arange(width) / width))


def turns(angle: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angle), angle)


ROTATIONS = {
    # github.com/pytorch/torchtitan/issues/201: freqs_cis after a build on the meta device
    "zeros": ("freqs_cis", torch.zeros(64, 8, dtype=torch.complex64), "zeros alone"),
    "zeros as pairs": ("freqs_cis", torch.zeros(64, 8, 2), "zeros alone"),
    "zeros of a complex phase": ("phasors", torch.zeros(64, 8, dtype=torch.complex64), "zeros alone"),
    "noise": ("rope_cache", torch.randn(64, 8, dtype=torch.complex64), "moduli"),
    "noise as pairs": ("rope_cache", torch.randn(64, 8, 2), "moduli"),
}


@pytest.mark.parametrize("kind", ROTATIONS)
def test_a_table_of_rotations_that_does_not_turn_is_an_error(kind: str) -> None:
    name, wrong, why = ROTATIONS[kind]
    (found,) = glorot.check(with_buffer(wrong, name), select="GL104").findings
    assert (found.severity, found.path) == ("error", name)
    assert why in found.why
    table = 1.2 * turns(angles(64))  # by a factor, as long contexts have it
    right = table if wrong.is_complex() else torch.view_as_real(table)
    assert told(with_buffer(right, name), "GL104") == []


def test_complex_state_and_filters_are_let_pass() -> None:
    assert told(with_buffer(torch.zeros(4, 64, dtype=torch.complex64), "state"), "GL104") == []
    assert told(with_buffer(torch.randn(64, 8, dtype=torch.complex64), "filter_freqs"), "GL104") == []


class Window(nn.Module):
    """A bias for each offset of two positions, as in Swin."""

    def __init__(self, name: str, wide: int = 5) -> None:
        super().__init__()
        self.name = name
        self.qkv, self.table = nn.Linear(16, 48), nn.Parameter(torch.randn(2 * wide - 1, 1) * 0.02)
        place = torch.arange(wide)
        self.register_buffer(name, place[:, None] - place[None, :] + wide - 1, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        index = getattr(self, self.name)
        q, k, v = self.qkv(x).chunk(3, -1)
        bias = self.table[index.reshape(-1)].view(index.shape)
        out: Tensor = (q @ k.transpose(-1, -2) / 4 + bias).softmax(-1) @ v
        return out


@pytest.mark.parametrize("name", ["relative_position_index", "between"])
def test_an_index_of_zeros_is_known_by_what_it_reads(name: str) -> None:
    # Buffers that are in no checkpoint, after to_empty: github.com/huggingface/pytorch-image-models
    model, x = Window(name), torch.randn(2, 5, 16)
    assert told(model, "GL104", inputs=x) == []
    getattr(model, name).zero_()
    assert told(model, "GL104", inputs=x) == [("error", (name,))]
    assert told(model, "GL104") == ([("warning", (name,))] if "index" in name else [])


def test_whole_numbers_that_are_zero_on_purpose_are_let_pass() -> None:
    class Typed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kinds, self.fc = nn.Embedding(2, 8), nn.Linear(8, 8)
            self.register_buffer("token_type_ids", torch.zeros(1, 6, dtype=torch.int64))
            self.register_buffer("zero_point", torch.zeros(8, dtype=torch.int64))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc(x + self.kinds(self.token_type_ids))
            return out

    assert told(Typed(), "GL104", inputs=torch.randn(1, 6, 8)) == []


@pytest.mark.parametrize(("dtype", "count"), [(torch.bfloat16, 256), (torch.float16, 2048)])
def test_positions_counted_in_a_coarse_format_are_found_by_their_numbers(dtype: torch.dtype, count: int) -> None:
    # github.com/pytorch/pytorch/issues/137774
    model = nn.Linear(4, 4)
    angle = angles(2 * count, dtype=dtype)
    for name, table in {"cos": angle.cos(), "sin": angle.sin(), "a": turns(angle), "b": angle[None, :, :1]}.items():
        model.register_buffer(name, table, persistent=False)
    model.pos_embed = nn.Parameter(angle.sin()[None])  # which is trained
    (found,) = glorot.check(model, select="GL104").findings
    assert (found.severity, found.paths) == ("warning", ("cos", "sin", "a", "b", "pos_embed"))
    assert f"neighbouring positions from {count} on" in found.why
    exact = angles(2 * count)
    model.pos_embed.data = exact.sin()[None]
    model.cos, model.sin, model.a, model.b = exact.cos().to(dtype), exact.sin().to(dtype), turns(exact), exact
    assert told(model, "GL104") == []


def test_rows_that_repeat_for_another_reason_are_let_pass() -> None:
    grid = angles(16).repeat_interleave(32, 0)  # the height of each place of an image
    padded = torch.cat([angles(256), angles(1).expand(256, -1)])  # places without a position
    assert told(with_buffer(torch.full((300, 300), -torch.inf).triu(1)), "GL104") == []
    for table in (grid, padded[:, 1:]):
        assert told(with_buffer(table.cos(), "cos"), "GL104") == []


# ---- GL703 and GL106: a reference under other names, and one with fewer rows -----------------------------------------


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))


def of_codes(model: Any, **more: Any) -> list[tuple[str, str, str]]:
    found = glorot.check(model, select="GL106,GL703", **more).findings
    return [(one.code, one.severity, one.path) for one in found]


RENAMED = {
    "module.": lambda path: f"module.{path}",
    "net.encoder.": lambda path: f"net.encoder.{path}",
    "a compiled layer": lambda path: path.replace("2.", "2._orig_mod."),
}


@pytest.mark.parametrize("rename", RENAMED.values(), ids=RENAMED.keys())
def test_a_checkpoint_under_other_names_was_loaded_or_was_not(rename: Callable[[str], str]) -> None:
    # strict=False skips what DataParallel or torch.compile renamed, and says so to nobody
    other, model = mlp(), mlp()
    saved = {rename(path): tensor for path, tensor in other.state_dict().items()}
    blamed = ", ".join(path for path in other.state_dict() if rename(path) != path)
    model.load_state_dict(saved, strict=False)
    assert of_codes(model, reference=saved) == [("GL703", "error", blamed), ("GL106", "warning", blamed)]
    model.load_state_dict(other.state_dict())
    assert of_codes(model, reference=saved) == [("GL106", "note", blamed)]


def test_a_reference_of_another_model_has_no_prefix() -> None:
    found = of_codes(mlp(), reference={"layer.0.kernel": torch.zeros(3), "layer.0.bias": torch.zeros(32)})
    assert {code for code, _, _ in found} == {"GL106"}
    assert {severity for _, severity, _ in found} == {"warning"}


class Language(nn.Module):
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embed, self.fc, self.head = nn.Embedding(tokens, 16), nn.Linear(16, 16), nn.Linear(16, tokens)


def test_a_vocabulary_that_grew_keeps_the_rows_that_it_had() -> None:
    saved, model = Language(50).state_dict(), Language(58)
    model.fc.load_state_dict({name: saved[f"fc.{name}"] for name in ("weight", "bias")})
    grown = "embed.weight, head.weight, head.bias"
    assert ("GL703", "warning", grown) in of_codes(model, reference=saved)
    for path in grown.split(", "):
        model.get_parameter(path).data[:50] = saved[path]
    assert {(code, severity) for code, severity, _ in of_codes(model, reference=saved)} == {("GL106", "note")}


def test_new_classes_are_drawn_anew() -> None:
    saved, model = mlp().state_dict(), nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 20))
    model[0].load_state_dict({name: saved[f"0.{name}"] for name in ("weight", "bias")})
    assert {code for code, _, _ in of_codes(model, reference=saved)} == {"GL106"}


# ---- GL112: vectors of a spectral norm -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm])
@pytest.mark.parametrize("which", ["u", "v"])
def test_a_vector_of_zeros_divides_by_zero(make: Callable[[nn.Module], nn.Module], which: str) -> None:
    model = nn.Sequential(make(nn.Conv2d(3, 8, 3)), nn.LeakyReLU(0.2))
    assert told(model, "GL112") == []
    (path, vector), *_ = [one for one in model.named_buffers() if one[0].endswith(f"_{which}")]
    vector.zero_()
    assert told(model, "GL112") == [("error", (path,))]


@pytest.mark.parametrize("names", [("weight_bar", "weight_u"), ("kernel", "u0"), ("layer.kernel", "vector_u")])
def test_a_spectral_norm_of_ones_own_is_known_by_its_names(names: tuple[str, str]) -> None:
    matrix, vector = names
    model = nn.ModuleDict({"layer": nn.Module()})
    (model["layer"] if "." in matrix else model).register_parameter(
        matrix.split(".")[-1], nn.Parameter(torch.rand(4, 9))
    )
    model.register_buffer(vector, torch.ones(9, 1) / 3)
    assert told(model, "GL112") == []
    model.get_buffer(vector).zero_()
    assert told(model, "GL112") == [("warning" if vector == "u0" else "error", (vector,))]


def test_the_state_of_a_neuron_may_be_zero() -> None:
    class Fires(nn.Linear):
        def __init__(self) -> None:
            super().__init__(8, 16)
            for name in ("v", "state_u"):
                self.register_buffer(name, torch.zeros(16))

    assert told(Fires(), "GL112") == []


# ---- GL601: buffers that each rank drew ------------------------------------------------------------------------------


def test_random_buffers_that_differ_between_ranks_are_a_warning() -> None:
    # Weights are broadcast, the random projection of a quantizer or of Fourier features is not
    def ranks_of(one: nn.Module, other: Tensor, name: str) -> list[dict[str, Tensor]]:
        state = one.state_dict()
        return [state, {**state, name: other}]

    kinds = {"float": torch.randn(8, 4), "whole": torch.randperm(64), "mask": torch.rand(16, 16) < 0.5}
    for drawn in kinds.values():
        model = with_buffer(torch.zeros(1))
        model.register_buffer("B", drawn)
        other = drawn.flip(0)
        assert told(model, "GL601", ranks=ranks_of(model, other, "B")) == [("warning", ("B",))]
        assert told(model, "GL601", ranks=ranks_of(model, drawn, "B")) == []


@pytest.mark.parametrize("name", ["running_std", "ema_codes", "kv_cache", "local_ids"])
def test_what_each_rank_gathers_may_differ(name: str) -> None:
    model = with_buffer(torch.zeros(1))
    model.register_buffer(name, torch.randn(32))
    assert told(model, "GL601", ranks=[model.state_dict(), {**model.state_dict(), name: torch.randn(32)}]) == []
