"""Many keys in one request, and the lines that it is answered with."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from keyferry.api.models.exports import ExportedFileAnswer, KekGiven
from keyferry.api.models.keys import KeyAnswer, KeyCreation
from keyferry.api.models.problem import Problem
from keyferry.api.models.values import Answer, Flag, Reference, Request
from keyferry.api.problems import misfit
from keyferry.custody.export_batches import OwnersKeys
from keyferry.errors import InvalidInput, KeyferryError

#: keys in a batch
MOST = 1000


# Read one by one, so that one that does not fit is an item that is refused.
Item = Annotated[
    dict[str, Any],
    Field(description="As the body of `POST /keys`.", examples=[{"type": "rsa-2048", "name": "tenant-0001"}]),
]


class KeyBatch(Request):
    """Keys to generate. One that does not fit, or is refused, does not keep the others from being made."""

    keys: Annotated[list[Item], Field(min_length=1, max_length=MOST)]

    def creations(self) -> list[KeyCreation | KeyferryError]:
        """Each item as it was read, or what it is refused with as it does not fit."""
        return [_read(given) for given in self.keys]


class ExportBatch(KekGiven):
    """Keys to wrap under one key encryption key: the `keys` named, or `all` that a group or a user has.

    Of an owner's keys, those leave that may: exportable, and their current version active.
    """

    keys: Annotated[list[Reference], Field(min_length=1, max_length=MOST)] | None = None
    all: Flag = False
    group: Reference | None = None
    owner: Reference | None = None

    def chosen(self) -> list[str] | OwnersKeys:
        """As custody takes it.

        Raises:
            InvalidInput: keys and all of them, or neither; or an owner of keys that are named.
        """
        if (self.keys is None) != self.all:
            raise InvalidInput(
                "Name the keys, or ask for all of an owner's.",
                field="keys",
                advice="Give `keys`, or `all` with `group` or `owner`.",
            )
        if self.keys is None:
            return OwnersKeys(self.group, self.owner)
        if self.group is not None or self.owner is not None:
            raise InvalidInput(
                "An owner is named, and the keys are too.",
                field="owner" if self.group is None else "group",
                advice="Name the owner together with `all`, or the keys alone.",
            )
        return self.keys


class RefusedLine(Answer):
    """What became of one item: nothing. `failed` says that it was the server's fault."""

    index: int
    outcome: Literal["refused", "failed"]
    problem: Problem


class CreatedLine(Answer):
    """What became of one item: a key."""

    index: int
    outcome: Literal["created"]
    key: KeyAnswer


class ExportedLine(Answer):
    """What became of one item: an export and its file, handed out this once."""

    index: int
    outcome: Literal["exported"]
    export: ExportedFileAnswer


class KeyTotals(Answer):
    """How many items there were, and what became of them."""

    items: int
    created: int
    refused: int
    failed: int


class ExportTotals(Answer):
    """How many items there were, and what became of them; `passed_over` are an owner's keys that may not leave."""

    items: int
    exported: int
    refused: int
    failed: int
    passed_over: int


class KeyTotalsLine(Answer):
    """The last line: without it, the answer was cut off."""

    totals: KeyTotals


class ExportTotalsLine(Answer):
    """The last line: without it, the answer was cut off."""

    totals: ExportTotals


KeyBatchLine = CreatedLine | RefusedLine | KeyTotalsLine
ExportBatchLine = ExportedLine | RefusedLine | ExportTotalsLine

_CREATION: TypeAdapter[KeyCreation] = TypeAdapter(KeyCreation)


def _read(given: dict[str, Any]) -> KeyCreation | KeyferryError:
    try:
        return _CREATION.validate_python(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return misfit([(".".join(str(part)[:64] for part in each["loc"]) or "key", each["msg"]) for each in found])[0]
    except KeyferryError as refusal:
        return refusal
