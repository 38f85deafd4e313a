"""How records of the rides are shown in Dagster: the columns of a table, and rows as a table.

The descriptions are those of the fields of a record, and there alone.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from pydantic import TypeAdapter

from sales_assets.http.secrets import shown

_SQL_TYPES = {"string": "TEXT", "number": "REAL", "integer": "INTEGER"}
_LONGEST_TEXT = 80


def column_schema(record: type) -> dg.TableSchema:
    """Describe the table whose rows are records; its key is the first column.

    Args:
        record: A `TypedDict` whose fields are text, floats and integers with a description.
    """
    fields: dict[str, Any] = TypeAdapter(record).json_schema()["properties"]
    key = next(iter(fields))
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                _SQL_TYPES[field["type"]],
                field["description"],
                dg.TableColumnConstraints(nullable=False, unique=name == key),
            )
            for name, field in fields.items()
        ]
    )


def table(schema: dg.TableSchema, rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Make a table of rows; what the UI cannot show is made text, and long texts are cut."""
    records = [dg.TableRecord({name: short(value) for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def short(value: Any) -> Any:
    """Make a value fit for metadata.

    Dagster's UI cannot show infinite numbers or endless texts; nobody shows secrets.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return shown(value, _LONGEST_TEXT) if isinstance(value, str) else value
