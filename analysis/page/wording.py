"""The words of the page that stand there without its script, as the template wants them."""

from collections.abc import Iterator
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.page.build import Page
from whowoke.analysis.rules.causes import BEFORE
from whowoke.analysis.rules.frames import sites_of
from whowoke.analysis.telling import answers, findings, outlook, summary
from whowoke.analysis.telling.cost import losses_told
from whowoke.analysis.telling.words import Row, cause_name, listed, many, place, rhythm, unwrap

LABELS = ("Why", "Needed?", "Instead")
SCENARIOS = {
    "recorded": ("as recorded", "all wake-ups"),
    "without_plumbing": ("without plumbing", "no metrics, heartbeats, leases"),
    "without_redundant": ("and redundant", "nor reconciles for nothing"),
    "writing_events": ("events that wrote", "only watch events that led to a change"),
}
RECORDED = {
    "kernel": "kernel",
    "machine": "machine",
    "whowoke_version": "whowoke",
    "name": "program",
    "executable": "executable",
    "command": "command line",
    "pid": "pid",
    "build_id": "build id",
    "go_version": "Go",
    "main_package": "package",
    "uprobes": "probes by",
    "offsets_checked": "offsets checked with",
    "ended": "ended by",
    "detach_ns": "detached in",
    "budget": "budget",
}


def words(page: Page) -> dict[str, Any]:
    """Everything that the template names, but for style, script and data."""
    facts, metadata = page.facts, page.metadata
    rows = [_cause(number, row) for number, row in enumerate(facts["causes"])]
    starting = [r for r in rows if r["reconciles"]]
    waking = [r for r in rows if not r["reconciles"]]
    return {
        "name": str(facts["target"]["name"] or "it"),
        "version": metadata.get("whowoke_version") or "",
        "head": _head(page),
        "figures": _figures(facts),
        "notes": list(_notes(page)),
        "answer": list(zip(LABELS, summary.in_short(facts), strict=True)),
        "strips": list(_strips(page)),
        "starting": starting,
        "waking": waking,
        "waking_sum": _briefly(waking),
        "questions": list(_questions(facts)),
        "recorded": list(_recorded(metadata)),
        "losses": sorted(facts["losses"].items(), key=lambda item: -item[1]),
        "records": sorted(page.records.items(), key=lambda item: -item[1]),
        "probes": _probes(metadata),
    }


def _head(page: Page) -> list[str]:
    target = page.facts["target"]
    told = [
        f"pid {target['pid']}{place(target['container'])}",
        f"{answers.lasted(page.facts)} recorded",
    ]
    if page.began:
        told[-1] += f", beginning {page.began}"
    told += [target["go_version"]] if target["go_version"] else []
    return told + [f"{path.rsplit('/', 1)[-1]} {v}" for path, v in target["modules"].items()]


def _figures(facts: Row) -> list[dict[str, Any]]:
    def figure(name: str, count: int, of: int = 0, *, bad: bool = False) -> dict[str, Any]:
        share = f"{count / of:.1%}" if of else ""
        return {"name": name, "value": f"{count:,}", "share": share, "bad": bad}

    wakeups, reconciles = facts["wakeups"], facts["reconciles"]
    before = facts["reconciles_before"]
    unknown = facts["reconciles_unknown"] - before
    found = [
        figure("records lost", facts["lost"], bad=bool(facts["lost"])),
        figure("wake-ups", wakeups),
        figure("of unknown cause", facts["unknown"], wakeups),
        figure("answers to its own requests", facts["continuations"], wakeups),
        figure("reconciles", reconciles),
    ]
    found += [figure("queued before the recording", before, reconciles)] if before else []
    return found + ([figure("of unknown cause", unknown, reconciles)] if unknown > 0 else [])


