"""What ``explain`` says last: how long it could sleep, and what would change it."""

from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.words import Row, many, wrap
from whowoke.analysis.verdicts.ideal import ASLEEP, AWAKE

SCENARIOS = {
    "recorded": "as recorded",
    "without_plumbing": "without plumbing",
    "without_redundant": "and redundant",
    "writing_events": "events that wrote",
}
# Reasons whose evidence no other line has.
TOLD = ("clock", "convergence_wait", "insurance")
MANY_CHANGES = 3
# What costs less of the wake-ups isn't worth a line.
MIN_SHARE = 0.05


def ideals(rows: list[Row]) -> list[str]:
    """A line with a picture for each scenario."""
    if not rows or rows[0]["asleep_ns"] is None:
        return ["HOW LONG COULD IT SLEEP? Not known: this capture has no records of its threads."]
    lines = [
        f"HOW LONG COULD IT SLEEP?  asleep  longest  ({AWAKE} awake in that part, {ASLEEP} not)"
    ]
    for row in rows:
        if row["asleep_ns"] is None:
            lines.append(
                f"  {SCENARIOS[row['scenario']]:<18}not known: writes may have been missed"
            )
            continue
        share = "" if row["asleep_share"] is None else percent(row["asleep_share"])
        longest = format_duration(row["longest_sleep_ns"])
        lines.append(f"  {SCENARIOS[row['scenario']]:<18}{share:>7} {longest:>8}  {row['bar']}")
    return lines


def percent(share: float) -> str:
    """A share with two digits behind the point."""
    # Never a round 100 % that isn't one.
    return f"{min(share, 0.9999) if share < 1 else share:.2%}"


def changes(causes: list[Row], detail: int, room: int) -> list[str]:
    """Of what starts reconciles what would end it, then of the rest what can be turned off."""
    starting = [row for row in causes if row["reconciles"] and row["advice"]]
    starting = [row for row in starting if row["reasons"] or row["avoidable"] != "no"]
    others = [row for row in causes if not row["reconciles"] and row["avoidable"] == "yes"]
    others.sort(key=lambda row: -(row["wakeups_per_day"] or 0))
    least = MIN_SHARE * sum(row["wakeups_per_day"] or 0 for row in causes)
    others = [row for row in others if (row["wakeups_per_day"] or 0) >= least]
    lines: list[str] = []
    for number, row in enumerate([*starting[:MANY_CHANGES], *others]):
        whose = f", {row['controller']}" if row["controller"] else ""
        more = wrap(
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
    parts = [many(round(row["wakeups_per_day"] or 0), "wake-up")]
    if detail and row["cpu_ns_per_day"]:
        parts.append(f"{format_duration(row['cpu_ns_per_day'])} of CPU")
    if detail and row["api_requests_per_day"]:
        parts.append(many(round(row["api_requests_per_day"]), "API request"))
    return f"{', '.join(parts)} a day"
