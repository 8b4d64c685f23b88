"""CONTRIBUTING is true: its table renders, its paths are there, its floors are those that are enforced."""

import re
import tomllib
from pathlib import Path

import glorot

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCE = ROOT / "src" / "glorot"


def test_each_table_is_one_block_of_rows_of_equal_length():
    lines = TEXT.splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    assert rows == list(range(rows[0], rows[-1] + 1))  # a blank line between rows ends a table
    assert {lines[number].count("|") for number in rows} == {4}


def test_every_path_that_it_names_is_there():
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.S)
    words = re.findall(r"[\w./]+", " ".join(re.findall(r"`([^`#]+)`", prose)))
    paths = {word for word in words if "/" in word or word.endswith((".py", ".md", ".txt"))}
    assert {"src/glorot/recipes/", "adapters.py", "tests/test_fans.py", "caffe/kinds/"} <= paths
    assert not [path for path in paths if not any((base / path).exists() for base in (ROOT, SOURCE))]


def test_its_floors_are_those_of_the_linter():
    drawn = [line.split() for line in re.search(r"proves it\.\n\n((?: {4}.*\n)+)", TEXT)[1].splitlines()]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    enforced = [[room.strip().removeprefix("glorot.") for room in layer.split("|")] for layer in layers]
    assert [sorted(floor) for floor in drawn] == [sorted(floor) for floor in enforced]


def test_every_room_stands_on_a_floor():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip().removeprefix("glorot.") for layer in layers for room in layer.split("|")}
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} == placed


def test_the_public_rooms_are_those_that_completion_offers():
    listed = re.search(r"among them the rooms (.*?);", TEXT, re.S)[1]
    rooms = set(re.findall(r"`(\w+)`", listed))
    assert rooms == {name for name in glorot.__all__ if (SOURCE / name).exists() or (SOURCE / f"{name}.py").exists()}


def test_the_make_targets_that_it_names_are_there():
    targets = set(re.findall(r"make ([a-z-]+)", TEXT))
    assert {"test", "test-slow", "lint", "docs"} <= targets
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)
