"""What a probe's breakpoint costs on this machine, measured on a few instructions of our own.

They lie in a file in memory that nobody else has; the probes on it run an empty program. What the
programs themselves cost, the kernel measures while they run (``statistics.py``).
"""

import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import kernel, uprobes
from whowoke.tracer.sites import EMULATED, Kind

# Measured on Linux 6.18, where nothing could be measured; a figure outside of the bounds is noise.
EMULATED_NS, EMULATED_BOUNDS_NS = 800, (100, 20_000)
STEPPED_NS, STEPPED_BOUNDS_NS = 10_300, (500, 100_000)

# Twice: call f, which is 32 bytes behind it; dec rdi; jnz; ret. Then each f:
# push rbp; mov rbp, rsp; pop rbp; ret.
_LOOP = bytes.fromhex("e81b000000 48ffcf 75f6 c3")
_FUNCTION = bytes.fromhex("55 4889e5 5d c3")
_CODE = b"".join(part.ljust(16, b"\xcc") for part in (_LOOP, _LOOP, _FUNCTION, _FUNCTION))
_EMULATED_SITE, _STEPPED_SITE = 0x20, 0x31
_MFD_EXEC = 0x10
_BATCHES = 5
_EMULATED_HITS, _STEPPED_HITS = 200, 40


@dataclass(frozen=True, slots=True)
class TrapCosts:
    """Nanoseconds of a hit without its program, where the kernel emulates or must single-step."""

    emulated_ns: int = EMULATED_NS
    stepped_ns: int = STEPPED_NS
    measured: bool = False

    def of(self, kind: Kind) -> int:
        """For a kind of site."""
        return self.emulated_ns if kind in EMULATED else self.stepped_ns


def calibrated() -> TrapCosts:
    """Measured in some 20 ms; the constants where the machine doesn't let us."""
    try:
        emulated, stepped = _measured()
    except (OSError, ValueError, WhowokeError):
        return TrapCosts()
    return TrapCosts(
        int(np.clip(emulated, *EMULATED_BOUNDS_NS)), int(np.clip(stepped, *STEPPED_BOUNDS_NS)), True
    )


def _measured() -> tuple[float, float]:
    file = _code_file()
    try:
        code = mmap.mmap(file, len(_CODE), mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        address = np.frombuffer(code, "u1").ctypes.data
        loops = [ctypes.CFUNCTYPE(None, ctypes.c_ulong)(address + at) for at in (0, 16)]
        program = kernel.load_program(
            "calibrate", kernel.PROG_KPROBE, kernel.RETURN_0, uprobes.attach_type()
        )
        path, sites = f"/proc/self/fd/{file}", [_EMULATED_SITE, _STEPPED_SITE]
        links: list[int] = []
        try:
            links.extend(uprobes.links(program, path, sites, [0, 0], os.getpid()))
            return _per_hit(loops[0], _EMULATED_HITS), _per_hit(loops[1], _STEPPED_HITS)
        finally:
            # The kernel takes its time for it, and nobody runs this code any more.
            threading.Thread(target=_close, args=([*links, program],), daemon=True).start()
    finally:
        os.close(file)


def _code_file() -> int:
    try:
        file = os.memfd_create("whowoke-calibrate", os.MFD_CLOEXEC | _MFD_EXEC)
    except OSError:  # before Linux 6.3, where all may be run
        file = os.memfd_create("whowoke-calibrate", os.MFD_CLOEXEC)
    os.write(file, _CODE)
    return file


def _per_hit(loop: Callable[[int], None], hits: int) -> float:
    """The least of some batches: what else runs on the CPU isn't ours."""
    times = []
    for _ in range(_BATCHES):
        before = time.thread_time_ns()
        loop(hits)
        times.append(time.thread_time_ns() - before)
    return min(times) / hits


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
