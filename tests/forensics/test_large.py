"""Large tensors: looked at window by window, sampled, and said so; and how far a long file has got."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

import glorot
from glorot.errors import GlorotError
from glorot.forensics import Origin, evidence, examine, stored
from glorot.forensics.reading import read
from glorot.report.file_progress import LONG, watch_file

SHAPES = [(1500, 700), (700, 1500), (64, 128, 5, 5)]


def told_of(origin: Origin) -> list[object]:
    figures = {key: value for key, value in vars(origin).items() if isinstance(value, float)}
    return [origin.verdict, origin.explanations, origin.because, *(round(one, 9) for one in figures.values())]


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_windows_show_what_the_whole_shows(
    kind: str, shape: tuple[int, ...], dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    weight = torch.nn.init.kaiming_uniform_(torch.empty(shape)).to(dtype)
    tall = torch.nn.init.orthogonal_(torch.empty(1000, 300)) if dtype is torch.float32 else weight
    path = tmp_path / "weights"
    (save_file if kind == "safetensors" else torch.save)({"w": weight, "tall": tall.clone()}, path)
    whole = list(map(told_of, examine(path)))
    monkeypatch.setattr(stored, "WINDOW", 2**17)
    monkeypatch.setattr(evidence, "WINDOW", 2**17)
    assert all(one.is_mapped for one in read(path))
    assert list(map(told_of, examine(path))) == whole


def test_no_window_is_mapped_beside_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"w": torch.zeros(2**19)}, tmp_path / "weights")
    monkeypatch.setattr(stored, "WINDOW", 2**17)
    (tensor,) = read(tmp_path / "weights")
    found = list(tensor.windows(tensor.load()))
    assert [(first, window.size) for first, window in found] == [(n * 2**17, 2**17) for n in range(4)]
    assert len({id(window.base) for _, window in found}) == 4


def test_a_view_across_its_storage_is_not_mapped_as_it_is(tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    torch.save({"turned": whole.t(), "rows": whole[1:3], "one": whole[:, :1].t()}, tmp_path / "weights")
    assert {one.name: one.is_mapped for one in read(tmp_path / "weights")} == {
        "turned": False,
        "rows": True,
        "one": False,
    }


def test_the_report_says_of_which_tensors_a_sample_was_summed(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).standard_normal((1400, 1600), np.float32)
    np.savez(tmp_path / "weights.npz", small=numbers[:64, :64], large=numbers)
    report = glorot.check(tmp_path / "weights.npz")
    assert report.origins is not None
    assert report.origins.summary.endswith(
        ": 2 tensors: 2 drawn; of 1 large one a sample was summed, where the table says so"
    )
    (line,) = [one for one in str(report).splitlines() if one.startswith("large")]
    assert line.endswith("(by 1,048,576 of 2,240,000 elements)")
    (line,) = [one for one in str(report).splitlines() if one.startswith("small")]
    assert "elements" not in line
    assert [one["summed"] for one in report.origins.to_json()["tensors"]] == [4096, 1_048_576]


@pytest.mark.parametrize("mean", [0.0, 0.001, 1.0, 1000.0])
def test_moments_are_those_of_float64(mean: float) -> None:
    numbers = (np.random.default_rng(0).standard_normal(300_001) * 0.02 + mean).astype(np.float32)
    (origin,) = examine({"w": numbers})
    exact = numbers.astype(np.float64)
    assert math.isclose(origin.mean, exact.mean(), abs_tol=1e-6 * exact.std())
    assert math.isclose(origin.std, exact.std(), rel_tol=1e-6)
    assert (origin.low, origin.high) == (exact.min(), exact.max())


# ---- progress --------------------------------------------------------------------------------------------------------


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(progress: bool | None, size: int, *, to: io.StringIO) -> str:
    console = Console(file=to, force_terminal=True, width=100)
    with watch_file(progress, 2, size, console) as told:
        if told is not None:
            told("w", size // 2)
    return to.getvalue()


def test_a_bar_is_drawn_in_a_terminal_for_long_files_alone() -> None:
    assert "1 of 2 tensors" in drawn(None, LONG, to=Screen())
    assert drawn(None, LONG - 1, to=Screen()) == ""
    assert "1 of 2 tensors" in drawn(True, 1000, to=Screen())
    assert drawn(False, LONG, to=Screen()) == ""
    assert drawn(None, LONG, to=io.StringIO()) == drawn(True, LONG, to=io.StringIO()) == ""


def test_a_function_receives_each_tensor_and_its_bytes(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3, 4), "b": torch.ones(5, dtype=torch.bfloat16)}, tmp_path / "weights")
    seen: list[tuple[str, int]] = []
    glorot.check(tmp_path / "weights", progress=lambda name, size: seen.append((name, size)))
    assert seen == [("a", 48), ("b", 10)]


def test_anything_else_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3)}, tmp_path / "weights")
    with pytest.raises(
        GlorotError, match=r"progress must be True, False, None, or a function of \(name, bytes\), got 1"
    ):
        glorot.check(tmp_path / "weights", progress=1)  # type: ignore[arg-type]
