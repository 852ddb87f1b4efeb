"""Somebody whom a provider vouches for: what a verified answer of it comes to, whatever the protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyferry.clock import Microseconds
from keyferry.custody.provider_mapping import Attributes
from keyferry.store.records import IdentityProvider


@dataclass(frozen=True, slots=True)
class Presented:
    """What may be presented once alone, such as an assertion's id.

    Attributes:
        kind: what it is, so that nothing is taken for what it is not.
        until: when it could not be presented any more anyway.
    """

    kind: str
    what: str
    until: Microseconds


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """What a sign-out at the provider will name.

    Attributes:
        subject: JSON members that name the person there, as the protocol has it.
        session: what the provider calls its own session, if it has told.
    """

    subject: Mapping[str, Any]
    session: str | None = None

    @property
    def subject_text(self) -> str:
        """The same subject is the same text."""
        return json.dumps(dict(self.subject), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Which provider a sign-in began with, and what a sign-out there will name, if it has told."""

    provider_id: str
    session: ProviderSession | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A verified answer of a provider about a person.

    Attributes:
        provider: as it was when the answer was judged.
        subject: what the provider calls the person, to the letter.
        presented: what of the answer may be presented once alone; kept in the transaction that lets the person in.
        second_factor: the provider says that it has asked for one.
    """

    provider: IdentityProvider
    subject: str
    attributes: Attributes
    presented: tuple[Presented, ...]
    session: ProviderSession | None = None
    second_factor: bool = False

    @property
    def vouched(self) -> Vouched:
        """What is kept of it until there is a session, and beside that."""
        return Vouched(self.provider.id, self.session)
