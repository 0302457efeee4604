"""The page's text: the template filled with words, the data, the style and the script.

Nothing on it can ask the network for anything: the policy allows no source but the one style and
the one script that are part of the page, each by its hash.
"""

import base64
import hashlib
import json
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from whowoke.analysis.errors import UnsupportedError
from whowoke.analysis.page.build import Page
from whowoke.analysis.page.wording import words

if TYPE_CHECKING:
    import jinja2

# In this order: each rests on those before it.
SCRIPTS = (
    *("store", "theme", "lanes", "timeline", "pointer", "histogram", "grid", "evidence", "main"),
)
# Whatever ends a script element, or a line of JavaScript, is written as an escape of JSON.
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def need_jinja() -> None:
    """UnsupportedError where the template engine isn't installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise UnsupportedError(
            "the report needs jinja2, which isn't installed",
            "pip install 'whowoke[report]', or install python3-jinja2",
        ) from None


def render(page: Page, redacted: bool = False) -> str:
    """The whole page."""
    style, script = _asset("page.css"), "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    data = page.data | {"palette": palette()["origin"]}
    return _template().render(
        **words(page),
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        css=style,
        script=script,
        sources=page.data["sources"],
        data=_json(data),
        redacted=redacted,
    )


@cache
def own_words() -> str:
    """All that the page says of itself, for any capture: names that occur in it can't be hidden."""
    code = [_asset(name) for name in ("page.html.j2", "page.css")]
    return "\n".join([*code, *(_asset(f"{name}.js") for name in SCRIPTS), *_tables()])


def palette() -> dict[str, Any]:
    """The colours of ``palette.toml``."""
    text = resources.files("whowoke.analysis.page").joinpath("palette.toml").read_text("utf-8")
    return tomllib.loads(text)


def _tables() -> list[str]:
    """Causes with their explanations, reasons, meanings of columns."""
    from whowoke.analysis.output.reference import as_markdown

    folder = resources.files("whowoke.analysis")
    files = ("rules/causes.toml", "verdicts/reasons.toml")
    return [as_markdown(), *(folder.joinpath(file).read_text("utf-8") for file in files)]


def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_asset("page.html.j2"))


def _json(data: dict[str, Any]) -> str:
    # Ascii only, so that no encoding can be mistaken; NaN would be no JSON.
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(ESCAPES)


def _asset(name: str) -> str:
    folder = resources.files("whowoke.analysis.page").joinpath("assets")
    return folder.joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
