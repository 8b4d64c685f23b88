"""Parts that lie interleaved in their stored tensor: the same numbers in every framework, each element written once.

Where an element lies is counted out one axis at a time here; nothing of glorot's own views is used to check them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from numpy.typing import NDArray
from torch import nn

import glorot
import glorot.caffe.weights
import glorot.keras.weights
import glorot.torch.weights
from effort import examples, slow_after
from glorot import arrays, fans, stream
from glorot.caffe import parse_net
from glorot.distributions import Distribution, Normal, Orthogonal, SparseNormal, TruncatedNormal, Uniform
from glorot.errors import GlorotError
from glorot.inventory import Part, View
from glorot.inventory.layouts import comb, laid_out
from glorot.jax.writing import written
from glorot.plans import Assignment, Plan
from glorot.stream import kernels
from glorot.torch.memory import with_padding

pytestmark = pytest.mark.usefixtures("compiled_in_full")

Shape = tuple[int, ...]
Values = NDArray[Any]
LAWS = [Normal(0.1, 0.3), Uniform(-0.2, 0.3), TruncatedNormal(0, 0.1, -0.2, 0.2), SparseNormal(0.1, 0.3, 0.4)]


def flat_indices(shape: Shape, view: View) -> NDArray[np.intp]:
    """Return where each element of a part lies in a stored tensor, in the order of the part."""
    box = view.box or tuple((0, size) for size in shape)
    extents = tuple(stop - start for start, stop in box)
    unfold = view.unfold or extents
    cut = view.cut or tuple((0, size) for size in unfold)
    order = view.order or tuple(range(len(unfold)))
    permuted = tuple(cut[axis][1] - cut[axis][0] for axis in order)
    found = []
    for index in np.ndindex(permuted):
        turned = [
            size - 1 - n if p in view.flip else n for p, (n, size) in enumerate(zip(index, permuted, strict=True))
        ]
        unfolded = [turned[order.index(axis)] + start for axis, (start, _) in enumerate(cut)]
        boxed = np.unravel_index(np.ravel_multi_index(unfolded, unfold), extents)
        found.append(np.ravel_multi_index([int(n) + start for n, (start, _) in zip(boxed, box, strict=True)], shape))
    return np.array(found, np.intp)


def expected(current: Values, assignments: Sequence[Assignment]) -> Values:
    """Return a stored tensor with each part drawn by itself and put where it lies."""
    values = np.array(current)
    for part, law, key in assignments:
        assert part.view is not None
        values.reshape(-1)[flat_indices(values.shape, part.view)] = stream.draw(key, law, part.shape, part.axes).ravel()
    return values


@st.composite
def stored(draw: Any, most: int = 3) -> tuple[Shape, Assignment]:
    """Draw a stored shape and a part that lies in it in any way a view can say."""
    splits = [draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)) for _ in range(draw(st.integers(1, most)))]
    unfold = tuple(size for split in splits for size in split)
    starts = [draw(st.integers(0, 2)) for _ in splits]
    box = tuple((start, start + math.prod(split)) for start, split in zip(starts, splits, strict=True))
    shape = tuple(stop + draw(st.integers(0, 2)) for _, stop in box)
    cut = tuple(sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in unfold)
    order = tuple(draw(st.permutations(range(len(unfold)))))
    flip = tuple(sorted(draw(st.sets(st.integers(0, len(unfold) - 1)))))
    extents = [cut[axis][1] - cut[axis][0] for axis in order]
    middle = draw(st.integers(0, len(extents)))
    own = math.prod(extents[:middle]), math.prod(extents[middle:])
    is_whole = all(pair == (0, size) for pair, size in zip(box, shape, strict=True))
    view = View(None if is_whole else box, unfold, tuple((a, b) for a, b in cut), order, flip)
    part = Part("w[piece]", "oi", own, "kernel", "Layer", view=view)
    return shape, Assignment(part, draw(st.sampled_from(LAWS)), stream.key_of(draw(st.integers(0, 99)), "w[piece]"))


def numbered(shape: Shape) -> NDArray[np.float32]:
    return np.arange(1, math.prod(shape) + 1, dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("kernel", kernels.available())
@given(case=stored())
def test_numpy_fills_any_view(kernel: str, case: tuple[Shape, Assignment]) -> None:
    shape, assignment = case
    with kernels.using(kernel):
        drawn = arrays.filled(shape, [assignment], numbered(shape))
    np.testing.assert_array_equal(drawn, expected(numbered(shape), [assignment]))


class Holder(nn.Module):
    def __init__(self, tensor: torch.Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(tensor)


@given(stored(), st.data())
def test_pytorch_writes_any_view_of_memory_of_any_strides(case: tuple[Shape, Assignment], data: Any) -> None:
    shape, assignment = case
    axes = data.draw(st.permutations(range(len(shape))))
    gap = data.draw(st.integers(1, 2))
    memory = torch.zeros([shape[axis] * gap for axis in axes])
    tensor = memory[tuple(slice(None, None, gap) for _ in axes)].permute(*np.argsort(axes).tolist())
    tensor.copy_(torch.from_numpy(numbered(shape)))
    between = int((memory == 0).sum())
    model = Holder(tensor)
    glorot.torch.weights.write(model, [assignment])
    np.testing.assert_array_equal(tensor.numpy(), expected(numbered(shape), [assignment]))
    assert model.w.data_ptr() == tensor.data_ptr()
    assert int((memory == 0).sum()) - int((tensor == 0).sum()) == between  # nothing beside the tensor is written


@given(stored())
@examples(25)
def test_jax_draws_any_view(case: tuple[Shape, Assignment]) -> None:
    shape, assignment = case
    drawn = written({"w": jnp.asarray(numbered(shape))}, [assignment])["w"]
    np.testing.assert_array_equal(drawn, expected(numbered(shape), [assignment]))


class Weighted(keras.layers.Layer):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.w = self.add_weight(shape=shape, initializer="zeros", name="w")
        self.w.assign(numbered(shape))
        self.built = True


@given(stored())
@examples(25)
def test_keras_writes_any_view(case: tuple[Shape, Assignment]) -> None:
    shape, assignment = case
    layer = Weighted(shape)
    glorot.keras.weights.write(layer, [assignment])
    np.testing.assert_array_equal(np.asarray(layer.w), expected(numbered(shape), [assignment]))


HEADS, WIDTH, INPUTS = 4, 16, 8
ROWS = HEADS * 3 * WIDTH


def interleaved(heads: int = HEADS, width: int = WIDTH, inputs: int = INPUTS) -> tuple[Part, ...]:
    """Return q, k and v of GPT-NeoX, whose rows are heads of (q, k, v) of some width."""
    rows = heads * 3 * width
    counts = fans.dense(inputs, heads * width)
    whole = laid_out("o i", (rows, inputs), "kernel", "Linear", counts)
    return tuple(
        replace(comb(whole, (rows, inputs), 0, n * width, width, 3 * width, heads), name=f"[{name}]")
        for n, name in enumerate("qkv")
    )


def assigned(parts: Sequence[Part], laws: Sequence[Distribution], path: str = "w") -> list[Assignment]:
    named = [replace(part, name=path + part.name) for part in parts]
    return [Assignment(part, law, stream.key_of(7, part.name)) for part, law in zip(named, laws, strict=True)]


def by_hand(weight: Values) -> dict[str, Values]:
    apart = weight.reshape(HEADS, 3, WIDTH, INPUTS)
    return {f"w[{name}]": apart[:, n].reshape(HEADS * WIDTH, INPUTS) for n, name in enumerate("qkv")}


def test_the_pieces_of_gpt_neox_fill_each_element_once() -> None:
    parts = interleaved()
    assert {part.shape for part in parts} == {(HEADS * WIDTH, INPUTS)}
    lies = [flat_indices((ROWS, INPUTS), part.view or View()) for part in parts]
    assert sorted(np.concatenate(lies)) == list(range(ROWS * INPUTS))
    by_heads = View(unfold=(HEADS, 3, WIDTH, INPUTS), cut=((0, HEADS), (1, 2), (0, WIDTH), (0, INPUTS)))
    np.testing.assert_array_equal(lies[1], flat_indices((ROWS, INPUTS), by_heads))


MESH = jax.make_mesh((4, 2), ("x", "y"), (AxisType.Auto,) * 2)
PLACES = {"rows": P("x"), "columns": P(None, "y"), "both": P("x", "y"), "all rows": P(("x", "y")), "one": P()}


def filled_by(framework: str, assignments: Sequence[Assignment]) -> Values:
    if framework == "torch":
        model = Holder(torch.full((INPUTS, ROWS), math.nan).T)
        return glorot.torch.weights.write(model, assignments).w.detach().numpy()
    if framework == "keras":
        layer = glorot.keras.weights.write(Weighted((ROWS, INPUTS)), assignments)
        return np.asarray(layer.w)
    leaf = jnp.full((ROWS, INPUTS), math.nan)
    if framework != "jax":
        leaf = jax.device_put(leaf, NamedSharding(MESH, PLACES[framework]))
    drawn = written({"w": leaf}, assignments)["w"]
    assert drawn.sharding.is_equivalent_to(leaf.sharding, 2)
    return np.asarray(drawn)


WRITERS = ["torch", "keras", "jax", *PLACES]
FIRST = [
    *((writer, Normal()) for writer in WRITERS),
    *((writer, Orthogonal(2.0)) for writer in ("torch", "jax", "both")),
]
REST = [(writer, Orthogonal(2.0)) for writer in WRITERS if (writer, Orthogonal(2.0)) not in FIRST]


@pytest.mark.parametrize(("framework", "law"), slow_after(len(FIRST), [*FIRST, *REST]))
def test_q_k_and_v_are_drawn_each_by_itself(framework: str, law: Distribution) -> None:
    laws = {"w[q]": Uniform(-1, 1), "w[k]": law, "w[v]": TruncatedNormal(0, 1, -2, 2)}
    found = by_hand(filled_by(framework, assigned(interleaved(), list(laws.values()))))
    for name, own in laws.items():
        drawn = stream.draw(stream.key_of(7, name), own, (HEADS * WIDTH, INPUTS), "oi")
        is_close = own.law == "orthogonal" and framework not in ("torch", "keras")
        np.testing.assert_allclose(found[name], drawn, rtol=0, atol=1e-5 if is_close else 0)
    if law.law == "orthogonal":
        np.testing.assert_allclose(found["w[k]"].T @ found["w[k]"], 4 * np.eye(INPUTS), atol=1e-5)


def test_a_net_of_caffe_is_filled_by_pieces() -> None:
    text = (
        f'input: "x" input_dim: [1, {INPUTS}, 1, 1] layer {{ name: "fc" type: "InnerProduct" bottom: "x" top: "y" '
        f"inner_product_param {{ num_output: {ROWS} bias_term: false }} }}"
    )
    assignments = assigned(interleaved(), LAWS[:3], "fc.0")
    blob = glorot.caffe.weights.write(parse_net(text), assignments)["fc.0"]
    np.testing.assert_array_equal(blob, expected(np.zeros((ROWS, INPUTS), np.float32), assignments))


class Attention(nn.Module):
    """A layer that describes its interleaved parts itself."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(ROWS, INPUTS))
        self.glorot_parts = {"w": interleaved()}


