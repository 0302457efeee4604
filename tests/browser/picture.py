"""Takes the picture of docs/report.md: build/venv/bin/python -m tests.browser.picture CAPTURE."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.page import report

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "report.png"
HEIGHT = 1770


def main() -> None:
    """The page from its head to its timeline."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "page.html"
        page.write_text(report.make(Capture.open(Path(sys.argv[1]))).text)
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1180, "height": HEIGHT})
        shown.goto(page.as_uri())
        shown.wait_for_selector("html[data-ready]")
        shown.wait_for_timeout(300)
        shown.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
