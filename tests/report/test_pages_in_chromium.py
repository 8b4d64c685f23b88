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
import torch
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
<body style="margin:0"><iframe id="frame" src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe>
<script>
addEventListener("load", () => {{
  const frame = document.getElementById("frame"), page = frame.contentDocument, view = frame.contentWindow;
  const box = each => each.getBoundingClientRect();
  const bottom = selector => Math.max(0, ...[...page.querySelectorAll(selector)].map(each => box(each).bottom));
  const first = {{ finding: bottom("h1"), picture: bottom("main > figure svg") }};
  page.querySelectorAll("details").forEach(each => each.open = true);
  const scrolls = each => each && (/auto|scroll/.test(getComputedStyle(each).overflowX) || scrolls(each.parentElement));
  const out = [...page.body.querySelectorAll("*")].filter(each =>
    !each.closest("svg") && box(each).right > {width} + 1 && !scrolls(each));
  const rows = [...page.querySelectorAll("td")].map(box).filter(each => each.height);
  const drawn = [...page.querySelectorAll("svg:not(.reads)")].filter(each => box(each).width);
  const letters = drawn.flatMap(each => [...each.querySelectorAll("text")]);
  const cut = letters.filter(each => {{
    const [inner, outer] = [box(each), box(each.ownerSVGElement)];
    return inner.width && (inner.left < outer.left - 2 || inner.right > outer.right + 2 ||
      inner.top < outer.top - 2 || inner.bottom > outer.bottom + 2);
  }});
  const size = each => parseFloat(getComputedStyle(each).fontSize) * each.getScreenCTM().a;
  document.title = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    out: out.map(each => each.tagName + "." + each.className).slice(0, 5),
    tallest: Math.round(Math.max(0, ...rows.map(each => each.height))),
    text: page.body.innerText.length,
    first,
    pictures: drawn.filter(each => each.closest("main > figure")).length,
    cut: cut.map(each => each.textContent).slice(0, 5),
    letters: Math.min(99, ...letters.filter(each => box(each).width).map(size)),
    ground: getComputedStyle(page.body).backgroundColor,
    fetched: view.performance.getEntriesByType("resource").map(each => each.name),
    told: page.title,
    tips: page.querySelectorAll(".tip").length,
    {more}
  }});
}});
</script>
"""
FIRST_SCREENS = {360: 740, 768: 1024, 1280: 800, 1920: 1080}
SCRIPT = '<script>document.title = "taken over"</script><p onclick="x" style="color: red" id="styled">in red?</p>'


def deep_plan() -> str:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    return plan_html(glorot.plan(encoder, inputs=torch.ones(2, 5, 16)))


def crowded() -> str:
    names = [f"truncated_normal(std=0.0{n}, cut=2.5)" for n in range(1, 13)]
    level = [builders.result(name, stds=(0.5, 0.4 + n / 50, 0.3 + n / 25)) for n, name in enumerate(names)]
    return comparison_html(builders.comparison(builders.result("zeros", stds=(0, 0, 0)), *level))


PAGES: dict[str, Callable[[], str]] = {
    "plan": deep_plan,
    "compare": lambda: comparison_html(builders.usual()),
    "explain": lambda: explanation("xavier", html=True),
    "explain tanh": lambda: explanation("tanh", html=True),
    "lines": lambda: explanation("vanishing gradients", html=True),
    "histograms": lambda: explanation("saturation", html=True),
    "bars": lambda: explanation("initialization", html=True),
    "grids": lambda: explanation("fans", html=True),
    "crowded": crowded,
    "too wide": lambda: '<!DOCTYPE html><body><p style="width:2000px">too wide</p>',
    "cut": lambda: (
        '<!DOCTYPE html><body><svg width="90" viewBox="0 0 180 40"><text y="30">this is cut off at the right side of its drawing</text></svg>'
    ),
    "too narrow": lambda: '<!DOCTYPE html><body><table><td style="width:9px;display:block">' + "x " * 200,
}


def shown(page: str, width: int, folder: Path, *flags: str, more: str = "") -> dict[str, Any]:
    """Open a page in a frame of some width, and return what was measured of it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "install Chromium: .ci/run does so"
    (folder / "page.html").write_text(page, encoding="utf-8")
    frame = MEASURE.format(width=width, height=FIRST_SCREENS[width], more=more)
    (folder / "frame.html").write_text(frame, encoding="utf-8")
    command = [chromium, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command.append((folder / "frame.html").as_uri())
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"<title>(.*?)</title>", dom)
    assert found, dom[:500]
    return dict(json.loads(unescape(found[1])))


