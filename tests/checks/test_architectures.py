"""A sample of benchmarks/ledger.py: what is said of forty architectures of transformers, from either start."""

from pathlib import Path

import pytest
import torch

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
NOTHING: tuple[str, ...] = ()
MODELS = [
    "albert", "apertus", "bart", "bert", "biogpt", "bitnet", "bloom", "camembert", "deberta", "gemma",
    "doge", "electra", "ernie4_5_moe", "falcon_mamba", "gemma2", "gpt2", "gpt_neox", "helium", "internlm3", "layoutlm",
    "marian", "mpnet", "nanochat", "olmo", "opt", "persimmon", "qwen2", "rembert", "roformer", "stablelm", "vit", "vitdet", "xlm",
]  # fmt: skip
SAID = {
    **dict.fromkeys(MODELS, (NOTHING, NOTHING)),
    "blip-2": (("GL302", "GL407"), NOTHING),
    "decision_transformer": (("GL107",), ("GL107",)),
    "jamba": (("GL309",), ("GL309",)),
    "muse_glimmer_text": (("GL308",), NOTHING),
    "siglip": (("GL301",), NOTHING),
    "vit_mae": (("GL104",), ("GL104",)),
    "voxtral": (("GL107", "GL313"), ("GL107", "GL313")),
}
"""The codes found of each from its own start, and under `auto`."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the models
@pytest.mark.parametrize("kind", sorted(SAID))
def test_a_healthy_architecture_gets_no_error(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import ledger

    build, batch = ledger.of_transformers(kind)
    assert batch is not None
    rows = ledger.rows_of(kind, build, batch)
    assert [one for row in rows for one in row["findings"] if one[1] == "error"] == []
    assert tuple(tuple(sorted({one[0] for one in row["findings"]})) for row in rows) == SAID[kind]
    assert all(row["tensors"] > 0 and "batch refused" not in row for row in rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_sample_sees_a_model_that_starts_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import ledger

    build, batch = ledger.of_transformers("gpt2")

    def spoiled() -> torch.nn.Module:
        model = build()
        for name in ("c_fc", "c_proj"):
            torch.nn.init.zeros_(model.get_submodule(f"h.0.mlp.{name}").weight)
        return model

    own, auto = ledger.rows_of("gpt2", spoiled, batch)
    assert [one[:2] for one in own["findings"]] == [["GL205", "error"]]
    assert not auto["findings"]
