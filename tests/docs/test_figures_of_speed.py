"""What the pages say of speed is what the benchmarks wrote."""

import re
from pathlib import Path

import pytest
from page_claims import ROOT, assert_said, table

RESULTS, PAGE = ROOT / "benchmarks" / "results", "docs/speed.md"


def figures(file: Path, first: str, last: str) -> dict[str, list[float]]:
    """Return the numbers after the name of each line of a section, without the goals in parentheses."""
    section = file.read_text(encoding="utf-8").partition(first)[2].partition(last)[0]
    found = {}
    for line in re.sub(r"\(goal [\d.]+\)", "", section).splitlines()[1:]:
        name, *rest = re.split(r"  +", line.strip())
        if rest:
            found[name] = [float(re.match(r"[\d.]+", number)[0]) for number in rest if re.match(r"[\d.]+", number)]
    return found


STREAM = RESULTS / "stream.txt"
TIMES = figures(STREAM, "names.\n\n", "over torch.nn.init")  # ms, least, × fill_, GB/s, elements per cycle
RATIOS = figures(STREAM, "over torch.nn.init", "\0")  # over torch.nn.init, over NumPy, × fill_
SMALL = figures(
    RESULTS / "small_tensors.txt", "tensors\n", "\0"
)  # median, least, over torch.nn.init, the same by the least
LAWS = ["uniform", "normal", "truncated"]


def numbers(cell: str) -> float:
    return float(re.search(r"[\d.]+", cell)[0])


@pytest.mark.parametrize("law", LAWS)
def test_the_table_of_speed(law: str) -> None:
    (row,) = (row for row in table(PAGE, "Tensor.fill_") if row["64 Mi float32 elements"].split()[0] == law)
    over_torch, over_numpy, of_fill = RATIOS[f"avx512 {law}"]
    told = [numbers(row[name]) for name in list(row)[1:]]
    assert told == pytest.approx([over_torch, over_numpy, of_fill, RATIOS[f"avx2 {law}"][0]], rel=0.04)


def test_what_the_readme_says_of_speed() -> None:
    assert_said("README.md", "a large tensor is filled 8 to 110 times as fast as by `torch.nn.init`")
    ratios = [RATIOS[f"avx512 {law}"][0] for law in LAWS]
    assert (int(min(ratios)), round(max(ratios), -1)) == (8, 110)


def of_float32(name: str) -> list[float]:
    return [TIMES[f"{name} {law}"][0] / TIMES[f"avx512 {law}"][0] for law in LAWS]


def test_what_the_page_says_of_other_orders() -> None:
    assert_said(PAGE, "Written in transposed order, float32 takes 1.4 to 2.2 times as long")
    assert (round(min(of_float32("transposed")), 1), round(max(of_float32("transposed")), 1)) == (1.4, 2.2)
    assert_said(PAGE, "the NumPy reference, 40 to 50 times slower")
    assert all(40 <= ratio <= 50 for ratio in of_float32("numpy"))


def test_what_the_page_says_of_bfloat16() -> None:
    assert_said(PAGE, "values in bfloat16 take 1 to 5 % longer than in float32")
    found = figures(RESULTS / "elements.txt", "float64", "\0")
    kinds = ("uniform", "uniform, not centred", "normal", "truncated")
    longer = [100 * (found[f"avx512_bf16 {kind}"][1] / found[f"avx512_bf16 {kind}"][0] - 1) for kind in kinds]
    assert (round(min(longer)), round(max(longer))) == (1, 5)


def test_what_the_page_says_of_small_tensors() -> None:
    assert_said(PAGE, "the drop-in is 2.3 to 2.9 times as fast as `torch.nn.init` with uniform and normal values")
    laws = ("uniform", "normal", "Xavier, uniform", "He, normal")
    for way, ends in (("drop-in", (2.3, 2.9)), ("fill_all", (7.1, 11.4))):
        ratios = [SMALL[f"{way} {law}"][-1] for law in laws]
        assert (min(ratios), max(ratios)) == ends, way
    assert_said(PAGE, "`fill_all` is 7.1 to 11.4 times as fast")


