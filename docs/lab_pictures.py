"""Make the pictures of the lab: five of its figures, as Chromium shows them.

Run with: python docs/lab_pictures.py
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from glorot.report.lab import save_lab

CHAPTERS = ("first", "depth", "rule", "band", "bench")
FOLDER = Path(__file__).with_name("lab")


def main() -> None:
    """Write docs/lab/first.png and so on."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.goto(save_lab(folder).as_uri())
        for chapter in CHAPTERS:
            figure = page.locator(f"#{chapter} .figure").first
            figure.scroll_into_view_if_needed()
            page.wait_for_timeout(500)  # until it has been painted
            figure.screenshot(path=FOLDER / f"{chapter}.png")
        browser.close()


if __name__ == "__main__":
    main()
