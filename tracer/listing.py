"""What would be probed in a program, what each probe is for, and why the others are left out."""

from functools import cache
from typing import Any

from whowoke.analysis.rules.frames import plain_name
from whowoke.analysis.telling.words import many, wrap
from whowoke.tracer.compiling import TRACEPOINTS
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.program import Program
from whowoke.tracer.versions import read_table

KERNEL = "threads and system calls: of every program"
TIERS = "Over the budget system calls go first, then switches of threads, then tier 3, 2 and 1."


@cache
def purposes() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each purpose with the names of its probes."""
    rows = read_table("purposes.toml")["purpose"]
    return tuple((row["purpose"], tuple(row["probes"])) for row in rows)


def listing(program: Program, who: Identity) -> dict[str, Any]:
    """For JSON: the process, and by purpose what is probed and what is left out, with the reason.

    ``probes`` has a row for each place: probe, function, file, line, offset (bytes into the
    function), kind (push, return …), tier and program. ``tracepoints`` are the kernel's.
    """
    plan, target = program.plan, program.target
    return {
        "pid": target.pid,
        "name": target.command,
        "executable": target.executable,
        "container": who.described() or None,
        "go_version": program.info.go_version,
        "tracepoints": list(TRACEPOINTS),
        "purposes": [
            {
                "purpose": purpose,
                "probes": [row for row in plan.described() if row["probe"] in names],
                "left_out": [
                    {"probe": name, "reason": plan.left_out[name]}
                    for name in names
                    if name in plan.left_out
                ],
            }
            for purpose, names in purposes()
        ],
        "missing": list(plan.missing),
    }


def as_text(data: dict[str, Any]) -> list[str]:
    """For people: a block for each purpose, a line for each function."""
    sites = sum(len(row["probes"]) for row in data["purposes"])
    lines = [f"{data['name']}, pid {data['pid']}; {data['go_version']}: {many(sites, 'place')}", ""]
    lines += [KERNEL, f"  {', '.join(data['tracepoints'])}"]
    for row in data["purposes"]:
        lines += ["", row["purpose"], *_functions(row["probes"])]
        reasons = dict.fromkeys(left["reason"] for left in row["left_out"])
        for reason in reasons:
            names = [left["probe"] for left in row["left_out"] if left["reason"] == reason]
            lines += wrap(f"left out: {', '.join(names)}: {reason}", 2)
        if not row["probes"] and not row["left_out"]:
            lines.append("  nothing in this program")
    return [*lines, "", TIERS]


def _functions(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each probe in a function: where it is, or how many places it has there."""
    found: dict[tuple[str, int, str], list[int]] = {}
    for row in rows:
        # The path of the package and a generic function's shapes are in the JSON.
        name = plain_name(row["function"]).rsplit("/", 1)[-1]
        found.setdefault((row["probe"], row["tier"], name), []).append(row["offset"])
    widest = max((len(probe) for probe, _, _ in found), default=0)
    return [
        f"  {probe:<{widest}}  tier {tier}  {name}"
        + (f" +{offsets[0]:#x}" if len(offsets) == 1 else f", {len(offsets)} places")
        for (probe, tier, name), offsets in found.items()
    ]
