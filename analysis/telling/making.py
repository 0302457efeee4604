"""How a capture was made, in a few lines: when, for how long, of what, with which probes."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.rules.frames import sites_of

Metadata = dict[str, Any]
MODULES = ("sigs.k8s.io/controller-runtime", "k8s.io/client-go")
MANY_PROBES, MANY_MISSING = 5, 3
MAX_COMMAND = 90


def made(metadata: Metadata) -> list[str]:
    """Lines, of what is known; the metadata may come from anyone."""
    return [line for line in (*_when(metadata), *_target(metadata), *_probes(metadata)) if line]


def _when(metadata: Metadata) -> Iterator[str]:
    start, end = (_number(metadata, f"{name}_ns") for name in ("start", "end"))
    pair = [_number(metadata, f"clock_{name}_ns") for name in ("monotonic", "realtime")]
    text = "recorded"
    if start is not None and pair[0] is not None and pair[1] is not None:
        seconds = (start - pair[0] + pair[1]) // 10**9
        if 0 <= seconds < 1 << 36:
            text += f" at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    if start is not None and end is not None and end >= start:
        text += f" for {format_duration(end - start)}"
    ended = metadata.get("ended")
    text += "" if ended in (None, "duration") else f" ({ended})"
    version = metadata.get("whowoke_version")
    text += f" by whowoke {version}" if version else ""
    kernel, machine = metadata.get("kernel"), metadata.get("machine")
    yield text + (f", Linux {kernel} on {machine}" if kernel else "")


def _target(metadata: Metadata) -> Iterator[str]:
    yield f"target: {metadata.get('name') or 'unknown'}, pid {metadata.get('pid')}"
    found = metadata.get("modules")
    modules = found if isinstance(found, dict) else {}
    versions = [str(metadata.get("go_version") or "")]
    versions += [f"{path.split('/')[-1]} {modules[path]}" for path in MODULES if path in modules]
    main = metadata.get("main_package") or metadata.get("main_module")
    yield f"program: {', '.join(filter(None, (str(main or ''), *versions)))}"
    command = metadata.get("command")
    if isinstance(command, list) and command:
        text = " ".join(map(str, command))
        yield f"command: {text if len(text) <= MAX_COMMAND else text[:MAX_COMMAND] + ' …'}"


def _probes(metadata: Metadata) -> Iterator[str]:
    sites, hits = sites_of(metadata), metadata.get("hits")
    if sites is not None:
        names = [site.probe for site in sites]
        text = f"probes: {len(set(names))} at {len(names):,} places"
        if isinstance(hits, list) and len(hits) == len(names):
            counts: Counter[str] = Counter()
            for name, count in zip(names, hits, strict=True):
                counts[name] += count if isinstance(count, int) else 0
            most = [f"{name} {count:,}" for name, count in counts.most_common() if count]
            text += f", {sum(counts.values()):,} hits: {_listed(most, MANY_PROBES)}"
        yield text
    missing = metadata.get("missing")
    if isinstance(missing, list) and missing:
        yield f"not seen: {_listed([str(what) for what in missing], MANY_MISSING)}"


def _number(metadata: Metadata, name: str) -> int | None:
    value = metadata.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else None


def _listed(names: list[str], shown: int) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
