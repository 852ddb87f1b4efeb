"""Export Key: wrapping a key under a key encryption key, and handing the transfer file out, once.

The answer to the form is the one place where the file ever is: a page that says what left, and holds the file as a
`data:` link. A script follows that link at once, so that the file is downloaded; without one, the person clicks.
"""

import base64
import binascii
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from keyferry.byok.destinations import DESTINATIONS
from keyferry.byok.kek import MAX_BYTES, read_kek
from keyferry.custody.export_rules import Request, terms_of
from keyferry.custody.exports import Preview
from keyferry.custody.policy import Covered
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.web.forms import Form
from keyferry.web.key_copies import host_of
from keyferry.web.key_page import policies_of
from keyferry.web.pages import action, form_page
from keyferry.web.visits import Visit

#: fields by which a public key that was read well stays in a form that is shown again: browsers send no file twice
KEPT, KEPT_NAME = "kept_public_key", "kept_name"
_FIRST: Final = next(iter(DESTINATIONS))


async def show_export(visit: Visit, form: Form) -> Response:
    """Type, Public Key and Key id; with what was refused of them."""
    if visit.wants_part:
        return visit.part("key/preview.html", form=form, found=None)
    return await _page(visit, form, None)


async def export(visit: Visit, form: Form) -> Response:
    """Wrap the key, record that it left, and answer the file."""
    file = await visit.ask(visit.custody.exports.export, visit.path("id"), _request_of(form))
    return visit.page(
        "key/exported.html",
        file=file,
        key_id=file.export.key_id,
        host=host_of(file.export.key_identifier),
        data=base64.b64encode(file.content).decode(),
    )


async def preview(visit: Visit, form: Form) -> Response:
    """What an export would do. Nothing is asked of custody while a field is missing or does not read well."""
    if visit.wants_part and not (_public_key(form) and form.text("key_identifier")):
        return visit.part("key/preview.html", form=form, found=None)
    request = _request_of(form)
    terms_of(request)
    found = await visit.ask(visit.custody.exports.preview, visit.path("id"), request)
    if visit.wants_part:
        return visit.part("key/preview.html", form=form, found=found)
    return await _page(visit, form, found)


async def _page(visit: Visit, form: Form, found: Preview | None) -> Response:
    detail = await visit.ask(visit.custody.keys.show, visit.path("id"))
    choices = await visit.ask(visit.custody.key_choices.show, detail.key.id)
    return visit.page(
        "key/export.html",
        key=detail.key,
        detail=detail,
        refusal=choices.refusal("key.export"),
        form=_with_kept(form) if form.was_sent else Form.showing(destination=_FIRST),
        types=[(each.name, each.label) for each in DESTINATIONS.values()],
        found=found,
        policies=[
            each for each in await policies_of(visit, detail) if each[1] and Covered.EXPORT in each[1].operations
        ],
    )


def _request_of(form: Form) -> Request:
    """
    Raises:
        InvalidInput: a field is empty.
    """
    public_key = _public_key(form)
    if not form.text("key_identifier"):
        raise InvalidInput(
            "The Key id is missing.",
            field="key_identifier",
            advice="Copy the Key Identifier from the page of the key encryption key's current version in the vault.",
        )
    if not public_key:
        raise InvalidInput(
            "The Public Key is missing.",
            field="public_key",
            advice="Drag the .pem here that 'Download public key' in the vault gave you, or choose it.",
        )
    return Request(form.text("destination") or _FIRST, form.text("key_identifier"), public_key)


def _public_key(form: Form) -> bytes:
    """The file that was chosen, else the one that the form has kept; empty for none."""
    chosen = form.file("public_key")
    if chosen is not None:
        return chosen.data
    try:
        return base64.b64decode(form.text(KEPT), validate=True)
    except binascii.Error:
        return b""


def _with_kept(form: Form) -> Form:
    """The form, with a public key that reads well kept in it. Anything else, such as a private key, is not."""
    data, chosen = _public_key(form), form.file("public_key")
    name = form.text(KEPT_NAME) if chosen is None else chosen.name
    kept = {KEPT: [base64.b64encode(data).decode()], KEPT_NAME: [name]} if _reads_well(data) else {}
    others = {field: values for field, values in form.values.items() if field not in {KEPT, KEPT_NAME}}
    return replace(form, values={**others, **kept}, files={})


def _reads_well(data: bytes) -> bool:
    if not data or len(data) > MAX_BYTES:
        return False
    try:
        read_kek(data)
    except KeyferryError:
        return False
    return True


routes = [
    form_page("/keys/{id}/export", show_export, export),
    action("/keys/{id}/export/preview", preview, show_export),
]
