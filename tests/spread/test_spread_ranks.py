"""Models that several processes hold together, in real processes: one launch for each number of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch.distributed.fsdp", reason="these tests need PyTorch's torch.distributed")

import spread_looks  # noqa: F401 (which adds scenarios)
from spread_scenarios import SCENARIOS

HERE = Path(__file__).parent
EXAMPLES = {2: 15, 4: 60, 8: 60}


@pytest.fixture(
    scope="module",
    params=[2, pytest.param(4, marks=pytest.mark.ranks), pytest.param(8, marks=pytest.mark.ranks)],
    ids="{} processes".format,
)
def became(request: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what became of each scenario in a launch of some processes."""
    results = tmp_path_factory.mktemp("spread") / "results.json"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(request.param)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, str(HERE / "spread_ranks.py"), str(results), str(EXAMPLES[request.param])],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(results.read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_processes_hold_what_one_would(became: dict[str, list[str]], scenario: str) -> None:
    assert became[scenario] == [], "\n".join(became[scenario])