def test_what_the_page_says_of_orthogonal_matrices() -> None:
    assert_said(PAGE, "1.2, 2.1 and 2.5 times less than by `torch.nn.init.orthogonal_`, on one core")
    least = []
    for side in (256, 1024, 2048):
        found = figures(RESULTS / "orthogonal.txt", f"1 × {side} × {side} ", "\n\n")
        least.append(found["torch.nn.init, with normals"][1] / found["glorot, with normals"][1])
    assert least == pytest.approx([1.2, 2.1, 2.5], abs=0.06)


def test_what_the_page_says_of_jax_and_keras() -> None:
    text = RESULTS / "jax_keras.txt"
    laws = figures(text, "by least\n", "own start")
    assert_said(PAGE, "a law under `jit` costs JAX 1.2 to 1.5 times what filling the memory costs")
    assert_said(PAGE, "where XLA's own operations take 2.1 to 4.5 times")
    for way, ends in (("under jit", (1.2, 1.5)), ("by XLA", (2.1, 4.5))):
        ratios = [laws[f"{law} {way}"][2] for law in LAWS]
        assert (round(min(ratios), 1), round(max(ratios), 1)) == pytest.approx(ends, abs=0.051), way
    models = figures(text, "by clock", "\0")
    names = ["Flax", "Flax under jit", "Keras, TensorFlow", "Keras, JAX", "Keras, PyTorch"]
    for row, name in zip(table(PAGE, "| | by the clock"), names, strict=True):
        assert [numbers(row["by the clock"]), numbers(row["by processor time"])] == models[name][-2:], name


def test_what_the_page_says_of_cycles() -> None:
    assert_said(PAGE, "a uniform value costs 1.4 clock cycles of one core", "A normal value costs 3.2 cycles")
    cycles = [1 / TIMES[f"one thread {law}"][-1] for law in ("uniform", "normal")]
    assert cycles == pytest.approx([1.4, 3.2], abs=0.05)
    assert_said(PAGE, "two cores are within a third of the time that filling the memory with a constant takes")
    assert RATIOS["avx512 uniform"][2] <= 4 / 3


def test_the_table_of_models_in_jax() -> None:
    written = figures(RESULTS / "jax_models.txt", "processes", "\0")
    rows = table(PAGE, "first")
    names = ["Flax", "glorot.apply", "Flax under jit", "glorot.apply under jit", "glorot.plan"]
    for row, name in zip(rows, names, strict=True):
        assert [numbers(row["first"]), numbers(row["again"])] == written[name], name


GPU = (RESULTS / "gpu-nvidia-h100-80gb-hbm3.txt").read_text("utf-8")


def test_the_table_of_a_gpu() -> None:
    for row in table(PAGE, "1 Gi elements"):
        law = row["1 Gi elements"].replace("truncated normal", "truncated").replace("±2σ", "±2 sigma")
        line = next(line for line in GPU.splitlines() if re.match(rf"{law} +{row['dtype']} +1 Gi ", line))
        rate, of_fill, _, over_torch = (float(number.rstrip("%")) for number in line.split(" 1 Gi ")[1].split())
        told = [numbers(row[name]) for name in list(row)[2:]]
        assert told == [rate, pytest.approx(100 / of_fill, abs=0.06), over_torch], line


def test_what_the_page_says_of_launches_and_models_on_a_gpu() -> None:
    assert_said(PAGE, "64 × 64 elements take 90 µs, six times as long as in PyTorch (15 µs)")
    ours, theirs = map(float, re.search(r"uniform +glorot +(\d+) +torch.nn.init +(\d+)", GPU).groups())
    assert (ours, theirs) == (90, 15)
    assert_said(PAGE, "they reach 75 to 81 % of what")
    of_issue = [int(one) for one in re.findall(r"(?:normal|truncated).* 1 Gi .*% +(\d+)% ", GPU)]
    assert len(of_issue) == 12
    assert (min(of_issue), max(of_issue)) == (75, 81)
    assert_said(PAGE, "`glorot.apply` takes 0.37 s", "a bare loop of `normal_` takes 0.01 s")
    apply, loop = (float(re.search(rf"{name} +([\d.]+)\n", GPU)[1]) for name in ("glorot.apply", "torch.nn.init"))
    assert (round(apply / 1e3, 2), round(loop / 1e3, 2)) == (0.37, 0.01)
