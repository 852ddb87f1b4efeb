"""The tenant: its applications and service principals, as Entra ID keeps them."""

import hashlib
import hmac
import secrets
import sqlite3
import uuid
from dataclasses import dataclass
from typing import Final

from keyferry.emulator.clock import now
from keyferry.emulator.state import State

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tenant (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    id       TEXT NOT NULL,
    operator TEXT NOT NULL  -- the application id of the person who runs the emulator
) STRICT;
CREATE TABLE IF NOT EXISTS principals (
    object_id     TEXT PRIMARY KEY,
    app_id        TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    secret_sha256 BLOB,  -- NULL: nobody signs in as this one with a secret
    certificate   BLOB,  -- DER; NULL: nor with a certificate
    created       INTEGER NOT NULL
) STRICT;
"""

OPERATOR: Final = "emulator-operator"
SECRET_BYTES: Final = 32

MICROSOFT_365: Final[dict[str, str]] = {
    "00000002-0000-0ff1-ce00-000000000000": "Office 365 Exchange Online",
    "00000003-0000-0ff1-ce00-000000000000": "Office 365 SharePoint Online",
    "c066d759-24ae-40e7-a56f-027002b5d3e4": "M365DataAtRestEncryption",
    "19f7f505-34aa-44a4-9dcc-6a768854d2ea": "Customer Key Onboarding",
}
"""The applications of Microsoft 365 that use or check a Customer Key; each has a service principal in every tenant."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal: `object_id` in this tenant, of the application `app_id`."""

    object_id: str
    app_id: str
    name: str


class Directory:
    """The one tenant of an emulator, over its state; made with its principals where it is missing.

    Attributes:
        tenant_id: a UUID, in lower case.
        operator: the application of the person who runs the emulator; `credentials.py` lets it sign in.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        with state.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO tenant (only, id, operator) VALUES (1, ?, ?)",
                (str(uuid.uuid4()), str(uuid.uuid4())),
            )
            tenant = connection.execute("SELECT * FROM tenant").fetchone()
            self.tenant_id: str = tenant["id"]
            self.operator: Principal = _insert(connection, OPERATOR, tenant["operator"])
            for app_id, name in MICROSOFT_365.items():
                _insert(connection, name, app_id)

    def by_object_id(self, object_id: str) -> Principal | None:
        """The principal of this object id, in any case of letters."""
        return self._one("SELECT * FROM principals WHERE object_id = ?", object_id)

    def by_app_id(self, app_id: str) -> Principal | None:
        """The principal of this application (client) id, in any case of letters."""
        return self._one("SELECT * FROM principals WHERE app_id = ?", app_id)

    def all(self) -> tuple[Principal, ...]:
        """Every principal, in the order of their names."""
        with self._state.read() as connection:
            return tuple(map(_principal, connection.execute("SELECT * FROM principals ORDER BY name, object_id")))

    def register(self, name: str) -> tuple[Principal, str]:
        """A new application with its service principal and secret; it may do nothing yet.

        Returns:
            The principal, and the secret, which is kept as its SHA-256 alone.
        """
        secret = new_secret()
        with self._state.write() as connection:
            principal = _insert(connection, name, str(uuid.uuid4()))
            _set_secret(connection, principal, secret)
        return principal, secret

    def set_secret(self, principal: Principal, secret: str) -> None:
        """Let an application sign in with this secret, and with no other any more."""
        with self._state.write() as connection:
            _set_secret(connection, principal, secret)

    def set_certificate(self, principal: Principal, certificate: bytes) -> None:
        """Let an application sign in with a certificate (DER) too."""
        with self._state.write() as connection:
            connection.execute(
                "UPDATE principals SET certificate = ? WHERE object_id = ?", (certificate, principal.object_id)
            )

    def certificate(self, principal: Principal) -> bytes | None:
        """The certificate (DER) with which an application may sign in."""
        with self._state.read() as connection:
            row = connection.execute(
                "SELECT certificate FROM principals WHERE object_id = ?", (principal.object_id,)
            ).fetchone()
        return None if row is None else row["certificate"]

    def is_secret(self, principal: Principal, secret: str) -> bool:
        """Whether `secret` is the application's, compared in constant time."""
        with self._state.read() as connection:
            row = connection.execute(
                "SELECT secret_sha256 FROM principals WHERE object_id = ?", (principal.object_id,)
            ).fetchone()
        expected = b"" if row is None or row["secret_sha256"] is None else row["secret_sha256"]
        return hmac.compare_digest(_digest(secret), expected)

    def _one(self, statement: str, value: str) -> Principal | None:
        with self._state.read() as connection:
            row = connection.execute(statement, (value.lower(),)).fetchone()
        return None if row is None else _principal(row)


def new_secret() -> str:
    """A client secret of 256 random bits that does not begin with a dash, which a command would take for an option."""
    while (secret := secrets.token_urlsafe(SECRET_BYTES)).startswith("-"):
        pass
    return secret


def _insert(connection: sqlite3.Connection, name: str, app_id: str) -> Principal:
    connection.execute(
        "INSERT OR IGNORE INTO principals (object_id, app_id, name, created) VALUES (?, ?, ?, ?)",
        (str(uuid.uuid4()), app_id, name, now()),
    )
    return _principal(connection.execute("SELECT * FROM principals WHERE app_id = ?", (app_id,)).fetchone())


def _set_secret(connection: sqlite3.Connection, principal: Principal, secret: str) -> None:
    connection.execute(
        "UPDATE principals SET secret_sha256 = ? WHERE object_id = ?", (_digest(secret), principal.object_id)
    )


def _principal(row: sqlite3.Row) -> Principal:
    return Principal(object_id=row["object_id"], app_id=row["app_id"], name=row["name"])


def _digest(secret: str) -> bytes:
    """A random secret of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
