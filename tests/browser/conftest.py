"""A real Chromium, headless, and pages in it that may do nothing but what is tested."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.large import large_page
from tests.unit.named import named
from tests.unit.odd import write_odd
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import table_of
from whowoke.analysis.page import build as building
from whowoke.analysis.page import report
from whowoke.analysis.page.build import build
from whowoke.analysis.page.render import render

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
WIDE, NARROW = (1280, 900), (390, 844)
# A busy machine isn't a mistake in a page.
PATIENCE_MS = 120_000
Shown = Callable[..., "contextmanager[Page]"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "no chromium on this machine: make test-tools installs it"
    with sync_playwright() as playwright:
        # Its sandbox doesn't run as root.
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a golden capture, of 100,000 wake-ups, and of a capture that makes no sense."""
    folder = tmp_path_factory.mktemp("pages")
    capture = GOLDEN / "requeue.whowoke"
    source = [GOLDEN.parent / "operators"]
    write_odd(folder / "odd.whowoke")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "parts_of", later_parts)
        part = render(build(Analysis(Capture.open(capture))))
    texts = {
        "part": part,
        "asking": report.make(named()).text,
        "odd": report.make(Capture.open(folder / "odd.whowoke")).text,
        "plain": report.make(Capture.open(capture), source).text,
        "redacted": report.make(Capture.open(capture), redact=True).text,
        "large": render(large_page(Capture.open(capture))),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


def later_parts(analysis: Analysis, name: str) -> Iterator[pd.DataFrame]:
    """Tables without their first rows, as a part of a recording has them: ids are those of all."""
    skipped = 10 if name in ("wakeups", "reconciles", "queue") else 0
    yield table_of(analysis, name).iloc[skipped:].reset_index(drop=True)


@pytest.fixture
def shown(browser: Browser, files: dict[str, Path]) -> Shown:
    """``shown(name, size, scheme)``: a page at work; at its end nothing may have gone wrong."""

    @contextmanager
    def show(
        name: str = "plain", size: tuple[int, int] = WIDE, scheme: str = "light"
    ) -> Iterator[Page]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        wrong: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        url = files[name].as_uri()
        page.goto(url)
        page.wait_for_selector("html[data-ready=yes]")
        yield page
        assert wrong == []
        assert {request.partition("#")[0] for request in asked} == {url}
        context.close()

    return show
