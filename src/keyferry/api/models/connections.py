"""Connections to Azure, as requests and answers. No answer holds a credential."""

from typing import Annotated, Any

from pydantic import Field

from keyferry.api.models.users import cleared
from keyferry.api.models.values import (
    Answer,
    Flag,
    Line,
    Name,
    Reference,
    Request,
    SecretText,
    left_out,
    secret_of,
    when,
)
from keyferry.custody.connection_facts import MOST_VAULTS, Cloud
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.connection_writing import ConnectionEdit, NewConnection, endpoints_of
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.errors import InvalidInput

Vaults = Annotated[tuple[Line, ...], Field(max_length=MOST_VAULTS, examples=[["https://example.vault.azure.net"]])]
Groups = Annotated[tuple[Reference, ...], Field(max_length=500)]
Guid = Annotated[Line, Field(examples=["00000000-0000-0000-0000-000000000000"])]


class Endpoints(Request):
    """Where a custom cloud is: addresses `https://HOST[:PORT]`, and what follows a vault's name in its host."""

    authority: Line
    resource_manager: Line
    audience: Line | None = None
    graph: Line | None = None
    vault_suffix: Line
    managed_hsm_suffix: Line | None = None
    verify_challenge: Flag | None = None
    instance_discovery: Flag | None = None


class _Credential(Request):
    """One of the three."""

    client_secret: SecretText | None = None
    client_certificate: Annotated[
        SecretText | None, Field(description="PEM: the certificate and its private key, not encrypted.")
    ] = None
    managed_identity: Annotated[
        Flag, Field(description="The server's own identity in Azure; Keyferry holds no credential.")
    ] = False

    def credential(self) -> NewCredential | None:
        """As custody takes it; None where none is given.

        Raises:
            InvalidInput: more than one is given.
        """
        given = []
        if self.client_secret is not None:
            given.append(NewCredential(CredentialKind.CLIENT_SECRET, secret_of(self.client_secret)))
        if self.client_certificate is not None:
            given.append(NewCredential(CredentialKind.CLIENT_CERTIFICATE, secret_of(self.client_certificate)))
        if self.managed_identity:
            given.append(NewCredential(CredentialKind.MANAGED_IDENTITY))
        if len(given) > 1:
            raise _one_credential("More than one credential is given.")
        return given[0] if given else None


class ConnectionCreation(_Credential):
    """A sign-in to Azure for the server, for members of `groups`, to reach `vaults`. `endpoints` are a custom cloud's.

    `client_secret`, `client_certificate` or `managed_identity`: one of the three. A managed identity may go without
    `tenant_id` and `client_id`.
    """

    name: Annotated[Name, Field(examples=["production"])]
    description: Line | None = None
    cloud: Cloud = Cloud.PUBLIC
    endpoints: Endpoints | None = None
    tenant_id: Guid | None = None
    client_id: Guid | None = None
    vaults: Vaults = ()
    groups: Groups = ()

    def new_connection(self) -> NewConnection:
        """As custody takes it.

        Raises:
            InvalidInput: no credential is given, or more than one.
        """
        credential = self.credential()
        if credential is None:
            raise _one_credential("No credential is given.")
        return NewConnection(
            name=self.name,
            description=self.description,
            cloud=self.cloud.value,
            endpoints=None if self.endpoints is None else self.endpoints.model_dump(),
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            credential=credential,
            vaults=self.vaults,
            groups=self.groups,
        )


class ConnectionChange(_Credential):
    """What to change (RFC 7396): what is left out stays, null clears. Cloud, tenant and client stay as they are."""

    description: Line | None = None
    vaults: Vaults = left_out()
    groups: Groups = left_out()
    disabled: Flag = left_out()

    def edit(self) -> ConnectionEdit:
        """As custody takes it.

        Raises:
            InvalidInput: more than one credential is given.
        """
        return ConnectionEdit(
            description=cleared(self, "description"),
            credential=self.credential(),
            vaults=self.vaults,
            groups=self.groups,
            disabled=self.disabled,
        )


class ConnectionAnswer(Answer):
    """A connection. Of its credential there is the kind, when it was set, and of a certificate fingerprint and end."""

    id: str
    name: str
    description: str | None
    cloud: Cloud
    endpoints: dict[str, Any] | None
    tenant_id: str | None
    client_id: str | None
    credential: CredentialKind
    credential_set_at: str
    certificate_sha256: str | None
    certificate_expires_at: str | None
    vaults: list[str]
    groups: list[str]
    disabled: bool
    created_at: str
    created_by: str
    revision: int

    @classmethod
    def of(cls, detail: ConnectionDetail) -> "ConnectionAnswer":
        """Without the credential, sealed or not."""
        connection = detail.connection
        endpoints = endpoints_of(connection)
        return cls(
            id=connection.id,
            name=connection.name,
            description=connection.description,
            cloud=Cloud(connection.cloud),
            endpoints=None if endpoints is None else dict(endpoints),
            tenant_id=connection.tenant_id,
            client_id=connection.client_id,
            credential=CredentialKind(connection.credential_kind),
            credential_set_at=when(connection.credential_set_at) or "",
            certificate_sha256=connection.certificate_sha256,
            certificate_expires_at=when(connection.certificate_expires_at),
            vaults=list(detail.vaults),
            groups=list(detail.groups),
            disabled=connection.disabled,
            created_at=when(connection.created_at) or "",
            created_by=connection.created_by,
            revision=connection.revision,
        )


def _one_credential(detail: str) -> InvalidInput:
    return InvalidInput(
        detail,
        code="credential-refused",
        field="client_secret",
        advice="Give one of client_secret, client_certificate (PEM), and managed_identity (true).",
    )
