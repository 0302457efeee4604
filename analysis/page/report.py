"""One capture as one page that opens offline in any browser: ``whowoke report``."""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whowoke.analysis.capture.opening import split_part
from whowoke.analysis.errors import PermissionDeniedError, UsageError, WhowokeError
from whowoke.analysis.model import Analysis
from whowoke.analysis.page.build import Page, build
from whowoke.analysis.page.redaction import Redacted
from whowoke.analysis.page.render import need_jinja, own_words, render
from whowoke.analysis.page.sources import Sources
from whowoke.analysis.page.wording import left_out
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.window import EVERYTHING, Limits

CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\n\t"}
NUMBERS = ("u1", "u2", "u4", "f8")


@dataclass(frozen=True)
class Report:
    """A page's text; what ``--redact`` couldn't take out of it, words of the page's own; and
    sentences on what the page doesn't have.
    """

    text: str
    left: list[str]
    left_out: list[str]


def default_output(capture: Path) -> Path:
    """Where a capture's report goes: beside it, with its name."""
    file, number = split_part(capture)
    return file.with_name(f"{file.stem}-{number}.html") if number else file.with_suffix(".html")


def check(output: Path, capture: Path, force: bool) -> None:
    """UsageError where the report would replace something; before any work is done."""
    need_jinja()
    capture, _ = split_part(capture)
    if output.exists() and capture.exists() and output.samefile(capture):
        raise UsageError(f"{output} is the capture itself", "choose another -o")
    if os.path.lexists(output) and not force:
        raise UsageError(f"{output} exists", "choose another -o, or replace it with --force")


def make(
    capture: CaptureLike,
    source_paths: Sequence[Path] = (),
    redact: bool = False,
    limits: Limits = EVERYTHING,
) -> Report:
    """The report of a capture, or of the part of it that the limits choose."""
    sources = Sources(source_paths, str(capture.metadata.get("main_module") or ""))
    if not redact:
        page = build(Analysis(capture, limits), sources)
        return Report(_clean(render(page)), [], list(left_out(page)))
    redacted = Redacted(capture)
    try:
        page = build(Analysis(redacted, limits), sources)
        capture.log_notes.extend(redacted.log_notes)
    finally:
        redacted.close()
    common, names = own_words(), redacted.names
    page = _scrubbed(page, lambda text: names.scrub(text, common))
    text = _clean(render(page, redacted=True))
    return Report(text, names.left_in(text), list(left_out(page)))


def write(report: Report, output: Path) -> None:
    """Write a report as a whole new file that only its owner can read."""
    partial = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(report.text.encode("utf-8", "replace"))
            partial.replace(output)
        finally:
            partial.unlink(missing_ok=True)
    except PermissionError:
        raise PermissionDeniedError(
            f"no permission to write {output}", "use -o with a folder that you may write to"
        ) from None
    except OSError as err:
        raise WhowokeError(
            f"cannot write {output}: {err.strerror}", "make room, or use another -o"
        ) from None


def _scrubbed(page: Page, scrub: Callable[[str], str]) -> Page:
    return replace(
        page,
        facts=_every_text(page.facts, scrub),
        metadata=_every_text(page.metadata, scrub),
        data=_every_text(page.data, scrub),
    )


def _every_text(value: Any, scrub: Callable[[str], str]) -> Any:
    """A value of JSON with each of its texts scrubbed, but for base64."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        packed = value.get("type") in NUMBERS
        return {
            scrub(key) if isinstance(key, str) else key: text
            if packed and key == "data"
            else _every_text(text, scrub)
            for key, text in value.items()
        }
    if isinstance(value, list | tuple):
        return [_every_text(item, scrub) for item in value]
    return value


def _clean(text: str) -> str:
    """Without control characters, which no HTML may have."""
    return text.translate(CONTROLS)
