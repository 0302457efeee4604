"""The five answers in words, made of the facts of ``verdict.py``: one screen."""

import re
import textwrap
from collections.abc import Iterable

from whowoke.analysis.durations import format_duration
from whowoke.analysis.rules.causes import BEFORE
from whowoke.analysis.telling import findings, outlook
from whowoke.analysis.telling.cost import losses_told
from whowoke.analysis.telling.gaps import asleep_told, gaps_told
from whowoke.analysis.telling.words import WIDTH, Row, cause_name, listed, many, place, rhythm, wrap

INDENT = 30
LINES = 40
MANY_STARTING, FEW_STARTING = 3, 2
MANY_BRIEF, MANY_MISSING = 3, 3
PLACES = {
    "returned": "returned by",
    "declared": "returned by",
    "armed": "set in",
    "waiting": "waits in",
    "callback": "calls",
}
OWNERS = {"operator": "the operator's own code", "std": "Go's standard library"}
OWNERS["runtime"] = "the Go runtime"
PARTS = {
    "none": "the API server has no part in it",
    "answers": "the API server only answers",
    "sends": "the API server begins it",
}
# A kind with a single object of it.
OBJECT = re.compile(r"\b([A-Za-z]\w*) [a-z0-9][\w.-]*/[\w.-]+")
NOUNS = {"reconciles": "reconcile", "wakeups": "wake-up"}


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
    lines += ["2. WHAT DOES IT CHECK?", *findings.checks(data)]
    lines += ["3. IS THERE AN EVENT FOR IT?", *findings.events(data)]
    lines += ["4. WAS IT NEEDED?", *needed(data, detail)]
    lines += ["5. WHERE IS THE LOGIC?", *_logic(data, MANY_STARTING if detail else FEW_STARTING)]
    lines += outlook.ideals(data["ideals"])
    lines += ["WHAT WOULD CHANGE IT"]
    return lines + outlook.changes(data["causes"], detail, LINES - len(lines))


# ---------------------------------------------------------------- head


def _head(data: Row) -> list[str]:
    wakeups, lost, target = data["wakeups"], data["lost"], data["target"]
    first = f"{many(wakeups, 'wake-up')}, {lost:,} lost"
    if lost:
        first += (
            f" ({losses_told(data['losses'])}): counts are lower bounds, {gaps_told(data['gaps'])}"
        )
    if data["lost_outside"]:
        first += f" (and {data['lost_outside']:,} outside of this time)"
    share = data["unknown"] / wakeups if wakeups else 0
    first += f"; {data['unknown']:,} unknown ({share:.1%})"
    first += f"; {data['continuations']:,} are answers to its own requests"
    versions = [str(target["go_version"] or "")]
    versions += [f"{path.split('/')[-1]} {v}" for path, v in target["modules"].items()]
    about = f"{who(data)}, {lasted(data)}"
    lines = [*wrap(first, 0), *wrap("; ".join([about, ", ".join(filter(None, versions))]), 0)]
    lines += wrap(_reconciles(data), 0)
    if not data["complete"]:
        lines.append("the recording has no end: what came after its last whole part is missing")
    lines += wrap(asleep_told(data["suspends"]), 0)
    missing = [f"not seen: {what}" for what in data["missing"]]
    if len(missing) > MANY_MISSING:
        more = f"not seen: {len(missing) - MANY_MISSING} more, see --json"
        missing = [*missing[:MANY_MISSING], more]
    return [*lines, *(line for what in missing for line in wrap(what, 0))]


def lasted(data: Row) -> str:
    """How long what is counted lasted, and of what it is a part."""
    length, recorded = format_duration(data["duration_ns"]), format_duration(data["recorded_ns"])
    if data["duration_ns"] == data["recorded_ns"]:
        return length
    start = format_duration(data["from_ns"]) if data["from_ns"] else "the start"
    return f"{length} from {start} on of {recorded}"


def who(data: Row) -> str:
    """Name, pid, and its pod or container where it is in one."""
    target = data["target"]
    return f"{target['name']}, pid {target['pid']}{place(target['container'])}"


def _reconciles(data: Row) -> str:
    text = many(data["reconciles"], "reconcile")
    before, unknown = data["reconciles_before"], data["reconciles_unknown"]
    if before:
        text += f", {before:,} of them queued before the recording (at most one per object)"
    if unknown > before:
        text += f", {unknown - before:,} unknown"
    return text


def _reference(data: Row) -> str:
    found = [row["wakeup_id"] for row in data["causes"] if row["wakeup_id"]]
    file = f"FILE#{data['part']}" if data.get("part") else "FILE"
    return f" [{found[0]}] is a wake-up: see whowoke show {file} {found[0]}." if found else ""