def _notes(page: Page) -> Iterator[str]:
    """What to know before any conclusion."""
    facts = page.facts
    if facts["lost"]:
        kinds = losses_told(facts["losses"])
        yield f"Records were lost ({kinds}): counts are lower bounds, gaps may be too long."
    if facts["lost_outside"]:
        yield f"{facts['lost_outside']:,} records were lost outside of the time that is shown."
    if not facts["complete"]:
        yield "The recording has no end: what came after its last whole part is missing."
    if facts["unanswered"]:
        yield f"Not recorded: {' and '.join(facts['unanswered'])}."
    for what in facts["missing"]:
        yield f"Not seen: {what}"
    yield from left_out(page)


def left_out(page: Page) -> Iterator[str]:
    """Which rows the page doesn't have, and how to see them."""
    cut = page.data["cut"]
    for name, (shown, total) in cut.items():
        yield (
            f"The page has the first {shown:,} of {total:,} rows of {name}, also in its pictures; "
            "the counts in words are of all. whowoke export writes all rows."
        )
    if cut:
        yield "For pictures of another part: whowoke report --from TIME --to TIME."


def _strips(page: Page) -> Iterator[dict[str, Any]]:
    for strip, row in zip(page.strips, page.facts["ideals"], strict=True):
        if page.facts["ideals"][0]["asleep_ns"] is None:
            return
        title, about = SCENARIOS[row["scenario"]]
        longest, share = row["longest_sleep_ns"], row["asleep_share"]
        yield strip | {
            "title": title,
            "about": about,
            "longest": "" if longest is None else format_duration(longest),
            "share": "" if share is None else outlook.percent(share),
        }


def _cause(number: int, row: Row) -> Row:
    known = {"number": number, "name": cause_name(row), "rhythm": rhythm(row)}
    known["where"] = answers.whereabouts(row) if row["function"] else ""
    known["decider"] = answers.decider(row)
    if row["subject"] == BEFORE.subject:
        known["name"] = "queued before the recording"
    return row | known


def _briefly(rows: list[Row]) -> str:
    names = [f"{row['wakeups']:,} {row['cause']} {row['rhythm']}".rstrip() for row in rows]
    return f"{many(sum(row['wakeups'] for row in rows), 'wake-up')}: {listed(names, 4)}"


def _questions(facts: Row) -> Iterator[tuple[str, list[str]]]:
    """The answers that the causes don't give already."""
    yield "What does it check?", unwrap(findings.checks(facts))
    yield "Is there an event for it?", unwrap(findings.events(facts))
    yield "Was it needed?", unwrap(answers.needed(facts))
    yield "What would change it?", unwrap(outlook.changes(facts["causes"], 3, 40))


def _recorded(metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, title in RECORDED.items():
        value = metadata.get(name)
        if value is None or value == "":
            continue
        if name.endswith("_ns") and isinstance(value, int):
            value = format_duration(value)
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield title, f"{text} goroutines" if name == "offsets_checked" else text
    modules = metadata.get("modules")
    if isinstance(modules, dict):
        yield "modules", f"{len(modules)}"
    yield from _cost(metadata)
    skipped = metadata.get("skipped")
    if isinstance(skipped, dict) and skipped:
        yield "programs skipped", listed([f"{name} {count}" for name, count in skipped.items()])


def _cost(metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How often probes were hit, and what their programs cost, as far as the recorder knew."""
    hits = metadata.get("hits")
    hits = [n for n in hits if isinstance(n, int)] if isinstance(hits, list) else []
    start_ns, end_ns = metadata.get("start_ns"), metadata.get("end_ns")
    if hits and isinstance(start_ns, int) and isinstance(end_ns, int) and end_ns > start_ns:
        yield "probe hits", f"{sum(hits):,}, {sum(hits) / (end_ns - start_ns) * 1e9:,.0f} a second"
    cost = metadata.get("bpf_cost")
    share = cost.get("share") if isinstance(cost, dict) else None
    if isinstance(share, float):
        yield "whowoke's programs in the kernel", f"{share:.2%} of one CPU"


def _probes(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    sites, hits = sites_of(metadata) or [], metadata.get("hits")
    counts = hits if isinstance(hits, list) and len(hits) == len(sites) else [None] * len(sites)
    return [
        {"probe": site.probe, "function": site.function, "hits": count}
        for site, count in zip(sites, counts, strict=True)
    ]
