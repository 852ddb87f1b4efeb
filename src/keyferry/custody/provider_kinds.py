"""The protocols that an identity provider may speak: one row each. Their own rules lie in `keyferry.identity`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Final, Protocol, cast

from keyferry.errors import InvalidInput, ProviderFailed
from keyferry.material.secret import Secret

Fetch = Callable[[str], bytes]
"""What an address holds, which an Administrator has allowed requests to; raises a KeyferryError that says why not."""

Configuration = dict[str, Any]


def fetch_nothing(address: str) -> bytes:
    """For an installation that fetches nothing.

    Raises:
        ProviderFailed: (`provider-host-refused`) always.
    """
    raise ProviderFailed(
        f"Nothing may be fetched from {address[:200]}.",
        code="provider-host-refused",
        advice="Give what the provider publishes as a file.",
    )


class Kind(StrEnum):
    """How a provider and Keyferry speak."""

    SAML = "saml"
    OIDC = "oidc"


class KeyStep(StrEnum):
    """A step of how our own key with a provider is replaced."""

    PREPARE = "prepare"
    PROMOTE = "promote"
    DISCARD = "discard"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Kept:
    """A provider's secret, to be sealed, and what of it may be shown, which goes into the configuration."""

    credential: Secret | None
    shown: Configuration


class SignInProtocol(Protocol):
    """What a module of `keyferry.identity` says of its protocol."""

    def configured(self, given: Mapping[str, Any], before: Configuration | None) -> Configuration:
        """A configuration as it is kept, from what was given and, of an edit, what was there before.

        Raises:
            InvalidInput: a member will not do; names `configuration.MEMBER`.
        """
        ...

    def completed(self, configuration: Configuration, fetch: Fetch) -> Configuration:
        """The same with what the provider publishes of itself, fetched anew if the configuration says from where.

        Raises:
            KeyferryError: it could not be fetched, or will not do.
        """
        ...

    def kept(self, name: str, given: Secret | None) -> Kept:
        """The secret to keep of a new provider, or in place of the one that it has.

        Raises:
            InvalidInput: (`credential-refused`) what was given will not do.
        """
        ...

    def rolled(self, credential: Secret, step: KeyStep, made: Secret | None) -> Kept:
        """The secret after a step of a roll-over; what is shown of it has None for what is not there any more.

        Args:
            made: what `kept` answered for the next key, for the step that prepares one.

        Raises:
            Conflict: (`key-roll-over`) the step does not follow from how the keys are, or the kind has none to roll.
        """
        ...


_PLACES: Final = {Kind.SAML: "keyferry.identity.saml.kind", Kind.OIDC: "keyferry.identity.oidc.kind"}


def kind_of(name: str) -> Kind:
    """
    Raises:
        InvalidInput: there is no such kind.
    """
    if name not in _PLACES:
        known = " or ".join(kind.value for kind in _PLACES)
        raise InvalidInput(f"{name[:40]!r} is no kind of provider.", field="kind", advice=f"Give {known}.")
    return Kind(name)


def protocol(kind: Kind) -> SignInProtocol:
    """The rules of a kind's configuration; loaded when they are first needed."""
    return cast("SignInProtocol", import_module(_PLACES[kind]))
