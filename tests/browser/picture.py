"""The picture of docs/report.md and README.md, of a golden capture, and what it looks like.

tests/browser/test_picture.py says when it has to be taken anew, and does so.
"""

import hashlib
import re
from pathlib import Path

from playwright.sync_api import Browser

from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.page import report

TREE = Path(__file__).resolve().parents[2]
CAPTURE = TREE / "tests" / "golden" / "poller.whowoke"
PICTURE = TREE / "docs" / "report.png"
# Beside the picture: the look of the page that it was taken of.
LOOK = TREE / "docs" / "report.look"
SIZE = {"width": 1180, "height": 1770}
# The tables, of which the picture shows a few numbers only, hashes of style and script, versions.
VOLATILE = re.compile(
    r'<script type="application/json".*?</script>|<meta http-equiv="Content-Security-Policy"[^>]*>'
    r"|by whowoke [\w.]+",
    re.DOTALL | re.IGNORECASE,
)


def text() -> str:
    """The page of the capture."""
    return report.make(Capture.open(CAPTURE)).text


def look(page: str) -> str:
    """What a page looks like, as a checksum: its words, style and script, without its tables."""
    return hashlib.sha256(VOLATILE.sub("", page).encode()).hexdigest()


def take(browser: Browser, page: Path) -> None:
    """The page from its head to its timeline becomes the picture."""
    context = browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
    shown = context.new_page()
    shown.goto(page.as_uri())
    shown.wait_for_selector("html[data-ready=yes]")
    shown.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    shown.screenshot(path=PICTURE)
    context.close()
