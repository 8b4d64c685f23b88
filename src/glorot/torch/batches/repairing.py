"""Batches with as many words as a model asks for when it refuses one."""

import re
from typing import Any

import torch

from glorot.torch.batches.base import Batch
from glorot.torch.batches.makers import LENGTH, Config, fields, found

MOST_WORDS = 4096
"""Words of a sentence that is made longer for its model."""


def repaired(batch: Batch, config: Any, refusal: str) -> Batch | None:
    """Return a batch whose sentences are as long as its model asks; None where it asks for anything else.

    Args:
        batch: the batch that was refused.
        config: the configuration of the model.
        refusal: what the model said.
    """
    known, inputs = fields(config), batch.inputs
    if known is None or not isinstance(inputs, dict) or "input_ids" not in inputs:
        return None
    return _with_places(batch, known, refusal) or _with_kinds(batch, known, refusal) or _with_words(batch, refusal)


def _with_places(batch: Batch, config: Config, refusal: str) -> Batch | None:
    """Return a batch whose sentences hold a place for each feature of an image, a video or a sound."""
    asked, words = re.search(r"tokens:? .*?features:? (\d+)", refusal), batch.inputs["input_ids"]
    if asked is None:
        return None
    kinds = [kind for kind in ("image", "video", "audio") if kind in refusal.lower()] or ["image", "audio", "video"]
    token = found(config, *(f"{kind}_token_{end}" for kind in kinds for end in ("id", "index")))
    count = int(asked[1]) // len(words)
    if token is None or bool((words == token).any()) or not 0 < count <= MOST_WORDS:
        return None
    return _with(batch, torch.cat([words, torch.full((len(words), count), token), words], 1))


def _with_kinds(batch: Batch, config: Config, refusal: str) -> Batch | None:
    """Return a batch that tells which of its words stand for an image, for a model that cannot do without."""
    if "`mm_token_type_ids` is missing" not in refusal or "mm_token_type_ids" in batch.inputs:
        return None
    token = found(config, "image_token_id", "image_token_index")
    return Batch({**batch.inputs, "mm_token_type_ids": (batch.inputs["input_ids"] == token).long()}, batch.invented)


def _with_words(batch: Batch, refusal: str) -> Batch | None:
    """Return a batch of sentences as long as what is added to them, such as a sound heard meanwhile."""
    asked = re.search(rf"length (\d+) at -2! .*broadcastable to \[2, {LENGTH}, \d+\]", refusal)
    words = batch.inputs["input_ids"]
    if asked is None or words.shape[1] != LENGTH or int(asked[1]) > MOST_WORDS:
        return None
    return _with(batch, words.repeat(1, -(-int(asked[1]) // LENGTH))[:, : int(asked[1])])


def _with(batch: Batch, words: torch.Tensor) -> Batch:
    return Batch({**batch.inputs, "input_ids": words}, batch.invented)
