"""Connections: sign-ins to Azure that the server holds. A credential goes in here, and never comes out."""

from typing import Final

from starlette.responses import Response

from keyferry.custody.connection_facts import Cloud
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.connection_writing import ConnectionEdit, NewConnection
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret
from keyferry.web.addresses import connection_address
from keyferry.web.forms import Form, require_typed
from keyferry.web.pages import form_page, page
from keyferry.web.visits import Visit

#: the clouds whose addresses are known; a custom one is made with the command line
_CLOUDS: Final = (
    (Cloud.PUBLIC.value, "Azure"),
    (Cloud.US_GOVERNMENT.value, "Azure US Government"),
    (Cloud.CHINA.value, "Azure in China"),
)
_MOST: Final = 500


async def show(visit: Visit) -> Response:
    """A connection, without its credential."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    return visit.page("azure/connection.html", detail=detail)


async def show_new(visit: Visit, form: Form) -> Response:
    """Make one."""
    shown = form if form.was_sent else Form.showing(cloud=Cloud.PUBLIC.value, credential="client-secret")
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
        cloud=form.text("cloud"),
        tenant_id=form.optional("tenant_id"),
        client_id=form.optional("client_id"),
        credential=credential,
        vaults=tuple(form.lines("vaults")),
        groups=tuple(form.all("groups")),
    )
    made = await visit.ask(visit.custody.connections.create, new)
    said = f"The connection {made.connection.name} was created."
    return visit.go(connection_address(made.connection), said)


async def show_edit(visit: Visit, form: Form) -> Response:
    """Change what it reaches, who may use it, or renew its credential."""
    detail = await visit.ask(visit.custody.connections.show, visit.path("name"))
    shown = form if form.was_sent else _form_of(detail)
    return visit.page("azure/connection_edit.html", form=shown, detail=detail, groups=await _groups(visit))


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
