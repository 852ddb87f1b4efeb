"""The data plane's routes: one table of what is asked for, the permission that it takes, and what answers it.

Paths are those of the REST reference ("Azure Key Vault keys"), with an empty version where a client leaves it out.
Everything is answered with 200 but a purge, which is 204.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyferry.emulator.keys import backup, deleting, listing, making, reading, rotation, using
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import Operation
from keyferry.emulator.keys.listing import read_page
from keyferry.emulator.keys.refusals import bad_parameter
from keyferry.emulator.management.access import require
from keyferry.emulator.management.vault_records import require_still_live
from keyferry.emulator.requests import base_of, emulator_of, object_of, principal_of, vault_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: the key and version in its path, its query string, its body."""

    request: Request

    @property
    def name(self) -> str:
        """The key's name, as it stands in the path."""
        return str(self.request.path_params["name"])

    @property
    def version(self) -> str | None:
        """The version in the path, or None."""
        return self.request.path_params.get("version")

    @property
    def body(self) -> Document:
        """The JSON object in the body."""
        return object_of(self.request)

    @property
    def page(self) -> listing.Page:
        """The page of a list."""
        return read_page(self.request.query_params)


Answer = Callable[[Call, Asked], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Handler:
    """A row of the table. `permission` is a word of access policies."""

    method: str
    paths: tuple[str, ...]
    permission: str
    answer: Answer


_KEY: Final = "/keys/{name}"
_VERSION: Final = "/keys/{name}/{version}"
_DELETED: Final = "/deletedkeys/{name}"


def _use(verb: str, use: using.Use) -> Handler:
    return Handler(
        "POST",
        (f"{_KEY}/{verb}", f"{_VERSION}/{verb}"),
        verb,
        lambda call, asked: use(call, asked.name, asked.version, asked.body),
    )


def _not_offered(what: str) -> Answer:
    def refuse(_call: Call, _asked: Asked) -> None:
        raise bad_parameter(f"{what} by this emulator.")

    return refuse


TABLE: Final = (
    Handler("GET", ("/keys",), "list", lambda call, asked: listing.list_keys(call, asked.page)),
    Handler("POST", ("/keys/restore",), "restore", lambda call, asked: backup.restore(call, asked.body)),
    Handler("GET", ("/deletedkeys",), "list", lambda call, asked: listing.list_deleted(call, asked.page)),
    Handler("GET", (_DELETED,), "get", lambda call, asked: deleting.get_deleted(call, asked.name)),
    Handler("DELETE", (_DELETED,), "purge", lambda call, asked: deleting.purge(call, asked.name)),
    Handler("POST", (f"{_DELETED}/recover",), "recover", lambda call, asked: deleting.recover(call, asked.name)),
    Handler("POST", (f"{_KEY}/create",), "create", lambda call, asked: making.create(call, asked.name, asked.body)),
    Handler("PUT", (_KEY,), "import", lambda call, asked: making.import_key(call, asked.name, asked.body)),
    Handler("POST", (f"{_KEY}/import",), "import", lambda call, asked: making.import_key(call, asked.name, asked.body)),
    Handler("DELETE", (_KEY,), "delete", lambda call, asked: deleting.delete(call, asked.name)),
    Handler("POST", (f"{_KEY}/backup",), "backup", lambda call, asked: backup.back_up(call, asked.name)),
    Handler("POST", (f"{_KEY}/rotate",), "rotate", lambda call, asked: making.rotate(call, asked.name)),
    Handler(
        "GET",
        (f"{_KEY}/rotationpolicy",),
        "getrotationpolicy",
        lambda call, asked: rotation.get_policy(call, asked.name),
    ),
    Handler(
        "PUT",
        (f"{_KEY}/rotationpolicy",),
        "setrotationpolicy",
        lambda call, asked: rotation.set_policy(call, asked.name, asked.body),
    ),
    Handler(
        "GET", (f"{_KEY}/versions",), "list", lambda call, asked: listing.list_versions(call, asked.name, asked.page)
    ),
    _use("encrypt", using.encrypting(Operation.ENCRYPT)),
    _use("decrypt", using.decrypting(Operation.DECRYPT)),
    _use("wrapkey", using.encrypting(Operation.WRAP)),
    _use("unwrapkey", using.decrypting(Operation.UNWRAP)),
    _use("sign", using.sign),
    _use("verify", using.verify),
    Handler(
        "POST", (f"{_KEY}/release", f"{_VERSION}/release"), "release", _not_offered("Secure key release is not offered")
    ),
    Handler("GET", (f"{_VERSION}/attestation",), "get", _not_offered("Attestation of keys is not offered")),
    Handler(
        "POST", ("/rng",), "get", _not_offered("Random bytes are given by a Managed HSM only, which is not offered")
    ),
    Handler("GET", (_KEY, _VERSION), "get", lambda call, asked: reading.get(call, asked.name, asked.version)),
    Handler(
        "PATCH",
        (_KEY, _VERSION),
        "update",
        lambda call, asked: reading.update(call, asked.name, asked.version, asked.body),
    ),
)
"""Every operation; a path that could be read in two ways comes before the wider one."""


def routes() -> list[Route]:
    """The routes below a vault's host, each also with a slash at its end."""
    return [
        Route(path + end, _endpoint(handler), methods=[handler.method])
        for handler in TABLE
        for path in handler.paths
        for end in ("", "/")
    ]


def _endpoint(handler: Handler) -> Callable[[Request], Response]:
    """Let the caller in or refuse, then answer; runs in a thread of its own."""

    def endpoint(request: Request) -> Response:
        emulator, vault = emulator_of(request), vault_of(request)
        call = Call(
            state=emulator.state,
            vault=vault,
            principal=principal_of(request),
            base=base_of(request),
            is_name_of_vault=lambda host: emulator.addresses.is_name_of(host, vault),
            require_vault=lambda connection: require_still_live(connection, vault),
        )
        require(call.state, vault, call.principal, handler.permission, request.path_params.get("name"))
        answer = handler.answer(call, Asked(request))
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return endpoint
