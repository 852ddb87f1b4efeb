"""Which vault key a person means, and what Keyferry's own record says of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from keyferry.cli.connection import Server
from keyferry.cli.profiles import load_profile
from keyferry.cli.remote import path
from keyferry.customer_key.identifiers import KeyReference, is_key_url, parse_key_reference
from keyferry.customer_key.pair import Backup, Unread
from keyferry.errors import Conflict, InvalidInput, KeyferryError
from keyferry.ids import is_id_shaped

if TYPE_CHECKING:
    from keyferry.clouds.azure.session import AzureSession
    from keyferry.deployments.pair_reading import Side


@dataclass(frozen=True, slots=True)
class Asked:
    """A key that was named: where it is, and the deployment that brought it there, if Keyferry did.

    Attributes:
        deployment: as REST answers it.
    """

    reference: KeyReference
    deployment: Mapping[str, Any] | None

    @property
    def member(self) -> dict[str, str]:
        """How a request names it: by its deployment where there is one."""
        if self.deployment is not None:
            return {"deployment": str(self.deployment["id"])}
        return {"identifier": self.reference.text}


class Records:
    """Keyferry's record of deployments, or the reason why there is none to look in.

    Args:
        server: None when nobody is signed in.
        reason: why the record cannot be read, as a sentence; for when it cannot.
    """

    def __init__(self, server: Server | None, reason: str) -> None:
        self._server = server
        self._reason = reason

    @property
    def server(self) -> Server:
        """The server.

        Raises:
            Conflict: nobody is signed in.
        """
        if self._server is None:
            advice = "Sign in with `keyferry login`, or give the key's identifier: https://HOST/keys/NAME/VERSION"
            raise Conflict(f"A key by its name or id needs a server. {self._reason}", field="key", advice=advice)
        return self._server

    def named(self, text: str) -> Asked:
        """The key that an identifier, a deployment's id, or a key's id or name stands for.

        Raises:
            IdentifierRefused: an identifier will not do.
            Conflict: the key has no deployment, or several, or its import is not recorded.
            KeyferryError: the server refused, or cannot be reached.
        """
        if is_key_url(text):
            return Asked(parse_key_reference(text), None)
        found = self._deployment(text) if is_id_shaped(text) else None
        return _imported(found or self._only_deployment(text))

    def deployment_of(self, identifier: str) -> Mapping[str, Any] | Unread:
        """The deployment that made a key version in a vault; the one with a backup, if there are several.

        `absent` is never set: others may have brought the key there, and hold the record of its backup.
        """
        if self._server is None:
            return Unread(self._reason)
        try:
            known = self._server.items("/deployments")
        except KeyferryError as failed:
            return Unread(f"Keyferry's record of backups cannot be read: {failed.detail}")
        made = [each for each in known if str(each.get("remote_identifier")).lower() == identifier.lower()]
        if not made:
            return Unread("Keyferry has no record of having brought this key there, and so none of its backups.")
        return max(made, key=lambda each: str((each.get("backup") or {}).get("taken_at", "")))

    def side(self, session: "AzureSession", asked: Asked, *, named_subscription: str | None = None) -> "Side":
        """A key as it is looked at with one's own sign-in."""
        from keyferry.deployments.pair_reading import Recorded, Side

        def record(reference: KeyReference) -> Recorded:
            deployment = asked.deployment or self.deployment_of(reference.text)
            if isinstance(deployment, Unread):
                return Recorded(None, deployment)
            return Recorded(str(deployment["id"]), backup_of(deployment))

        return Side(session=session, reference=asked.reference, record=record, named_subscription=named_subscription)

    def _deployment(self, id_: str) -> Mapping[str, Any] | None:
        from keyferry.cli.connection import ServerRefused

        try:
            found: Mapping[str, Any] = self.server.get(path("deployments", id_))
        except ServerRefused as refused:
            if refused.code == "not-found":  # it may be a key's id
                return None
            raise
        return found

    def _only_deployment(self, key: str) -> Mapping[str, Any]:
        """The deployment of the key's current version, or of an older one while the current one is in no vault."""
        found = [each for each in self.server.items(path("keys", key, "deployments")) if not each.get("abandoned_at")]
        inside = [each for each in found if each.get("remote_identifier")]
        inside = [each for each in inside if each.get("version_is_current")] or inside
        if not inside:
            advice = f"Push it: keyferry azure push {key} --vault VAULT --name NAME --for-customer-key"
            raise Conflict(
                f"The key {key} is in no vault yet.", code="deployment-not-imported", field="key", advice=advice
            )
        if len(inside) > 1:
            places = ", ".join(f"{each['id']} ({each['remote_identifier']})" for each in inside)
            raise Conflict(
                f"The key {key} is in several places.", field="key", advice=f"Give one deployment's id: {places}"
            )
        return inside[0]


def _imported(deployment: Mapping[str, Any]) -> Asked:
    identifier = deployment.get("remote_identifier")
    if not isinstance(identifier, str):
        raise Conflict(
            f"The key of deployment {deployment.get('id')} is not in its vault yet.",
            code="deployment-not-imported",
            field="key",
            advice="Finish the push first; `keyferry azure status` shows how far it is.",
        )
    return Asked(parse_key_reference(identifier), deployment)


def backup_of(deployment: Mapping[str, Any]) -> Backup | Unread:
    """The newest vault backup in a deployment's record."""
    kept = deployment.get("backup")
    if not isinstance(kept, dict):
        return Unread("Keyferry has no record of a vault backup of this key.", absent=True)
    try:
        taken_at = int(datetime.fromisoformat(str(kept["taken_at"])).timestamp())
        return Backup(taken_at=taken_at, sha256=str(kept["sha256"]), size=int(kept["bytes"]))
    except (KeyError, ValueError):
        return Unread("The server's record of the backup is not understood.")


@contextmanager
def records(profile: str, *, needed: bool) -> Iterator[Records]:
    """Keyferry's record, if there is a profile to read it with.

    Args:
        needed: raise without one; else whatever needs no server goes on.

    Raises:
        KeyferryError: there is no such profile, or it will not do.
    """
    try:
        server = Server(load_profile(profile))
    except KeyferryError as missing:
        if needed or missing.code != "not-signed-in":
            raise
        yield Records(None, "Nobody is signed in to a Keyferry server, whose record of backups would tell.")
        return
    with server:
        yield Records(server, "")


def two(keys: tuple[str, ...]) -> tuple[str, str]:
    """The two keys of a pair.

    Raises:
        InvalidInput: there are not two.
    """
    if len(keys) != 2:
        raise InvalidInput(f"{len(keys)} keys are given; a Customer Key is a pair.", field="keys", advice="Give two.")
    return keys[0], keys[1]
