"""How long the lab takes from a slider's move to the painted frame, in Chromium; and what its engine costs in node.

The processor of the page is then slowed down four times, as Chromium's DevTools do it. Run it on a quiet machine:

    python benchmarks/lab.py | tee benchmarks/results/lab.txt
"""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Page, sync_playwright

from glorot.report.lab import save_lab

LAB = Path(__file__).parents[1] / "lab"
MOVES, WARM_UPS = 41, 10
TASK = "ThreadControllerImpl::RunTask"
CASES = {
    "first screen, 10 × 128": ("#sigma=0.05", "first", "sigma"),
    "bench, 10 × 128, with gradients": ("#rule=sigma&depth=10&width=128&std=0.05", "bench", "std"),
    "bench, 50 × 128, with gradients": ("#rule=sigma&depth=50&width=128&std=0.05", "bench", "std"),
}

MOVE = """
async ([selector, count]) => {
  const slider = document.querySelector(selector);
  slider.scrollIntoView({ block: "start" });
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const painted = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    requestAnimationFrame(() => port2.postMessage(null)); // arrives once this frame has been painted
  });
  for (let i = 0; i < 30; i++) await frame();
  const times = [];
  for (let i = 0; i < count; i++) {
    const wait = 10 + Math.random() * 20;  // not in step with the frames
    await new Promise((resolve) => setTimeout(resolve, wait));
    slider.value = String(100 + (i % 60));
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await painted();
    times.push(performance.now() - start);
  }
  return times;
}
"""


def engine() -> str:
    """Return what the engine costs in node."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "engine.mjs"
        options = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning", f"--outfile={bundle}"]
        subprocess.run([LAB / "node_modules/.bin/esbuild", LAB / "bench/engine.ts", *options], check=True)
        command = ["node", str(bundle), *(str(LAB / "data" / name) for name in ("facts.json", "digits.json"))]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def times_of(page: Page, chapter: str, slider: str) -> list[float]:
    """Return the milliseconds from moves of a slider to the frames that show them."""
    return list(page.evaluate(MOVE, [f"#{chapter} input[name={slider}]", WARM_UPS + MOVES]))[WARM_UPS:]


def busy(browser: Browser, page: Page, chapter: str, slider: str) -> float:
    """Return the milliseconds of processor time that one move takes of the page's main thread, whatever else runs."""
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    moves = WARM_UPS + len(times_of(page, chapter, slider))
    events = json.loads(browser.stop_tracing())["traceEvents"]
    threads = {(e["pid"], e["tid"]) for e in events if e.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [e for e in events if e["name"] == TASK and (e["pid"], e["tid"]) in threads]
    return float(sum(task.get("tdur", 0) for task in tasks) / 1000 / moves)


def main() -> None:
    """Print both tables."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    print(f"{processor()}, node {version('node')}, {version(program or 'chromium')}")
    print(f"Other work kept {os.getloadavg()[0]:.1f} threads waiting or busy at the start.\n")
    print(engine())
    print(f"{'milliseconds to the painted frame, 64 examples':48}{'median':>8}{'9 of 10':>9}{'busy':>8}")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        address = save_lab(folder).as_uri()
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for slower in (1, 4):
            for name, (state, chapter, slider) in CASES.items():
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(address + state)
                page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
                times = times_of(page, chapter, slider)
                work = f"{busy(browser, page, chapter, slider):8.1f}" if slower == 1 else ""
                label = name if slower == 1 else f"{name}, {slower}× slower"
                print(f"{label:48}{median(times):8.1f}{quantiles(times, n=10)[-1]:9.1f}{work}", flush=True)
                page.close()
        browser.close()


def version(program: str) -> str:
    """Return the version that a program says it has."""
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()


def processor() -> str:
    """Return the name of the processor."""
    known = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in known.open() if line.startswith("model name")]
        if known.exists()
        else []
    )
    return f"{names[0] if names else platform.processor()}, {len(names)} threads"


if __name__ == "__main__":
    main()
