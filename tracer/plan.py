"""The probe plan: rows of probes.toml, and the places in one program that get a probe."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from whowoke.tracer.arguments import SITE_BITS
from whowoke.tracer.pclntab import Function
from whowoke.tracer.sites import Site
from whowoke.tracer.versions import minor_versions, read_table

MAX_SITES = 512


@dataclass(frozen=True)
class Probe:
    """One row of probes.toml."""

    name: str
    module: str
    versions: tuple[str, ...]
    part: str
    program: str
    function: str
    site: Literal["entry", "return", "after_call"]
    tier: int
    extra_ns: int = 0
    callee: str = ""
    exclude: str = ""
    more: bool = False
    optional: bool = False
    wrapper: bool = False
    item: str = ""
    arguments: tuple[str, ...] = ()
    registers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedSite:
    """One place that gets a probe; its index in the plan's list is part of the probe's cookie.

    ``line_address`` is the address as linked whose line is the site's.
    """

    probe: Probe
    function: Function
    site: Site
    line_address: int
    arguments: int = 0

    def cookie(self, index: int) -> int:
        """What the C program gets to know of this site."""
        return index | self.arguments << SITE_BITS


@dataclass(frozen=True)
class Plan:
    """What will be probed; ``macros`` configure the C programs, ``missing`` is what is left out.

    ``left_out`` has the reason of each probe that is in ``missing``.
    """

    sites: list[PlannedSite]
    macros: dict[str, str]
    parts: tuple[str, ...]
    missing: list[str]
    left_out: dict[str, str] = field(default_factory=dict)

    def by_program(self) -> dict[str, list[int]]:
        """Site indexes of each C program; none for one whose sites are found later."""
        programs: dict[str, list[int]] = {
            probe.program: [] for probe in all_probes() if probe.more and probe.part in self.parts
        }
        for index, planned in enumerate(self.sites):
            programs.setdefault(planned.probe.program, []).append(index)
        return programs

    def described(self) -> list[dict[str, Any]]:
        """The sites for the capture's metadata, in the order of their indexes."""
        return [
            {
                "probe": planned.probe.name,
                "program": planned.probe.program,
                "function": planned.function.name,
                "file": planned.function.file,
                "line": planned.function.line,
                "offset": planned.site.offset,
                "kind": planned.site.kind,
                "tier": planned.probe.tier,
            }
            for planned in self.sites
        ]


@cache
def all_probes() -> tuple[Probe, ...]:
    """The rows of probes.toml, in order."""
    rows = read_table("probes.toml")["probe"]
    return tuple(
        Probe(
            **row
            | {"versions": minor_versions(row["versions"])}
            | {"arguments": tuple(row.get("arguments", ()))}
        )
        for row in rows
    )
