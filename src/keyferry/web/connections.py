"""Connections: sign-ins to Azure that the server holds. A credential goes in here, and never comes out."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from keyferry.custody.connection_facts import ENDPOINTS, Cloud
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.connection_writing import ConnectionEdit, NewConnection, endpoints_of
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret
from keyferry.web.addresses import connection_address
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit

#: the clouds whose addresses are known; those of a custom one are typed
_CLOUDS: Final = (
    (Cloud.PUBLIC.value, "Azure"),
    (Cloud.US_GOVERNMENT.value, "Azure US Government"),
    (Cloud.CHINA.value, "Azure in China"),
)
_WORDS: Final = {**dict(_CLOUDS), Cloud.CUSTOM.value: "another, at addresses of its own"}
_MOST: Final = 500

#: how the form calls an address of a custom cloud, as refusals do
_ENDPOINT: Final = "endpoints."
#: the addresses that are on or off: on, unless a custom cloud says otherwise
_FLAGS: Final = ("verify_challenge", "instance_discovery")


async def show(visit: Visit) -> Response:
    """A connection, without its credential."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    return visit.page("azure/connection.html", **_told(detail))


async def show_new(visit: Visit, form: Form) -> Response:
    """Make one."""
    first: dict[str, str | bool] = {"cloud": Cloud.PUBLIC.value, f"{_ENDPOINT}verify_challenge": True}
    shown = form if form.was_sent else Form.showing(**first)
    return visit.page("azure/connection_new.html", form=shown, clouds=_CLOUDS, groups=await _groups(visit))


async def create(visit: Visit, form: Form) -> Response:
    """Keep it; nothing is asked of Azure yet."""
    credential = _credential(form)
    if credential is None:
        raise InvalidInput(
            "No credential is given.",
            code="credential-refused",
            field="client_secret",
            advice="Give a client secret or a certificate, or choose the server's managed identity.",
        )
    new = NewConnection(
        name=form.text("name"),
        description=form.optional("description"),
        cloud=Cloud.CUSTOM.value if form.ticked("custom_cloud") else form.text("cloud"),
        endpoints=_endpoints(form),
        tenant_id=form.optional("tenant_id"),
        client_id=form.optional("client_id"),
        credential=credential,
        vaults=tuple(form.lines("vaults")),
        groups=tuple(form.all("groups")),
    )
    try:
        made = await visit.ask(visit.custody.connections.create, new)
    except InvalidInput as refusal:
        if refusal.field != "endpoints":
            raise
        advice = "Tick the box to use the addresses below it; or leave them all empty."
        raise InvalidInput(refusal.detail, field="custom_cloud", advice=advice) from None
    said = f"The connection {made.connection.name} was created."
    return visit.go(connection_address(made.connection), said)


async def show_edit(visit: Visit, form: Form) -> Response:
    """Change what it reaches, who may use it, or renew its credential."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    shown = form if form.was_sent else _form_of(detail)
    return visit.page("azure/connection_edit.html", form=shown, groups=await _groups(visit), **_told(detail))


async def edit(visit: Visit, form: Form) -> Response:
    """Change it; a credential that is left empty stays."""
    wanted = ConnectionEdit(
        description=form.text("description"),
        credential=_credential(form),
        vaults=tuple(form.lines("vaults")),
        groups=tuple(form.all("groups")),
        disabled=form.ticked("disabled"),
    )
    edit_ = visit.custody.connections.edit
    detail = await visit.ask(edit_, visit.path("name"), wanted, revision=form.whole_number("revision"))
    return visit.go(connection_address(detail.connection), "The connection was changed.")


async def show_delete(visit: Visit, form: Form) -> Response:
    """Ask for its name to be typed."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    return visit.page("azure/connection_delete.html", form=form, detail=detail)


async def delete(visit: Visit, form: Form) -> Response:
    """Delete it: its credential is erased."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    name = detail.connection.name
    require_typed(form, name, "the connection's name")
    await visit.ask(visit.custody.connections.delete, detail.connection.id)
    return visit.go("/azure", f"The connection {name} was deleted.")


async def _groups(visit: Visit) -> list[tuple[str, str]]:
    found = await visit.ask(visit.custody.groups.list, size=_MOST)
    return [(group.name, group.name) for group in found.items]


def _endpoints(form: Form) -> Mapping[str, Any] | None:
    """The addresses of a custom cloud as they were typed; None where none were, and none are wanted.

    Some that were typed for another cloud are not let fall in silence: custody refuses them.
    """
    lines = {name: form.optional(_ENDPOINT + name) for name in ENDPOINTS if name not in _FLAGS}
    if not form.ticked("custom_cloud") and not any(lines.values()):
        return None
    return lines | {name: form.ticked(_ENDPOINT + name) for name in _FLAGS}


def _told(detail: ConnectionDetail) -> dict[str, Any]:
    """What the pages of a connection say of it."""
    endpoints = endpoints_of(detail.connection)
    return {"detail": detail, "cloud": _WORDS[detail.connection.cloud], "endpoints": endpoints}


def _credential(form: Form) -> NewCredential | None:
    """What was given; None where nothing was.

    Raises:
        InvalidInput: more than one was given.
    """
    secret, certificate = form.text("client_secret"), form.file("client_certificate")
    given = []
    if secret:
        given.append(NewCredential(CredentialKind.CLIENT_SECRET, Secret(secret.encode())))
    if certificate is not None:
        given.append(NewCredential(CredentialKind.CLIENT_CERTIFICATE, Secret(certificate.data)))
    if form.ticked("managed_identity"):
        given.append(NewCredential(CredentialKind.MANAGED_IDENTITY))
    if len(given) > 1:
        raise InvalidInput(
            "More than one credential is given.", code="credential-refused", field="client_secret", advice="Give one."
        )
    return given[0] if given else None


def _form_of(detail: ConnectionDetail) -> Form:
    return Form.showing(
        description=detail.connection.description or "",
        vaults="\n".join(detail.vaults),
        groups=detail.groups,
        disabled=detail.connection.disabled,
        revision=str(detail.connection.revision),
    )


routes = [
    form_page("/azure/connections/new", show_new, create),
    page("/azure/connections/{name}", show),
    form_page("/azure/connections/{name}/edit", show_edit, edit),
    form_page("/azure/connections/{name}/delete", show_delete, delete),
]
