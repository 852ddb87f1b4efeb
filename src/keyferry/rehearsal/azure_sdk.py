"""The Azure side of the workflow as its documentation has it, done with the Azure SDK as it comes.

Nothing here is told where the emulator is: `HTTPS_PROXY`, `REQUESTS_CA_BUNDLE` and the `AZURE_*` variables decide, as
they do for every program that uses the SDK, and its check of the challenge's resource stays on.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import KeyClient, KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MANAGEMENT: Final = "https://management.azure.com"
"""Azure's management plane. The emulator plays Microsoft's onboarding service beside it."""


@contextmanager
def environment(variables: Mapping[str, str], *, without: Callable[[str], bool]) -> Iterator[None]:
    """Have these variables in this process's environment, and put back what was there.

    Args:
        without: names those of the person's own that are taken out meanwhile. A proxy, an authority or a credential
            of theirs (`https_proxy` even goes before `HTTPS_PROXY`) would lead the SDK to the real Azure.
    """
    before = dict(os.environ)
    for name in filter(without, before):
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def key_client(vault_url: str) -> KeyClient:
    """A client for a vault's keys, signed in as the environment says."""
    return KeyClient(vault_url, DefaultAzureCredential())


def cryptography_client(identifier: str) -> CryptographyClient:
    """A client for a key's use in its vault."""
    return CryptographyClient(identifier, DefaultAzureCredential())


def get_from_management(path: str) -> Any:
    """What the management plane answers to a GET of `path`, as JSON."""
    credential: Any = DefaultAzureCredential()
    policies = [BearerTokenCredentialPolicy(credential, f"{MANAGEMENT}/.default")]
    client: Any = PipelineClient(MANAGEMENT, policies=policies)
    response = client.send_request(HttpRequest("GET", MANAGEMENT + path))
    response.raise_for_status()
    return response.json()


def identifier_of(key: KeyVaultKey) -> str:
    """The Key Identifier that the portal shows, with its version."""
    return str(key.id)


def type_of(key: KeyVaultKey) -> str:
    """The key's type, `RSA-HSM`; the SDK gives it as one of its enumeration or, if it does not know it, as text."""
    return str(getattr(key.key_type, "value", key.key_type))


def public_pem(key: KeyVaultKey) -> bytes:
    """What *Download public key* gives: SubjectPublicKeyInfo in PEM."""
    return _public(key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der(key: KeyVaultKey) -> bytes:
    """The same in DER, for comparing byte by byte."""
    return _public(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(key: KeyVaultKey) -> rsa.RSAPublicKey:
    jwk = key.key
    n, e = (int.from_bytes(part, "big") for part in (jwk.n, jwk.e))  # type: ignore[attr-defined]  # set by name in the SDK
    return rsa.RSAPublicNumbers(e, n).public_key()
