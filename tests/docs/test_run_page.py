"""A page with a block that is broken, that prints something else or that nothing runs is caught."""

from pathlib import Path

import pytest
from page_blocks import blocks, commands
from page_installs import complaint, installs
from run_page import alike, problems, update

GOOD = """
# A page

```python
x = 2
print(f"x is {x}")
```
```text
x is 2
```

    a drawing ──▶ that nobody runs

```pycon
>>> x + 1
3
>>> y = 3 * x
```

```{math}
x = 2
```

```python
# own.py
answer = 42
print("this file was run")
```

```console
$ pip install -c constraints.txt -e '.[compare]'
$ make test
$ cat own.py \\
    | head -1
# own.py
$ exit 1    # exit code 1: there are differences
```

```python
from own import answer

assert (answer, y) == (42, 6)
```
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the text of a page in an empty folder, and what it complains of."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "here")
    page = tmp_path / "page.md"

    def run(text: str, only_python: bool = False) -> list[tuple[int, str]]:
        page.write_text(text, encoding="utf-8")
        return [(problem.block.line, problem.what) for problem in problems(page, only_python)]

    return run


def test_a_page_that_is_true_passes(found) -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("x = 2\n", "x = \n", 5, "SyntaxError"),
        ("x = 2\n", "x = z\n", 5, "NameError: name 'z' is not defined"),
        ('print(f"x is {x}")', "print(x)", 9, "prints\n2"),
        (">>> x + 1\n3", ">>> x + 1\n4", 15, "Expected:\n    4\nGot:\n    3"),
        (">>> x + 1\n3\n>>> y = 3 * x", "3", 15, "a block of language 'pycon' holds no `>>>`"),
        ("```pycon", "```yaml", 15, "nothing runs a block of language 'yaml'; see run_page.py"),
        ("```pycon", "```", 15, "nothing runs a block of language ''; see run_page.py"),
        ("```pycon", "```text", 15, "a text block shows what the block right before it prints; indent anything else"),
        ("answer = 42", "answer =", 25, "SyntaxError"),
        ("$ exit 1    # exit code 1: there", "$ exit 1    # there", 31, "exit code 1, where the page says 0"),
        ("$ exit 1 ", "$ true", 31, "exit code 0, where the page says 1"),
        ("    | head -1\n# own.py", "    | head -1\n# others.py", 31, "prints\n# own.py"),
        ("[compare]", "[compere]", 31, "pyproject.toml has no extra 'compere'"),
        ("make test", "make tests", 31, "the Makefile has no target 'tests'"),
        ("(42, 6)", "(42, 7)", 40, "AssertionError"),
    ],
)
def test_a_page_that_is_not_is_caught(found, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    ((at, what),) = found(GOOD.replace(old, new))
    assert at == line
    assert words in what


def test_a_traceback_quotes_the_page(found) -> None:
    ((_, what),) = found("One line.\n\n```python\ny = 1\nx = undefined\n```\n")
    assert 'page.md", line 5' in what
    assert "    x = undefined\n" in what


def test_consoles_can_be_left_out_with_what_they_print(found) -> None:
    page = "```console\n$ exit 2\n```\n```text\nnothing\n```\n```python\nx = 1\n```\n```text\nwrong\n```\n"
    assert found(page, only_python=True) == [(11, "prints\n")]
    assert [line for line, _ in found(page)] == [2]


def test_what_is_printed_is_written_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint('a\\nb')\n```\n```text\nc\n```\n\n```python\nprint(1)\n```\n```text\n2\n```\n")
    update(page, problems(page))
    assert page.read_text().count("```text\na\nb\n```") == page.read_text().count("```text\n1\n```") == 1
    assert problems(page) == []


def test_outputs_agree_but_for_blanks_at_ends_and_what_is_left_out() -> None:
    assert alike("a   b\n\nc\n", "\na   b  \n\nc\n\n")
    assert alike("a\n...\nd\n", "a\nb\nc\nd\n")
    assert not alike("a b\n", "a  b\n")
    assert not alike("a\n", "a\nb\n")
    assert not alike("1.0\n", "1.00\n")


def test_blocks_are_found_as_markdown_has_them() -> None:
    page = (
        "- in a list:\n\n  ```python title\n  x = 1\n  ```\n\n````text\n```python\n```\n````\n\n```{toctree}\na\n```\n"
    )
    assert [(block.language, block.text, block.line, block.follows_code) for block in blocks(page)] == [
        ("python", "x = 1\n", 4, False),
        ("text", "```python\n```\n", 8, False),
    ]


def test_a_console_block_types_something_first() -> None:
    (block,) = blocks("```console\nglorot\n```\n")
    with pytest.raises(ValueError, match=r"line 2: a console block begins with `\$ `, not 'glorot'"):
        commands(block)


@pytest.mark.parametrize("typed", ["python3 -m venv .venv", ". .venv/bin/activate", "pip install x", "make", ".ci/run"])
def test_what_installs_is_not_run(typed: str) -> None:
    assert installs(typed)


@pytest.mark.parametrize("typed", ["glorot plan x", "python examples/transformer.py", "cat makefile", "pipx run x"])
def test_everything_else_is_run(typed: str) -> None:
    assert not installs(typed)


def test_what_an_installation_names_must_exist() -> None:
    assert complaint("make demo PYTHON=python3.12") is None
    assert complaint("make demon") == "the Makefile has no target 'demon'"
    assert complaint("pip install 'glorot[torch,jaxx]'") == "pyproject.toml has no extra 'jaxx'"
    assert complaint("pip install -c constraint.txt glorot") == "there is no file constraint.txt"
