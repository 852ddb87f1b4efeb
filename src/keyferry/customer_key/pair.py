"""What is known of the two keys of a Customer Key: facts read from the cloud, and Keyferry's own record of backups.

Whatever could not be read stands as `Unread`, with the reason: the checks tell it apart from what was read and is
wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from keyferry.clouds.azure.facts import Subscription, VaultConfiguration, VaultKey
from keyferry.customer_key.identifiers import KeyReference


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that is not known.

    Attributes:
        reason: why, in a sentence.
        absent: it was looked for, and is not there; without it, it may well be there, unseen.
    """

    reason: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """A vault backup in Keyferry's record.

    Attributes:
        taken_at: Unix seconds.
        sha256: of the backup file, hexadecimal.
        size: its length in bytes.
    """

    taken_at: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key of the pair, as far as it could be seen.

    Attributes:
        reference: which key was asked for.
        key, vault, subscription: what the vault and the management plane tell.
        backup: the newest vault backup that Keyferry has a record of; `Unread` with `absent` when its record of this
            key has none, and without it when there is no such record to look in.
        named_subscription: the subscription that the request names for this key, if it names one.
        deployment: the id of Keyferry's own deployment of this key, if it made one.
    """

    reference: KeyReference
    key: VaultKey | Unread
    vault: VaultConfiguration | Unread
    subscription: Subscription | Unread
    backup: Backup | Unread
    named_subscription: str | None = None
    deployment: str | None = None

    @property
    def subscription_id(self) -> str | None:
        """The subscription that the vault is in, lower case; the one that the request names where that is unseen."""
        found = self.named_subscription if isinstance(self.vault, Unread) else self.vault.subscription_id
        return None if found is None else found.lower()

    @property
    def vault_name(self) -> str:
        """The vault's name, for commands."""
        if not isinstance(self.vault, Unread):
            return self.vault.name
        return self.reference.vault or self.reference.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two keys that one data encryption policy needs.

    Attributes:
        first, second: the keys.
        principals: from an application's client id to the object id of its service principal in the tenant; an
            application that is missing here could not be looked up.
        absent: client ids of applications that were looked up, and have no service principal in the tenant.
        paired_regions: the regions that Azure pairs with the first vault's; `Unread` when that was not told.
        organization_id: the Microsoft 365 tenant's id, when it is known.
    """

    first: Member
    second: Member
    principals: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    absent: frozenset[str] = frozenset()
    paired_regions: tuple[str, ...] | Unread = Unread("Which regions Azure pairs was not asked.")
    organization_id: str | None = None

    @property
    def members(self) -> tuple[Member, Member]:
        """Both, in order."""
        return self.first, self.second
