"""Whether a key may leave: which key, in which state, for which destination, under whose key encryption key."""

from dataclasses import dataclass

from keyferry.byok.destinations import Destination, KeyIdentifier, destination_named
from keyferry.byok.kek import KekPublicKey, read_kek
from keyferry.custody.approval_holders import holders_for_key
from keyferry.custody.approving import ApprovalNeeded, Exact, Fact, require_approval
from keyferry.custody.groups import KEK_POLICY_ANY
from keyferry.custody.keks import bound_kek, require_same_kek
from keyferry.custody.lifecycle import require_protecting
from keyferry.custody.recording import Subject
from keyferry.custody.versions import current_version
from keyferry.custody.view import View
from keyferry.errors import Conflict, IntegrityViolation, KekRefused
from keyferry.material.algorithms import ALGORITHMS
from keyferry.store.records import Group, Kek, Key, KeyVersion
from keyferry.store.sealed import GROUPS

REGISTERED, USED_BEFORE, NEW = "registered", "used before", "new"

_FIRST_USE = (
    "No public key was on record for this key identifier. With this export it is bound to the one given: compare its "
    "fingerprint {} with that of the key in the vault."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What an exporter gives: where to, under which KEK."""

    destination: str
    key_identifier: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Terms:
    """What an exporter gives, read and judged as far as that goes without a key."""

    destination: Destination
    identifier: KeyIdentifier
    kek: KekPublicKey


@dataclass(frozen=True, slots=True)
class Ready:
    """All that an export needs, judged."""

    key: Key
    version: KeyVersion
    terms: Terms
    known_as: str
    group: Group | None = None

    @property
    def exact(self) -> Exact:
        """What is about to leave, and where to: what others approve, where that is asked for."""
        facts: dict[str, Fact] = {
            "version": self.version.number,
            "version_id": self.version.id,
            "destination": self.destination.name,
            "key_identifier": self.identifier.canonical,
            "kek_sha256": self.kek.spki_sha256,
        }
        return Exact("key", self.key.id, self.key.name, facts)

    def require_approval(self, view: View) -> None:
        """
        Raises:
            ApprovalNeeded: the key, or the group that owns it, has others approve that it leaves.
        """
        require_approval(view, self.exact, holders_for_key(view, self.key, self.group))

    def approval_warnings(self, view: View) -> tuple[str, ...]:
        """What a person should know if others have to approve it, and have not yet."""
        try:
            self.require_approval(view)
        except ApprovalNeeded as needed:
            return (f"{needed.detail} An export asks for it; nothing leaves before.",)
        return ()

    @property
    def destination(self) -> Destination:
        """Where the key goes."""
        return self.terms.destination

    @property
    def identifier(self) -> KeyIdentifier:
        """What the key encryption key is called there."""
        return self.terms.identifier

    @property
    def kek(self) -> KekPublicKey:
        """The key encryption key."""
        return self.terms.kek

    @property
    def subject(self) -> Subject:
        """What a refusal is about."""
        return Subject("key", self.key.id, self.key.name)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before the file is used."""
        found = self.destination.warnings(ALGORITHMS[self.key.algorithm], self.kek, self.identifier)
        return (*found, _FIRST_USE.format(self.kek.spki_sha256)) if self.known_as == NEW else found


def terms_of(request: Request) -> Terms:
    """
    Raises:
        InvalidInput, IdentifierRefused, KekRefused: the destination, the identifier or the public key will not do, or
            the two do not belong together.
    """
    destination = destination_named(request.destination)
    identifier = destination.parse_identifier(request.key_identifier)
    kek = read_kek(request.public_key)
    destination.require_kek_belongs(kek, identifier)
    return Terms(destination, identifier, kek)


def require_leaving(view: View, key: Key) -> KeyVersion:
    """The version of a key that may leave: the current one, if it is active and the key exportable.

    Raises:
        Conflict: it is not, or the key is not.
    """
    if not key.exportable:
        raise Conflict(
            "This key was made as not exportable, and stays so.",
            code="key-not-exportable",
            field="key",
            advice="Make a new key that is exportable.",
        )
    version = current_version(view, key)
    require_protecting(version, view.now)
    return version


class ExportRules:
    """
    Args:
        kek_policy: whose KEKs are accepted where the owning group does not say: "any" or "registered".
    """

    def __init__(self, kek_policy: str) -> None:
        self._kek_policy = kek_policy

    def judge(self, view: View, key: Key, request: Request) -> Ready:
        """Whether this key, as it is now, may leave for this destination under this KEK.

        1. The key is exportable and its current version active. 2. The identifier and the public key read well and
        belong together. 3. The destination takes the key's type. 4. The identifier is bound to this public key, or to
        none yet. 5. The owner's policy accepts the KEK.
        """
        version = require_leaving(view, key)
        return self.judge_under(view, key, version, terms_of(request))

    def judge_under(self, view: View, key: Key, version: KeyVersion, terms: Terms) -> Ready:
        """Steps 3 to 5 of `judge`, for a key that may leave, under terms that read well."""
        terms.destination.require_target(ALGORITHMS[key.algorithm], terms.identifier)
        bound = self._bound(view, terms.identifier)
        if bound is not None:
            require_same_kek(bound, terms.kek)
        group = self._group_of(view, key)
        policy = self._kek_policy if group is None else group.kek_policy or self._kek_policy
        if (bound is None or not bound.registered) and policy != KEK_POLICY_ANY:
            raise KekRefused(
                "This key encryption key is not registered, and only registered ones are accepted here.",
                code="kek-not-registered",
                field="public_key",
                advice="Ask an Administrator to compare its fingerprint with Azure's and register it.",
            )
        known_as = NEW if bound is None else (REGISTERED if bound.registered else USED_BEFORE)
        return Ready(key, version, terms, known_as, group)

    def _bound(self, view: View, identifier: KeyIdentifier) -> Kek | None:
        return bound_kek(view, identifier.canonical)

    def _group_of(self, view: View, key: Key) -> Group | None:
        """The owning group, whose policies hold; None for a user's key.

        Raises:
            IntegrityViolation: the group's row has been removed, and with it what it restricted.
        """
        if key.owner_group_id is None:
            return None
        group = view.get(GROUPS, key.owner_group_id)
        if group is None:
            raise IntegrityViolation(f"Group {key.owner_group_id}, which owns key {key.id}, is not there.")
        return group


class RulesOfChunk(ExportRules):
    """The rules for many keys in one transaction, in which what they share is read once.

    That is the owning group, and the public key that the identifier is bound to, once there is one: the rows
    are held, so that they stay as they are until the end of the transaction, or until what read them is undone.
    """

    def __init__(self, kek_policy: str) -> None:
        super().__init__(kek_policy)
        self.forget()

    def forget(self) -> None:
        """Read anew what the next key asks for: whoever read it was undone, and on PostgreSQL the rows are let go."""
        self._kek: Kek | None = None
        self._groups: dict[str | None, Group | None] = {}

    def _bound(self, view: View, identifier: KeyIdentifier) -> Kek | None:
        self._kek = self._kek or super()._bound(view, identifier)
        return self._kek

    def _group_of(self, view: View, key: Key) -> Group | None:
        if key.owner_group_id not in self._groups:
            self._groups[key.owner_group_id] = super()._group_of(view, key)
        return self._groups[key.owner_group_id]
