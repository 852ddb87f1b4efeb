"""Many keys in one request: made, or wrapped under one key encryption key; answered line by line, as they are done.

The first chunk is done before the answer begins, so that a request that is refused as a whole is answered as any other
is. A chunk's lines are sent once it is durable. When the connection breaks, the chunk that is being done is the last.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, Literal

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY, IdempotencyKey, once_of
from keyferry.api.models.batches import (
    CreatedLine,
    ExportBatch,
    ExportBatchLine,
    ExportedLine,
    ExportTotals,
    ExportTotalsLine,
    KeyBatch,
    KeyBatchLine,
    KeyTotals,
    KeyTotalsLine,
    RefusedLine,
)
from keyferry.api.models.exports import ExportedFileAnswer
from keyferry.api.models.keys import KeyAnswer, KeyCreation
from keyferry.api.models.problem import Problem
from keyferry.api.problems import problem_members
from keyferry.api.routers import guarded_router
from keyferry.custody.export_batches import Passed
from keyferry.custody.exports import ExportedFile
from keyferry.custody.key_batches import WantedKey
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.once import Once
from keyferry.doors.workers import Workers
from keyferry.errors import KeyferryError

router = guarded_router("batches")


class Lines(StreamingResponse):
    """JSON documents, a line each."""

    media_type = "application/x-ndjson"


def _answers(line: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": line, "description": "A line for each item, in their order, and one of totals"}, **CHANGING}


@router.post("/key-batches", response_class=Lines, responses=_answers(KeyBatchLine))
async def generate_keys(
    body: KeyBatch, visit: Visiting, request: Request, idempotency_key: IdempotencyKey = None
) -> Response:
    """Generate up to 1,000 keys, each as by `POST /keys`.

    An item that does not fit, or is refused, has a line with its problem, and the others are made. Under an
    `Idempotency-Key`, a batch that is sent again after its connection broke makes only what is missing.
    """
    read = body.creations()
    wanted = [
        WantedKey(each.new_key(), _once_for(request, each, place, idempotency_key))
        for place, each in enumerate(read)
        if isinstance(each, KeyCreation)
    ]
    chunks = visit.custody.key_batches.generate(visit.caller, wanted)
    return await _lines(request, _key_lines(chunks, read))


@router.post(
    "/export-batches", response_class=Lines, responses=_answers(ExportBatchLine), dependencies=[NO_IDEMPOTENCY_KEY]
)
async def export_keys(body: ExportBatch, visit: Visiting, request: Request) -> Response:
    """Wrap the current versions of many keys under one key encryption key, each as by `POST /keys/{key}/exports`.

    The keys are named, up to 1,000; or they are all that a group or a user has and that may leave, however many.
    """
    passed = Passed()
    chunks = visit.custody.export_batches.export(visit.caller, body.chosen(), body.request(), passed)
    return await _lines(request, _export_lines(chunks, passed))


def _once_for(request: Request, item: KeyCreation, place: int, key: str | None) -> Once | None:
    """An item is told from others by its place; two that are alike are two keys."""
    return once_of(request, item, None if key is None else f"{key} {place}")


async def _lines(request: Request, lines: Iterator[str]) -> Response:
    workers: Workers = request.app.state.services.crew.batches
    following = partial(next, lines, None)
    first = await workers.run(following)

    async def sent() -> AsyncIterator[str]:
        chunk: str | None = first
        while chunk is not None:
            yield chunk
            chunk = await workers.run(following)  # cancelled when the connection has broken

    return Lines(sent())


class _Tally:
    """Writes the line of each item, and counts what became of them."""

    def __init__(self) -> None:
        self.items = 0
        self.count: Counter[str] = Counter()

    def line(self, outcome: KeyDetail | ExportedFile | KeyferryError) -> str:
        """The line of the next item."""
        line: CreatedLine | ExportedLine | RefusedLine
        if isinstance(outcome, KeyDetail):
            line = CreatedLine(index=self.items, outcome="created", key=KeyAnswer.of(outcome))
        elif isinstance(outcome, ExportedFile):
            exported = ExportedFileAnswer.with_file(outcome)
            line = ExportedLine(index=self.items, outcome="exported", export=exported)
        else:
            problem = Problem(**problem_members(outcome))
            word: Literal["refused", "failed"] = "failed" if problem.status == 500 else "refused"
            line = RefusedLine(index=self.items, outcome=word, problem=problem)
        self.items += 1
        self.count[line.outcome] += 1
        return line.model_dump_json(exclude_none=isinstance(line, RefusedLine)) + "\n"


def _key_lines(
    chunks: Iterator[list[KeyDetail | KeyferryError]], read: Sequence[KeyCreation | KeyferryError]
) -> Iterator[str]:
    """The lines of each chunk; those of items that do not fit stand in their places between them."""
    tally = _Tally()
    for chunk in chunks:
        lines = []
        for outcome in chunk:
            lines += _misfits(tally, read)
            lines.append(tally.line(outcome))
        yield "".join(lines)
    lines = _misfits(tally, read)
    count = tally.count
    totals = KeyTotals(items=tally.items, created=count["created"], refused=count["refused"], failed=count["failed"])
    yield "".join([*lines, KeyTotalsLine(totals=totals).model_dump_json(), "\n"])


def _misfits(tally: _Tally, read: Sequence[KeyCreation | KeyferryError]) -> list[str]:
    """The lines of the items that do not fit, from the next one on to the next that does."""
    lines = []
    while tally.items < len(read) and isinstance(misfit := read[tally.items], KeyferryError):
        lines.append(tally.line(misfit))
    return lines


def _export_lines(chunks: Iterator[list[ExportedFile | KeyferryError]], passed: Passed) -> Iterator[str]:
    tally = _Tally()
    for chunk in chunks:
        yield "".join([tally.line(outcome) for outcome in chunk])
    count = tally.count
    totals = ExportTotals(
        items=tally.items,
        exported=count["exported"],
        refused=count["refused"],
        failed=count["failed"],
        passed_over=passed.over,
    )
    yield ExportTotalsLine(totals=totals).model_dump_json() + "\n"
