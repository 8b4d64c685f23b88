"""`glorot explain` at the prompt: several words, files by their suffix, and JSON of every page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.explain import command
from glorot.errors import GlorotError
from glorot.report.explanation import explanation


def explain(*words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


def test_several_words_are_one_question() -> None:
    assert explain("vanishing", "gradients").stdout == explain("vanishing gradients").stdout
    assert explain("what", "is", "He", "Initialization?").stdout.startswith("he · recipe")


def test_pasted_code_is_one_argument() -> None:
    shown = explain(
        "  w = tf.get_variable('w', [4, 4],\n    initializer=tf.contrib.layers.xavier_initializer())"
    ).stdout
    assert shown.startswith("xavier_uniform · scheme")


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".html", "<!DOCTYPE html>"), (".json", "{"), (".txt", "saturation · topic")]
)
def test_a_page_is_saved_whole_as_its_suffix_says(suffix: str, begins: str, tmp_path: Path) -> None:
    file = tmp_path / f"page{suffix}"
    result = explain("saturation", "-o", str(file))
    assert (result.stdout, result.stderr) == ("", f"saved {file}\n")
    text = file.read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert "Glorot & Bengio" in text.replace("&amp;", "&")  # of the references, which the screen leaves out
    assert explain("saturation", "-o", str(file), "--full").stderr == result.stderr


def test_a_suffix_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        GlorotError, match=r"page\.pdf: a page is saved as \.txt, \.html, \.json, by the suffix of the file$"
    ):
        explain("saturation", "-o", str(tmp_path / "page.pdf"))
    assert not list(tmp_path.iterdir())


def test_a_form_may_be_said_instead(tmp_path: Path) -> None:
    explain("saturation", "--format", "html", "-o", str(tmp_path / "page"))
    assert (tmp_path / "page").read_text(encoding="utf-8").rstrip("\n") == explanation("saturation", html=True).rstrip(
        "\n"
    )


@pytest.mark.parametrize("name", ["xavier", "he_normal", "tanh", "saturation", "GL301", 'type: "msra"'])
def test_every_kind_of_page_is_json(name: str) -> None:
    data = json.loads(explain(name, "--format", "json").stdout)
    assert data["name"]
    assert data["sections"]


def test_the_list_is_json_too() -> None:
    assert list(json.loads(explain("--format", "json").stdout)) == ["topic", "recipe", "scheme", "activation"]
