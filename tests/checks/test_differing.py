"""`glorot.diff`: which tensors of two models, plans or files differ in law, how sure that is, and in which words."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

import glorot
from glorot.checks.differing import Difference, Differences
from glorot.checks.differing.samples import contrast
from glorot.errors import GlorotError

CAFFE = Path(__file__).parents[2] / "examples" / "caffe" / "lenet.prototxt"
Arrays = dict[str, NDArray[Any]]


def mlp(*sizes: int) -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.Sequential(*[step for layer in layers for step in (layer, nn.Tanh())][:-1])


def told(a: object, b: object) -> list[str]:
    return [str(one) for one in glorot.diff(a, b).differences]


def drawn(seed: int, **changes: NDArray[Any] | None) -> Arrays:
    """Return the tensors of one layer, drawn with a seed, of which some are others, or left out."""
    rng = np.random.default_rng(seed)
    tensors = {
        "weight": rng.uniform(-0.1, 0.1, (100, 120)),
        "normal": rng.normal(0, 0.05, (120, 100)),
        "bias": np.zeros(100),
    }
    changed = {**tensors, **changes}
    return {path: values.astype(np.float32) for path, values in changed.items() if values is not None}


# ---- How sure --------------------------------------------------------------------------------------------------------

RULES = [
    ("0.weight", "truncated_normal(std=0.1)"),
    ("2.weight", "orthogonal"),
    ("0.bias", "uniform(low=-0.1, high=0.1)"),
]


@pytest.mark.slow
def test_two_hundred_pairs_of_one_plan_do_not_differ() -> None:
    models = mlp(32, 48, 48, 40, 10), mlp(32, 48, 48, 40, 10)
    plan = glorot.plan(models[0], "xavier_normal", rules=RULES)
    false = 0
    for seed in range(200):
        for n, model in enumerate(models):
            glorot.apply(plan, model, seed=2 * seed + n)
        found = glorot.diff(*(model.state_dict() for model in models))
        assert (found.tests, found.same) == (5, 3)
        false += bool(found)
    assert false <= 1


@pytest.mark.parametrize("size", [16, 50, 200, 2000])
@pytest.mark.parametrize("law", ["uniform", "standard_normal", "laplace", "lognormal"])
def test_the_chance_of_a_contrast_is_no_smaller_than_it_says(law: str, size: int) -> None:
    rng = np.random.default_rng(size)
    chances = [contrast(*(getattr(rng, law)(size=size) for _ in range(2))).p for _ in range(1000)]
    assert sum(p < 0.01 for p in chances) <= 23  # 3 standard errors above 1 %, and a little for heavy tails


def test_a_sharp_end_is_no_difference_where_the_stds_differ_by_chance() -> None:
    rng = np.random.default_rng(0)
    pairs = [contrast(rng.uniform(-1, 1, 300), rng.uniform(-1, 1, 300)) for _ in range(300)]
    assert not any(one.p < 1e-3 for one in pairs)


# ---- What is found ---------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)
STD = 0.1 / 3**0.5


def cut_normal(std: float, *shape: int) -> NDArray[Any]:
    """Return draws of a normal law that is cut at two of its σ, with a std that is its own after the cut."""
    draws = RNG.normal(0, std / 0.87962566, 4 * int(np.prod(shape)))
    return draws[np.abs(draws) < 2 * std / 0.87962566][: np.prod(shape)].reshape(shape)


TRUE: dict[str, tuple[dict[str, Any], str]] = {
    "std × 1.1": (
        {"weight": RNG.uniform(-0.11, 0.11, (100, 120))},
        "weight: has 1.1 times the std in B (A: std 0.05779, uniform; B: std 0.06376, uniform)",
    ),
    "another family of the same std": (
        {"weight": RNG.normal(0, STD, (100, 120))},
        "weight: is uniform in A, and normal in B (A: std 0.05779; B: std 0.05724)",
    ),
    "truncated, of the same std": (
        {"normal": cut_normal(0.05, 120, 100)},
        "normal: is normal in A, and normal cut at 2σ in B (A: std 0.04956; B: std 0.05022)",
    ),
    "an outlier row": (
        {"normal": np.concatenate([RNG.normal(0, 0.05, (119, 100)), RNG.normal(0, 0.15, (1, 100))])},
        "normal: reaches farther from its mean in B, with about the same std (A: std 0.04956, normal; B: std 0.05197)",
    ),
    "ones for zeros": ({"bias": np.ones(100)}, "bias: is 0 in A, and 1 in B"),
    "drawn for zeros": (
        {"bias": np.linspace(-0.1, 0.1, 100)},
        "bias: is constant in A, and not in B (A: 0; B: -0.1 to 0.1)",
    ),
    "missing": ({"bias": None}, "bias: is in A alone (100, float32)"),
    "transposed": ({"weight": RNG.uniform(-0.1, 0.1, (120, 100))}, "weight: is transposed (A: 100×120; B: 120×100)"),
    "another shape": ({"bias": np.zeros(10)}, "bias: has another shape (A: 100; B: 10)"),
    "another mean": (
        {"normal": RNG.normal(0.02, 0.05, (120, 100))},
        "normal: has another mean (A: mean 0.0001115, std 0.04956, normal; B: mean 0.02005, std 0.04979, normal)",
    ),
    "not finite": ({"normal": np.full((120, 100), np.nan)}, "normal: holds NaN or infinity in B alone"),
    "orthogonal": ({"normal": np.linalg.qr(RNG.normal(size=(120, 100)))[0]}, "normal: is orthogonal in B alone"),
}


@pytest.mark.parametrize("case", TRUE)
def test_true_differences_are_found_and_named(case: str) -> None:
    changes, words = TRUE[case]
    assert told(drawn(0), drawn(1, **changes)) == [words]


def test_what_differs_alike_is_one_line_and_the_worst_comes_first() -> None:
    one, other = ({f"{n}.weight": drawn(n + first)["weight"] for n in range(3)} for first in (0, 3))
    other |= {"0.weight": 1.2 * other["0.weight"], "1.weight": 1.5 * other["1.weight"], "3.bias": np.zeros(3)}
    other["2.weight"] = 1.5 * other["2.weight"]
    found = glorot.diff(one, other)
    assert (
        str(found)
        == """\
