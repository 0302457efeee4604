"""The five answers in words, made of the facts of ``verdict.py``: one screen."""

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from whowoke.analysis.causes import BEFORE
from whowoke.analysis.checks import UNNAMED
from whowoke.analysis.durations import format_duration
from whowoke.analysis.ideal import ASLEEP, AWAKE
from whowoke.analysis.series import REGULAR_JITTER

WIDTH, INDENT = 100, 30
LINES = 40
MANY_STARTING, FEW_STARTING, MANY_CONTROLLERS = 3, 2, 3
MANY_NAMES, MANY_BRIEF, MANY_MISSING = 6, 3, 3
PLACES = {
    "returned": "returned by",
    "declared": "returned by",
    "armed": "set in",
    "waiting": "waits in",
    "callback": "calls",
}
EVENTS = {
    "unhandled": "Yes, but it is thrown away, for no handler leads to the controller",
    "unwatched": "Yes, but nobody watches it, it is asked for live",
    "outside": "No, it is outside of Kubernetes",
    "unknown": "Not known",
    "handled": "Yes, and it starts a reconcile",
}
OWNERS = {"operator": "the operator's own code", "std": "Go's standard library"}
OWNERS["runtime"] = "the Go runtime"
PARTS = {
    "none": "the API server has no part in it",
    "answers": "the API server only answers",
    "sends": "the API server begins it",
}
SCENARIOS = {
    "recorded": "as recorded",
    "without_plumbing": "without plumbing",
    "without_redundant": "and redundant",
    "writing_events": "events that wrote",
}
READERS = {
    "cache": "from its cache",
    "api": "from the API server",
    "http": "over HTTP",
    "connection": "over connections",
    "file": "from files",
}
TOLD = ("clock", "convergence_wait", "insurance")
# What costs less of the wake-ups isn't worth a line.
MIN_SHARE = 0.05
# A kind with a single object of it.
OBJECT = re.compile(r"\b([A-Za-z]\w*) [a-z0-9][\w.-]*/[\w.-]+")
NOUNS = {"reconciles": "reconcile", "wakeups": "wake-up"}
TIMES = {1: "once", 2: "twice"}
Row = dict[str, Any]


def tell(data: Row) -> str:
    """The facts as lines of at most 100 characters: with as much detail as 40 of them have."""
    for detail in (3, 2, 0):
        lines = _answers(data, detail)
        if len(lines) <= LINES:
            break
    return "\n".join(lines)


def _answers(data: Row, detail: int) -> list[str]:
    """All lines; ``detail`` is how many causes that start no reconcile are explained."""
    about = f" about every {format_duration(data['period_ns'])}" if data["period_ns"] else ""
    lines = [*_head(data), *([""] if detail else [])]
    lines += [f"1. WHY DOES IT WAKE{about}?{_reference(data)}", *_why(data, detail)]
    lines += ["2. WHAT DOES IT CHECK?", *_what(data)]
    lines += ["3. IS THERE AN EVENT FOR IT?", *_events(data)]
    lines += ["4. WAS IT NEEDED?", *_needed(data, detail)]
    lines += ["5. WHERE IS THE LOGIC?", *_logic(data, MANY_STARTING if detail else FEW_STARTING)]
    lines += _ideals(data["ideals"])
    lines += ["WHAT WOULD CHANGE IT"]
    return lines + _changes(data["causes"], detail, LINES - len(lines))


# ---------------------------------------------------------------- head


def _head(data: Row) -> list[str]:
    wakeups, lost, target = data["wakeups"], data["lost"], data["target"]
    first = f"{_many(wakeups, 'wake-up')}, {lost:,} lost"
    if lost:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in data["losses"].items())
        first += f" ({kinds}): counts are lower bounds"
    share = data["unknown"] / wakeups if wakeups else 0
    first += f"; {data['unknown']:,} unknown ({share:.1%})"
    first += f"; {data['continuations']:,} are answers to its own requests"
    versions = [str(target["go_version"] or "")]
    versions += [f"{path.split('/')[-1]} {v}" for path, v in target["modules"].items()]
    who = f"{target['name']}, pid {target['pid']}, {format_duration(data['duration_ns'])}"
    lines = [*_wrap(first, 0), *_wrap("; ".join([who, ", ".join(filter(None, versions))]), 0)]
    lines += _wrap(_reconciles(data), 0)
    if not data["complete"]:
        lines.append("the recording has no end: what came after its last whole part is missing")
    missing = [f"not seen: {what}" for what in data["missing"]]
    if len(missing) > MANY_MISSING:
        more = f"not seen: {len(missing) - MANY_MISSING} more, see --json"
        missing = [*missing[:MANY_MISSING], more]
    return [*lines, *(line for what in missing for line in _wrap(what, 0))]


