"""Tables as Parquet: a folder with a file for each, units and meanings in the metadata."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import all_replaced, folder
from whowoke.analysis.tables.columns import BOOL, INT, TABLES, TEXT, TIME, Table

if TYPE_CHECKING:
    import pyarrow as pa

TARGETS = folder("parquet")
# pyarrow's name of each dtype.
TYPES = {INT: "int64", TEXT: "string", BOOL: "bool_", "Float64": "float64"}


def write_parquet(source: Source, path: Path) -> None:
    """A folder with ``TABLE.parquet`` for each table: zstd, times as UTC in nanoseconds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with all_replaced(path, TARGETS(path), binary=True) as files:
        for table, file in zip(TABLES, files, strict=True):
            source.step(table.name)
            schema = _schema(table)
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for part in source.parts(table):
                    data = pa.Table.from_pandas(part, schema=schema, preserve_index=False)
                    # from_pandas adds pandas' own description, which repeats the schema.
                    writer.write_table(data.replace_schema_metadata(schema.metadata))


def _schema(table: Table) -> "pa.Schema":
    import pyarrow as pa

    def type_of(dtype: str) -> Any:
        return pa.timestamp("ns", tz="UTC") if dtype == TIME else getattr(pa, TYPES[dtype])()

    columns = [
        pa.field(
            column.name,
            type_of(column.dtype),
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in table.columns
    ]
    return pa.schema(columns, metadata={"table": table.name, "meaning": table.meaning})


PARQUET = Exporter("a folder with a file for each table", TARGETS, write_parquet, ("pyarrow",))