A is the dict, B is the dict
3.bias: is in B alone (3, float64)
1.weight, 2.weight: has 1.5 times the std in B (A: std 0.05779, uniform; B: std 0.08691, uniform)
0.weight: has 1.2 times the std in B (A: std 0.05779, uniform; B: std 0.06974, uniform)
4 tensors differ"""
    )


def test_the_same_bits_one_law_and_what_cannot_be_told_are_counted() -> None:
    one, other = drawn(0), drawn(1)
    one["few"], other["few"] = np.arange(1.0, 9.0), np.arange(2.0, 10.0)
    one["mask"], other["mask"] = np.array([0.0, -np.inf, 1.0]), np.array([0.0, -np.inf, 2.0])
    found = glorot.diff(one, other)
    assert not found
    assert str(found) == (
        "no differences; 1 the same; 2 equal in law (a std off by 5 % would have been found); "
        "1 cannot be told (too few elements); 1 cannot be told (NaN or infinity in both)"
    )
    assert [one.path for one in found.untold] == ["few", "mask"]


def test_how_small_a_difference_would_have_been_found_is_said_and_holds() -> None:
    rng = np.random.default_rng(0)
    one, other = ({"w": rng.normal(0, 1, 400)} for _ in range(2))
    found = glorot.diff(one, other)
    assert found.visible is not None
    (least, _) = found.visible
    assert str(found) == f"no differences; 1 equal in law (a std off by {100 * least:.0f} % would have been found)"
    own = other["w"] * one["w"].std() / other["w"].std()
    assert glorot.diff(one, {"w": own * (1 + 1.02 * least)})
    assert not glorot.diff(one, {"w": own * (1 + 0.8 * least)})


def test_whole_numbers_and_few_values_are_compared_as_they_are() -> None:
    one = {"steps": np.array(3), "ids": np.arange(9), "eye": np.eye(8), "mask": np.tri(8, dtype=bool)}
    assert not glorot.diff(one, dict(one))
    other = {"steps": np.array(4), "ids": np.arange(9)[::-1], "eye": np.eye(8)[::-1], "mask": ~one["mask"]}
    assert told(one, other) == [
        "steps: is another whole number",
        "ids, mask: holds other whole numbers",
        "eye: holds only a few different values, and some elements differ (A: 0, 1; B: 0, 1)",
    ]


def test_whole_numbers_are_compared_with_the_same_as_floating_ones() -> None:
    one = {"ids": np.arange(20), "mask": np.ones(3, dtype=bool)}
    assert told(one, {"ids": np.arange(20.0), "mask": np.ones(3)}) == [
        "ids: is int64 in A, and float64 in B, with the same values",
        "mask: is bool in A, and float64 in B, with the same values",
    ]
    assert told({"ids": np.arange(20)}, {"ids": np.arange(20.0) + 1}) == [
        "ids: holds other values",
        "ids: is int64 in A, and float64 in B",
    ]


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16])
def test_a_coarse_dtype_makes_nothing_orthogonal_and_hides_nothing_that_is(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    drawn = torch.randn(50, 50)
    turned = nn.init.orthogonal_(torch.empty(50, 50), gain=50**0.5)
    for name, tensor in (("drawn", drawn), ("other", drawn.flip(0)), ("turned", turned)):
        safetensors.torch.save_file({"w": tensor.to(dtype)}, tmp_path / f"{name}.safetensors")
    safetensors.torch.save_file({"w": torch.randn(50, 50)}, tmp_path / "fine.safetensors")
    narrow = str(dtype).removeprefix("torch.")
    assert told(tmp_path / "drawn.safetensors", tmp_path / "fine.safetensors") == [
        f"w: is {narrow} in A, and float32 in B"
    ]
    assert told(tmp_path / "other.safetensors", tmp_path / "turned.safetensors") == ["w: is orthogonal in B alone"]


def test_wrappers_change_no_name_of_a_model() -> None:
    model = mlp(16, 32, 8)
    part = nn.Sequential(torch.compile(model, backend="eager"), nn.Linear(8, 4))
    for wrapped in (torch.compile(model, backend="eager"), nn.DataParallel(model)):
        assert glorot.diff(wrapped, model).same == 4
    assert glorot.diff(part, nn.Sequential(model, part[1])).same == 6


def test_another_dtype_is_a_difference_and_rounding_no_other_law() -> None:
    model = mlp(64, 100, 100)
    state = model.state_dict()
    halves = {path: one.to(torch.bfloat16) for path, one in state.items()}
    paths = "0.weight, 0.bias, 2.weight, 2.bias"
    assert told(state, halves) == [
        f"{paths}: is float32 in A, and bfloat16 in B, with the same values but for rounding"
    ]
    back = {path: one.float() for path, one in halves.items()}
    assert told(halves, back) == [f"{paths}: is bfloat16 in A, and float32 in B, with the same values"]
    assert told(model.to(torch.bfloat16), halves) == []


# ---- Models, files and plans -----------------------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        self.head = nn.Linear(64, 100, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(tokens))


def test_a_tied_tensor_that_a_file_leaves_out_is_not_missing() -> None:
    model = Tied()
    state = {"embedding.weight": model.embedding.weight.detach()}
    assert str(glorot.diff(model, state)) == "no differences; 1 the same"
    other = Tied()
    other.embedding.weight.data.mul_(2)
    assert [one.paths for one in glorot.diff(model, other).differences] == [("embedding.weight",)]


def test_pieces_of_a_fused_weight_are_compared_one_by_one() -> None:
    one, other = (nn.TransformerEncoderLayer(128, 4, 256, batch_first=True) for _ in range(2))
    glorot.initialize(one, "xavier", seed=0)
    glorot.initialize(other, "xavier", seed=1)
    other.self_attn.in_proj_weight.data[:128] *= 1.1
    (line,) = told(one, other)
    assert line.startswith("self_attn.in_proj_weight[q]: has 1.1 times the std in B")
    assert told(nn.ModuleDict({"model": one}), other) == [line]


def test_a_model_and_files_of_each_kind(tmp_path: Path) -> None:
    model = mlp(64, 100, 10)
    torch.save({"model": model.state_dict()}, tmp_path / "model.pt")
    np.savez(tmp_path / "model.npz", **{path: one.numpy() for path, one in model.state_dict().items()})
    assert str(glorot.diff(model, tmp_path / "model.pt")) == (
        "no differences; 4 the same\nnames in B have the prefix 'model.', which is left out here"
    )
    assert not glorot.diff(tmp_path / "model.pt", str(tmp_path / "model.npz"))
    nn.init.zeros_(model[0].bias)
    (line,) = told(tmp_path / "model.npz", model)
    assert line.startswith("0.bias: is constant in B, and not in A (A: -0.12")


def test_plans_and_their_files(tmp_path: Path) -> None:
    model = mlp(64, 100, 10)
    plan = glorot.plan(model, "xavier")
    place = plan.save(tmp_path / "plan.json")
    assert str(glorot.diff(place, plan)) == "no differences; 4 the same"
    other = glorot.plan(mlp(64, 100, 12), "he", rules=[("0.bias", "zeros()")])
    assert told(plan, other) == [
        "2.weight: has another shape (A: 10×100 (oi); B: 12×100 (oi))",
        "2.bias: has another shape (A: 10 (o); B: 12 (o))",
        "0.weight: is xavier_uniform in A, and he_normal in B (A: std 0.1104; B: std 0.1768)",
    ]


def test_weights_beside_the_plan_that_they_should_follow(tmp_path: Path) -> None:
    model = mlp(64, 100, 100, 10)
    plan = glorot.plan(model, "xavier")
    glorot.apply(plan, model, seed=3)
    assert str(glorot.diff(model, plan)) == "no differences; 3 the same; 3 equal in law"
    nn.init.normal_(model[2].weight, std=0.2)
    (line,) = told(plan, model)
    assert line.startswith("2.weight: does not follow the law of the plan (A: uniform with std 0.1; B: std 0.")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert told(plan, tmp_path / "model.pt") == [line]
    assert glorot.diff(glorot.plan(mlp(64, 90, 100, 10), "xavier"), model).notes == (
        "laws were not compared, because the plan was made for another model",
    )


def test_a_caffe_net_is_the_plan_of_its_fillers() -> None:
    plan = glorot.plan(CAFFE)
    assert not glorot.diff(CAFFE, plan)
    found = glorot.diff(CAFFE, glorot.plan(CAFFE, "auto"))
    assert found.differences[0].a == "std 0.2"
    weights = glorot.apply(plan, CAFFE, seed=0)
    again = glorot.apply(plan, CAFFE, seed=1)
    assert not glorot.diff(weights, again)


# ---- The result ------------------------------------------------------------------------------------------------------


def test_the_result_is_data_and_a_table() -> None:
    found = glorot.diff(drawn(0), drawn(1, bias=None, weight=np.zeros((100, 120))))
    data = json.loads(json.dumps(found.to_json()))
    assert (data["format"], data["differ"], data["alike"], data["tests"]) == ("glorot-diff/1", True, 1, 1)
    assert data["differences"][0] == {
        "kind": "missing",
        "paths": ["bias"],
        "why": "is in A alone",
        "a": "100, float32",
        "b": "",
        "effect": None,
    }
    assert '<td data-head="what differs">is constant in B, and not in A</td>' in found._repr_html_()
    assert Differences("a", "b", (Difference("law", ("w",), "differs"),))


# ---- What can't be compared ------------------------------------------------------------------------------------------


def refused(a: object, b: object) -> str:
    with pytest.raises(GlorotError) as caught:
        glorot.diff(a, b)
    return str(caught.value)


def test_what_has_nothing_in_common_is_refused() -> None:
    model, other = mlp(8, 8), {"w": np.ones(3)}
    words = "have no tensor in common: A has 0.weight, 0.bias, B has w; compare two versions of one network, with the same names"
    assert refused(model, other) == f"the Sequential and the dict {words}"
    plan = glorot.plan(nn.ModuleDict({"a": nn.Linear(4, 4)}), "he")
    assert "the plan he and the Sequential have no tensor in common: A has a.weight, a.bias" in refused(plan, model)
    assert "B has a.weight, a.bias" in refused(glorot.plan(model, "he"), plan)


def test_what_is_neither_model_nor_plan_nor_weights_is_refused(tmp_path: Path) -> None:
    model = mlp(8, 8)
    text = tmp_path / "notes.txt"
    text.write_text("read me")
    assert refused(text, model) == (
        f"{text} is neither a plan nor weights, but another text; expected a .json as plan.save writes it, "
        ".safetensors, .pt, .npz, .npy or .caffemodel"
    )
    (tmp_path / "other.json").write_text("{}")
    assert refused(model, tmp_path / "other.json").endswith("is not a plan: it has no list of entries; save one with `glorot plan -o`")  # fmt: skip
    with torch.device("meta"):
        empty = mlp(8, 8)
    assert refused(model, empty).startswith("0.weight is on the meta device and holds nothing to read; give the model ")
    sparse = {"0.weight": torch.eye(3).to_sparse()}
    assert refused(model, sparse).endswith("; give it dense tensors that have memory, or compare its plan")
    assert "No such file" in refused(tmp_path / "gone.pt", model)
    assert refused(3, model).startswith(
        "diff compares models, plans, mappings of tensors and paths of files: cannot tell which framework a "
    )
    assert refused(glorot.plan(model), {"0.weight": np.ones((8, 8))}) == (
        "a plan is compared with a model or a file of weights; load the tensors into their model"
    )
