"""The reference of all tables and records, made from their definitions."""

from collections.abc import Iterable
from typing import Any

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.schema import Field
from whowoke.analysis.tables.columns import TABLES


def as_data() -> dict[str, Any]:
    """Format version, tables and records with name, dtype, unit and meaning of each column."""
    return {
        "format_version": chunks.FORMAT_VERSION,
        "tables": [
            {"name": table.name, "meaning": table.meaning, "columns": _rows(table.columns)}
            for table in TABLES
        ],
        "records": [
            {
                "kind": record.kind,
                "name": record.name,
                "meaning": record.meaning,
                "columns": _rows(schema.HEADERS[record.ring] + record.fields),
            }
            for record in schema.RECORDS
        ],
    }


def as_markdown() -> str:
    """The same as a Markdown page."""
    data = as_data()
    lines = [
        "# Tables and records",
        "",
        "What `whowoke schema` prints. Times are CLOCK_MONOTONIC unless they say otherwise; empty",
        "means not known. A column that nothing fills yet is there and empty.",
    ]
    for table in data["tables"]:
        lines += ["", f"## Table `{table['name']}`", "", f"{_sentence(table['meaning'])}", ""]
        lines += _table(table["columns"])
    told = f"Format version {data['format_version']} of the capture file; older ones are read, too."
    lines += ["", "## Records", "", told]
    for record in data["records"]:
        lines += ["", f"### Record {record['kind']} `{record['name']}`", ""]
        lines += [f"{_sentence(record['meaning'])}", ""]
        lines += _table(record["columns"])
    return "\n".join(lines)


def _rows(fields: Iterable[Field]) -> list[dict[str, str]]:
    return [
        {"name": field.name, "dtype": field.dtype, "unit": field.unit, "meaning": field.meaning}
        for field in fields
    ]


def _table(rows: list[dict[str, str]]) -> list[str]:
    head = {"name": "column", "dtype": "type", "unit": "unit"}
    width = {key: max(len(_cell(key, row)) for row in [head, *rows]) for key in head}
    lines = []
    for row in [head | {"meaning": "meaning"}, *rows]:
        cells = [_cell(key, row).ljust(width[key]) for key in head]
        lines.append(f"| {' | '.join(cells)} | {row['meaning']} |")
    lines.insert(1, "".join(f"|{'-' * (width[key] + 2)}" for key in head) + "|---------|")
    return lines


def _cell(key: str, row: dict[str, str]) -> str:
    return row[key].replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