# ---------------------------------------------------------------- 1


def _why(data: Row, detail: int) -> list[str]:
    # Those from before the recording are told above.
    starting = [r for r in data["causes"] if r["reconciles"] and r["subject"] != BEFORE.subject]
    lines = [] if starting else ["  Nothing that was seen started a reconcile."]
    told = set()
    shown = MANY_STARTING if detail else FEW_STARTING
    for row in starting[:shown]:
        lines += _cause(many(row["reconciles"], "reconcile"), row, cause_name(row))
        if row["explanation"] not in told:
            lines += wrap(row["explanation"], INDENT)
        told.add(row["explanation"])
    if rest := starting[shown:]:
        lines += wrap(f"and {_briefly(rest, 'reconciles')}", 2)
    return lines + _waking([row for row in data["causes"] if not row["reconciles"]], data, detail)


def _waking(rows: list[Row], data: Row, detail: int) -> list[str]:
    """What starts no reconcile: explained, as many as there is room for."""
    if not rows:
        often = " that often" if data["period_ns"] else ""
        return [f"  Nothing else woke the process{often}."]
    total, carriers = data["thread_wakeups"], data["carriers"]
    threads = f" ({many(total, 'thread wake-up')} in all, {carriers:,} of them carriers)"
    only = f"What starts no reconcile{threads if total else ''}:"
    if not detail:
        return wrap(f"What starts no reconcile: {_briefly(rows, 'wakeups')}", 2)
    lines = [f"  {only}"]
    for row in rows[:detail]:
        explained = (
            f"{cause_name(row)}: {row['explanation']}" if row["explanation"] else cause_name(row)
        )
        lines += _cause(f"{row['wakeups']:,}", row, explained)
    rest = rows[detail:]
    return lines + (wrap(f"and {_briefly(rest, 'wakeups')}", 2) if rest else [])


def _cause(count: str, row: Row, text: str) -> list[str]:
    """Count, rhythm and what it is, in one line or two."""
    mark = f" [{row['wakeup_id']}]" if row["wakeup_id"] else ""
    head = f"{count:>14}  {rhythm(row):<12}  "
    found = textwrap.wrap(
        text + mark, WIDTH - len(head), max_lines=2, placeholder=f" …{mark}", break_on_hyphens=False
    )
    return [head + found[0], *(" " * len(head) + line for line in found[1:])]


def _briefly(rows: list[Row], of: str) -> str:
    """Causes by name, with count and rhythm."""
    names = [f"{row[of]:,} {row['cause']} {rhythm(row)}".rstrip() for row in rows]
    return f"{many(sum(row[of] for row in rows), NOUNS[of])}: {listed(names, MANY_BRIEF)}."


# ---------------------------------------------------------------- 4


def needed(data: Row, detail: int = 3) -> list[str]:
    """How many reconciles were for nothing, and why."""
    redundancy = data["redundancy"]
    total = redundancy["reconciles"]
    if not total:
        return ["  No reconcile was seen."]
    if data["unanswered"]:
        return ["  Not known, for what it checks isn't."]
    lines = []
    texts = {
        "yes": f"{redundancy['yes']:,} of {many(total, 'reconcile')} found and changed nothing",
        "no": f"{redundancy['no']:,} found or changed something",
        "unknown": f"{redundancy['unknown']:,} can't be judged",
    }
    for name, text in texts.items():
        if redundancy[name] or name == "yes":
            lines += wrap(f"{text}{_because(redundancy['reasons'], name, detail)}.", 2)
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
        places = decided.setdefault(f"{row['cause']}: {decider(row)}", [])
        where = whereabouts(row)
        if where not in places and row["api_server"] != "sends":
            places.append(where)
    lines = []
    for head, places in decided.items():
        lines += wrap(f"{head}{':' if places else '.'}", 2)
        lines += [line for place in places for line in wrap(place, 5)]
    return lines or ["  Not known."]


def decider(row: Row) -> str:
    """Whose code decides on a cause, and the API server's part in it."""
    owner = OWNERS.get(row["module"] or "", row["module"] or "")
    owner = "" if row["api_server"] == "sends" else owner
    return "; ".join(filter(None, [owner, PARTS.get(row["api_server"] or "", "")]))


def whereabouts(row: Row) -> str:
    """The function and the line of a cause, and what that line is."""
    # The path of the package is in the location too.
    function = row["function"].rsplit("/", 1)[-1]
    where = f"{PLACES.get(row['location_kind'], 'in')} {function}"
    return f"{where} at {row['location']}" if row["location"] else where
