"""What a recording says for itself at its end, and what would be probed."""

import json

from whowoke.analysis.durations import format_duration
from whowoke.tracer.options import RecordSummary


def described(summary: RecordSummary) -> list[str]:
    """Its notes, what was recorded, and where that is."""
    if summary.output is None:
        return summary.notes
    ends = {
        "duration": "",
        "interrupted": ", interrupted",
        "target exited": ", the target exited",
        "target replaced": ", the target became another program (exec)",
        "periods": ", it came back often enough",
        "over budget": ", until it was over the budget",
    }
    lasted = format_duration(summary.duration_ns)
    who = f"{summary.name} ({summary.pid})"
    if summary.processes > 1:
        who = f"{summary.processes} processes, {who} first,"
    return [
        *summary.notes,
        (
            f"recorded {who} for {lasted}{ends[summary.ended]}: "
            f"{summary.records:,} records, {summary.lost:,} lost"
        ),
        f"wrote {summary.output} ({summary.size:,} bytes)",
    ]


def probes(summary: RecordSummary, as_json: bool) -> str:
    """What would be probed in each process."""
    from whowoke.tracer.listing import as_text

    if as_json:
        return json.dumps(summary.listings, indent=2)
    return "\n\n".join("\n".join(as_text(data)) for data in summary.listings)
