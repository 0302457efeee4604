"""The target's program: its binary, its symbols and the probe plan for it."""

import re
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture.reader import Frame
from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.apart import in_child
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.plan import Plan, all_probes
from whowoke.tracer.probes import make_plan, reconciler_sites
from whowoke.tracer.sites import Code
from whowoke.tracer.symbols import Kernel, Symbols
from whowoke.tracer.target import SYSMON, Target, sysmon_tid
from whowoke.tracer.timers import FOREVER_NS, clock_offset_ns

# controller-runtime's adapter from a function to the interface; generic from 0.19 on.
IS_RECONCILE_FUNC = re.compile(
    r"sigs\.k8s\.io/controller-runtime/pkg/reconcile\.(\(\*)?(Typed)?Func(\[.*\])?\)?\.Reconcile"
)


def _open_table(elf: ElfFile) -> tuple[FunctionTable | None, str]:
    """The function table, or why there is none: a version of Go that isn't known yet."""
    try:
        return FunctionTable.open(elf), ""
    except UnsupportedError as err:
        return None, str(err)


class Program:
    """Everything that is read from the executable once. UnsupportedError if it isn't Go."""

    def __init__(self, target: Target, kernel: Kernel | None = None) -> None:
        self.target = target
        self.elf = target.open_elf()
        self.info = build_info(self.elf)
        self.bias = target.load_bias(self.elf)
        self.table, reason = _open_table(self.elf)
        self.plan = (
            self._plan(self.table)
            if self.table
            else Plan([], {}, (), [f"{reason}: only threads and system calls are recorded"])
        )
        self.symbols = Symbols(self.elf, self.table, self.bias, kernel)
        self._lines = {
            planned.site.address + self.bias: planned.line_address + self.bias
            for planned in self.plan.sites
        }
        self._sysmon_tid: int | None = None

    def _plan(self, table: FunctionTable) -> Plan:
        # Read once here, not in each child that needs them.
        all_probes()
        return in_child(lambda: make_plan(self.info, table, Code(self.elf), self.bias))

    @cached_property
    def clock_ahead_ns(self) -> int:
        """How far the target's clock is ahead of ours: not 0 in another time namespace."""
        return clock_offset_ns(self.target)

    def sysmon_tid(self) -> int | None:
        """Thread of the runtime's monitor, None as long as it cannot be told."""
        if self._sysmon_tid is None and self.table:
            functions = self.table.find(SYSMON)
            self._sysmon_tid = sysmon_tid(self.target, functions, self.bias)
        return self._sysmon_tid

    def our_times(self, due_ns: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """Times of the target's clock as times of ours; never stays never."""
        if self.clock_ahead_ns == 0:
            return due_ns
        moved = (due_ns.astype("<i8") - self.clock_ahead_ns).astype("<u8")
        return np.where((due_ns == 0) | (due_ns >= FOREVER_NS), due_ns, moved)

    def add_reconciler(self, method: int, closure: int) -> list[int]:
        """Plan the returns of a reconciler that its name didn't give away; indexes of new sites.

        ``method`` is what the controller calls, ``closure`` the function if that is reconcile.Func.
        """
        table = self.table
        if table is None:
            return []
        function = table.function_at(method - self.bias)
        if function and IS_RECONCILE_FUNC.fullmatch(function.name):
            function = table.function_at(closure - self.bias)
        if function is None:
            return []
        first = len(self.plan.sites)
        new = in_child(lambda: reconciler_sites(self.plan, function, table, Code(self.elf)))
        self.plan.sites.extend(new)
        for planned in self.plan.sites[first:]:
            self._lines[planned.site.address + self.bias] = planned.line_address + self.bias
        return list(range(first, len(self.plan.sites)))

    def symbol(self, address: int, *, is_return_address: bool) -> Frame:
        """The innermost frame at an address; of a probed RET its return statement."""
        line_address = self._lines.get(address, address)
        return self.symbols.symbol(line_address, is_return_address=is_return_address)