def _reconciles(data: Row) -> str:
    text = _many(data["reconciles"], "reconcile")
    before, unknown = data["reconciles_before"], data["reconciles_unknown"]
    if before:
        text += f", {before:,} of them queued before the recording (at most one per object)"
    if unknown > before:
        text += f", {unknown - before:,} unknown"
    return text


def _reference(data: Row) -> str:
    found = [row["wakeup_id"] for row in data["causes"] if row["wakeup_id"]]
    return f" [{found[0]}] is a wake-up: see whowoke show FILE {found[0]}." if found else ""


# ---------------------------------------------------------------- 1


def _why(data: Row, detail: int) -> list[str]:
    # Those from before the recording are told above.
    starting = [r for r in data["causes"] if r["reconciles"] and r["subject"] != BEFORE.subject]
    lines = [] if starting else ["  Nothing that was seen started a reconcile."]
    told = set()
    shown = MANY_STARTING if detail else FEW_STARTING
    for row in starting[:shown]:
        lines += _cause(_many(row["reconciles"], "reconcile"), row, _name(row))
        if row["explanation"] not in told:
            lines += _wrap(row["explanation"], INDENT)
        told.add(row["explanation"])
    if rest := starting[shown:]:
        lines += _wrap(f"and {_briefly(rest, 'reconciles')}", 2)
    return lines + _waking([row for row in data["causes"] if not row["reconciles"]], data, detail)


def _waking(rows: list[Row], data: Row, detail: int) -> list[str]:
    """What starts no reconcile: explained, as many as there is room for."""
    if not rows:
        return ["  Nothing else woke the process."]
    total, carriers = data["thread_wakeups"], data["carriers"]
    threads = f" ({_many(total, 'thread wake-up')} in all, {carriers:,} of them carriers)"
    only = f"What starts no reconcile{threads if total else ''}:"
    if not detail:
        return _wrap(f"What starts no reconcile: {_briefly(rows, 'wakeups')}", 2)
    lines = [f"  {only}"]
    for row in rows[:detail]:
        explained = f"{_name(row)}: {row['explanation']}" if row["explanation"] else _name(row)
        lines += _cause(f"{row['wakeups']:,}", row, explained)
    rest = rows[detail:]
    return lines + (_wrap(f"and {_briefly(rest, 'wakeups')}", 2) if rest else [])


def _cause(count: str, row: Row, text: str) -> list[str]:
    """Count, rhythm and what it is, in one line or two."""
    mark = f" [{row['wakeup_id']}]" if row["wakeup_id"] else ""
    head = f"{count:>14}  {_rhythm(row):<12}  "
    found = textwrap.wrap(
        text + mark, WIDTH - len(head), max_lines=2, placeholder=f" …{mark}", break_on_hyphens=False
    )
    return [head + found[0], *(" " * len(head) + line for line in found[1:])]


def _name(row: Row) -> str:
    about = f" of {row['subject']}" if row["subject"] else ""
    whose = f", controller {row['controller']}" if row["controller"] else ""
    if row["origin"] == "unknown":
        return f"unknown{', ' + row['subject'] if row['subject'] else ''}{whose}"
    return f"{row['cause']}{about}{whose}"


def _rhythm(row: Row) -> str:
    if row["median_gap_ns"] is None:
        return ""
    gap = format_duration(row["median_gap_ns"])
    steady = row["jitter_ns"] < REGULAR_JITTER * row["median_gap_ns"]
    return f"every {gap}" if row["schedule"] and steady else f"{gap} apart"


def _briefly(rows: list[Row], of: str) -> str:
    """Causes by name, with count and rhythm."""
    names = [f"{row[of]:,} {row['cause']} {_rhythm(row)}".rstrip() for row in rows]
    return f"{_many(sum(row[of] for row in rows), NOUNS[of])}: {_listed(names, MANY_BRIEF)}."


# ---------------------------------------------------------------- 2