@pytest.mark.parametrize("width", FIRST_SCREENS)
@pytest.mark.parametrize("name", ["plan", "compare", "explain", "explain tanh", "lines", "histograms", "bars", "grids"])
def test_nothing_runs_out_of_the_screen(name: str, width: int, tmp_path: Path) -> None:
    seen = shown(PAGES[name](), width, tmp_path)
    assert seen["out"] == []
    assert seen["width"] <= width
    assert seen["tallest"] < 200  # a cell that is squeezed breaks its words over many lines
    assert seen["text"] > 500
    assert seen["cut"] == []
    assert seen["letters"] > 9.9
    assert seen["fetched"] == []


@pytest.mark.parametrize("make", ["compare", "crowded"])
@pytest.mark.parametrize("width", FIRST_SCREENS)
def test_the_first_screen_has_the_finding_and_the_picture(make: str, width: int, tmp_path: Path) -> None:
    seen = shown(PAGES[make](), width, tmp_path)
    assert 0 < seen["first"]["finding"] < FIRST_SCREENS[width] / 2
    assert seen["pictures"] == 1
    assert seen["cut"] == []
    if make == "compare" and width >= 1280:
        assert 300 < seen["first"]["picture"] < FIRST_SCREENS[width]


def test_what_runs_out_or_is_squeezed_would_be_seen(tmp_path: Path) -> None:
    wide = shown(PAGES["too wide"](), 360, tmp_path)
    assert (wide["out"], wide["width"] > 2000) == (["P."], True)
    assert shown(PAGES["too narrow"](), 360, tmp_path)["tallest"] > 200
    cut = shown(PAGES["cut"](), 360, tmp_path)
    assert cut["cut"] == ["this is cut off at the right side of its drawing"]
    assert cut["letters"] < 10


@pytest.mark.parametrize("name", ["plan", "compare", "explain", "lines"])
def test_pages_are_dark_where_the_reader_wants_it(name: str, tmp_path: Path) -> None:
    page = PAGES[name]()
    grounds = [shown(page, 768, tmp_path, f"--blink-settings=preferredColorScheme={n}")["ground"] for n in (1, 0)]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]


VALUES = """
    values: (() => {
      const path = [...page.querySelectorAll(".large .reads path")].find(each => each.dataset.name === "Xavier");
      const seen = () => page.querySelector(".tip.seen")?.textContent ?? "nothing";
      const press = key => path.dispatchEvent(new view.KeyboardEvent("keydown", { key, bubbles: true }));
      const said = [seen()];
      path.focus();
      said.push(seen());
      for (const key of ["ArrowLeft", "Home", "ArrowLeft", "ArrowRight", "End"]) { press(key); said.push(seen()); }
      path.blur();
      said.push(seen());
      const [x, y] = path.getAttribute("d").slice(1).split("L")[1].split(",").map(Number);
      const at = new view.DOMPoint(x + 4, y + 4).matrixTransform(path.getScreenCTM());
      const place = { clientX: at.x, clientY: at.y, bubbles: true };
      path.ownerSVGElement.dispatchEvent(new view.PointerEvent("pointermove", place));
      said.push(seen());
      path.ownerSVGElement.dispatchEvent(new view.PointerEvent("pointerleave"));
      said.push(seen());
      return said;
    })(),
    stops: [...page.querySelectorAll("main > figure .reads path")].filter(each => box(each).width).length,
    named: page.querySelector(".large .reads path:last-child").getAttribute("aria-label"),
"""


def test_values_are_shown_at_the_pointer_and_by_the_arrow_keys(tmp_path: Path) -> None:
    seen = shown(PAGES["compare"](), 1280, tmp_path, more=VALUES)
    first, second, third = (f"Xavier, layer {n}: {value}" for n, value in ((1, "0.25"), (2, "0.2"), (3, "0.15")))
    assert seen["tips"] == 1
    assert seen["values"] == [
        "nothing", third, second, first, first, second, third, "nothing", second, "nothing",
    ]  # fmt: skip
    assert seen["stops"] == 4  # one for each line
    assert seen["named"] == "Xavier: layer 1: 0.25; layer 2: 0.2; layer 3: 0.15"


def test_no_other_script_runs(tmp_path: Path) -> None:
    colour = 'styled: getComputedStyle(page.getElementById("styled")).color,'
    bare = shown(f"<!DOCTYPE html><title>mine</title>{SCRIPT}", 1280, tmp_path, more=colour)
    assert (bare["told"], bare["styled"]) == ("taken over", "rgb(255, 0, 0)")
    page = PAGES["compare"]().replace("</main>", f"{SCRIPT}</main>")
    seen = shown(page, 1280, tmp_path, more=colour)
    assert seen["told"].endswith(" · glorot")
    assert seen["styled"] != "rgb(255, 0, 0)"
    assert seen["tips"] == 1
