"""What a person sent in a form, and what was wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request

from keyferry.clock import SECOND, Microseconds
from keyferry.errors import InvalidInput, KeyferryError

#: fields that no page ever gives back
SECRET: Final = frozenset(
    {
        *("client_secret", "password", "password_again", "current_password", "passphrase", "material_text", "csrf"),
        *("code", "current_code", "passkey", "ticket", "certificate_password"),
    }
)
MOST_FIELDS: Final = 200
MOST_FILES: Final = 4

#: marks a form that a sign-in has interrupted: it is shown again, and nothing is done
RESUMED: Final = "resumed"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, and, once it was refused, the refusal.

    Attributes:
        values: by the field's name; what a field that was not sent holds, is the page's to say.
        was_sent: False for a form that is shown for the first time.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)
    refusal: KeyferryError | None = None
    was_sent: bool = False

    @classmethod
    def showing(cls, **values: str | Sequence[str] | bool | None) -> "Form":
        """A form that is shown with these values; True is a box that is ticked."""
        return cls({name: _listed(value) for name, value in values.items()})

    def text(self, name: str) -> str:
        """A field as it was typed, without the blanks around it; empty if it was not sent."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """A field to the letter: a password's blanks are part of it."""
        found = self.values.get(name, ())
        return found[0] if found else ""

    def optional(self, name: str) -> str | None:
        """A field that may be left empty: None then."""
        return self.text(name) or None

    def all(self, name: str) -> list[str]:
        """Every value of a field that may be chosen several times, the empty ones left out."""
        return [each.strip() for each in self.values.get(name, ()) if each.strip()]

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.values.get(name))

    def lines(self, name: str) -> list[str]:
        """A text's lines, also separated by commas, the empty ones left out."""
        return [each.strip() for each in self.raw(name).replace(",", "\n").splitlines() if each.strip()]

    def date(self, name: str) -> Microseconds | None:
        """A date and time as `<input type=datetime-local>` sends it, taken as UTC; None for none.

        Raises:
            InvalidInput: it is no date.
        """
        given = self.text(name)
        if not given:
            return None
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise InvalidInput(
                f"{given[:40]!r} is no date.", field=name, advice="Give date and time, such as 2030-01-31T12:00."
            ) from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return int(moment.timestamp()) * SECOND

    def whole_number(self, name: str) -> int | None:
        """A whole number that is not below zero, or None for an empty field.

        Raises:
            InvalidInput: it is none.
        """
        given = self.text(name)
        if not given:
            return None
        if not given.isascii() or not given.isdecimal() or len(given) > 9:
            raise InvalidInput(f"{given[:20]!r} is no whole number.", field=name, advice="Give digits alone.")
        return int(given)

    def file(self, name: str) -> Upload | None:
        """A file that was chosen; None if none was."""
        return self.files.get(name)

    def refused(self, refusal: KeyferryError) -> "Form":
        """The same form, to be shown again beside what was wrong with it."""
        return replace(self, refusal=refusal)

    def error(self, *names: str) -> KeyferryError | None:
        """The refusal, if it is about one of these fields, or about a part (`field.part`) of one."""
        refusal = self.refusal
        if refusal is None or refusal.field is None:
            return None
        return refusal if refusal.field in names or refusal.field.partition(".")[0] in names else None

    @property
    def resumed(self) -> bool:
        """Whether it comes from a page that a sign-in has interrupted."""
        return self.ticked(RESUMED)


async def read_form(request: Request) -> Form:
    """The form that a request brings, whole.

    Raises:
        InvalidInput: it has too many fields or files, or cannot be read.
    """
    values: dict[str, list[str]] = {}
    files: dict[str, Upload] = {}
    async with request.form(max_fields=MOST_FIELDS, max_files=MOST_FILES) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    files[name] = Upload(value.filename, await value.read())
            else:
                values.setdefault(name, []).append(value)
    return Form(values, files, was_sent=True)


def require_typed(form: Form, expected: str, what: str) -> None:
    """
    Raises:
        InvalidInput: the name of what shall be destroyed was not typed to the letter.
    """
    if form.text("typed") != expected:
        raise InvalidInput(
            f"What was typed is not {what}.", field="typed", advice=f"Type {expected} to confirm. Nothing was changed."
        )


def _listed(value: object) -> Sequence[str]:
    if value is None or value is False:
        return ()
    if value is True:
        return ("on",)
    if isinstance(value, str):
        return (value,)
    assert isinstance(value, Sequence)
    return tuple(value)
