"""The kernel side at work: load, attach, count, detach."""

import os
import struct
import threading
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture import schema
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import kernel, tiers, uprobes
from whowoke.tracer.compiled import Compiled
from whowoke.tracer.compiling import LOST_KINDS, TRACEPOINTS, parameters, ring_pages
from whowoke.tracer.plan import MAX_SITES, Plan
from whowoke.tracer.ring import Ring
from whowoke.tracer.target import Target

PAGE = 4096
LOADERS = 2
# Children that close links at once: the kernel waits some 40 ms for a link of probes, but a fork of
# us takes 7 ms of CPU.
CLOSERS = 3
# struct ww_site and struct ww_tier of bpf/maps.h.
SITE_DTYPE = np.dtype(
    [(name, "<u8") for name in ("hits", "stopped", "leaving_flags")]
    + [("cost_ns", "<u4"), ("tier", "<u2"), ("program", "<u2")]
)
TIER_DTYPE = np.dtype(
    [(name, "<u8") for name in ("spent_ns", "limit_ns", "cost_ns", "bare_ns", "left_out")]
    + [("pad", "<u8", 3)]
)
NO_LIMIT_NS = 1 << 62


class Engine:
    """Programs, maps and links of one recording. ``close`` detaches everything.

    The kernel detaches as well when the process dies: links and maps live in descriptors only.
    ``sites`` and ``tiers`` are shared with the kernel: rows of the plan's sites, by their indexes,
    and of tiers; see bpf/maps.h. ``programs`` are descriptors by name. What is attached and taken
    off are tiers, with all their places.
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.rings: dict[str, Ring] = {}
        self.programs: dict[str, int] = {}
        self._target = target
        self._links: dict[int, list[int]] = {}
        self._slots = {name: slot for slot, name in enumerate(plan.by_program())}
        self._maps: dict[str, int] = {}
        self._closing: list[int] = []
        self._lost = self.sites = self.tiers = np.zeros(0, np.void)

    def load(self, compiled: Compiled) -> None:
        """Make the maps and load all programs; nothing is attached yet."""
        for shape in compiled.maps:
            self._maps[shape.name] = kernel.create_map(shape)
        self._load_programs(compiled)
        dtypes = {
            "threads": schema.ring_dtype("threads"),
            "go": schema.ring_dtype("go"),
            "texts": schema.TEXT_DTYPE,
        }
        pages = ring_pages()
        for name, dtype in dtypes.items():
            self.rings[name] = Ring(self._maps[f"{name}_ring"], pages[name] * PAGE, dtype)
        self._lost = kernel.map_rows(self._maps["lost"], "<u8", LOST_KINDS)
        self.sites = kernel.map_rows(self._maps["sites"], SITE_DTYPE, MAX_SITES)
        self.tiers = kernel.map_rows(self._maps["tiers"], TIER_DTYPE, tiers.COUNT)
        self.tiers["limit_ns"] = NO_LIMIT_NS

    def _load_programs(self, compiled: Compiled) -> None:
        """Several at once: the kernel takes half a second of one CPU to verify them all."""
        values = parameters(self.plan, self._target.pid)
        # The longest first, so that no thread is left with one of them.
        written = {name: name for name in compiled.programs if name != tiers.HIT_PROGRAM}
        written |= {tiers.hit_program(tier): tiers.HIT_PROGRAM for tier in tiers.PROBES}
        waiting = sorted(written, key=lambda name: len(compiled.programs[written[name]]))
        descriptors, failed = list(self._maps.values()), list[WhowokeError]()

        def load() -> None:
            while waiting and not failed:
                name = waiting.pop()
                kind, attach_type = kernel.PROG_KPROBE, uprobes.attach_type()
                if name in TRACEPOINTS.values():
                    kind, attach_type = kernel.PROG_RAW_TRACEPOINT, 0
                code = compiled.linked(written[name], descriptors, values)
                try:
                    self.programs[name] = kernel.load_program(name, kind, code, attach_type)
                except WhowokeError as err:
                    failed.append(err)

        threads = [threading.Thread(target=load) for _ in range(LOADERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def attach(self) -> None:
        """Attach everything."""
        for name, program in TRACEPOINTS.items():
            links = self._links.setdefault(tiers.of_tracepoint(program), [])
            links.append(kernel.link_raw_tracepoint(self.programs[program], name))
        self._add_threads()
        for program, slot in self._slots.items():
            descriptor = struct.pack("<I", self.programs[program])
            kernel.map_update(self._maps["programs"], slot, descriptor)
        for tier in tiers.PROBES:
            self._links[tier] = []
        self.attach_sites(range(len(self.plan.sites)))

    def attach_sites(self, indexes: Iterable[int]) -> None:
        """Probe some of the plan's sites, but those of a tier that was taken off."""
        by_tier: dict[int, list[int]] = {}
        for index in indexes:
            probe, site = self.plan.sites[index].probe, self.plan.sites[index].site
            self.sites["leaving_flags"][index] = site.leaving_flags
            self.sites["tier"][index] = probe.tier
            self.sites["program"][index] = self._slots[probe.program]
            by_tier.setdefault(probe.tier, []).append(index)
        for tier in sorted(by_tier.keys() & self._links.keys()):
            self._probe(tier, by_tier[tier])

    def _probe(self, tier: int, indexes: list[int]) -> None:
        program, path = self.programs[tiers.hit_program(tier)], str(self._target.exe_path)
        offsets = [self.plan.sites[index].site.file_offset for index in indexes]
        cookies = [self.plan.sites[index].cookie(index) for index in indexes]
        # Kept one by one: what is attached is detached in order if the next one fails.
        for link in uprobes.links(program, path, offsets, cookies, self._target.pid):
            self._links[tier].append(link)

    def _add_threads(self) -> None:
        """Fill the map of threads until /proc shows none that is new."""
        fd = self._maps["threads"]
        empty = bytes(kernel.map_shape(fd, "threads").value_size)
        known: set[int] = set()
        while new := set(self._target.thread_ids()) - known:
            for tid in new:
                kernel.map_update(fd, tid, empty)
            known |= new

    @property
    def attached(self) -> list[int]:
        """Tiers that are attached now."""
        return list(self._links)

    def take_off(self, gone: list[int]) -> None:
        """Begin to close some tiers' links; each waits for the kernel, so several at once."""
        # First those of probes, which take longest: each goes to another child.
        order = sorted(gone, key=lambda tier: tier not in tiers.PROBES)
        links = [link for tier in order for link in self._links.pop(tier, ())]
        self._closing += _close_in_children(links)

    @property
    def is_taking_off(self) -> bool:
        """Whether links are still being closed."""
        self._closing = [pid for pid in self._closing if os.waitpid(pid, os.WNOHANG)[0] == 0]
        return bool(self._closing)

    def detach(self, gone: list[int]) -> None:
        """Take some tiers off; nothing is being taken off any more when this returns."""
        self.take_off(gone)
        while self._closing:
            os.waitpid(self._closing[-1], 0)
            self._closing.pop()

    def close(self) -> None:
        """Detach everything and give up programs, maps and rings."""
        self.detach(self.attached)
        _close_all([*self.programs.values(), *self._maps.values()])
        self.programs.clear()
        self._maps.clear()
        # Mapped rings and maps would live on, 10 MB for each process that was recorded.
        self.rings.clear()
        self._lost = self.sites = self.tiers = np.zeros(0, np.void)

    def hits(self) -> npt.NDArray[np.uint64]:
        """Hits of each site since the attach, in the plan's order."""
        return self.sites["hits"][: len(self.plan.sites)].copy()

    def lost(self) -> dict[str, int]:
        """Records that found no room in a ring, by record name; ``text`` for strings and stacks."""
        names = {kind: record.name for kind, record in schema.RECORD_BY_KIND.items()} | {0: "text"}
        return {names.get(kind, str(kind)): int(n) for kind, n in enumerate(self._lost) if n}

    def skipped(self) -> dict[str, int]:
        """Program runs that the kernel skipped, by program."""
        counts = {name: kernel.program_runs(fd).missed for name, fd in self.programs.items()}
        return {name: count for name, count in counts.items() if count}


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _close_in_children(links: list[int]) -> list[int]:
    """Let each of some children have the last copies of its links and end: pids to be waited for.

    A task with a pending SIGKILL cannot take a breakpoint out of another's memory (get_user_pages,
    mm/gup.c, then "leaking uprobe"), and it would stay for good. One that exits can't be killed.
    """
    ready, theirs_ready = os.pipe()
    theirs_go, go = os.pipe()
    children = []
    try:
        for first in range(min(CLOSERS, len(links))):
            child = os.fork()
            if child == 0:
                try:
                    _close_all([ready, go, *(set(links) - set(links[first::CLOSERS]))])
                    os.close(theirs_ready)
                    os.read(theirs_go, 1)
                finally:
                    os._exit(0)
            children.append(child)
        os.close(theirs_ready)
        # As long as one child has links of another, it would close them for that.
        os.read(ready, 1)
    finally:
        _close_all([*links, ready, theirs_go, go])
    return children
