"""Add or import new key."""

from typing import Final

from starlette.responses import Response

from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.custody.policy import Operation, Relation, Role
from keyferry.custody.schedules import BEFORE, EVERY, Schedule
from keyferry.errors import InvalidInput, KeyferryError
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.secret import Secret
from keyferry.web.forms import Form
from keyferry.web.pages import form_page
from keyferry.web.templates import BLANK
from keyferry.web.visits import Visit, address

GENERATE: Final = "generate"
IMPORT: Final = "import"
SYMMETRIC: Final = "symmetric"
ASYMMETRIC: Final = "asymmetric"
OF_GROUP: Final = "group"
OF_USER: Final = "user"

#: how many groups and users an Administrator chooses among; with more, their names are typed
MOST_CHOICES: Final = 100

_RSA: Final = "rsa-2048"
_AES: Final = "aes-256"
#: custody's words for fields that the form has under another name
_FIELDS: Final = {EVERY: "rotate_every", BEFORE: "rotate_before"}


async def show(visit: Visit, form: Form) -> Response:
    """The form, with what the person may choose."""
    await visit.require(Operation.KEY_GENERATE, Relation.OWN)
    groups, users = await _owners(visit)
    if not form.was_sent:
        form = Form.showing(
            how=GENERATE,
            kind=ASYMMETRIC,
            asymmetric_type=_RSA,
            symmetric_type=_AES,
            owned_by=OF_GROUP if groups or visit.is_administrator else OF_USER,
            group=visit.person.default_group or "",
            activated=True,
            exportable=True,
        )
    return visit.page(
        "keys/new.html",
        form=form,
        groups=groups,
        users=users,
        types={
            ASYMMETRIC: [name for name, row in ALGORITHMS.items() if not row.symmetric],
            SYMMETRIC: [name for name, row in ALGORITHMS.items() if row.symmetric],
        },
        usages=[(usage.value, usage.value) for usage in Usage],
    )


async def add(visit: Visit, form: Form) -> Response:
    """Generate or import it, and say so."""
    try:
        made = await _made(visit, form)
    except KeyferryError as refusal:
        refusal.field = _FIELDS.get(refusal.field or "", refusal.field)
        raise
    done = "imported" if form.text("how") == IMPORT else "created"
    return visit.go(address("keys", made.id), f"The key {made.key.name or BLANK} was {done}.")


async def _made(visit: Visit, form: Form) -> KeyDetail:
    new = _new_key(form)
    if form.text("how") != IMPORT:
        return await visit.ask(visit.custody.keys.generate, new)
    passphrase = form.raw("passphrase")
    secret = Secret(passphrase.encode()) if passphrase else None
    return await visit.ask(visit.custody.keys.import_, new, _material(form), passphrase=secret)


def _new_key(form: Form) -> NewKey:
    usages = form.all("usages")
    of_group = form.text("owned_by") == OF_GROUP
    return NewKey(
        algorithm=form.text("symmetric_type" if form.text("kind") == SYMMETRIC else "asymmetric_type"),
        name=form.optional("name"),
        description=form.optional("description"),
        group=_named(form, "group", "Choose the Key Group.") if of_group else None,
        owner=None if of_group else _named(form, "owner", "Choose the Key Owner."),
        activated=form.ticked("activated"),
        exportable=form.ticked("exportable"),
        usages=tuple(usages) if usages else None,
        activation_date=form.date("activation_date"),
        deactivation_date=form.date("deactivation_date"),
        rotation=Schedule(form.whole_number("rotate_every"), form.whole_number("rotate_before")),
    )


def _named(form: Form, field: str, advice: str) -> str:
    given = form.text(field)
    if not given:
        raise InvalidInput("Nobody is named who shall own the key.", field=field, advice=advice)
    return given


def _material(form: Form) -> bytes:
    """The key as it was given: a file, or a text.

    Raises:
        InvalidInput: both, or neither.
    """
    file, text = form.file("material"), form.raw("material_text")
    if (file is None) == (not text.strip()):
        what = "The key is given twice." if file is not None else "There is no key to import."
        raise InvalidInput(what, field="material", advice="Choose its file, or paste it as a text.")
    return text.encode() if file is None else file.data


async def _owners(visit: Visit) -> tuple[list[str] | None, list[str] | None]:
    """The groups and the users whose key it may become; None where there are too many to choose among."""
    if not visit.is_administrator:
        return list(visit.person.groups), [visit.person.user.name]
    size = min(MOST_CHOICES, visit.console.services.settings.max_page)
    groups = await visit.ask(visit.custody.groups.list, size=size)
    users = await visit.ask(visit.custody.users.list, size=size)
    may_own = [each.user.name for each in users.items if Role(each.user.role).handles_keys]
    return (
        None if groups.next else sorted(each.name for each in groups.items),
        None if users.next else sorted(may_own),
    )


routes = [form_page("/keys/new", show, add)]
