"""The documented way of a key into a vault's HSM, with the unmodified Azure SDK for Python, by each way in.

By the proxy everything is as it would be against Azure: the defaults, the challenge check among them. At localhost the
challenge check is off, for it takes no host that is not below the resource's; nothing else differs.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ChainedTokenCredential, DefaultAzureCredential
from azure.keyvault.keys import JsonWebKey, KeyClient, KeyOperation, KeyType, KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from interop.openssl import KeyPair, wrap
from interop.served import Served
from interop.ways import Way


@dataclass(frozen=True, slots=True)
class Sdk:
    """The SDK, pointed at one vault by one way."""

    url: str
    credential: ChainedTokenCredential
    options: Mapping[str, Any]

    def keys(self) -> KeyClient:
        return KeyClient(self.url, self.credential, **self.options)

    def cryptography(self, key: KeyVaultKey) -> CryptographyClient:
        return CryptographyClient(key, self.credential, **self.options)


@pytest.fixture(
    params=[
        pytest.param((Way.PROXY, 0), id="proxy"),
        pytest.param((Way.PROXY, 1), id="proxy-second-vault"),
        pytest.param((Way.ID, 0), id="localhost"),
        pytest.param((Way.ID, 1), id="localhost-second-vault"),
    ]
)
def sdk(request: pytest.FixtureRequest, served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    way, index = request.param
    for name, value in served.variables(way).items():
        monkeypatch.setenv(name, value)
    vault = served.facts(way)["vaults"][index]
    if way is Way.PROXY:
        with DefaultAzureCredential() as credential:
            yield Sdk(vault["proxied_url"], credential, {})
    else:
        with DefaultAzureCredential(disable_instance_discovery=True) as credential:
            yield Sdk(vault["url"], credential, {"verify_challenge_resource": False})


def test_the_documented_sequence(sdk: Sdk, rsa: KeyPair, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    name = f"sdk-{request.node.callspec.id}"
    with sdk.keys() as keys:
        # 1. A KEK that can do nothing but import, and its public key as PEM.
        kek = keys.create_rsa_key(
            f"{name}-kek", hardware_protected=True, size=4096, key_operations=[KeyOperation.import_key]
        )
        assert kek.key_type == KeyType.rsa_hsm
        assert kek.key_operations == ["import"]
        assert str(kek.id).startswith(f"{sdk.url}/keys/{name}-kek/")
        public = tmp_path / "kek.pem"
        public.write_bytes(public_key(kek, Encoding.PEM))

        # 2. The transfer file, by OpenSSL alone, and its import.
        file = wrap(rsa.private, public, str(kek.id), tmp_path / "key.byok")
        operations = [KeyOperation.wrap_key, KeyOperation.unwrap_key, KeyOperation.sign]
        sent = JsonWebKey(kty=KeyType.rsa_hsm, key_ops=operations, t=file.read_bytes())
        imported = keys.import_key(name, sent, hardware_protected=True)
        assert imported.key_type == KeyType.rsa_hsm
        assert set(imported.key_operations) == {"wrapKey", "unwrapKey", "sign"}
        assert imported.properties.recovery_level == "Recoverable"
        assert imported.properties.hsm_platform == "2"

        # 3. It is in the vault's list, and its public key is ours.
        assert name in [each.name for each in keys.list_properties_of_keys()]
        assert [each.version for each in keys.list_properties_of_key_versions(name)] == [imported.properties.version]
        assert public_key(keys.get_key(name), Encoding.DER) == rsa.spki

        # 4. What only the private key can do, the vault does.
        with sdk.cryptography(imported) as cryptography:
            wrapped_for_us, held = rsa.encrypted_for(key := secrets.token_bytes(32)), KeyWrapAlgorithm.rsa_oaep
            assert cryptography.unwrap_key(held, wrapped_for_us).key == key
            digest = hashlib.sha256(b"signed in the vault").digest()
            signature = cryptography.sign(SignatureAlgorithm.rs256, digest).signature
            assert rsa.verified(digest, signature, tmp_path)

        # 5. What the key may not do, it does not, whoever asks.
        with (
            CryptographyClient(str(imported.id), sdk.credential, **sdk.options) as cryptography,
            pytest.raises(HttpResponseError) as refused,
        ):
            cryptography.decrypt(EncryptionAlgorithm.rsa_oaep, rsa.encrypted_for(b"x"))
        assert refused.value.status_code == 403

        # 6. A backup, and the way out and back.
        assert len(keys.backup_key(name) or b"") > 500
        assert keys.begin_delete_key(name).result().scheduled_purge_date is not None
        with pytest.raises(HttpResponseError) as refused:
            keys.purge_deleted_key(name)
        assert refused.value.status_code == 403
        assert keys.begin_recover_deleted_key(name).result().id == imported.id


def test_a_file_for_another_kek_is_refused(
    sdk: Sdk, rsa: KeyPair, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = f"sdk-refused-{request.node.callspec.id}"
    with sdk.keys() as keys:
        kek, other = (
            keys.create_rsa_key(
                f"{name}-{each}", hardware_protected=True, size=2048, key_operations=[KeyOperation.import_key]
            )
            for each in ("kek", "other")
        )
        public = tmp_path / "kek.pem"
        public.write_bytes(public_key(kek, Encoding.PEM))
        file = wrap(rsa.private, public, str(other.id), tmp_path / "key.byok")
        with pytest.raises(HttpResponseError, match="does not open under the KEK") as refused:
            keys.import_key(name, JsonWebKey(kty=KeyType.rsa_hsm, t=file.read_bytes()))
        assert refused.value.status_code == 400
        with pytest.raises(ResourceNotFoundError):
            keys.get_key(name)


def test_at_localhost_the_challenge_check_must_be_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in served.variables(Way.ID).items():
        monkeypatch.setenv(name, value)
    with (
        DefaultAzureCredential(disable_instance_discovery=True) as credential,
        KeyClient(served.facts(Way.ID)["vaults"][0]["url"], credential) as keys,
        pytest.raises(ValueError, match="challenge resource"),
    ):
        keys.get_key("any")


def public_key(key: KeyVaultKey, encoding: Encoding) -> bytes:
    """The public key of an RSA key in a vault, as SubjectPublicKeyInfo."""
    n, e = (int.from_bytes(value or b"") for value in (getattr(key.key, each) for each in "ne"))
    return RSAPublicNumbers(e, n).public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
