"""The audit log as a file: JSON Lines for programs, CSV for spreadsheets. It is sent while it is read, in pieces."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from keyferry import clock
from keyferry.clock import SECOND, to_rfc3339
from keyferry.custody.audit_chain import Head
from keyferry.doors.workers import Workers
from keyferry.store.records import AuditEvent

#: a cell that begins with one of these is a formula to a spreadsheet (CWE-1236)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

COLUMNS: Final = (
    "number",
    "at",
    "operation",
    "outcome",
    "code",
    "actor_id",
    "actor_name",
    "token_id",
    "address",
    "object_type",
    "object_id",
    "object_name",
    "object_revision",
    "version_id",
    "version_revision",
    "details",
    "id",
    "leaf_hash",
    "head",
)


class ExportForm(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON_LINES = "jsonl"


FORMS: Final = frozenset(form.value for form in ExportForm)
_MEDIA_TYPES: Final = {ExportForm.CSV: "text/csv; charset=utf-8", ExportForm.JSON_LINES: "application/x-ndjson"}


def export_answer(pieces: Iterator[Sequence[AuditEvent]], form: ExportForm, workers: Workers) -> Response:
    """The file, sent piece by piece as `pieces` are read in `workers`. What fails midway breaks the answer off, so that
    nobody takes a part for the whole.
    """
    today = datetime.fromtimestamp(clock.now() / SECOND, UTC).strftime("%Y-%m-%d")
    headers = {"Content-Disposition": f'attachment; filename="keyferry-audit-{today}.{form.value}"'}
    return StreamingResponse(_sent(pieces, form, workers), media_type=_MEDIA_TYPES[form], headers=headers)


async def _sent(pieces: Iterator[Sequence[AuditEvent]], form: ExportForm, workers: Workers) -> AsyncIterator[bytes]:
    write = _WRITERS[form]
    if form is ExportForm.CSV:
        yield _csv_lines([COLUMNS])
    while True:
        piece = await workers.run(partial(_written, pieces, write))
        if piece is None:
            break
        yield piece


def _written(pieces: Iterator[Sequence[AuditEvent]], write: Callable[[Sequence[AuditEvent]], bytes]) -> bytes | None:
    piece = next(pieces, None)
    return None if piece is None else write(piece)


def document(event: AuditEvent) -> dict[str, Any]:
    """An event as REST tells it."""
    head = None if event.number is None or event.head is None else str(Head(event.number, event.head))
    return {
        **{name: getattr(event, name) for name in COLUMNS if name not in {"id", "at", "details", "leaf_hash", "head"}},
        "id": event.uid,
        "at": to_rfc3339(event.at),
        "details": json.loads(event.details),
        "leaf_hash": None if event.leaf_hash is None else event.leaf_hash.hex(),
        "head": head,
    }


def json_lines(events: Sequence[AuditEvent]) -> bytes:
    """A line of JSON for each event."""
    lines = (json.dumps(document(event), ensure_ascii=False, separators=(",", ":")) for event in events)
    return "".join(f"{line}\n" for line in lines).encode()


def csv_lines(events: Sequence[AuditEvent]) -> bytes:
    """A line of RFC 4180 for each event."""
    return _csv_lines([[_cell(document(event)[name]) for name in COLUMNS] for event in events])


def _csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula: an apostrophe goes before what would begin one."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


_WRITERS: Final = {ExportForm.CSV: csv_lines, ExportForm.JSON_LINES: json_lines}
