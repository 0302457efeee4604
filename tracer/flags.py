"""Options of the live verbs, but for those that say which process: these are in ``finding/``."""

from pathlib import Path
from typing import Annotated

import typer

Duration = Annotated[
    str, typer.Option("-d", "--duration", metavar="TIME", help="How long: 60s, 2m, 1m30s.")
]
Length = Annotated[
    str | None,
    typer.Option("-d", "--duration", metavar="TIME", help="How long: 60s (if not said), 2m."),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where the capture goes.")
]
Budget = Annotated[str, typer.Option(metavar="SHARE", help="What it may cost, of one CPU.")]
ReadyFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Made once all probes are attached.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be probed.")]
ListProbes = Annotated[
    bool,
    typer.Option("--list-probes", help="Only say what would be probed, what for, and why not."),
]
Keep = Annotated[
    str | None, typer.Option(metavar="TIME|SIZE", help="Keep only the last 10m, or 100MB.")
]
Rotate = Annotated[
    str | None,
    typer.Option(metavar="TIME|SIZE", help="Begin a new file every 1h, or 100MB."),
]
Periods = Annotated[int, typer.Option(min=0, metavar="N", help="End once it came back so often.")]
Period = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of what comes back about every 15s, say.")
]
Only = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only causes that come back about every 15s, say."),
]
Timing = Annotated[bool, typer.Option("--timing", help="Say what the start and the end took.")]
