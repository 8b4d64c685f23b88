"""What the drop-in does to tensors of every kind, and to generators and autograd."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from glorot.errors import GlorotError
from glorot.torch import init

Draw = Callable[..., Tensor]
RANDOM: dict[str, Draw] = {
    "uniform_": lambda w, **k: init.uniform_(w, -1, 1, **k),
    "normal_": init.normal_,
    "trunc_normal_": init.trunc_normal_,
    "xavier_uniform_": init.xavier_uniform_,
    "xavier_normal_": init.xavier_normal_,
    "kaiming_uniform_": init.kaiming_uniform_,
    "kaiming_normal_": init.kaiming_normal_,
    "orthogonal_": init.orthogonal_,
    "sparse_": lambda w, **k: init.sparse_(w, 0.5, **k),
}
FIXED: dict[str, Draw] = {
    "constant_": lambda w: init.constant_(w, 3.0),
    "ones_": init.ones_,
    "zeros_": init.zeros_,
    "eye_": init.eye_,
    "dirac_": lambda w: init.dirac_(w.unsqueeze(-1)).squeeze(-1),
}
each_random = pytest.mark.parametrize("draw", RANDOM.values(), ids=list(RANDOM))
each = pytest.mark.parametrize("draw", [*RANDOM.values(), *FIXED.values()], ids=[*RANDOM, *FIXED])
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def seeded(draw: Draw, tensor: Tensor) -> Tensor:
    return draw(tensor, generator=torch.Generator().manual_seed(1))


# generators


@each_random
def test_the_seed_of_torch_decides_and_no_two_calls_are_alike(draw):
    torch.manual_seed(3)
    first, second = draw(torch.empty(6, 8)), draw(torch.empty(6, 8))
    torch.manual_seed(3)
    assert torch.equal(draw(torch.empty(6, 8)), first)
    assert not torch.equal(first, second)


@each_random
def test_a_generator_of_ones_own_leaves_the_default_one_alone(draw):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(4)
    state = generator.get_state()
    first = draw(torch.empty(6, 8), generator=generator)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(generator.get_state(), state)
    assert not torch.equal(draw(torch.empty(6, 8), generator=generator), first)
    generator.manual_seed(4)
    assert torch.equal(draw(torch.empty(6, 8), generator=generator), first)


@each_random
def test_the_default_generator_moves_on(draw):
    before = torch.get_rng_state()
    draw(torch.empty(6, 8))
    assert not torch.equal(torch.get_rng_state(), before)


def test_the_numbers_drawn_do_not_decide_what_comes_next():
    def next_after(std: float, shape: tuple[int, ...]) -> Tensor:
        torch.manual_seed(0)
        init.normal_(torch.empty(shape), std=std)
        return init.normal_(torch.empty(3))

    assert torch.equal(next_after(0, (2, 2)), next_after(0.02, (100, 3)))


def test_threads_get_keys_of_their_own():
    found: list[Tensor] = []
    run = lambda: found.extend(init.normal_(torch.empty(4)) for _ in range(50))  # noqa: E731
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(values.tolist()) for values in found}) == 200


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_default_device_does_not_disturb_the_key(device):
    expected = seeded(init.normal_, torch.empty(5))
    with torch.device(device):
        assert torch.equal(seeded(init.normal_, torch.empty(5, device="cpu")), expected)


# tensors without anything to write


@each
def test_meta_tensors_are_returned_at_once(draw):
    before, tensor = torch.get_rng_state(), torch.empty(6, 8, device="meta", requires_grad=True)
    result = draw(tensor)
    assert result.is_meta
    assert torch.equal(torch.get_rng_state(), before)


@each_random
def test_fake_tensors_are_returned_at_once(draw):
    before = torch.get_rng_state()
    with FakeTensorMode():
        tensor = torch.empty(6, 8)
        assert draw(tensor) is tensor
    assert draw(tensor) is tensor  # outside the mode too
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
@each
def test_tensors_without_elements_stay_as_they_are(draw, shape):
    before, tensor = torch.get_rng_state(), torch.empty(shape)
    if draw in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$"):
            assert draw(tensor) is tensor
    else:
        assert draw(tensor).shape == shape
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "trunc_normal_"])
def test_a_tensor_without_dimensions_holds_one_number(name):
    values = {float(RANDOM[name](torch.empty(()))) for _ in range(20)}
    assert len(values) == 20


# layouts


@st.composite
def views(draw: Any) -> tuple[Tensor, Tensor]:
    """Draw a strided view, and the whole tensor it looks into, filled with sevens."""
    shape = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    steps = draw(st.lists(st.integers(1, 3), min_size=len(shape), max_size=len(shape)))
    starts = [draw(st.integers(0, step - 1)) for step in steps]
    order = draw(st.permutations(range(len(shape))))
    whole = torch.full([n * s for n, s in zip(shape, steps, strict=True)], 7.0, dtype=draw(st.sampled_from(DTYPES)))
    cut = tuple(slice(start, None, step) for start, step in zip(starts, steps, strict=True))
    return whole[cut].permute(order), whole


@given(views(), st.sampled_from([name for name in RANDOM if name != "sparse_"]))
def test_a_view_gets_what_a_tensor_of_its_own_would_and_its_surroundings_nothing(view_and_whole, name):
    view, whole = view_and_whole
    expected = seeded(RANDOM[name], torch.empty(view.shape, dtype=view.dtype))
    outside = torch.full_like(whole, 7.0)
    assert seeded(RANDOM[name], view) is view
    assert torch.equal(view, expected)
    view.fill_(7.0)
    assert torch.equal(whole, outside)


@pytest.mark.parametrize("dtype", DTYPES)
@each
def test_a_transposed_matrix_gets_what_its_copy_would(draw, dtype):
    torch.manual_seed(0)
    expected = draw(torch.empty(6, 8, dtype=dtype))
    torch.manual_seed(0)
    stored = torch.empty(8, 6, dtype=dtype)
    assert torch.equal(draw(stored.T), expected)
    assert torch.equal(stored, expected.T)


def test_channels_last_kernels_hold_the_same_values():
    kernel = torch.empty(4, 3, 5, 5)
    expected = seeded(init.kaiming_normal_, kernel).clone()
    assert torch.equal(seeded(init.kaiming_normal_, kernel.to(memory_format=torch.channels_last)), expected)


def test_a_view_that_stands_for_its_negative_holds_the_values():
    values = torch.zeros(5, dtype=torch.complex64).conj().imag
    assert values.is_neg()
    assert torch.equal(seeded(init.uniform_, values), seeded(init.uniform_, torch.empty(5)))


# autograd


@each
def test_the_version_counter_rises_and_autograd_notices(draw):
    w = nn.Parameter(torch.ones(6, 8))
    loss = (w * w).sum()
    before = w._version
    draw(w)
    assert w._version > before
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@each
def test_nothing_is_recorded_for_autograd(draw):
    w = nn.Parameter(torch.ones(6, 8))
    draw(w)
    assert w.requires_grad
    assert w.is_leaf
    assert w.grad_fn is None
    w.sum().backward()
    assert w.grad is not None


@each
def test_the_tensor_itself_is_returned(draw):
    w = nn.Parameter(torch.full((6, 8), 7.0))
    result = draw(w)
    assert result.data_ptr() == w.data_ptr()
    assert result is w or draw is FIXED["dirac_"]


def test_a_view_raises_the_counter_of_its_base():
    base = torch.zeros(4, 4)
    before = base._version
    init.normal_(base[1:3])
    assert base._version > before


@each_random
def test_inference_mode(draw):
    w = nn.Parameter(torch.ones(6, 8))
    before = w._version
    with torch.inference_mode():
        draw(w)
        inside = torch.ones(6, 8)
        draw(inside)
    assert w._version > before
    assert inside.std() > 0
    with pytest.raises(GlorotError, match=r"^\w+_: the tensor was made under torch.inference_mode\(\)"):
        draw(inside)


# parameters that share


def test_tied_and_copied_parameters():
    model = nn.ModuleDict({"embed": nn.Embedding(10, 6), "head": nn.Linear(6, 10, bias=False)})
    model["head"].weight = model["embed"].weight
    twin = copy.deepcopy(model)
    init.normal_(model["embed"].weight, std=0.5)
    assert model["head"].weight is model["embed"].weight
    assert not torch.equal(twin["head"].weight, model["head"].weight)
    before = model["head"].weight.clone()
    init.ones_(twin["head"].weight)
    assert torch.equal(twin["embed"].weight, torch.ones(10, 6))
    assert torch.equal(model["head"].weight, before)


# subclasses and modes


class Recording(Tensor):
    """A subclass that takes calls over, and tells of them."""

    calls: list[str] = []  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


@each
def test_a_subclass_is_asked_first_and_keeps_its_type(draw):
    Recording.calls.clear()
    torch.manual_seed(0)
    tensor = torch.empty(6, 8).as_subclass(Recording)
    result = draw(tensor)
    assert type(result) is Recording
    assert Recording.calls[0] in ("unsqueeze", *init.__all__)
    torch.manual_seed(0)
    assert torch.equal(result.as_subclass(Tensor), draw(torch.empty(6, 8)))


def test_an_override_gets_the_arguments_as_they_were_given():
    class Refusing(Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func, args[1:], kwargs

    tensor = torch.empty(2, 2).as_subclass(Refusing)
    assert init.uniform_(tensor, -1, b=2.0) == (init.uniform_, (-1,), {"b": 2.0})
    assert init.uniform_(tensor=tensor) == (init.uniform_, (), {})


@each_random
def test_parameters_of_a_class_of_ones_own_are_filled(draw):
    class Owned(nn.Parameter):
        pass

    w = Owned(torch.zeros(6, 8))
    assert seeded(draw, w) is w
    assert torch.equal(w, seeded(draw, torch.empty(6, 8)))


def test_a_module_without_shape_yet_is_told_so():
    with pytest.raises(ValueError, match="uninitialized parameter"):
        init.normal_(nn.LazyLinear(3).weight)


@pytest.mark.gpu
@each_random
def test_on_a_gpu_its_own_generator_decides(draw):
    torch.manual_seed(0)
    cpu_state = torch.get_rng_state()
    first = draw(torch.empty(6, 8, device="cuda"))
    second = draw(torch.empty(6, 8, device="cuda"))
    assert torch.equal(torch.get_rng_state(), cpu_state)
    assert not torch.equal(first, second)
    torch.cuda.manual_seed(0)
    assert torch.equal(draw(torch.empty(6, 8, device="cuda")), first)
    same = [seeded(draw, torch.empty(6, 8, device=device)).cpu() for device in ("cpu", "cuda")]
    assert torch.allclose(*same, atol=1e-5)


# compiled functions


@each
def test_a_compiled_function_draws_what_it_would_uncompiled(draw):
    def build(w: Tensor) -> Tensor:
        return draw(w) * 2

    torch.manual_seed(0)
    expected = build(torch.empty(6, 8))
    torch.manual_seed(0)
    assert torch.equal(torch.compile(build, backend="eager")(torch.empty(6, 8)), expected)


def test_constants_stay_inside_the_graph_and_draws_do_not():
    torch._dynamo.reset()
    assert torch.compile(init.ones_, backend="eager", fullgraph=True)(torch.zeros(3)).tolist() == [1, 1, 1]
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(init.normal_, backend="eager", fullgraph=True)(torch.zeros(3))
