"""The target's program: its binary, its symbols and the probe plan for it."""

from whowoke.analysis.capture import Frame
from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.probes import Plan, make_plan
from whowoke.tracer.sites import Code
from whowoke.tracer.symbols import Symbols
from whowoke.tracer.target import SYSMON, Target, sysmon_tid


def _open_table(elf: ElfFile) -> tuple[FunctionTable | None, str]:
    """The function table, or why there is none: a version of Go that isn't known yet."""
    try:
        return FunctionTable.open(elf), ""
    except UnsupportedError as err:
        return None, str(err)


class Program:
    """Everything that is read from the executable once. UnsupportedError if it isn't Go."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.elf = target.open_elf()
        self.info = build_info(self.elf)
        self.bias = target.load_bias(self.elf)
        self.table, reason = _open_table(self.elf)
        self.plan = (
            make_plan(self.info, self.table, Code(self.elf), self.bias)
            if self.table
            else Plan([], {}, (), [f"{reason}: only threads and system calls are recorded"])
        )
        self.symbols = Symbols(self.elf, self.table, self.bias)
        self._lines = {
            planned.site.address + self.bias: planned.line_address + self.bias
            for planned in self.plan.sites
        }
        self._sysmon_tid: int | None = None

    def sysmon_tid(self) -> int | None:
        """Thread of the runtime's monitor, None as long as it cannot be told."""
        if self._sysmon_tid is None and self.table:
            functions = self.table.find(SYSMON)
            self._sysmon_tid = sysmon_tid(self.target, functions, self.bias)
        return self._sysmon_tid

    def symbol(self, address: int, *, is_return_address: bool) -> Frame:
        """The innermost frame at an address; of a probed RET its return statement."""
        line_address = self._lines.get(address, address)
        return self.symbols.symbol(line_address, is_return_address=is_return_address)
