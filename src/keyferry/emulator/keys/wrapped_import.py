"""Importing a transfer file into a vault: which KEK may open it, and that it still may when the key is written.

Source: "Bring your own key specification" of Azure Key Vault: the KEK is an RSA-HSM key of the same vault whose only
operation is `import`.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import documents, jwk, rows, transfer_file
from keyferry.emulator.keys.attributes import require_usable
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import Kind, Operation
from keyferry.emulator.keys.lookup import open_private
from keyferry.emulator.keys.material import Private, RsaPrivate, rsa_key
from keyferry.emulator.keys.names import KeyIdentifier
from keyferry.emulator.keys.refusals import bad_parameter
from keyferry.emulator.keys.rows import Version

_PLAIN_MEMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y", "k")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key that came out of a transfer file, and the check that its KEK may still open one."""

    private: Private
    require_kek_again: Callable[[sqlite3.Connection, int], None]


def read(call: Call, key: Document, kind: Kind, file: str) -> Wrapped:
    """Open the transfer file in `file` (`key_hsm`) and check what is in it.

    1. The request declares a kind in a hardware module, a curve where there is one, and no number of a plain key.
    2. The file is what the specification says.
    3. Its KEK is that version of a key of this vault, and may be used to import.
    4. The ciphertext opens under the KEK, and holds the key that was declared.

    Raises:
        AzureFailure: 400 BadParameter, or 403 for a KEK that may not be used; the message says which check failed.
    """
    if not kind.hsm:
        raise bad_parameter(f"A key transfer file (key_hsm) is imported as RSA-HSM or EC-HSM, and kty says {kind}.")
    plain = [name for name in _PLAIN_MEMBERS if key.get(name) is not None]
    if plain:
        raise bad_parameter(f"A key has either key_hsm or the members of a plain key, and {plain[0]} is there too.")
    crv = documents.text(key, "crv")
    if not kind.rsa and crv is None:
        raise bad_parameter("Property crv has invalid value: it is missing, and a key on an elliptic curve needs it.")
    curve = None if kind.rsa or crv is None else jwk.require_curve(crv)
    transfer = transfer_file.read(file)
    if not call.is_name_of_vault(transfer.kek.host):
        raise _refused(
            f"header.kid names the vault {transfer.kek.host}, and the key goes into {call.vault.name}: a KEK "
            "lives in the vault that the key goes to"
        )
    with call.state.read() as connection:
        kek = _require_kek(connection, call, transfer.kek, clock.now())
    opened = open_private(call, kek)
    assert isinstance(opened, RsaPrivate)
    private = transfer_file.read_key(transfer_file.unwrap(transfer, rsa_key(opened)), kind, curve)

    def require_kek_again(connection: sqlite3.Connection, now: int) -> None:
        _require_kek(connection, call, transfer.kek, now)

    return Wrapped(private, require_kek_again)


def _require_kek(connection: sqlite3.Connection, call: Call, kek: KeyIdentifier, now: int) -> Version:
    found = rows.find_key(connection, call.vault.name, kek.name, now)
    if found is None:
        raise _refused(f"header.kid names the key {kek.name}, and this vault has none of that name")
    if found.deleted is not None:
        raise _refused(f"header.kid names the key {kek.name}, which is deleted; recover it first")
    version = rows.find_version(connection, found, kek.version)
    if version is None:
        raise _refused(f"header.kid names the version {kek.version}, and the key {kek.name} has no such version")
    if version.kind is not Kind.RSA_HSM:
        raise _refused(f"the KEK {kek.name} is of type {version.kind}, and a KEK is RSA-HSM")
    if version.operations != (Operation.IMPORT,):
        raise AzureFailure(
            403,
            "Forbidden",
            f"Operation import is not permitted on this key: the key operations of the KEK {kek.name} are not exactly "
            '["import"].',
            inner="KeyOperationForbidden",
        )
    try:
        require_usable(version, Operation.IMPORT, now)
    except AzureFailure as failure:
        raise AzureFailure(
            failure.status, failure.code, f"The KEK {kek.name}: {failure.message}", inner=failure.inner
        ) from None
    return version


def _refused(reason: str) -> AzureFailure:
    return bad_parameter(f"The key transfer file (key_hsm) cannot be imported: {reason}.")
