"""What a notebook shows of a capture: losses, causes, redundancy and sleep, as plain HTML."""

from html import escape
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.outlook import SCENARIOS, percent
from whowoke.analysis.telling.words import cause_name, many, rhythm

MANY_CAUSES = 12
Row = dict[str, Any]


def card(data: Row, file: str, tables: list[str]) -> str:
    """The verdict as HTML that fits any notebook's colours; every text is escaped."""
    target = data["target"]
    head = [
        f"{target['name']}, pid {target['pid']}, {format_duration(data['duration_ns'])}",
        f"{many(data['wakeups'], 'wake-up')}, {data['lost']:,} lost, {data['unknown']:,} unknown",
        many(data["reconciles"], "reconcile"),
    ]
    if data["lost"]:
        head.append("counts are lower bounds")
    if not data["complete"]:
        head.append("the recording has no end")
    parts = [f"<h4>{escape(file)}</h4>", f"<p>{escape('; '.join(head))}</p>"]
    parts.append(_table(("cause", "rhythm", "wake-ups", "reconciles", "redundant", "line"),
                        [_cause(row) for row in data["causes"][:MANY_CAUSES]]))  # fmt: skip
    rest = len(data["causes"]) - MANY_CAUSES
    if rest > 0:
        parts.append(f"<p>and {many(rest, 'more cause')}: see <code>.causes</code></p>")
    parts.append(_table(("if only these wake-ups came", "asleep", "longest sleep"),
                        [_ideal(row) for row in data["ideals"]]))  # fmt: skip
    names = ", ".join(f"<code>.{escape(name)}</code>" for name in tables)
    parts.append(f"<p>tables: {names}</p>")
    return f"<div>{''.join(parts)}</div>"


def _cause(row: Row) -> list[str]:
    redundant = row["redundant_reconciles"]
    counts = [row["wakeups"], row["reconciles"], "" if redundant is None else redundant]
    told = [value if isinstance(value, str) else f"{value:,}" for value in counts]
    return [cause_name(row), rhythm(row), *told, row["location"] or ""]


def _ideal(row: Row) -> list[str]:
    if row["asleep_ns"] is None:
        return [SCENARIOS[row["scenario"]], "not known", "not known"]
    share = "" if row["asleep_share"] is None else percent(row["asleep_share"])
    return [SCENARIOS[row["scenario"]], share, format_duration(row["longest_sleep_ns"])]


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    def line(cells: list[str] | tuple[str, ...], tag: str) -> str:
        found = "".join(f'<{tag} style="text-align: left">{escape(cell)}</{tag}>' for cell in cells)
        return f"<tr>{found}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(heads, 'th')}</thead><tbody>{body}</tbody></table>"