def test_a_plan_of_pieces_is_saved_read_and_applied(tmp_path: Path) -> None:
    plan = glorot.plan(nn.Sequential(nn.Linear(3, INPUTS), Attention()), "orthogonal")
    file = plan.save(tmp_path / "plan.json")
    again = Plan.load(file)
    assert again == plan
    assert again.save(tmp_path / "again.json").read_bytes() == file.read_bytes()
    rows = {row["name"]: row for row in plan.to_json()["entries"]}
    assert rows["0.weight"]["view"] is None
    assert rows["1.w[v]"]["view"] == {
        "box": None, "unfold": (HEADS, 3 * WIDTH, INPUTS), "cut": ((0, HEADS), (2 * WIDTH, 3 * WIDTH), (0, INPUTS)),
        "order": None, "flip": (),
    }  # fmt: skip
    model = glorot.apply(again, nn.Sequential(nn.Linear(3, INPUTS), Attention()), seed=7)
    for name, values in by_hand(model[1].w.detach().numpy()).items():
        drawn = stream.draw(stream.key_of(7, f"1.{name}"), Orthogonal(1.0), (HEADS * WIDTH, INPUTS), "oi")
        np.testing.assert_array_equal(values, drawn)


@pytest.mark.parametrize("shape", [(ROWS, INPUTS + 1), (INPUTS, ROWS)])
def test_a_tensor_that_does_not_split_so_is_refused(shape: Shape) -> None:
    model = nn.Sequential(Attention())
    model[0].w = nn.Parameter(torch.zeros(shape))
    words = rf"^layer '0' \(Attention\): its w has shape {shape[0]}×{shape[1]}, but the layer was built for 4×48×8, "
    with pytest.raises(GlorotError, match=words):
        glorot.plan(model)


def test_pieces_are_not_cut_again_by_the_name_of_their_layer() -> None:
    model = nn.Module()
    model.gate_up_proj = Attention()
    assert [entry.name for entry in glorot.plan(model)] == [f"gate_up_proj.w[{name}]" for name in "qkv"]


def test_rows_that_stay_zero_are_not_cut_out_of_an_interleaved_table() -> None:
    table = laid_out("b o", (6, 4), "embedding", "Embedding", None)
    parts = [replace(comb(table, (6, 4), 0, n, 1, 2, 3), name=f"w[{n}]") for n in range(2)]
    with pytest.raises(
        GlorotError, match=r"^w is tied to a table whose padding row stays 0, and is cut in another way "
    ):
        with_padding(tuple(parts), {(0, 1)})
