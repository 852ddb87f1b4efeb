"""What a new identity provider, and an edited one, is written as: every field judged, the secret sealed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from keyferry.custody.connection_facts import as_json
from keyferry.custody.provider_kinds import Configuration, Fetch, Kind, kind_of, protocol
from keyferry.custody.provider_mapping import check_mapping
from keyferry.custody.view import Change
from keyferry.errors import IntegrityViolation, InvalidInput
from keyferry.ids import new_id
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import IdentityProvider

MOST_SKEW: Final = 600
DEFAULT_SKEW: Final = 120
_LONGEST_CONFIGURATION: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProvider:
    """What a new provider shall be; it is disabled at first.

    Attributes:
        configuration: by kind.
        credential: a client's secret; None where Keyferry makes its own, or none is needed.
        mapping: as `provider_mapping.check_mapping` takes it.
        just_in_time: accounts are made for those who come and have none.
        asks_second_factor: the provider has asked for one, so that Keyferry does not.
        clock_skew: how far its clock may be off, in seconds.
    """

    name: str
    kind: str
    configuration: Mapping[str, Any]
    credential: Secret | None = None
    mapping: Mapping[str, Any]
    just_in_time: bool = False
    asks_second_factor: bool = False
    clock_skew: int = DEFAULT_SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEdit:
    """What to change; None leaves as it is.

    Attributes:
        configuration: members to replace; one that is None is taken away.
        mapping: all of it.
        renew_credential: Keyferry makes itself a new secret, where it makes its own.
        untested: whoever asks knows that nobody has signed in this way yet, and lets an enabled provider stay so.
    """

    configuration: Mapping[str, Any] | None = None
    credential: Secret | None = None
    renew_credential: bool = False
    mapping: Mapping[str, Any] | None = None
    just_in_time: bool | None = None
    asks_second_factor: bool | None = None
    clock_skew: int | None = None
    untested: bool = False

    @property
    def changes_sign_ins(self) -> bool:
        """Whether a sign-in that was tested before says nothing of the next one."""
        given = (self.configuration, self.credential, self.mapping)
        return self.renew_credential or any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was judged, fetched and made before the writing transaction."""

    configuration: Configuration | None = None
    credential: Secret | None = None
    renews: bool = False


def prepare_new(new: NewProvider, fetch: Fetch) -> Prepared:
    """Judge a new provider's configuration, and fetch what it publishes.

    Raises:
        KeyferryError: something will not do, or could not be fetched.
    """
    rules = protocol(kind_of(new.kind))
    configuration = rules.completed(rules.configured(new.configuration, None), fetch)
    kept = rules.kept(new.name, new.credential)
    return Prepared(_short(shown_with(configuration, kept.shown)), kept.credential, renews=True)


def prepare_edit(found: IdentityProvider, edit: ProviderEdit, fetch: Fetch) -> Prepared:
    """The same for an edit of `found`.

    Raises:
        KeyferryError: something will not do, or could not be fetched.
    """
    rules = protocol(Kind(found.kind))
    before: Configuration = json.loads(found.configuration)
    configuration = None
    if edit.configuration is not None:
        configuration = rules.completed(rules.configured(edit.configuration, before), fetch)
    if not edit.renew_credential and edit.credential is None:
        return Prepared(None if configuration is None else _short(configuration))
    kept = rules.kept(found.name, edit.credential)
    kept_of = before if configuration is None else configuration
    return Prepared(_short(shown_with(kept_of, kept.shown)), kept.credential, True)


def made(change: Change, new: NewProvider, prepared: Prepared) -> IdentityProvider:
    """The row of a new provider; not written yet."""
    unsealed = IdentityProvider(
        id=new_id(),
        name=new.name,
        kind=kind_of(new.kind).value,
        configuration=as_json(prepared.configuration),
        mapping=check_mapping(change, new.mapping),
        just_in_time=new.just_in_time,
        asks_second_factor=new.asks_second_factor,
        clock_skew=_skew(new.clock_skew),
        created_at=change.now,
        created_by=change.actor.user.id,
    )
    return replace(unsealed, credential=seal(change.sealer, unsealed, prepared.credential))


def changes_of(change: Change, found: IdentityProvider, edit: ProviderEdit, prepared: Prepared) -> dict[str, Any]:
    """The columns that an edit gives other values."""
    changes: dict[str, Any] = {}
    if prepared.configuration is not None:
        changes["configuration"] = as_json(prepared.configuration)
    if prepared.renews:
        changes["credential"] = seal(change.sealer, found, prepared.credential)
    if edit.mapping is not None:
        changes["mapping"] = check_mapping(change, edit.mapping)
    if edit.just_in_time is not None:
        changes["just_in_time"] = edit.just_in_time
    if edit.asks_second_factor is not None:
        changes["asks_second_factor"] = edit.asks_second_factor
    if edit.clock_skew is not None:
        changes["clock_skew"] = _skew(edit.clock_skew)
    if edit.changes_sign_ins:
        changes |= {"tested_at": None, "tested_by": None}
    return changes


def seal(sealer: Sealer, provider: IdentityProvider, credential: Secret | None) -> bytes | None:
    """A provider's secret as its row keeps it."""
    return None if credential is None else sealer.seal_credential(credential, _binding(provider)).blob


def unseal(sealer: Sealer, provider: IdentityProvider) -> Secret | None:
    """The secret that `seal` sealed; None of a provider that has none.

    Raises:
        IntegrityViolation: it does not verify.
    """
    if provider.credential is None:
        return None
    return sealer.unseal_credential(SealedCredential(provider.credential), _binding(provider))


def unseal_needed(sealer: Sealer, provider: IdentityProvider) -> Secret:
    """The secret of a provider whose kind has one.

    Raises:
        IntegrityViolation: it does not verify, or is not there.
    """
    secret = unseal(sealer, provider)
    if secret is None:
        raise IntegrityViolation(f"The secret of identity provider {provider.id} is not there.")
    return secret


def _binding(provider: IdentityProvider) -> CredentialBinding:
    return CredentialBinding(provider.id, {"use": "identity provider", "kind": provider.kind})


def _skew(seconds: int) -> int:
    if not 0 <= seconds <= MOST_SKEW:
        raise InvalidInput(
            f"A clock skew of {seconds} s is not taken.", field="clock_skew", advice=f"Give 0 to {MOST_SKEW} seconds."
        )
    return seconds


def shown_with(configuration: Configuration, shown: Configuration) -> Configuration:
    """With what is shown of a secret; what that has None for is not there any more."""
    return {name: value for name, value in (configuration | shown).items() if value is not None}


def _short(configuration: Configuration) -> Configuration:
    if len(as_json(configuration)) > _LONGEST_CONFIGURATION:
        raise InvalidInput(
            "The configuration is too long.", field="configuration", advice="Leave out what is not needed."
        )
    return configuration
