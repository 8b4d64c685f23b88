"""Pages as a browser shows them: nothing is cut off or runs out of the screen, from a telephone to a wide one."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import report_builders as builders
from torch import nn

import glorot
from glorot.report.explanation import explanation
from glorot.report.page import comparison_html
from glorot.report.plan_page import plan_html

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-file-access-from-files", "--virtual-time-budget=5000",
)  # fmt: skip
MEASURE = """
<body style="margin:0"><iframe id="frame" src="page.html" style="border:0;width:{width}px;height:800px"></iframe><script>
addEventListener("load", () => {{
  const page = document.getElementById("frame").contentDocument;
  const scrolls = each => each && (/auto|scroll/.test(getComputedStyle(each).overflowX) || scrolls(each.parentElement));
  const out = [...page.body.querySelectorAll("*")].filter(each =>
    !each.closest("svg") && each.getBoundingClientRect().right > {width} + 1 && !scrolls(each));
  const rows = [...page.querySelectorAll("td")].map(each => each.getBoundingClientRect()).filter(each => each.height);
  document.title = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    out: out.map(each => each.tagName + "." + each.className).slice(0, 5),
    tallest: Math.round(Math.max(0, ...rows.map(each => each.height))),
    text: page.body.innerText.length,
  }});
}});
</script>
"""


def deep_plan() -> str:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return plan_html(glorot.plan(nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)))


PAGES: dict[str, Callable[[], str]] = {
    "plan": deep_plan,
    "compare": lambda: comparison_html(builders.usual()),
    "explain": lambda: explanation("xavier", html=True),
    "too wide": lambda: '<!DOCTYPE html><body><p style="width:2000px">too wide</p>',
    "too narrow": lambda: '<!DOCTYPE html><body><table><td style="width:9px;display:block">' + "x " * 200,
}


def shown(page: str, width: int, folder: Path) -> dict[str, Any]:
    """Open a page in a frame of some width, and return what was measured of it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "install Chromium: .ci/run does so"
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "frame.html").write_text(MEASURE.format(width=width), encoding="utf-8")
    command = [
        chromium,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        (folder / "frame.html").as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"<title>(.*?)</title>", dom)
    assert found, dom[:500]
    return dict(json.loads(unescape(found[1])))


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
@pytest.mark.parametrize("name", ["plan", "compare", "explain"])
def test_nothing_runs_out_of_the_screen(name: str, width: int, tmp_path: Path) -> None:
    seen = shown(PAGES[name](), width, tmp_path)
    assert seen["out"] == []
    assert seen["width"] <= width
    assert seen["tallest"] < 200  # a cell that is squeezed breaks its words over many lines
    assert seen["text"] > 500


def test_what_runs_out_or_is_squeezed_would_be_seen(tmp_path: Path) -> None:
    wide = shown(PAGES["too wide"](), 360, tmp_path)
    assert (wide["out"], wide["width"] > 2000) == (["P."], True)
    assert shown(PAGES["too narrow"](), 360, tmp_path)["tallest"] > 200
