"""The callback for the Trainer of transformers: what stops a training, what lets it go on, and that it changes no bit."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import glorot

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

WORDS = 50
TOKENS = {"vocab_size": WORDS, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def gpt2() -> Any:
    config = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=32, **TOKENS)
    return transformers.GPT2LMHeadModel(config)


def bert(labels: int = 3) -> Any:
    return transformers.BertForSequenceClassification(transformers.BertConfig(num_labels=labels, **SIZES, **TOKENS))


def t5() -> Any:
    config = transformers.T5Config(
        d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0, **TOKENS
    )
    return transformers.T5ForConditionalGeneration(config)


def examples(kind: str) -> list[dict[str, torch.Tensor]]:
    numbers = torch.Generator().manual_seed(1)
    texts = torch.randint(1, WORDS, (16, 12), generator=numbers)
    labels = {"bert": torch.arange(16) % 3, "regression": torch.arange(16) / 16}.get(kind, texts)
    return [
        {"input_ids": text, "attention_mask": torch.ones_like(text), "labels": label}
        for text, label in zip(texts, labels, strict=True)
    ]


MODELS = {"gpt2": gpt2, "bert": bert, "regression": lambda: bert(1), "t5": t5}


def train(folder: Path, kind: str, *callbacks: Any, model: Any = None, **options: Any) -> Any:
    torch.manual_seed(0)
    model = model or MODELS[kind]()
    settings = {"max_steps": 2, "per_device_train_batch_size": 4, "logging_steps": 1, "save_strategy": "no", **options}
    arguments = transformers.TrainingArguments(str(folder), report_to=[], use_cpu=True, disable_tqdm=True, **settings)
    trainer = transformers.Trainer(model, arguments, train_dataset=examples(kind), callbacks=list(callbacks))
    trainer.train(resume_from_checkpoint=options.get("resume_from_checkpoint"))
    return trainer


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


CASES = [
    pytest.param("gpt2", {}, id="gpt2"),
    pytest.param("bert", {}, id="bert", marks=pytest.mark.slow),
    pytest.param("regression", {}, id="regression", marks=pytest.mark.slow),
    pytest.param("t5", {}, id="t5", marks=pytest.mark.slow),
    pytest.param("gpt2", {"bf16": True, "gradient_accumulation_steps": 2}, id="bf16", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_the_training_stays_bit_for_bit_and_the_loss_is_its_own(
    kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    plain = train(tmp_path, kind, **options)
    hook = glorot.hooks.TrainerCheck()
    checked = train(tmp_path, kind, hook, **options)
    assert losses(checked) == losses(plain)
    held = checked.model.state_dict()
    assert all(torch.equal(one, held[name]) for name, one in plain.model.state_dict().items())
    assert not checked.model._forward_pre_hooks
    assert hook.report.ok

    if not options:  # without autocast, and with one batch in a step
        predicted = (
            11 / 12 if kind == "gpt2" else 1
        )  # a Trainer divides by all 12 words, and the first has none before it
        assert hook.report.signal.loss * predicted == pytest.approx(losses(plain)[0], rel=1e-5)


def test_an_error_ends_the_training_before_its_first_step(tmp_path: Path) -> None:
    model = gpt2()
    torch.nn.init.constant_(model.transformer.h[0].ln_1.bias, float("nan"))
    before = model.transformer.wpe.weight.clone()
    with pytest.raises(glorot.hooks.CheckError) as caught:
        train(tmp_path, "gpt2", glorot.hooks.TrainerCheck(), model=model)
    line = "GL101 error: transformer.h.0.ln_1.bias: holds NaN in all of its 32 elements"
    assert str(caught.value).splitlines()[0] == line
    assert torch.equal(model.transformer.wpe.weight, before)


def test_a_model_that_cannot_be_waited_for_is_checked_by_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = glorot.hooks.TrainerCheck(select="GL1")
    trainer = transformers.Trainer(
        gpt2(), transformers.TrainingArguments(str(tmp_path), report_to=[], use_cpu=True), callbacks=[hook]
    )
    trainer.args.torch_compile = True
    hook.on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)
    assert hook.report.signal is None
    assert hook.report.looked_at == 29
    assert "the model is checked without a batch, for it is compiled, or replicated over GPUs" in caplog.text


def test_a_training_that_goes_on_is_not_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path, "gpt2", save_strategy="steps", save_steps=1, max_steps=1)
    hook = glorot.hooks.TrainerCheck()
    with caplog.at_level(logging.INFO, "glorot"):
        train(tmp_path, "gpt2", hook, resume_from_checkpoint=str(tmp_path / "checkpoint-1"))
    assert hook.report is None
    assert "the training goes on from step 1, so that its start was not checked" in caplog.text
