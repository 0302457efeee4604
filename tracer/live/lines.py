"""The lines of the live view as text of a given width; what draws them gives them colours."""

import textwrap
from collections.abc import Iterable, Sequence

from whowoke.analysis.durations import format_duration
from whowoke.analysis.telling.words import base, place
from whowoke.tracer.live.marks import LOOKS
from whowoke.tracer.live.upcoming import Due
from whowoke.tracer.live.view import CauseRow, ControllerRow, Cost, View

SORTS = {"per min": "wake-ups", "reconciles": "reconciles", "last": "the last one", "cpu": "CPU"}
CAUSE_TITLE = f"{'per min':>9}{'gap':>9}{'last':>9}{'cpu/min':>9}  cause, controller: function"
CONTROLLER_TITLE = f"{'per min':>7}{'last':>7}{'redundant':>10}{'?':>4} reconciles returned"
SHORT_RESULTS = {"success": "ok", "requeue_after": "requeued"}
PLACES = {"returned": "returned by", "declared": "returned by", "armed": "set in"}
# Where the sentences of a story begin, behind its two columns of times.
COLUMNS = 26
LATE_NS = 4 * 10**9


def head(view: View, now_ns: int, notes: Iterable[str], own: float | None) -> list[str]:
    """Who is watched, since when, in which pod; what was counted, lost, unknown; what it costs."""
    facts, target = view.facts, view.facts["target"]
    span = format_duration(_whole(facts["duration_ns"]))
    recorded = format_duration(_whole(facts["recorded_ns"]))
    who = f"{target['name']} ({target['pid']}) {target['go_version'] or ''}".strip()
    length = span if span == recorded else f"last {span} of {recorded}"
    late_ns = now_ns - view.opened_ns
    late = [f"{format_duration(_whole(late_ns))} old"] if late_ns > LATE_NS else []
    where = place(target["container"]).removeprefix(", ")
    first = "; ".join(filter(None, [who, length, *late, *notes, where]))
    count, lost = facts["wakeups"], facts["lost"]
    share = facts["unknown"] / count if count else 0
    second = f"{count:,} wake-ups, {lost:,} lost{': lower bounds' if lost else ''}; "
    second += f"{facts['unknown']:,} unknown ({share:.1%}); {facts['continuations']:,} answers; "
    second += f"{facts['reconciles']:,} reconciles"
    return [first, second, cost_words(view.cost, own)]


def cost_words(cost: Cost, own: float | None) -> str:
    """What is spent of one CPU by the probes, by the recorder, by this view."""
    parts = (("probes", cost.probes), ("recorder", cost.recorder), ("view", own))
    return "cost of one CPU: " + ", ".join(f"{n} {_percent(share)}" for n, share in parts)


def cause_line(row: CauseRow, now_ns: int, width: int) -> str:
    """One line of the ranked list, behind the letter of its origin."""
    cpu = format_duration(row.cpu_ns) if row.cpu_ns is not None else "-"
    gap = format_duration(row.gap_ns) if row.gap_ns is not None else "-"
    numbers = f"{_rate(row.per_minute):>8}{gap:>9}{_ago(row.last_ns, now_ns):>9}{cpu:>9}"
    text = f"{letter(row.origin)}{numbers}  {_named(row.cause, row.subject)}"
    text += f", {row.controller}" if row.controller else ""
    return cut(text + _who(row.function, width - len(text)), width)


def detail_lines(row: CauseRow, width: int) -> list[str]:
    """Two lines on the row that is chosen: its line of code, and why it comes back."""
    verb, name = PLACES.get(row.location_kind, "in"), base(row.function)
    method, line = name.rsplit(".", 1)[-1], row.location or "an unknown line"
    forms = ((name, line), (method, line), (method, base(line)))
    texts = ((f"{verb} {function} at {where}",) for function, where in forms)
    where = _first_fitting(*texts, width=width) if name else ""
    more = [f"{count:,} {noun}" for count, noun in
            ((row.reconciles, "reconciles"), (row.answers, "answers")) if count]  # fmt: skip
    whys = ((row.origin, ", ".join(more), row.explanation), (row.origin, row.explanation))
    return [where, _first_fitting(*whys, (row.explanation,), width=width)]


