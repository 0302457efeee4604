"""What ``explain`` says of what is checked, and whether an event for that exists."""

from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.words import Row, base, listed, times, wrap
from whowoke.analysis.verdicts.things import UNNAMED

MANY_CONTROLLERS = 3
EVENTS = {
    "unhandled": "Yes, but it is thrown away, for no handler leads to the controller",
    "unwatched": "Yes, but nobody watches it, it is asked for live",
    "outside": "No, it is outside of Kubernetes",
    "unknown": "Not known",
    "handled": "Yes, and it starts a reconcile",
}
READERS = {
    "cache": "from its cache",
    "api": "from the API server",
    "http": "over HTTP",
    "connection": "over connections",
    "file": "from files",
}


def checks(data: Row) -> list[str]:
    """What each controller reads and writes, and what is asked outside of reconciles."""
    if data["unanswered"]:
        what = " and ".join(data["unanswered"])
        return wrap(f"It isn't known {what}: this capture has no records of that.", 2)
    controllers = list(dict.fromkeys(row["controller"] for row in data["checks"]))
    asking = [row for row in data["causes"] if row["asks"]]
    if not controllers and not asking:
        return ["  Nothing was seen to be read."]
    lines = []
    for row in asking[:MANY_CONTROLLERS]:
        things = [f"{thing['name']} {times(thing['reads'])}" for thing in row["asks"]]
        where = f" at {base(row['location'])}" if row["location"] else ""
        lines += wrap(f"{row['cause']}{where} looks at {listed(things)}, outside of reconciles.", 2)
    for controller in controllers[:MANY_CONTROLLERS]:
        rows = [row for row in data["checks"] if row["controller"] == controller]
        parts = []
        for kind, how in READERS.items():
            asked = _asked([row for row in rows if row["kind"] == kind])
            parts += [f"{how} {asked}"] if asked else []
        text = f"{controller or 'unnamed'} reads {'; '.join(parts)}{_asker(rows)}."
        written = [
            f"{row['verb']} {row['name']} {times(row['writes'])} ({_changed(row)})"
            for row in data["writes"]
            if row["controller"] == controller
        ]
        lines += wrap(f"{text} It writes: {listed(written)}." if written else text, 2)
    if len(controllers) > MANY_CONTROLLERS:
        lines.append(f"  and {len(controllers) - MANY_CONTROLLERS} more controllers, see --json")
    return lines


def _asked(rows: list[Row]) -> str:
    """Things with how often each was read, those that were read as often together."""
    names: dict[int, list[str]] = {}
    for row in rows:
        names.setdefault(row["reads"], []).append(_thing(row))
    return ", ".join(
        f"{listed(found)} {times(reads)}{' each' if len(found) > 1 else ''}"
        for reads, found in names.items()
    )


def _thing(row: Row) -> str:
    return str(row["object_kind"] or row["host"] or UNNAMED[row["kind"]])


def _asker(rows: list[Row]) -> str:
    """The line that asks most, where it is known."""
    most = max(rows, key=lambda row: row["reads"])
    return f", mostly at {base(most['location'])}" if most["location"] else ""


def _changed(row: Row) -> str:
    if row["unknown"] == row["writes"]:
        return "whether that changed anything isn't known"
    text = f"{row['changed']:,} changed something"
    return f"{text}, {row['unknown']:,} not known" if row["unknown"] else text


def events(data: Row) -> list[str]:
    """Is there an event for it, by the answer."""
    found: dict[str, list[Row]] = {event: list(rows) for event, rows in data["events"].items()}
    for row in data["causes"]:
        for thing in row["asks"]:
            found.setdefault(thing["event"], []).append(
                thing | {"controllers": [row["cause"]], "noticed_after_ns": None}
            )
    if not found:
        known = not data["unanswered"]
        return ["  Nothing was read." if known else "  Not known, for what it checks isn't."]
    several = (
        len({who for rows in found.values() for row in rows for who in row["controllers"]}) > 1
    )
    lines = []
    for event, answer in EVENTS.items():
        entries = found.get(event, [])
        if not entries:
            continue
        noticed = [entry["noticed_after_ns"] for entry in entries if entry["noticed_after_ns"]]
        late = ""
        if noticed and event != "handled":
            late = f"; a change was read {format_duration(max(noticed))} after its event"
        lines += wrap(f"{answer}: {_by_controller(entries, event, several)}{late}.", 2)
    return lines


def _by_controller(entries: list[Row], event: str, several: bool) -> str:
    """What is asked for, by each controller."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        why = f" ({entry['evidence']})" if event == "unknown" else ""
        for controller in entry["controllers"]:
            names.setdefault(controller, []).append(f"{entry['name']}{why}")
    if not several:
        return listed([name for found in names.values() for name in dict.fromkeys(found)])
    return "; ".join(f"{c}: {listed(list(dict.fromkeys(n)))}" for c, n in names.items())
