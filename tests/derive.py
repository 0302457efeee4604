"""Reads struct offsets from the DWARF of unstripped programs and compares them with offsets.toml.

    python -m tests.derive PROGRAM ...

One line for each macro: its value in each program, and a mark where the table has another one. To
add a version, build a program with it, without -s -w, and review what this prints.
"""

import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.versions import minor_version, offset_sets, offsets, versions_of

TABLE = Path(__file__).resolve().parent.parent / "tracer" / "offsets.toml"


def fields() -> dict[str, tuple[list[str], str]]:
    """Struct names (alternatives) and field path of each macro."""
    rows: dict[str, str] = tomllib.loads(TABLE.read_text())["fields"]
    parts = {macro: text.split(" ") for macro, text in rows.items()}
    return {macro: (structs.split("|"), path) for macro, (structs, path) in parts.items()}


def derive(program: Path) -> dict[str, int]:
    """The offsets of all macros whose struct the program has."""
    wanted = fields()
    found: dict[str, int] = {}
    with program.open("rb") as file:
        dies = _structs(file, {name for structs, _ in wanted.values() for name in structs})
        for macro, (structs, path) in wanted.items():
            values = {_offset(die, path) for name in structs for die in dies.get(name, [])}
            assert len(values) <= 1, f"{macro}: {values}"
            if values:
                found[macro] = values.pop()
    return found


def tabled(program: Path) -> dict[str, int]:
    """What offsets.toml says for the program's versions; without modules that it lacks."""
    with ElfFile.open(program) as elf:
        versions = versions_of(build_info(elf))
    macros, unknown = offsets(versions)
    known = {
        macro
        for row in offset_sets()
        if row["module"] not in unknown
        and minor_version(versions[row["module"]]) in row["versions"]
        for macro in row["values"]
    }
    return {macro: int(macros[macro], 16) for macro in known}


def _structs(file: object, names: set[str]) -> dict[str, list[DIE]]:
    """The structs of those names; of a generic one each instance."""
    found: dict[str, list[DIE]] = {}
    for unit in ELFFile(file).get_dwarf_info().iter_CUs():
        top = unit.get_top_DIE()
        # Go's linker puts all types there.
        if top.attributes["DW_AT_name"].value != b"runtime":
            continue
        for die in top.iter_children():
            if die.tag != "DW_TAG_structure_type" or "DW_AT_name" not in die.attributes:
                continue
            name = die.attributes["DW_AT_name"].value.decode().partition("[")[0]
            if name in names:
                found.setdefault(name, []).append(die)
    return found


def _offset(die: DIE, path: str) -> int:
    total = 0
    for part in path.split("."):
        while die.tag == "DW_TAG_typedef":
            die = die.get_DIE_from_attribute("DW_AT_type")
        member = _member(die, part.split("|"))
        total += member.attributes["DW_AT_data_member_location"].value
        die = member.get_DIE_from_attribute("DW_AT_type")
    return total


def _member(die: DIE, names: Sequence[str]) -> DIE:
    for child in die.iter_children():
        if child.tag == "DW_TAG_member":
            name = child.attributes["DW_AT_name"].value.decode()
            if name.partition("[")[0] in names:
                return child
    raise KeyError(f"{die.attributes['DW_AT_name'].value!r} has no {names}")


def report(programs: Iterable[Path]) -> bool:
    """Print the table; whether all of it agrees with offsets.toml."""
    columns = {program: (derive(program), tabled(program)) for program in programs}
    right = True
    print("", *(program.parent.name + "/" + program.name for program in columns), sep="\t")
    for macro in fields():
        cells = []
        for derived, known in columns.values():
            cell = f"{derived[macro]:#x}" if macro in derived else "-"
            if macro in derived and known.get(macro) != derived[macro]:
                cell, right = cell + "!", False
            cells.append(cell)
        print(macro, *cells, sep="\t")
    return right


if __name__ == "__main__":
    sys.exit(not report(map(Path, sys.argv[1:])))