def controller_line(row: ControllerRow, now_ns: int, width: int) -> str:
    """One line of the second pane; what is neither redundant nor unknown was needed."""
    numbers = f"{_rate(row.per_minute):>7}{_ago(row.last_ns, now_ns):>7}"
    judged = f"{row.redundant.get('yes', 0):>10}{row.redundant.get('unknown', 0):>4}"
    first = sorted(row.results, key=lambda name: name != "error")
    results = ", ".join(f"{row.results[name]} {SHORT_RESULTS.get(name, name)}" for name in first)
    return cut(f"{numbers}{judged} {row.controller or 'unknown'}: {results}", width)


def due_line(row: Due, now_ns: int, width: int) -> str:
    """One timer that is going to fire."""
    left_ns = row.due_ns - now_ns
    when = format_duration(_tenth(left_ns)) if _tenth(left_ns) > 0 else "now"
    text = f"{letter(row.origin)}{when:>7} {_named(row.cause, row.subject)}"
    return cut(text + _who(row.function, width - len(text)), width)


def ordered(rows: Sequence[CauseRow], sort: str) -> list[CauseRow]:
    """The rows, most first, by one of ``SORTS``."""
    keys = {
        "per min": lambda row: (row.per_minute, row.reconciles),
        "reconciles": lambda row: (row.reconciles, row.per_minute),
        "last": lambda row: (row.last_ns or 0, 0),
        "cpu": lambda row: (row.cpu_ns or 0, row.per_minute),
    }
    return sorted(rows, key=keys[sort], reverse=True)


def matches(text: str, *fields: str) -> bool:
    """Whether a filter, in any case, is a part of one of these."""
    return not text or any(text.lower() in value.lower() for value in fields)


def fits(row: CauseRow, text: str) -> bool:
    """Whether a filter lets this cause through."""
    fields = (row.origin, row.cause, row.subject, row.controller, row.function, row.location)
    return matches(text, *fields)


def letter(origin: str) -> str:
    """The origin's letter."""
    return LOOKS.get(origin, LOOKS["unknown"]).letter


def axis(span_ns: int, width: int) -> str:
    """The line below the strip: how long ago its begin and its middle are."""
    left, middle = f"-{format_duration(span_ns)}", f"-{format_duration(span_ns / 2)}"
    half = width // 2
    text = f"{left:─<{half - len(middle) // 2}}{middle}"
    return f"{text:─<{width - 4}} now"


def cut(text: str, width: int) -> str:
    """Text of at most ``width`` harmless characters."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def _first_fitting(*forms: tuple[str, ...], width: int) -> str:
    """The first of these that has room, its parts joined; else the last one, cut."""
    texts = ["; ".join(filter(None, parts)) for parts in forms]
    return cut(next((text for text in texts if len(text) <= width), texts[-1]), width)


def _named(cause: str, subject: str) -> str:
    return f"{cause}{', ' if cause == 'unknown' else ' of '}{subject}" if subject else cause


def _who(function: str, width: int) -> str:
    """A function, without its package and type where these have no room."""
    name = base(function)
    return f": {name if len(name) + 2 <= width else name.rsplit('.', 1)[-1]}" if name else ""


def _rate(per_minute: float) -> str:
    return f"{per_minute:.0f}" if per_minute >= 100 else f"{per_minute:.1f}"


def _ago(ts_ns: int | None, now_ns: int) -> str:
    return "-" if ts_ns is None else format_duration(_tenth(max(0, now_ns - ts_ns)))


def _tenth(duration_ns: int) -> int:
    return round(duration_ns, -8) or 0


def _whole(duration_ns: int) -> int:
    return round(duration_ns, -9) or 0


def _percent(share: float | None) -> str:
    if share is None:
        return "?"
    return f"{share:.3%}" if share < 0.001 else f"{share:.1%}"


def hanging(text: str, width: int) -> str:
    """A story whose lines fit; what goes on is indented further than where its line began."""
    found: list[str] = []
    column = 0
    for line in text.split("\n"):
        plain = cut(line, len(line) + 1)
        indent = max(column if plain.strip() else 0, len(plain) - len(plain.lstrip()))
        more = " " * min(indent + 2, width // 2)
        found += textwrap.wrap(
            plain, width, subsequent_indent=more, drop_whitespace=True, break_on_hyphens=False
        ) or [""]
        if plain.lstrip().startswith("from start"):
            column = COLUMNS
        elif not plain:
            column = 0
    return "\n".join(found)
