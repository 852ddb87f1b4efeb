"""Authenticate via Client Cert: what a person asks for in a form, of whichever page, and what it came to."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from keyferry.clock import DAY, Microseconds
from keyferry.custody.certificates import BundleForm, IssuedCertificate, NewCertificate, judge_upload, require_sound
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.material.secret import Secret
from keyferry.store.records import Certificate, User
from keyferry.web.forms import Form
from keyferry.web.visits import Visit

#: the fields of the form, by the names that refusals have for them
_FIELDS: Final[Mapping[str, str]] = {
    "name": "certificate_name",
    "lifetime": "certificate_days",
    "key_type": "certificate_key_type",
    "password": "certificate_password",
    "certificate": "certificate_file",
}
FIELDS: Final = ("certificate", *_FIELDS.values())
#: what a form shows at first
DEFAULTS: Final[Mapping[str, str]] = {
    "certificate": "generate",
    "certificate_days": "365",
    "certificate_format": "pkcs12",
    "certificate_key_type": "ec-p256",
}


@dataclass(frozen=True, slots=True)
class Brought:
    """A certificate of the person's own."""

    name: str
    pem: bytes
    lifetime: Microseconds | None


def wanted_certificate(form: Form) -> NewCertificate | Brought | None:
    """What the form asks for, judged as far as that needs no look at the store; None for no certificate.

    Raises:
        InvalidInput: a field will not do.
    """
    with naming_fields():
        kind = form.text("certificate")
        if kind == "upload":
            return _brought(form)
        if kind != "generate":
            return None
        password = form.raw("certificate_password")
        new = NewCertificate(
            name=form.text("certificate_name"),
            lifetime=(_days(form) or 0) * DAY,
            key_type=form.text("certificate_key_type"),
            form=BundleForm.PEM if form.text("certificate_format") == "pem" else BundleForm.PKCS12,
            password=Secret(password.encode()) if password else None,
        )
        require_sound(new)
        return new


async def bind(visit: Visit, wanted: NewCertificate | Brought, user: str | None) -> IssuedCertificate | Certificate:
    """Have it issued, or take it, for a user; for the person without one."""
    certificates = visit.custody.certificates
    with naming_fields():
        if isinstance(wanted, NewCertificate):
            return await visit.ask(certificates.issue, wanted, user=user)
        return await visit.ask(certificates.upload, wanted.name, wanted.pem, user=user, lifetime=wanted.lifetime)


def answer(visit: Visit, user: User, bound: IssuedCertificate | Certificate, back: str, said: str) -> Response:
    """What came of it: the page that holds the file of an issued one, this once; or the page to go back to.

    Args:
        said: what was done before, in a sentence; empty for nothing.
    """
    if isinstance(bound, Certificate):
        return visit.go(back, f"{said} The certificate {bound.name} was taken.".strip())
    return visit.page(
        "certificates/made.html",
        user=user,
        certificate=bound.certificate,
        bundle=bound.bundle,
        data=base64.b64encode(bound.bundle.content.reveal()).decode(),
        back=back,
        said=said,
    )


@contextmanager
def naming_fields() -> Iterator[None]:
    """Let what is refused inside be shown beside the form's own fields."""
    try:
        yield
    except KeyferryError as refusal:
        refusal.field = None if refusal.field is None else _FIELDS.get(refusal.field, refusal.field)
        raise


def _brought(form: Form) -> Brought:
    chosen = form.file("certificate_file")
    if chosen is None:
        raise InvalidInput(
            "No certificate was chosen.", field="certificate", advice="Choose its PEM file, without the private key."
        )
    days = _days(form)
    brought = Brought(form.text("certificate_name"), chosen.data, None if days is None else days * DAY)
    judge_upload(brought.name, brought.pem, brought.lifetime)
    return brought


def _days(form: Form) -> int | None:
    return form.whole_number("certificate_days")
