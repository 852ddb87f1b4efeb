"""Exports and key encryption keys, as requests and answers."""

import base64
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from keyferry.api.models.values import Answer, Line, Name, PublicKeyText, Request, bytes_of, when
from keyferry.custody.export_rules import Request as ExportRequest
from keyferry.custody.exports import ExportDetail, ExportedFile, Preview
from keyferry.doors.pem import pem
from keyferry.errors import InvalidInput
from keyferry.store.records import Kek

KeyIdentifier = Annotated[
    Line, Field(examples=["https://example.vault.azure.net/keys/exchange/0123456789abcdef0123456789abcdef"])
]


class KekGiven(Request):
    """Under which key encryption key: its versioned identifier, and its public key in one of two forms, `public_key`
    (PEM or JWK text) or `public_key_der` (base64url).
    """

    destination: Annotated[Name, Field(examples=["azure"])]
    key_identifier: KeyIdentifier
    public_key: PublicKeyText | None = None
    public_key_der: Annotated[str, StringConstraints(max_length=96 * 1024)] | None = None

    def public_key_bytes(self) -> bytes:
        """
        Raises:
            InvalidInput: both forms, neither, or no base64url.
        """
        if (self.public_key is None) == (self.public_key_der is None):
            raise InvalidInput(
                "Give the public key in one of two forms.",
                field="public_key",
                advice="Give `public_key` (PEM, JWK) or `public_key_der` (base64url).",
            )
        if self.public_key is not None:
            return self.public_key.encode()
        return bytes_of(self.public_key_der or "", field="public_key_der")

    def request(self) -> ExportRequest:
        """As custody takes it."""
        return ExportRequest(self.destination, self.key_identifier, self.public_key_bytes())


class ExportAnswer(Answer):
    """The record of a key that left. The file itself is not kept."""

    id: str
    key_id: str
    key_name: str | None
    version: int
    user_id: str
    user_name: str
    destination: str
    key_identifier: str
    kek_sha256: str
    sha256: str
    size: int
    created_at: str

    @classmethod
    def of(cls, detail: ExportDetail) -> "ExportAnswer":
        """From custody's record."""
        return cls(**_members(detail))


class ExportedFileAnswer(ExportAnswer):
    """An export and its file, handed out this once."""

    file: str = Field(description="The file's bytes, in standard base64 (RFC 4648 section 4).")
    file_name: str
    import_command: str
    warnings: list[str]

    @classmethod
    def with_file(cls, exported: ExportedFile) -> "ExportedFileAnswer":
        """From custody's record and the file, which it hands out once."""
        return cls(
            **_members(exported.detail),
            file=base64.b64encode(exported.content).decode(),
            file_name=exported.file_name,
            import_command=exported.import_command,
            warnings=list(exported.warnings),
        )


class PreviewAnswer(Answer):
    """What an export would do. `known_as`: the KEK is registered, was used before, or is new."""

    key_id: str
    key_name: str | None
    version: int
    destination: str
    key_identifier: str
    kek_sha256: str
    kek_bits: int
    known_as: str
    warnings: list[str]

    @classmethod
    def of(cls, preview: Preview) -> "PreviewAnswer":
        """From what custody has judged."""
        return cls(
            key_id=preview.key.key.id,
            key_name=preview.key.key.name,
            version=preview.key.version.number,
            destination=preview.destination,
            key_identifier=preview.identifier.text,
            kek_sha256=preview.kek.spki_sha256,
            kek_bits=preview.kek.bits,
            known_as=preview.known_as,
            warnings=list(preview.warnings),
        )


class KekAnswer(Answer):
    """A key identifier, and the public key that it names for ever."""

    id: str
    key_identifier: str
    public_key: str = Field(description="PEM")
    spki_sha256: str
    bits: int
    source: str
    registered: bool
    created_at: str
    created_by: str
    revision: int

    @classmethod
    def of(cls, kek: Kek) -> "KekAnswer":
        """From custody's record."""
        return cls(
            id=kek.id,
            key_identifier=kek.identifier,
            public_key=pem(kek.public_key),
            spki_sha256=kek.spki_sha256,
            bits=kek.bits,
            source=kek.source,
            registered=kek.registered,
            created_at=when(kek.created_at) or "",
            created_by=kek.created_by,
            revision=kek.revision,
        )


def _members(detail: ExportDetail) -> dict[str, Any]:
    export = detail.export
    return {
        "id": export.id,
        "key_id": export.key_id,
        "key_name": detail.key_name,
        "version": export.version_number,
        "user_id": export.user_id,
        "user_name": detail.user_name,
        "destination": export.destination,
        "key_identifier": export.key_identifier,
        "kek_sha256": export.kek_sha256,
        "sha256": export.file_sha256,
        "size": export.file_bytes,
        "created_at": when(export.created_at),
    }
