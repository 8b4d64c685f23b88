"""The package as users get it: what the sdist and the wheels hold, and an install where there is no C++ compiler."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DRAW = """
import hashlib, glorot
from glorot.stream import kernels
print(kernels.chosen(), hashlib.sha256(glorot.draw("xavier_uniform", (300, 100), seed=0).tobytes()).hexdigest())
"""

pytestmark = pytest.mark.slow


def run(*words: str | Path, **environment: str) -> str:
    done = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(sdist: Path, folder: Path, **environment: str) -> Path:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, sdist, **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install into a new virtual environment, and return the folder of its programs."""
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel)
    return folder / "bin"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "-o", folder, ROOT)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def pure(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built where PATH is an empty folder; CMake, if it is needed, comes from its own wheel."""
    room = tmp_path_factory.mktemp("no_compiler")
    return build_wheel(sdist, tmp_path_factory.mktemp("pure"), PATH=str(room), CC="", CXX="")


@pytest.fixture(scope="module")
def native(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(sdist, tmp_path_factory.mktemp("native"))


def package_files(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def source_files() -> set[str]:
    source = ROOT / "src"
    files = (file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(source).as_posix() for file in files}


def test_the_sdist_holds_the_package_and_what_builds_it(sdist: Path):
    assert sdist.stat().st_size < 1_200_000  # of which the lab is a quarter
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in source_files()} == {name for name in names if name.startswith("src/")}
    assert {f"native/{file.name}" for file in (ROOT / "native").glob("*.*")} <= names
    assert {name for name in names if not name.startswith(("src/", "native/"))} == {
        *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md"),
        *("Makefile", "PKG-INFO", "constraints.txt", "pyproject.toml"),
    }


def test_without_a_compiler_the_wheel_is_pure_and_whole(pure: Path):
    assert pure.name.endswith("-py3-none-any.whl")
    assert package_files(pure) == source_files()


def test_with_a_compiler_the_wheel_also_holds_the_native_kernel(native: Path):
    assert not native.name.endswith("-none-any.whl")
    (kernel,) = package_files(native) - source_files()
    assert re.fullmatch(r"glorot/_native\..*(so|pyd)", kernel)


def test_both_wheels_install_and_draw_the_same_bits(pure: Path, native: Path, tmp_path: Path):
    programs = {wheel: install(wheel, tmp_path / wheel.stem) for wheel in (pure, native)}
    for folder in programs.values():
        assert "Usage: glorot" in run(folder / "glorot", "--help")
    slow, fast = (run(programs[wheel] / "python", "-I", "-c", DRAW).split() for wheel in (pure, native))
    assert slow[0] == "numpy"
    assert fast[0] != "numpy"
    assert slow[1] == fast[1]
