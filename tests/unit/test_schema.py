"""What Python reads is what the kernel side writes: schema.py against the compiled events.h."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from whowoke.analysis.capture import schema
from whowoke.analysis.output.reference import as_markdown

TYPES = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64;
"""
SIGNED = {5: "i", 7: "u", 6: "i", 8: "u"}  # DW_ATE_*


@pytest.fixture(scope="session")
def dwarf(tree, tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("clang")
    assert compiler, "a C compiler is needed to compare the records: apt-get install gcc"
    folder = tmp_path_factory.mktemp("dwarf")
    names = [record.struct for record in schema.RECORDS] + ["ww_text"]
    source = folder / "events.c"
    source.write_text(
        f'{TYPES}#include "{tree}/bpf/events.h"\n'
        + "".join(f"struct {name} a_{name};\n" for name in names)
        + "enum ww_kind a_kind; enum ww_text_kind a_text_kind;\n"
    )
    output = folder / "events.o"
    subprocess.run([compiler, "-g", "-gdwarf-4", "-c", source, "-o", output], check=True)
    with output.open("rb") as file:
        yield read_dwarf(ELFFile(file).get_dwarf_info())


def read_dwarf(info):
    """Structs {name: (size, {field: (offset, numpy type)})}, enums {name: {value name: number}}."""
    structs, enums = {}, {}
    for unit in info.iter_CUs():
        for die in unit.iter_DIEs():
            if die.tag == "DW_TAG_structure_type":
                fields = {
                    text(child): (child.attributes["DW_AT_data_member_location"].value, kind(child))
                    for child in die.iter_children()
                }
                structs[text(die)] = (die.attributes["DW_AT_byte_size"].value, fields)
            elif die.tag == "DW_TAG_enumeration_type":
                enums[text(die)] = {
                    text(child): child.attributes["DW_AT_const_value"].value
                    for child in die.iter_children()
                }
    return structs, enums


def text(die):
    return die.attributes["DW_AT_name"].value.decode()


def kind(die):
    base = die.get_DIE_from_attribute("DW_AT_type")
    while base.tag == "DW_TAG_typedef":
        base = base.get_DIE_from_attribute("DW_AT_type")
    if base.tag == "DW_TAG_array_type":
        bound = next(base.iter_children()).attributes["DW_AT_upper_bound"].value
        element = np.dtype(kind(base))
        return f"V{(bound + 1) * element.itemsize}"
    size = base.attributes["DW_AT_byte_size"].value
    return f"<{SIGNED[base.attributes['DW_AT_encoding'].value]}{size}".replace("<u1", "|u1")


def layout(dtype):
    return {
        name: (offset, np.dtype(field).newbyteorder("<") if field.kind != "V" else field)
        for name, (field, offset, *_) in dtype.fields.items()
    }


def typed(fields):
    return {name: (offset, np.dtype(kind)) for name, (offset, kind) in fields.items()}


@pytest.mark.parametrize("record", schema.RECORDS, ids=lambda record: record.name)
def test_a_record_has_the_same_layout_in_c_and_python(dwarf, record):
    size, fields = dwarf[0][record.struct]
    fields.pop("pad", None)
    dtype = schema.record_dtype(record)
    assert typed(fields) == layout(dtype)
    assert size == dtype.itemsize == schema.RECORD_SIZE[record.ring]


def test_the_text_record_has_the_same_layout_in_c_and_python(dwarf):
    size, fields = dwarf[0]["ww_text"]
    assert typed(fields) == layout(schema.TEXT_DTYPE)
    assert size == schema.TEXT_DTYPE.itemsize


def test_each_struct_of_the_header_is_a_record(dwarf):
    assert set(dwarf[0]) == {record.struct for record in schema.RECORDS} | {"ww_text"}


def test_kinds_have_the_same_numbers_in_c_and_python(dwarf):
    enums = dict(dwarf[1])
    kinds = enums["ww_kind"]
    most = kinds.pop("WW_KINDS")
    assert kinds == {record.struct.upper(): record.kind for record in schema.RECORDS}
    assert max(kinds.values()) < most
    assert enums["ww_text_kind"] == {
        f"WW_{name.upper()}": number for name, number in schema.TEXT_KIND.items()
    }


def test_kinds_and_names_are_unique():
    assert len(schema.RECORD_BY_KIND) == len(schema.RECORD_BY_NAME) == len(schema.RECORDS)


@pytest.mark.parametrize("record", schema.RECORDS, ids=lambda record: record.name)
def test_each_field_is_named_once_and_says_what_it_is(record):
    fields = schema.HEADERS[record.ring] + record.fields
    assert len({field.name for field in fields}) == len(fields)
    for field in fields:
        assert field.meaning
        assert field.unit
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        assert (field.unit == "ns") == field.name.endswith("_ns"), field.name


def test_the_reference_is_current(tree):
    path, text = tree / "docs" / "schema.md", as_markdown() + "\n"
    if os.environ.get("WHOWOKE_UPDATE_DOCS"):
        path.write_text(text)
    assert path.read_text() == text, "run this test with WHOWOKE_UPDATE_DOCS=1"
