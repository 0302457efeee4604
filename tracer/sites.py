"""Addresses in a function where a probe may sit: the prologue, returns, the places behind calls.

x86 takes a breakpoint in the middle of an instruction and the target dies of it. So a site comes
only out of a linear disassembly that covers its function from entry to end without a gap, in which
every branch of the function lands on an instruction; everything else is refused.

A site's registers: at ``check`` (the branch of the stack check) and at ``push`` (before the frame
is set up) the arguments are still in their registers and the return address is at ``[rsp]``.
Prologues: cmd/internal/obj/x86/obj6.go of Go 1.26.8, ``stacksplit`` and ``preprocess``.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import Function

MAX_CODE = 256 << 10  # bytes of a function
MAX_ALL_CODE = 16 << 20  # bytes that are decoded of an executable; 1 MiB takes 0.8 s

Kind = Literal["check", "push", "sub", "entry", "return", "after_call", "after_indirect_call"]
# Sites whose instruction the kernel emulates, instead of single-stepping it: branch_emulate_op and
# push_emulate_op of arch/x86/kernel/uprobes.c, since Linux 3.16 and 4.19.
EMULATED = frozenset[Kind]({"check", "push"})


@dataclass(frozen=True, slots=True)
class Site:
    """One instruction to put a probe on.

    ``address`` as linked, ``file_offset`` for the kernel, ``offset`` in bytes from the function's
    entry. ``callee`` is the address that the CALL before the site goes to, 0 where there is none.
    Where a processor flag of ``leaving_flags`` is set, control leaves the function at the site.
    """

    address: int
    file_offset: int
    offset: int
    kind: Kind
    callee: int = 0
    leaving_flags: int = 0


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction: address, bytes, name and operands as capstone prints them."""

    address: int
    size: int
    name: str
    operands: str

    @property
    def end(self) -> int:
        """The address of the next instruction."""
        return self.address + self.size

    @property
    def operation(self) -> str:
        """The name without prefixes such as ``repz`` and ``bnd``."""
        return self.name.rpartition(" ")[2]

    @property
    def text(self) -> str:
        """Name and operands with one space between."""
        return f"{self.name} {self.operands}"


# g is in R14, or loaded from thread-local storage by functions of the older ABI0.
# Not 0x\w+: capstone prints numbers below 10 in decimal.
_AMD64_LOAD_G = r"(?:mov r\w+, qword ptr (?:\[rip[^;]*\]|fs:\[[^;]*\]);)*"
_AMD64_GUARD = r"qword ptr \[r\w+ \+ 0x1[08]\];jbe \w+;"
_AMD64_STACK_CHECKS = tuple(
    re.compile(_AMD64_LOAD_G + check + _AMD64_GUARD)
    for check in (
        r"cmp rsp, ",
        r"lea r12, \[rsp - \w+\];cmp r12, ",
        r"mov r12, rsp;sub r12, \w+;jb \w+;cmp r12, ",
    )
)


class Amd64:
    """What the sites depend on of x86-64. Another processor is another class like this one."""

    capstone_mode = ("CS_ARCH_X86", "CS_MODE_64")
    returns = frozenset({"ret"})
    calls = frozenset({"call"})
    frame_setup: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("push", re.compile(r"push rbp$")),  # Go 1.21 and newer
        ("sub", re.compile(r"(sub rsp, |add rsp, -0x80$)")),  # up to Go 1.20
    )
    stack_checks = _AMD64_STACK_CHECKS
    longest_check = 7
    # CF and ZF: with one of them the check's JBE is taken. The stack has to grow, or the goroutine
    # to make room for another one; then the function begins anew, and comes here again.
    leaving_flags = 0x41
    _DIRECT = re.compile(r"0x[0-9a-f]+$")
    # Prefixes that change no length, then one that makes a branch shorter on some processors only.
    _AMBIGUOUS = re.compile(rb"[\x26\x2e\x36\x3e\x64\x65\x67\xf2\xf3]*\x66")
    _TABLE = re.compile(r"qword ptr \[r\w+ \+ r\w+\*8\]$")

    def target(self, instruction: Instruction) -> int | None:
        """Return where a direct call or jump goes, None for an indirect one."""
        if self._DIRECT.match(instruction.operands):
            return int(instruction.operands, 16)
        return None

    def is_jump(self, instruction: Instruction) -> bool:
        """True for jumps, conditional or not."""
        return instruction.operation.startswith(("j", "loop", "xbegin"))

    def is_ambiguous(self, instruction: Instruction, raw: bytes) -> bool:
        """True for a branch that Intel's and AMD's processors read with different lengths."""
        branches = instruction.operation in self.calls or self.is_jump(instruction)
        return branches and bool(self._AMBIGUOUS.match(raw))

    def is_table_jump(self, instruction: Instruction) -> bool:
        """True for the jump of a switch statement (Go 1.19), which stays in its function."""
        is_jump = instruction.operation == "jmp"
        return is_jump and bool(self._TABLE.match(instruction.operands))


_PROCESSORS = {"amd64": Amd64()}


