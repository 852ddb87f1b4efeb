"""What each request is called: the names by which faults are asked for."""

import re
from typing import Final

_NAME: Final = r"[^/]+"
_VAULT: Final = r"(?i:/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.keyvault/vaults/[^/]+)"
_DELETED: Final = r"(?i:/subscriptions/[^/]+/providers/microsoft\.keyvault/locations/[^/]+/deletedvaults/[^/]+)"

TABLE: Final[tuple[tuple[str, str, str], ...]] = (
    # the data plane
    ("list", "GET", r"/keys"),
    ("restore", "POST", r"/keys/restore"),
    ("create", "POST", rf"/keys/{_NAME}/create"),
    ("import", "PUT", rf"/keys/{_NAME}"),
    ("import", "POST", rf"/keys/{_NAME}/import"),
    ("delete", "DELETE", rf"/keys/{_NAME}"),
    ("versions", "GET", rf"/keys/{_NAME}/versions"),
    ("backup", "POST", rf"/keys/{_NAME}/backup"),
    ("rotate", "POST", rf"/keys/{_NAME}/rotate"),
    ("getrotationpolicy", "GET", rf"/keys/{_NAME}/rotationpolicy"),
    ("setrotationpolicy", "PUT", rf"/keys/{_NAME}/rotationpolicy"),
    ("get", "GET", rf"/keys/{_NAME}(/{_NAME})?"),
    ("update", "PATCH", rf"/keys/{_NAME}(/{_NAME})?"),
    *(
        (verb, "POST", rf"/keys/{_NAME}/{_NAME}/{verb}")
        for verb in ("encrypt", "decrypt", "sign", "verify", "wrapkey", "unwrapkey", "release")
    ),
    ("listdeleted", "GET", r"/deletedkeys"),
    ("getdeleted", "GET", rf"/deletedkeys/{_NAME}"),
    ("purge", "DELETE", rf"/deletedkeys/{_NAME}"),
    ("recover", "POST", rf"/deletedkeys/{_NAME}/recover"),
    ("random", "POST", r"/rng"),
    # the management plane
    ("vaultget", "GET", _VAULT),
    ("vaultput", "PUT", _VAULT),
    ("vaultupdate", "PATCH", _VAULT),
    ("vaultdelete", "DELETE", _VAULT),
    ("vaultgetdeleted", "GET", _DELETED),
    ("vaultpurge", "POST", rf"{_DELETED}/(?i:purge)"),
    ("subscriptions", "GET", r"/subscriptions"),
)
"""Name, method, and the path without a slash at its end. The first row that matches names a request."""

NAMES: Final = frozenset(name for name, _, _ in TABLE)
_COMPILED: Final = tuple((name, method, re.compile(path)) for name, method, path in TABLE)


def operation_of(method: str, path: str) -> str | None:
    """What a request is called; None where it has no name of its own."""
    bare = path.rstrip("/")
    return next((name for name, verb, pattern in _COMPILED if verb == method and pattern.fullmatch(bare)), None)
