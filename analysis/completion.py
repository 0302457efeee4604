"""What a shell completes of captures, causes, formats, weights and metrics.

Runs at each Tab, so nothing that is slow to import is imported.
"""

import tomllib
from importlib.resources import files
from pathlib import Path

SUFFIX = ".whowoke"
FORMATS = ("csv", "parquet", "ndjson", "perfetto", "folded")
WEIGHTS = ("wakeups", "cpu")
METRICS = (
    *("wakeups", "process_wakeups", "thread_wakeups", "reconciles", "redundant", "api_requests"),
    *("cpu", "unknown", "asleep", "longest_sleep", "ideal_asleep", "ideal_sleep"),
    *("came", "went", "changed"),
)


def captures(incomplete: str) -> list[str]:
    """Captures in the folder that was begun, and its folders, with a slash."""
    typed = incomplete.rpartition("/")
    folder = typed[0] + typed[1]
    try:
        entries = sorted(Path(folder or ".").expanduser().iterdir())
    except OSError:
        return []
    names = [
        f"{folder}{entry.name}/" if entry.is_dir() else f"{folder}{entry.name}"
        for entry in entries
        if not entry.name.startswith(".") and (entry.suffix == SUFFIX or entry.is_dir())
    ]
    return [name for name in names if name.startswith(incomplete)]


def causes(incomplete: str) -> list[str]:
    """All causes of the rules, and patterns for those that begin alike."""
    text = files("whowoke.analysis.rules").joinpath("causes.toml").read_text()
    known = {rule["cause"] for rule in tomllib.loads(text)["rule"]} | {"unknown"}
    alike = {f"{cause.partition('.')[0]}.*" for cause in known if "." in cause}
    return [cause for cause in sorted(known | alike) if cause.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """The formats of ``export``."""
    return [name for name in FORMATS if name.startswith(incomplete)]


def weights(incomplete: str) -> list[str]:
    """What folded stacks can be weighted by."""
    return [name for name in WEIGHTS if name.startswith(incomplete)]


def metrics(incomplete: str) -> list[str]:
    """What a condition of ``diff`` begins with; a shell would take what follows for its own."""
    return [name for name in METRICS if name.startswith(incomplete)]