class Code:
    """The instructions of the functions of one executable, decoded when they are asked for."""

    def __init__(self, elf: ElfFile) -> None:
        """Prepare a decoder; UnsupportedError for a processor that has no table yet."""
        if elf.machine.name not in _PROCESSORS:
            raise UnsupportedError(
                f"{elf.name}: probes on {elf.machine.name} aren't supported yet",
                "record on an amd64 machine",
            )
        # 9 MB, and only needed here: the recorder leaves it to a child.
        import capstone

        self.elf = elf
        self._processor = _PROCESSORS[elf.machine.name]
        modes = [getattr(capstone, name) for name in self._processor.capstone_mode]
        self._decoder = capstone.Cs(*modes)
        self._left = MAX_ALL_CODE
        self.instructions = lru_cache(64)(self._disassemble)

    def entry_site(self, function: Function) -> Site:
        """Return the site for "the function was called".

        The branch at the end of the stack check, ``check``, to be looked at only where it isn't
        taken (``leaving_flags``): so it runs once a call, even where the stack had to grow. Without
        a check what sets up the frame: ``push``, or ``sub`` up to Go 1.20. ``entry`` for a function
        without a frame, or with a prologue that isn't known.
        """
        code = self.instructions(function)
        if behind := self._after_stack_check(code):
            site = self._site(function, code[behind - 1].address, "check")
            return replace(site, leaving_flags=self._processor.leaving_flags)
        for kind, pattern in self._processor.frame_setup:
            if pattern.match(code[0].text):
                return self._site(function, function.entry, kind)
        return self._site(function, function.entry, "entry")

    def return_sites(self, function: Function) -> list[Site]:
        """Return every RET of ``function``, by address; see ``leaves_by_jump``."""
        return [
            self._site(function, instruction.address, "return")
            for instruction in self.instructions(function)
            if instruction.operation in self._processor.returns
        ]

    def leaves_by_jump(self, function: Function) -> bool:
        """True where ``function`` may end with a jump elsewhere, so not only at its RETs."""
        for instruction in filter(self._processor.is_jump, self.instructions(function)):
            target = self._processor.target(instruction)
            if target is None and self._processor.is_table_jump(instruction):
                continue
            if target is None or not function.entry <= target < function.end:
                return True
        return False

    def ends_block(self, instruction: Instruction) -> bool:
        """True for what control may leave by: jumps, calls and returns."""
        leaving = self._processor.calls | self._processor.returns
        return instruction.operation in leaving or self._processor.is_jump(instruction)

    def call_sites(self, function: Function) -> list[Site]:
        """Return the sites behind all CALLs of ``function``, by address."""
        sites = []
        for instruction in self.instructions(function):
            is_call = instruction.operation in self._processor.calls
            # A call that is the last instruction doesn't return here (panics).
            if is_call and instruction.end < function.end:
                callee = self._processor.target(instruction)
                kind: Kind = "after_indirect_call" if callee is None else "after_call"
                sites.append(self._site(function, instruction.end, kind, callee or 0))
        return sites

    def after_call_sites(self, function: Function, callees: Collection[int]) -> list[Site]:
        """Return the sites behind direct CALLs to one of the entry addresses ``callees``."""
        return [site for site in self.call_sites(function) if site.callee in callees]

    def after_indirect_call_sites(self, function: Function) -> list[Site]:
        """Return the sites behind CALLs through a register or memory (interfaces, closures)."""
        return [s for s in self.call_sites(function) if s.kind == "after_indirect_call"]

    def _site(self, function: Function, address: int, kind: Kind, callee: int = 0) -> Site:
        offset = self.elf.file_offset(address)
        return Site(address, offset, address - function.entry, kind, callee)

    def _after_stack_check(self, code: tuple[Instruction, ...]) -> int:
        """Return the index of the first instruction behind the stack check, 0 without one."""
        start = "".join(f"{i.text};" for i in code[: self._processor.longest_check])
        for check in self._processor.stack_checks:
            match = check.match(start)
            if match:
                return match[0].count(";")
        return 0

    def _disassemble(self, function: Function) -> tuple[Instruction, ...]:
        """Return all instructions of ``function``; UnsupportedError unless they fit exactly."""
        size = function.end - function.entry
        if not 0 < size <= MAX_CODE:
            raise self._refuse(function, f"{size} bytes of code")
        self._left -= size
        if self._left < 0:
            raise self._refuse(function, "too much code was looked at")
        data = self.elf.read_virtual(function.entry, size)
        code = []
        at = function.entry
        for address, length, name, operands in self._decoder.disasm_lite(data, function.entry):
            instruction = Instruction(address, length, name, operands)
            start = address - function.entry
            if self._processor.is_ambiguous(instruction, data[start : start + length]):
                raise self._refuse(function, f"a branch of unclear length ({address:#x})")
            code.append(instruction)
            at += length
        if at != function.end:
            raise self._refuse(function, f"no instruction at {at:#x}")
        starts = {instruction.address for instruction in code}
        for instruction in filter(self._processor.is_jump, code):
            target = self._processor.target(instruction)
            inside = target is not None and function.entry <= target < function.end
            if inside and target not in starts:
                raise self._refuse(function, f"a jump into an instruction ({target:#x})")
        return tuple(code)

    def _refuse(self, function: Function, reason: str) -> UnsupportedError:
        return UnsupportedError(
            f"{function.name} can't be probed: {reason}",
            "please report the Go version (go version -m) of the executable",
        )
