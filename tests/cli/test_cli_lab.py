"""`glorot lab`."""

import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.lab import command
from glorot.errors import GlorotError


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_it_writes_one_page(tmp_path: Path) -> None:
    done = run("-o", str(tmp_path / "page.html"))
    assert done.exit_code == 0
    assert done.stderr == f"saved {tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_folder_gets_a_lab_html(tmp_path: Path) -> None:
    assert run("-o", str(tmp_path)).exit_code == 0
    assert (tmp_path / "lab.html").is_file()


def test_it_opens_where_it_was_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open_new_tab", lambda address: opened.append(address) or True)
    assert run("-o", str(tmp_path), "--open", "--state", "#depth=20").exit_code == 0
    assert opened == [(tmp_path / "lab.html").as_uri() + "#depth=20"]


def test_without_a_browser_the_page_is_there_and_its_address_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open_new_tab", lambda address: False)
    done = run("-o", str(tmp_path), "--open", "--state", "depth=20")
    assert done.exit_code == 0
    address = (tmp_path / "lab.html").as_uri() + "#depth=20"
    assert done.stderr.splitlines()[1] == f"warning: no browser could be started; open {address} in one"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "lab.pdf"], "the lab is an HTML page, got 'lab.pdf'; give a name that ends in .html"),
        (["--state", "depth=20"], "--state says what is set when the page opens; give --open too"),
    ],
)
def test_what_it_refuses(words: list[str], said: str) -> None:
    error = run(*words).exception
    assert isinstance(error, GlorotError)
    assert str(error) == said
