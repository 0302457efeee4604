"""A comparison in words: at most 100 characters a line."""

from collections.abc import Iterable
from typing import Any

from whowoke.analysis.comparing.metrics import BY_NAME
from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.words import cause_name, listed, many, wrap

Row = dict[str, Any]
MANY_DIFFERING = 8
MANY_NAMES = 4
# Recordings that differ by more aren't equally long.
LONGER = 1.05


def tell(data: Row) -> str:
    """Who is compared and what else differs, the numbers, the causes."""
    lines = [_side("A", data["a"]), _side("B", data["b"])]
    lines += _apart(data)
    lines += ["", f"{'':<22}{'A':>14}{'B':>14}   change"]
    lines += [line for row in data["metrics"] if (line := _metric(row))]
    return "\n".join([*lines, "", *_causes(data)])


def _side(name: str, side: Row) -> str:
    target = side["target"]
    length = format_duration(side["duration_ns"])
    if side["duration_ns"] != side["recorded_ns"]:
        length += f" of {format_duration(side['recorded_ns'])}"
    counts = f"{many(side['wakeups'], 'wake-up')}, {side['lost']:,} lost"
    end = "" if side["complete"] else ", without an end"
    return f"{name}: {side['file']}: {target['name']}, pid {target['pid']}, {length}{end}, {counts}"


def _apart(data: Row) -> list[str]:
    """What makes the comparison less than one of like with like."""
    lines: list[str] = []
    for row in data["differing"][:MANY_DIFFERING]:
        a, b = (row[name] or "none" for name in ("a", "b"))
        lines += wrap(f"differs: {row['what']}: {a} in A, {b} in B", 0)
    if more := data["differing"][MANY_DIFFERING:]:
        lines += wrap(f"differs: {many(len(more), 'more thing')}, see --json", 0)
    times = sorted(data[name]["duration_ns"] for name in ("a", "b"))
    if times[1] > times[0] * LONGER:
        lines.append("not equally long: all rates are per hour")
    for name in ("a", "b"):
        if data[name]["lost"]:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in data[name]["losses"].items())
            lines += wrap(f"lost in {name.upper()}: {kinds}: its counts are lower bounds", 0)
    return lines


def _metric(row: Row) -> str:
    metric = BY_NAME[row["metric"]]
    if row["a"] is None and row["b"] is None:
        return ""
    line = f"{metric.title:<22}{metric.told(row['a']):>14}{metric.told(row['b']):>14}"
    return line if row["change"] is None else f"{line}   {_changed(row)}"


def _changed(row: Row) -> str:
    """The change in per cent; of shares and from nothing in their own unit."""
    metric = BY_NAME[row["metric"]]
    if row["change_percent"] is not None and metric.unit != "%":
        text = f"{row['change_percent']:+,.1f} %"
    else:
        text = metric.told(row["change"], signed=True).replace(" %", " points")
    return text if any(digit in text for digit in "123456789") else "="


def _causes(data: Row) -> list[str]:
    causes = data["causes"]
    if not causes:
        return ["no cause in either"]
    found = [row for row in causes if row["beyond_noise"]]
    lines = [f"of {many(len(causes), 'cause')}, beyond noise (p < {data['level']:g} in all):"]
    if not found:
        lines.append("  none")
    for row in found:
        lines += [line for part in _cause(row) for line in part]
    same = [row for row in causes if row["change"] == "same"]
    lines += _brief("no more than noise", same)
    for change, side in (("came", "B"), ("went", "A")):
        rare = [row for row in causes if row["change"] == change and not row["beyond_noise"]]
        lines += _brief(f"only in {side}, too rare to say", rare)
    return lines


def _cause(row: Row) -> Iterable[list[str]]:
    yield wrap(f"{row['change']:<8} {cause_name(row)}", 2)
    measure = row["measure"]
    rates = [row[side][f"{measure}_per_hour"] for side in ("a", "b")]
    noun = "reconciles" if measure == "reconciles" else "wake-ups"
    text = " → ".join("0" if not rate else f"{rate:,.0f}" for rate in rates)
    told = f"{text} {noun} an hour"
    gaps = [row[side]["median_gap_ns"] for side in ("a", "b")]
    known = ["none" if gap is None else format_duration(gap) for gap in gaps]
    if any(gap is not None for gap in gaps):
        told += f", every {known[0]}" if known[0] == known[1] else f", gap {' → '.join(known)}"
    where = [side["locations"] for side in (row["a"], row["b"]) if side["locations"]]
    if where:
        lines = list(dict.fromkeys(line for lines in where for line in lines))
        told += f"; {listed(lines, 1)}" if len(where) < 2 else f"; {_moved(*where)}"
    yield wrap(told, 11)


def _moved(a: list[str], b: list[str]) -> str:
    return listed(b, 1) if a == b else f"{listed(a, 1)}, in B {listed(b, 1)}"


def _brief(what: str, rows: list[Row]) -> list[str]:
    names = list(dict.fromkeys(cause_name(row) for row in rows))
    return wrap(f"{what}: {listed(names, MANY_NAMES)}", 0) if rows else []
