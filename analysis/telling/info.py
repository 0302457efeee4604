"""What a capture holds, without interpreting it."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.telling.cost import program_costs
from whowoke.analysis.telling.gaps import asleep, asleep_told, gaps, gaps_told
from whowoke.analysis.telling.making import made
from whowoke.analysis.telling.words import place

MAX_VALUE = 160


def summary(capture: Capture) -> dict[str, Any]:
    """File, whether it is complete, rows of each record kind, losses by kind, and its metadata.

    ``size`` and ``truncated_bytes`` are bytes.
    """
    counts = capture.counts()
    return {
        "file": str(capture.path),
        "format_version": capture.format_version,
        "size": capture.size,
        "complete": capture.complete,
        "truncated_bytes": capture.truncated_bytes,
        "notes": capture.notes,
        "records": counts,
        "losses": capture.lost(),
        "gaps": gaps(capture) if capture.lost() else [],
        "suspends": asleep(capture),
        "strings": len(capture.strings),
        "stacks": len(capture.stacks),
        "symbols": len(capture.symbols),
        "metadata": capture.metadata,
    }


def summary_of_all(capture: Capture) -> dict[str, Any]:
    """The summary; of several processes those of each, in ``processes``."""
    if len(capture.processes) == 1:
        return summary(capture)
    return {
        "file": str(capture.path),
        "complete": capture.complete,
        "processes": [summary(one) | {"number": one.number} for one in capture.processes],
    }


def describe(facts: dict[str, Any]) -> str:
    """The summary for people; long values of the metadata are cut."""
    if "processes" in facts:
        blocks = [f"#{one['number']} {describe(one)}" for one in facts["processes"]]
        return "\n\n".join([f"{facts['file']}: {len(blocks)} processes", *blocks])
    end = "complete" if facts["complete"] else "not complete"
    if facts["truncated_bytes"]:
        end += f", {facts['truncated_bytes']:,} bytes at its end not read"
    lines = [f"{facts['file']}: format {facts['format_version']}, {facts['size']:,} bytes, {end}"]
    lines += _who(facts["metadata"])
    lines += [f"note: {note}" for note in facts["notes"]]
    lines += made(facts["metadata"])
    total, lost = sum(facts["records"].values()), sum(facts["losses"].values())
    lines += ["", f"{total:,} records, {lost:,} lost"]
    lines += [f"  {name:<20}{count:>12,}" for name, count in facts["records"].items()]
    lines += [f"  lost: {kind:<14}{count:>12,}" for kind, count in facts["losses"].items()]
    told = (gaps_told(facts["gaps"]), asleep_told(facts["suspends"]))
    lines += [f"  {text}" for text in told if text]
    informers = list(_informers(facts["metadata"].get("informers")))
    lines += ["", "informers of the caches", *informers] if informers else []
    cost = list(program_costs(facts["metadata"].get("bpf_cost")))
    lines += ["", "what its programs cost, as the kernel accounts it", *cost] if cost else []
    lines += ["", "metadata"]
    lines += [f"  {key}: {_short(value)}" for key, value in facts["metadata"].items()]
    return "\n".join(lines)


def _who(metadata: dict[str, Any]) -> list[str]:
    """The process in a container by its pod and image; nothing outside of one."""
    container = metadata.get("container")
    if not isinstance(container, dict):
        return []
    texts = {str(key): str(value) for key, value in container.items()}
    image = f", image {texts['image']}" if texts.get("image") else ""
    return [f"{metadata.get('name')}, pid {metadata.get('pid')}{place(texts)}{image}"]


def _informers(rows: Any) -> Iterator[str]:
    """For each its kind, and of its event handlers type or function and the queue they add to."""
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        version = "/".join(str(row[name]) for name in ("group", "version") if row.get(name))
        handlers = row.get("handlers")
        told = "handlers aren't known"
        if isinstance(handlers, list):
            counts = Counter(_handler(handler) for handler in handlers)
            told = "; ".join(f"{count} of {name}" for name, count in counts.items())
        yield f"  {row.get('kind')} {version}: {told or 'no event handler'}"


def _handler(handler: Any) -> str:
    known = handler if isinstance(handler, dict) else {}
    queue = known.get("queue")
    return str(known.get("type")) + (f", queue {queue:#x}" if isinstance(queue, int) else "")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_VALUE:
        return text
    count = f" … ({len(value)} entries)" if isinstance(value, list | dict) else " …"
    return text[:MAX_VALUE] + count
