"""Our own key with a SAML provider, and the buttons of its roll-over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from starlette.responses import Response

from keyferry.custody.provider_kinds import Configuration
from keyferry.custody.providers import ProviderDetail
from keyferry.web.addresses import provider_address
from keyferry.web.forms import Form
from keyferry.web.visits import Visit

_WORDS: Final = {"certificate": "In use", "next_certificate": "Next", "earlier_certificate": "Earlier"}


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of ours, as the page shows it."""

    words: str
    fingerprint: str
    expires_at: datetime


def own_keys(configuration: Configuration) -> list[OwnKey]:
    """Those that there are, the one in use first."""
    found = []
    for name, words in _WORDS.items():
        if configuration.get(name):
            certificate = load_pem_x509_certificate(configuration[name].encode())
            found.append(OwnKey(words, certificate.fingerprint(SHA256()).hex(), certificate.not_valid_after_utc))
    return found


async def prepare(visit: Visit, _form: Form) -> Response:
    """Have a next key, for the provider to be told of."""
    return await _done(
        visit,
        visit.custody.provider_keys.prepare,
        "A next key is in our metadata. Have the provider read it anew, then promote the key.",
    )


async def promote(visit: Visit, _form: Form) -> Response:
    """Use the next key."""
    return await _done(
        visit,
        visit.custody.provider_keys.promote,
        "The next key is in use. Retire the earlier one once the provider encrypts to it no more.",
    )


async def discard(visit: Visit, _form: Form) -> Response:
    """Erase the next key."""
    return await _done(visit, visit.custody.provider_keys.discard, "The next key was erased.")


async def retire(visit: Visit, _form: Form) -> Response:
    """Erase the earlier key."""
    return await _done(visit, visit.custody.provider_keys.retire, "The earlier key was erased.")


async def _done(visit: Visit, step: Callable[..., ProviderDetail], message: str) -> Response:
    detail = await visit.ask(step, visit.path("name"))
    return visit.go(provider_address(detail.provider), message)
