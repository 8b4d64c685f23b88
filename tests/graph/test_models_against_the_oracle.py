"""Fans and parts of whole models against counting on the running model: benchmarks/oracle.py, which reads no graph."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import glorot
from glorot.fans import Fans

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
MODELS = [
    "afmoe", "albert", "apertus", "aria_text", "bart", "beam", "beit", "bert-generation", "biogpt",
    "blenderbot", "bros", "camembert", "cohere", "cwm", "deberta", "diffllama", "dinov3_vit", "doge", "electra",
    "ernie4_5", "falcon_mamba", "fnet", "gemma2", "glm", "gpt_bigcode", "granite", "gte", "helium", "ijepa",
    "internlm3", "jais2", "mamba", "mellum", "mixtral", "mpt", "nanochat", "nomic_bert", "olmoe", "persimmon",
    "fsmt", "decision_transformer", "lxmert", "siglip2_vision_model", "speecht5", "timesfm", "xmod",
]  # fmt: skip
NETS = ("dense", "convolutions", "transposed", "padded by a layer", "encoder", "Transformer", "gated")


@pytest.fixture(scope="module")
def oracle() -> Any:
    sys.path.insert(0, BENCHMARKS)
    try:
        import oracle as script
    finally:
        sys.path.remove(BENCHMARKS)
    return script


@pytest.mark.parametrize("name", NETS)
def test_a_net_of_layers_is_planned_as_it_connects(oracle: Any, name: str):
    found = oracle.measured(oracle.of_torch()[f"nn: {name}"])
    assert found["wrong"] == []
    assert found["fans"] > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the plan overwrites what may be meant")
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_is_planned_as_it_connects(oracle: Any, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    found = oracle.measured(lambda: oracle.of_type(kind))
    assert found["wrong"] == []
    assert found["fans"] >= 6


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("dense", lambda entry: replace(entry, fans=Fans(6.0, 9.0)), " connects 6 → 8, planned 6 → 9 (linear)"),
        ("gated", lambda entry: None if "up" in entry.name else entry, "planned as 8 from 8, its outputs go as"),
    ],
)
def test_the_oracle_sees_what_is_wrong(oracle: Any, name: str, change: Callable[[Any], Any], told: str):
    build = oracle.of_torch()[f"nn: {name}"]
    model, batch = build()
    plan = glorot.plan(model, inputs=batch)
    changed = [change(entry) if entry.name.startswith("0.weight") else entry for entry in plan.entries]
    spoiled = replace(plan, entries=tuple(entry for entry in changed if entry is not None))
    (wrong,) = oracle.measured(build, spoiled)["wrong"]
    assert wrong.startswith("0.weight: ")
    assert told in wrong
