"""The process that records; a child reads the command line for it.

typer and what it needs take 12 MB, which a recorder would keep for hours, and as long to be read as
what a recording needs: so a child has them, and meanwhile this process reads the rest.
"""

import gc
import sys
from dataclasses import dataclass

from whowoke.analysis.durations import parse_duration
from whowoke.analysis.messages import check_lossless, exit_code_of, show, tell, tell_raw
from whowoke.tracer.apart import Child
from whowoke.tracer.beginning import import_numpy
from whowoke.tracer.options import RecordOptions, RecordSummary
from whowoke.tracer.summaries import described, probes
from whowoke.tracer.timing import table

ENDLESS = "8760h"
ERASE_LINE = "\r\x1b[K"
_ERASE_LINE_END = "\x1b[K"


@dataclass(frozen=True, slots=True)
class Order:
    """A recording as the command line asks for it, and what is to be told of it."""

    options: RecordOptions
    as_json: bool = False
    timing: bool = False
    fail_on_loss: bool = False


def main() -> int:
    """Record as the command line says: the exit code."""
    parser = Child(_read_command_line)
    return exit_code_of(lambda: _carry_out(parser))


def _read_command_line() -> Order | int:
    """What is asked for; an exit code where that is nothing, or wrong, which is told here."""
    from whowoke.tracer.cli import app

    orders: list[Order] = []
    try:
        app(prog_name="whowoke", obj=orders.append)
    except SystemExit as end:
        return orders[0] if orders else int(end.code or 0)
    raise AssertionError("the parser returns nothing, it exits")


def _carry_out(parser: Child[Order | int]) -> int:
    import_numpy()
    import whowoke.tracer.record  # noqa: F401

    gc.enable()
    order = parser.result()
    if isinstance(order, Order):
        carry_out(order)
        return 0
    return order


def carry_out(order: Order) -> None:
    """Record, and tell what became of it."""
    summary = record(order.options, is_last=True)
    if order.options.list_probes:
        show(probes(summary, order.as_json))
        return
    for line in described(summary):
        show(line) if order.options.dry_run else tell(line)
    for line in table(summary.timing_ns) if order.timing else ():
        tell(line)
    if order.fail_on_loss:
        check_lossless(summary.lost)


def record(options: RecordOptions, *, is_last: bool = False) -> RecordSummary:
    """Record, with a line that says how far it is where stderr is a terminal.

    ``is_last``: this process does nothing afterwards.
    """
    import_numpy()
    from whowoke.tracer.record import record as run

    if not sys.stderr.isatty():
        return run(options, say=tell, is_last=is_last)

    def progress(elapsed_s: float, records: int, lost: int) -> None:
        whole_s = options.duration_ns / 1e9
        whole = f" of {whole_s:.0f}" if options.duration_ns < parse_duration(ENDLESS) else ""
        text = f"recording {elapsed_s:.0f}{whole} s: {records:,} records, {lost:,} lost"
        tell_raw(f"\r{text}{_ERASE_LINE_END}")

    def say(text: str) -> None:
        tell_raw(ERASE_LINE)
        tell(text)

    try:
        return run(options, progress, say, is_last=is_last)
    finally:
        tell_raw(ERASE_LINE)
