"""The answer in three sentences: why it wakes, whether that is needed, what could be instead."""

from collections.abc import Iterator

from whowoke.analysis.durations import format_duration
from whowoke.analysis.rules.causes import BEFORE
from whowoke.analysis.telling.words import Row, base, listed, many, rhythm
from whowoke.analysis.verdicts.things import UNNAMED

EVENTS = {
    "unhandled": "the event is thrown away for",
    "unwatched": "nobody watches",
    "outside": "there is no event for",
    "unknown": "it isn't known for",
    "handled": "the event starts a reconcile for",
}
MANY_NAMES = 5


def in_short(data: Row) -> list[str]:
    """Three sentences made of the facts of ``verdict.py``."""
    return [_why(data), _needed(data), _instead(data)]


def starting(data: Row) -> list[Row]:
    """The causes that started reconciles, without what was queued before the recording."""
    return [r for r in data["causes"] if r["reconciles"] and r["subject"] != BEFORE.subject]


def _why(data: Row) -> str:
    """The cause that started most, of all controllers together."""
    found = starting(data)
    of = "reconciles" if found else "wakeups"
    first = next(iter(found or data["causes"]), None)
    if first is None:
        return "Nothing woke it while it was recorded."
    rows = [row for row in (found or [first]) if row["cause"] == first["cause"]]
    total = many(data[of], "reconcile" if found else "wake-up")
    text = f"{sum(row[of] for row in rows):,} of {total} come {rhythm(first)}".rstrip()
    text += f" from {first['cause']}"
    text += f" ({first['explanation']})" if first["explanation"] else ""
    places = list(dict.fromkeys(base(row["location"]) for row in rows if row["location"]))
    text += f", decided at {listed(places, 3)}" if places else ""
    return f"{text}." if found else f"No reconcile was seen to start; {text}."


def _needed(data: Row) -> str:
    redundancy = data["redundancy"]
    total = redundancy["reconciles"]
    if not total:
        text = "Whether it was needed can't be said, for no reconcile was seen"
    elif data["unanswered"]:
        return "Whether it was needed can't be said, for what it checks was not recorded."
    else:
        text = f"{redundancy['yes']:,} of {many(total, 'reconcile')} found and changed nothing"
        if redundancy["unknown"]:
            text += f", {redundancy['unknown']:,} can't be judged"
    answers = "; ".join(_events(data))
    return f"{text}; of what it checks, {answers}." if answers else f"{text}."


def _events(data: Row) -> Iterator[str]:
    """Is there an event for it: the names of what is checked, by the answer."""
    found = {event: [row["name"] for row in rows] for event, rows in data["events"].items()}
    for cause in data["causes"]:
        for thing in cause["asks"]:
            found.setdefault(thing["event"], []).append(thing["name"])
    for event, answer in EVENTS.items():
        names = [name or UNNAMED["http"] for name in dict.fromkeys(found.get(event, []))]
        if names:
            yield f"{answer} {listed(names, MANY_NAMES)}"


def _instead(data: Row) -> str:
    rows = {row["scenario"]: row["longest_sleep_ns"] for row in data["ideals"]}
    slept, could = rows.get("recorded"), rows.get("without_redundant")
    if slept is None:
        text = "How long it slept isn't known"
    else:
        text = f"It slept {format_duration(slept)} at a time at the longest"
        if could is not None and could > slept:
            text += f", and could have slept {format_duration(could)}"
            text += " without plumbing and redundant reconciles"
    first = next((row for row in starting(data) if row["advice"]), None)
    return f"{text}; what would change it: {first['advice']}." if first else f"{text}."
