"""A saved comparison with any one thing changed is read, or refused in one line that names the file."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import ODD, Spot, changed, spots
from glorot import Comparison
from glorot.errors import GlorotError
from glorot.text import number

SAVED = json.loads((Path(__file__).parents[1] / "data" / "comparisons" / "version_1.json").read_text(encoding="utf-8"))
SAVED |= {"format": "glorot-comparison/2", "test_examples": 24, "baseline": None, "margin": 0.01}


def outcome(file: Path, data: Any) -> str:
    """Load a document, use the comparison in every way that draws nothing, and say what came of it."""
    file.write_text(json.dumps(data), encoding="utf-8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unknown fields are reported
            comparison = Comparison.load(file)
            again = Comparison.load(comparison.save(file))
    except GlorotError as error:
        return str(error)
    assert again.to_json() == comparison.to_json()
    assert repr(comparison)
    assert str(comparison)
    assert number(comparison.results[0].final("test_loss").mean)
    return "read"


@given(st.sampled_from(spots(SAVED, most=4)), st.sampled_from(ODD), st.booleans())
def test_a_harmed_comparison_is_read_or_refused_in_one_line(
    tmp_path_factory: Any, spot: Spot, value: Any, drop: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "harmed.json"
    told = outcome(file, changed(SAVED, spot, value, drop))
    assert told == "read" or (told.startswith(str(file)) and "\n" not in told)


def test_both_outcomes_are_met(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert outcome(file, changed(SAVED, ("seconds",), "inf", False)) == "read"
    assert "expected text, got None" in outcome(file, changed(SAVED, ("results", 0, "recipe"), None, False))


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
def test_every_place_can_be_harmed(value: Any, tmp_path: Path) -> None:
    file = tmp_path / "harmed.json"
    for spot in spots(SAVED, most=4):
        told = outcome(file, changed(SAVED, spot, value, drop=False))
        assert told == "read" or (told.startswith(str(file)) and "\n" not in told), spot