def _what(data: Row) -> list[str]:
    if data["unanswered"]:
        what = " and ".join(data["unanswered"])
        return _wrap(f"It isn't known {what}: this capture has no records of that.", 2)
    controllers = list(dict.fromkeys(row["controller"] for row in data["checks"]))
    asking = [row for row in data["causes"] if row["asks"]]
    if not controllers and not asking:
        return ["  Nothing was seen to be read."]
    lines = []
    for row in asking[:MANY_CONTROLLERS]:
        things = [f"{thing['name']} {_times(thing['reads'])}" for thing in row["asks"]]
        where = f" at {_base(row['location'])}" if row["location"] else ""
        lines += _wrap(f"{row['cause']}{where} looks at {_listed(things)}, outside of reconciles.", 2)
    for controller in controllers[:MANY_CONTROLLERS]:
        rows = [row for row in data["checks"] if row["controller"] == controller]
        parts = []
        for kind, how in READERS.items():
            asked = _asked([row for row in rows if row["kind"] == kind])
            parts += [f"{how} {asked}"] if asked else []
        text = f"{controller or 'unnamed'} reads {'; '.join(parts)}{_asker(rows)}."
        written = [
            f"{row['verb']} {row['name']} {_times(row['writes'])} ({_changed(row)})"
            for row in data["writes"]
            if row["controller"] == controller
        ]
        lines += _wrap(f"{text} It writes: {_listed(written)}." if written else text, 2)
    if len(controllers) > MANY_CONTROLLERS:
        lines.append(f"  and {len(controllers) - MANY_CONTROLLERS} more controllers, see --json")
    return lines


def _asked(rows: list[Row]) -> str:
    """Things with how often each was read, those that were read as often together."""
    names: dict[int, list[str]] = {}
    for row in rows:
        names.setdefault(row["reads"], []).append(_thing(row))
    return ", ".join(
        f"{_listed(found)} {_times(reads)}{' each' if len(found) > 1 else ''}"
        for reads, found in names.items()
    )


def _thing(row: Row) -> str:
    return str(row["object_kind"] or row["host"] or UNNAMED[row["kind"]])


def _asker(rows: list[Row]) -> str:
    """The line that asks most, where it is known."""
    most = max(rows, key=lambda row: row["reads"])
    return f", mostly at {_base(most['location'])}" if most["location"] else ""


def _changed(row: Row) -> str:
    if row["unknown"] == row["writes"]:
        return "whether that changed anything isn't known"
    text = f"{row['changed']:,} changed something"
    return f"{text}, {row['unknown']:,} not known" if row["unknown"] else text


# ---------------------------------------------------------------- 3


def _events(data: Row) -> list[str]:
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
        lines += _wrap(f"{answer}: {_by_controller(entries, event, several)}{late}.", 2)
    return lines


def _by_controller(entries: list[Row], event: str, several: bool) -> str:
    """What is asked for, by each controller."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        why = f" ({entry['evidence']})" if event == "unknown" else ""
        for controller in entry["controllers"]:
            names.setdefault(controller, []).append(f"{entry['name']}{why}")
    if not several:
        return _listed([name for found in names.values() for name in dict.fromkeys(found)])
    return "; ".join(f"{c}: {_listed(list(dict.fromkeys(n)))}" for c, n in names.items())


# ---------------------------------------------------------------- 4


def _needed(data: Row, detail: int) -> list[str]:
    redundancy = data["redundancy"]
    total = redundancy["reconciles"]
    if not total:
        return ["  No reconcile was seen."]
    if data["unanswered"]:
        return ["  Not known, for what it checks isn't."]
    lines = []
    texts = {
        "yes": f"{redundancy['yes']:,} of {_many(total, 'reconcile')} found and changed nothing",
        "no": f"{redundancy['no']:,} found or changed something",
        "unknown": f"{redundancy['unknown']:,} can't be judged",
    }
    for name, text in texts.items():
        if redundancy[name] or name == "yes":
            lines += _wrap(f"{text}{_because(redundancy['reasons'], name, detail)}.", 2)
    return lines


def _because(reasons: Iterable[Row], name: str, detail: int) -> str:
    """The most frequent reasons, single objects put together by their kind."""
    counts: dict[str, int] = {}
    for row in reasons:
        if row["redundant"] == name and row["reason"]:
            why = OBJECT.sub(r"\1", row["reason"])
            counts[why] = counts.get(why, 0) + row["count"]
    if not counts:
        return ""
    most = sorted(counts.items(), key=lambda item: -item[1])
    shown = 2 if detail and name == "no" else 1
    told = "; ".join(f"{why} ({count:,})" for why, count in most[:shown])
    rest = sum(count for _, count in most[shown:])
    return f": {told}{f'; other reasons ({rest:,})' if rest else ''}"


# ---------------------------------------------------------------- 5


def _logic(data: Row, shown: int) -> list[str]:
    """Whose code decides, the API server's part, and the lines."""
    starting = [row for row in data["causes"] if row["reconciles"] and row["origin"] != "unknown"]
    decided: dict[str, list[str]] = {}
    own = [row for row in data["causes"] if row["module"] == "operator"]
    known = [row for row in starting or own or data["causes"][:1] if row["function"]]
    for row in known[:shown]:
        owner = OWNERS.get(row["module"] or "", row["module"] or "")
        owner = "" if row["api_server"] == "sends" else owner
        parts = filter(None, [owner, PARTS.get(row["api_server"] or "", "")])
        places = decided.setdefault(f"{row['cause']}: {'; '.join(parts)}", [])
        # The path of the package is in the location too.
        function = row["function"].rsplit("/", 1)[-1]
        where = f"{PLACES.get(row['location_kind'], 'in')} {function}"
        where += f" at {row['location']}" if row["location"] else ""
        if where not in places and row["api_server"] != "sends":
            places.append(where)
    lines = []
    for head, places in decided.items():
        lines += _wrap(f"{head}{':' if places else '.'}", 2)
        lines += [line for place in places for line in _wrap(place, 5)]
    return lines or ["  Not known."]


