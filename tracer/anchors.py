"""Where the Go runtime keeps its processors (P) and their timers, told from its own code.

A stripped binary names functions, but no variables. ``runtime.timeSleepUntil`` looks at the next
timer of every P and does nothing else, so its few loads are those of the slice ``runtime.allp`` and
of ``minWhenHeap`` and ``minWhenModified`` in ``p.timers``, one beside the other; up to Go 1.22 they
are ``timer0When`` and ``timerModifiedEarliest`` in ``p`` itself.
``runtime.procresize`` makes the slice as long as ``runtime.gomaxprocs`` and has to agree.
src/runtime/time.go and proc.go of Go 1.19 to 1.27; their code is alike in all of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.memory import Layout
from whowoke.tracer.pclntab import Function, FunctionTable
from whowoke.tracer.sites import Code, Instruction

READS_TIMERS = "runtime.timeSleepUntil"
MAKES_PROCESSORS = "runtime.procresize"

# x86-64: operands as capstone prints them. Loads of a word by address relative to the instruction,
# loads through a register other than the stack's and g's.
_STATIC = re.compile(r"(qword|dword) ptr \[rip ([+-]) (0x[0-9a-f]+|\d+)\]$")
_MEMBER = re.compile(r"qword ptr \[r(?:ax|bx|cx|dx|si|di|8|9|1[0-35])"
                     r" \+ (0x[0-9a-f]+|\d+)\]$")  # fmt: skip
_LOAD = re.compile(r"(?:mov|cmp|movsxd) (?:r\w+|e\w+), ")
_WORD = 8


@dataclass(frozen=True, slots=True)
class Anchors:
    """Addresses as linked of ``runtime.allp`` (a slice) and ``runtime.gomaxprocs`` (int32).

    ``timers`` is the offset in bytes in ``runtime.p`` of the struct that has the heap: ``timers``,
    or 0 up to Go 1.22, where it is ``runtime.p`` itself.
    """

    allp: int
    gomaxprocs: int
    timers: int


def find_anchors(table: FunctionTable, code: Code, layout: Layout, name: str) -> Anchors:
    """Read the runtime's code in the executable ``name``; UnsupportedError unless it is clear."""
    reads = code.instructions(_function(table, READS_TIMERS, name))
    makes = code.instructions(_function(table, MAKES_PROCESSORS, name))
    numbers = [address for size, address in _statics(makes) if size == "dword"]
    made = {address for size, address in _statics(makes) if size == "qword"}
    read = {address for size, address in _statics(reads) if size == "qword"}
    slices = [a for a in _pairs(read) if {a, a + _WORD, a + 2 * _WORD} <= made]
    smaller = _pairs(set(_members(reads)))
    if len(slices) != 1 or len(smaller) != 1 or not numbers:
        raise _refuse(name, f"the code of {READS_TIMERS} isn't what it is known to be")
    if layout.has("runtime.p", "timer0When"):
        timers = smaller[0] - layout.at("runtime.p", "timer0When")
        if timers:
            raise _refuse(
                name, f"runtime.p has its timers {timers} bytes from where they should be"
            )
    else:
        timers = smaller[0] - layout.at("runtime.timers", "minWhenHeap")
    # procresize begins with `old := gomaxprocs`.
    return Anchors(slices[0], numbers[0], timers)


def _function(table: FunctionTable, function: str, name: str) -> Function:
    found = table.find(function)
    if len(found) != 1:
        raise _refuse(name, f"it has no function {function}")
    return found[0]


def _statics(code: tuple[Instruction, ...]) -> Iterator[tuple[str, int]]:
    """Size and address of the static variables that are loaded or compared, in order."""
    for instruction in code:
        match = _STATIC.search(instruction.text)
        if match and _LOAD.match(instruction.text):
            distance = int(match[3], 0)
            yield match[1], instruction.end + (distance if match[2] == "+" else -distance)


def _members(code: tuple[Instruction, ...]) -> Iterator[int]:
    for instruction in code:
        match = _MEMBER.search(instruction.text)
        if match and _LOAD.match(instruction.text):
            yield int(match[1], 0)


def _pairs(found: set[int]) -> list[int]:
    """Those behind which the next word was found, too."""
    return sorted(at for at in found if at + _WORD in found)


def _refuse(name: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name}: the Go runtime's timers can't be found: {reason}",
        "please report the output of: go version -m",
    )
