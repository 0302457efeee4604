"""The readers of a process's memory: pointers anywhere, into each other, changing meanwhile."""

import copy
import struct
from functools import cache
from typing import Any
from unittest import mock

from tests.fuzz.choices import Choices, patched
from tests.fuzz.limits import two_lines
from tests.unit import go_memory, go_values
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import timers as timer_module
from whowoke.tracer.forecast import Forecast, Snapshot, _symbolise
from whowoke.tracer.pclntab import Frame

MAX_READS = 500_000
VERSIONS = ("1.26", "1.20", "1.22", "1.23")


def timers(data: bytes) -> None:
    """What ``whowoke timers`` reads and says of a process."""
    choices = Choices(data)
    process = copy.copy(_timer_process(choices.pick(VERSIONS)))
    _be_hostile(process, choices, go_memory.BASE, process._next)
    try:
        with mock.patch.object(timer_module, "PAUSE_S", 0):
            reading = process.reader().read()
    except WhowokeError as error:
        two_lines(error)
        return
    finally:
        assert process.reads <= MAX_READS
    target: dict[str, Any] = {"name": "op", "pid": 1, "go_version": "go1.26", "modules": {}}
    snapshot: Snapshot = _symbolise(reading, _Lines(process.table), go_memory.BIAS, target)  # type: ignore[arg-type]
    found = Forecast(target, reading, snapshot)
    assert found.text().replace("\n", "").isprintable()
    assert len(found.json()["timers"]) == len(reading.timers)


def informers(data: bytes) -> None:
    """What a recording's end reads of an operator's caches and handlers."""
    choices = Choices(data)
    original, controller = _operator(choices.pick(go_values.LISTENERS))
    process = copy.copy(original)
    _be_hostile(process, choices, go_values.BASE, process._next)
    found = process.metadata((controller,), (process.reader_address,))
    assert process.reads <= MAX_READS
    assert set(found) == {"informers", "informers_complete"}


class _Lines:
    """The functions of a process, with frames."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def frames(self, pc: int, *, is_return_address: bool) -> list[Frame]:
        function = self._table.function_at(pc - is_return_address)
        return [Frame(function.name, function.file, 1)] if function else []


@cache
def _timer_process(version: str) -> go_memory.FakeProcess:
    process = go_memory.FakeProcess(version, processors=2)
    process.ticker(300, 40, process.goroutine(7), process.goroutine(8))
    process.timer(200, "runtime.goroutineReady", process.goroutine(9), p=1)
    process.timer(500, "time.goFunc", process.slice([process.code("main.run")]))
    poll = process.alloc(0x100)
    at = poll + process.layout.at("runtime.pollDesc", "self")
    process.words(at, poll)
    process.field("runtime.pollDesc", poll, "rg", process.goroutine(10))
    process.timer(600, "runtime.netpollReadDeadline", at)
    assert len(process.reader().read().timers) == 4
    return process


@cache
def _operator(form: str) -> tuple[go_values.Operator, int]:
    process = go_values.Operator(form)
    process.listen(process.pointer(process.event_handler), process.own(0x7000))
    process.listen(*process.functions("main.(*Own).added-fm", 0))
    process.object_type("k8s.io/api/apps/v1.Deployment")
    reader = process.finish()
    controller = process.controller(reader, others=[process.another_reader("Secret")])
    found = process.metadata((controller,), (reader,))
    assert found["informers_complete"]
    assert len(found["informers"]) == 2
    return process, controller


def _be_hostile(process: Any, choices: Choices, base: int, end: int) -> None:
    """Change words of a process's memory, before it is read and during that."""
    size = end - base
    used = bytes(process.bytes[:size])
    fields = _words_of(used)
    # What isn't mapped holds pointers to what is: nothing ends on its own.
    is_endless = choices.below(4) == 3
    words = tuple(choices.word(base, end) for _ in range(choices.below(4)))
    later, changed = 1 + choices.below(256), choices.pick(fields)[0]
    value = struct.pack("<Q", choices.word(base, end))
    process.bytes = patched(used, choices, fields).ljust(len(process.bytes), b"\0")
    process.reads, read = 0, type(process).read_memory

    def on_read(reads: int) -> None:
        if reads == later:
            process.bytes[changed : changed + 8] = value

    def read_memory(address: int, count: int) -> bytes:
        if is_endless and words and not base <= address <= end - count:
            process.reads += 1
            return _repeated(words, address, count)
        found: bytes = read(process, address, count)
        return found

    process.on_read, process.read_memory = on_read, read_memory


@cache
def _words_of(raw: bytes) -> list[tuple[int, int]]:
    """Offset and size of the words that aren't 0."""
    found = [(at, 8) for at in range(0, len(raw) - 7, 8) if any(raw[at : at + 8])]
    return found + [(at + half, 4) for at, _ in found for half in (0, 4)]


def _repeated(words: tuple[int, ...], address: int, count: int) -> bytes:
    unit = b"".join(struct.pack("<Q", word) for word in words)
    skip = address % len(unit)
    return (unit * (count // len(unit) + 2))[skip : skip + count]
