"""The gradebook as CSV: one row per submission; and a second table in the columns of somebody's platform."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from graders.classroom.ledger import Entry

EXERCISES = tuple(f"exercise{number}" for number in range(1, 6))
COLUMNS = ("student", *EXERCISES, "bonus", "total", "status", "isolation", "fingerprint", "graded_at", "report")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ColumnError(Exception):
    """A column map that says nothing useful; the message says what was expected."""


def row(entry: Entry) -> dict[str, str]:
    """The cells of one submission; an exercise that was not graded has an empty one."""
    points = {name: str((entry.exercises or {}).get(name, "")) for name in EXERCISES}
    has_points = entry.exercises is not None
    return {
        "student": entry.student,
        **points,
        "bonus": str(entry.bonus) if has_points else "",
        "total": str(entry.total) if has_points else "",
        "status": entry.status,
        "isolation": entry.isolation,
        "fingerprint": entry.fingerprint,
        "graded_at": entry.graded_at,
        "report": entry.report,
    }


def as_csv(entries: Sequence[Entry], columns: Mapping[str, str] | None = None) -> str:
    """The table; `columns` maps its own headings to the gradebook's, and leaves out all others."""
    chosen = columns or {name: name for name in COLUMNS}
    with io.StringIO() as text:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([neutral(heading) for heading in chosen])
        for entry in entries:
            cells = row(entry)
            writer.writerow([neutral(cells[name]) for name in chosen.values()])
        return text.getvalue()


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def parse_columns(text: str) -> dict[str, str]:
    """Read HEADING=COLUMN,HEADING=COLUMN,…; raises `ColumnError`."""
    found = {}
    for part in text.split(","):
        heading, equals, name = part.rpartition("=")
        if not equals or not heading.strip() or name.strip() not in COLUMNS:
            raise ColumnError(f"--columns {part!r}: expected HEADING=COLUMN with one of {', '.join(COLUMNS)}")
        found[heading.strip()] = name.strip()
    return found
