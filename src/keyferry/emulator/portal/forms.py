"""What a form says, and what is wrong with it."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from keyferry.emulator.failures import AzureFailure

MAX_FIELDS: Final = 100
MAX_FILES: Final = 4
#: of a field that is no file
MAX_TEXT: Final = 16 * 1024
#: the field of what is wrong with a form as a whole
WHOLE: Final = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was sent with a form; its content may be a secret."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The fields of a form as they were sent: the first of each name counts, without spaces around it."""

    texts: Mapping[str, str]
    files: Mapping[str, File]

    def text(self, name: str) -> str:
        """What a field says; empty where it was not sent."""
        return self.texts.get(name, "").strip()

    def file(self, name: str) -> File | None:
        """The file of a field; None where none was chosen."""
        return self.files.get(name)


NOTHING: Final = Submitted({}, {})


class Refused(Exception):
    """A form that will not do.

    Args:
        fields: what to correct, by the name of the field; `WHOLE` for what is about no field alone.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)

    @classmethod
    def because(cls, failure: AzureFailure, name: str) -> "Refused":
        """What a plane's refusal makes of a form: its own words, beside a field."""
        return cls({name: failure.message})


def require(problems: Mapping[str, str | None]) -> None:
    """Raises Refused with every problem there is, in their order."""
    found = {name: problem for name, problem in problems.items() if problem is not None}
    if found:
        raise Refused(found)


def one_of(value: str, known: Iterable[str], problem: str) -> str | None:
    """The problem, unless the value is a known one."""
    return None if value in known else problem


class _InMemory(MultiPartParser):
    """Files are kept in memory, whatever their size: a private key is written to no temporary file on the way."""

    spool_max_size = 1 << 30


async def parse(headers: Headers, body: bytes) -> Submitted:
    """Read the body of a form.

    Raises:
        AzureFailure: 400 BadRequest, it is no form, or has more fields than any form of the portal.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            form = await _InMemory(
                headers, _stream(body), max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT
            ).parse()
        elif kind == "application/x-www-form-urlencoded":
            form = await FormParser(headers, _stream(body), max_fields=MAX_FIELDS, max_part_size=MAX_TEXT).parse()
        else:
            raise AzureFailure(400, "BadRequest", "The request is no form.")
    except MultiPartException:
        raise AzureFailure(400, "BadRequest", "The form cannot be read, or one of its fields is too long.") from None
    try:
        return await _submitted(form)
    finally:
        await form.close()


async def _submitted(form: FormData) -> Submitted:
    texts: dict[str, str] = {}
    files: dict[str, File] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files.setdefault(name, File(value.filename, await value.read()))
        else:
            texts.setdefault(name, value)
    return Submitted(texts, files)


async def _stream(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
