"""Every block of every page runs as written, and prints what the page says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import pages

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = [str(page.relative_to(ROOT)) for page in pages(ROOT)]
# A reader may have several devices, and what the pages say of shards can fail on several only.
SURROUNDINGS = os.environ | {"JAX_NUM_CPU_DEVICES": "8", "PYTHONDONTWRITEBYTECODE": "1"}


def run(page: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "run_page.py"), *options, str(ROOT / page)]
    return subprocess.run(command, env=SURROUNDINGS, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_prints_what_it_says(page: str) -> None:
    done = run(page)
    assert done.returncode == 0, done.stderr


def test_the_python_of_the_readme_runs_and_prints_what_it_says() -> None:
    done = run("README.md", "--only-python")
    assert done.returncode == 0, done.stderr


def test_every_page_is_there() -> None:
    assert {"README.md", "docs/getting-started.md", "docs/stream.md", "examples/caffe/README.md"} <= set(PAGES)
