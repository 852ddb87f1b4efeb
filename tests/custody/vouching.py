"""Identity providers for tests of custody, and people whom they vouch for."""

from functools import cache
from typing import Any
from unittest.mock import patch

from tests.identity.saml_idp import SamlIdp

from keyferry import clock
from keyferry.clock import SECOND
from keyferry.custody.arrival import Arrival, Presented, ProviderSession
from keyferry.custody.provider_writing import NewProvider
from keyferry.custody.providers import ProviderDetail
from keyferry.identity.saml import certificates
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import Kit


@cache
def idp() -> SamlIdp:
    """One for all tests of a process: making keys takes long."""
    return SamlIdp()


@cache
def own_key() -> Secret:
    """Our own side's, made once as well. Whatever reads it checks its primes: that of the smallest is read soonest."""
    with patch.object(certificates, "_BITS", certificates.SMALLEST_RSA):
        return certificates.make_own("tests")[0]


def new_provider(name: str = "entra", **more: Any) -> NewProvider:
    configuration = more.pop("configuration", None) or idp().configuration()
    return NewProvider(
        name=name,
        kind="saml",
        configuration=configuration,
        credential=more.pop("credential", own_key()),
        mapping=more.pop("mapping", {"user_name": "mail"}),
        **more,
    )


def vouched(kit: Kit, name: str = "entra", *, enabled: bool = True, **more: Any) -> ProviderDetail:
    """A provider, enabled without a test."""
    made = kit.custody.providers.create(kit.administrator, new_provider(name, **more))
    if not enabled:
        return made
    return kit.custody.providers.enable(kit.administrator, made.provider.id, untested=True)


def arrival(kit: Kit, detail: ProviderDetail, subject: str = "s-1", **more: Any) -> Arrival:
    """A verified answer about somebody, as a protocol would hand it on."""
    attributes = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in more.items()}
    return Arrival(
        provider=kit.custody.providers.show(kit.administrator, detail.provider.id).provider,
        subject=subject,
        attributes=attributes,
        presented=(Presented("assertion", new_id(), clock.now() + 300 * SECOND),),
        session=ProviderSession({"name_id": subject}, "session-1"),
    )