# ---------------------------------------------------------------- the ideal and the change


def _ideals(rows: list[Row]) -> list[str]:
    if not rows or rows[0]["asleep_ns"] is None:
        return ["HOW LONG COULD IT SLEEP? Not known: this capture has no records of its threads."]
    lines = [
        f"HOW LONG COULD IT SLEEP?  asleep  longest  ({AWAKE} awake in that part, {ASLEEP} not)"
    ]
    for row in rows:
        share = "" if row["asleep_share"] is None else _percent(row["asleep_share"])
        longest = format_duration(row["longest_sleep_ns"])
        lines.append(f"  {SCENARIOS[row['scenario']]:<18}{share:>7} {longest:>8}  {row['bar']}")
    return lines


def _percent(share: float) -> str:
    # Never a round 100 % that isn't one.
    return f"{min(share, 0.9999) if share < 1 else share:.2%}"


def _changes(causes: list[Row], detail: int, room: int) -> list[str]:
    """Of what starts reconciles what would end it, then of the rest what can be turned off."""
    starting = [row for row in causes if row["reconciles"] and row["advice"]]
    starting = [row for row in starting if row["reasons"] or row["avoidable"] != "no"]
    others = [row for row in causes if not row["reconciles"] and row["avoidable"] == "yes"]
    others.sort(key=lambda row: -(row["wakeups_per_day"] or 0))
    least = MIN_SHARE * sum(row["wakeups_per_day"] or 0 for row in causes)
    others = [row for row in others if (row["wakeups_per_day"] or 0) >= least]
    lines: list[str] = []
    for number, row in enumerate([*starting[:MANY_STARTING], *others]):
        whose = f", {row['controller']}" if row["controller"] else ""
        more = _wrap(
            f"{row['cause']}{whose}{_reasons(row)}: {row['advice']} ({_cost(row, detail)}).", 2
        )
        if more[0] in lines or (number >= len(starting) and len(lines) + len(more) > room):
            continue
        lines += more
    return lines or ["  Nothing that is known of."]


def _reasons(row: Row) -> str:
    """Why it comes back: with the evidence that no other line has."""
    if not row["reconciles"] or not row["reasons"]:
        return ""
    told = [f"{name}: {row['evidence'][name]}" if name in TOLD and row["evidence"][name] else name
            for name in row["reasons"].split(";")]  # fmt: skip
    return f" ({'; '.join(told)})"


def _cost(row: Row, detail: int) -> str:
    parts = [_many(round(row["wakeups_per_day"] or 0), "wake-up")]
    if detail and row["cpu_ns_per_day"]:
        parts.append(f"{format_duration(row['cpu_ns_per_day'])} of CPU")
    if detail and row["api_requests_per_day"]:
        parts.append(_many(round(row["api_requests_per_day"]), "API request"))
    return f"{', '.join(parts)} a day"


# ---------------------------------------------------------------- texts


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return TIMES.get(count, f"{count:,} times")


def _listed(names: list[str], shown: int = MANY_NAMES) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _base(location: str) -> str:
    return location.rsplit("/", 1)[-1]


def _wrap(text: str, indent: int) -> list[str]:
    """Lines that fit; what goes on is indented further."""
    start = " " * indent
    more = start + "   "
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=more, break_on_hyphens=False
    )
