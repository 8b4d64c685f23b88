"""What the `init_weights()` of transformers leaves unwritten, and what loading makes of it: a sample of the ledger."""

import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
UNWRITTEN = {
    "clip": {"logit_scale"},
    "blip": {"logit_scale"},
    "groupvit": {
        "logit_scale",
        "vision_model.embeddings.position_embeddings",
        "vision_model.encoder.stages.0.group_token",
        "vision_model.encoder.stages.1.group_token",
    },
    "apertus": {f"layers.{n}.mlp.act_fn.{name}" for n in (0, 1) for name in ("alpha_p", "alpha_n", "beta", "eps")},
    "hubert": {f"encoder.pos_conv_embed.conv.parametrizations.weight.original{n}" for n in (0, 1)},
    "wav2vec2": {f"encoder.pos_conv_embed.conv.parametrizations.weight.original{n}" for n in (0, 1)},
    "bert": set(),
    "gpt2": set(),
    "llama": set(),
    "mixtral": set(),
    "t5": set(),
    "vit": set(),
}
"""With transformers 5.23."""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def ledger() -> Any:
    sys.path.insert(0, BENCHMARKS)
    try:
        import audit as script
        import coverage_models  # noqa: F401 - which the script imports later
    finally:
        sys.path.remove(BENCHMARKS)
    return script


@pytest.mark.parametrize("kind", UNWRITTEN)
def test_what_is_left_unwritten_is_named(ledger: Any, kind: str):
    found = ledger.measured(kind)
    assert found["built"].startswith("on the meta device")
    assert found["call"] == "model.init_weights()"
    assert set(found["never"]) == UNWRITTEN[kind]
    assert found["partly"] == found["raw"] == found["empty"] == []
    assert found["tensors"] >= 19


def test_a_missing_key_that_nothing_starts_is_raw_memory_after_loading(ledger: Any):
    assert ledger.measured("clip")["loaded"] == {"logit_scale": "raw memory, reported missing"}


def test_a_missing_key_that_the_init_writes_is_started(ledger: Any):
    from coverage_models import configurations

    _, config = next(configurations("gpt2"))
    assert ledger.loaded(config, ["h.0.ln_1.weight"]) == {"h.0.ln_1.weight": "started, reported missing"}


def test_the_norm_of_a_weight_is_a_write_into_a_temporary(ledger: Any):
    lost = ledger.measured("wav2vec2")["lost"]
    assert {path for paths, *_ in lost for path in paths} == UNWRITTEN["wav2vec2"]
    assert any(writer.startswith("kaiming_normal_ at modeling_wav2vec2.py:") for _, writer, _ in lost)
