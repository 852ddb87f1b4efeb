"""The unmodified azure-keyvault-keys against the vault, over TLS and the proxy, its challenge check on."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.keys import (
    ApiVersion,
    JsonWebKey,
    KeyClient,
    KeyCurveName,
    KeyOperation,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyRotationPolicyAction,
    KeyType,
    KeyVaultKey,
)
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from tests.emulator.keys.wire import Wire, rsa_public, signed_in

from keyferry.emulator.server import Running


def jwk_of(key: KeyVaultKey) -> Any:
    """The public members; the SDK sets them without declaring them."""
    return key.key


@pytest.fixture(scope="module")
def wire(emulator: Running) -> Iterator[Wire]:
    with signed_in(emulator) as wire:
        yield wire


@pytest.fixture(scope="module")
def client(wire: Wire) -> Iterator[KeyClient]:
    with wire.client() as client:
        yield client


@pytest.fixture(scope="module")
def open_client(wire: Wire) -> Iterator[KeyClient]:
    """A vault without purge protection, of 7 days."""
    with wire.client(wire.make_vault("sdk-open-kv", softDeleteRetentionInDays=7)) as client:
        yield client


def test_keys_of_every_kind_are_made(client: KeyClient) -> None:
    kek = client.create_rsa_key("sdk-KEK", size=3072, hardware_protected=True, key_operations=[KeyOperation.import_key])
    assert (kek.key_type, kek.key_operations, len(jwk_of(kek).n)) == (KeyType.rsa_hsm, ["import"], 384)
    assert kek.properties.recovery_level == "Recoverable"
    assert kek.properties.recoverable_days == 90
    assert kek.properties.hsm_platform == "2"
    assert kek.properties.exportable is False
    soft = client.create_ec_key("sdk-ec", curve=KeyCurveName.p_521, tags={"a": "b"})
    assert (soft.key_type, jwk_of(soft).crv, soft.properties.tags) == (KeyType.ec, "P-521", {"a": "b"})
    assert client.create_key("sdk-rsa", "RSA").key_type == KeyType.rsa
    with pytest.raises(HttpResponseError, match="Managed HSM only"):
        client.create_oct_key("sdk-oct", size=256)


@pytest.mark.parametrize("version", ["7.0", "7.4", "7.6-preview.2", ApiVersion.V2025_07_01.value, "2026-01-01-preview"])
def test_api_versions_of_today_and_before_are_answered(version: str, wire: Wire) -> None:
    with KeyClient("https://keyferry-vault-a.vault.azure.net", wire.credential, api_version=version) as client:
        assert client.create_ec_key("sdk-versions").name == "sdk-versions"


@pytest.mark.parametrize(("hardware", "kind"), [(None, KeyType.rsa), (True, KeyType.rsa_hsm)])
def test_a_plain_key_is_imported_and_decrypts(
    hardware: bool | None, kind: KeyType, client: KeyClient, wire: Wire
) -> None:
    own = rsa.generate_private_key(65537, 2048)
    numbers = own.private_numbers()
    members = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    jwk = JsonWebKey(
        kty="RSA", **{name: value.to_bytes((value.bit_length() + 7) // 8, "big") for name, value in members.items()}
    )
    key = client.import_key("sdk-plain", jwk, hardware_protected=hardware)
    assert (key.key_type, jwk_of(key).d) == (kind, None)
    secret = own.public_key().encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    with wire.cryptography(key.id) as cryptography:
        assert cryptography.decrypt(EncryptionAlgorithm.rsa_oaep_256, secret).plaintext == b"secret"


def test_a_key_wraps_here_and_unwraps_there(client: KeyClient, wire: Wire) -> None:
    key = client.create_rsa_key("sdk-wrap", key_operations=["wrapKey", "unwrapKey"])
    for algorithm in (KeyWrapAlgorithm.rsa_oaep, KeyWrapAlgorithm.rsa_oaep_256, KeyWrapAlgorithm.rsa1_5):
        with wire.cryptography(key) as cryptography:
            wrapped = cryptography.wrap_key(algorithm, b"a key of 16 byte")
            unwrapped = cryptography.unwrap_key(algorithm, wrapped.encrypted_key)
        assert (unwrapped.key, unwrapped.key_id) == (b"a key of 16 byte", key.id)
        with wire.cryptography(key.id) as cryptography, pytest.raises(HttpResponseError) as refused:
            cryptography.sign(SignatureAlgorithm.rs256, bytes(32))
        assert refused.value.status_code == 403


def test_a_key_without_a_version_in_its_identifier_is_the_current_one(client: KeyClient, wire: Wire) -> None:
    client.create_rsa_key("sdk-unversioned")
    key = client.create_rsa_key("sdk-unversioned")
    digest = hashlib.sha256(b"signed").digest()
    with wire.cryptography(key.id.rpartition("/")[0]) as cryptography:
        signed = cryptography.sign(SignatureAlgorithm.ps256, digest)
    rsa_public(key).verify(
        signed.signature, digest, padding.PSS(padding.MGF1(hashes.SHA256()), 32), Prehashed(hashes.SHA256())
    )


@pytest.mark.parametrize(
    ("curve", "algorithm", "digest"),
    [
        (KeyCurveName.p_256, SignatureAlgorithm.es256, bytes(32)),
        (KeyCurveName.p_256_k, SignatureAlgorithm.es256_k, bytes(32)),
        (KeyCurveName.p_384, SignatureAlgorithm.es384, bytes(48)),
        (KeyCurveName.p_521, SignatureAlgorithm.es512, bytes(64)),
    ],
)
def test_the_sdk_verifies_what_a_curve_key_signed(
    curve: KeyCurveName, algorithm: SignatureAlgorithm, digest: bytes, client: KeyClient, wire: Wire
) -> None:
    key = client.create_ec_key(f"sdk-sign-{curve.value}", curve=curve)
    with wire.cryptography(key.id) as remote, wire.cryptography(key) as local:
        signature = remote.sign(algorithm, digest).signature
        assert local.verify(algorithm, digest, signature).is_valid
        assert not remote.verify(algorithm, digest, signature[::-1]).is_valid


def test_lists_are_walked_over_their_pages(wire: Wire) -> None:
    with wire.client(wire.make_vault("sdk-list-kv")) as client:
        names = [f"key-{number:02}" for number in range(28)]
        for name in names:
            client.create_ec_key(name)
        assert [item.name for item in client.list_properties_of_keys()] == names
        assert [len(list(page)) for page in client.list_properties_of_keys().by_page()] == [25, 3]
        for _ in range(3):
            client.create_ec_key("key-00")
        versions = [item.version for item in client.list_properties_of_key_versions("key-00", max_page_size=2)]
        assert len(set(versions)) == 4
        assert client.get_key("key-00").properties.version == versions[-1]


def test_properties_are_changed(client: KeyClient) -> None:
    key = client.create_rsa_key("sdk-update")
    until = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    changed = client.update_key_properties(
        key.name, key.properties.version, enabled=False, expires_on=until, tags={"x": "y"}, key_operations=["verify"]
    )
    assert (changed.properties.enabled, changed.properties.tags, changed.key_operations) == (
        False,
        {"x": "y"},
        ["verify"],
    )
    assert changed.properties.expires_on == until
    assert client.update_key_properties(key.name, enabled=True).properties.expires_on == until


def test_a_key_is_deleted_recovered_deleted_and_purged(open_client: KeyClient) -> None:
    key = open_client.create_ec_key("sdk-delete")
    deleted = open_client.begin_delete_key("sdk-delete").result()
    assert (deleted.name, deleted.recovery_id) == (
        "sdk-delete",
        "https://sdk-open-kv.vault.azure.net/deletedkeys/sdk-delete",
    )
    assert deleted.scheduled_purge_date is not None
    assert deleted.deleted_date is not None
    assert (deleted.scheduled_purge_date - deleted.deleted_date).days == 7
    assert deleted.properties.recovery_level == "CustomizedRecoverable+Purgeable"
    with pytest.raises(ResourceNotFoundError, match="was not found in this key vault"):
        open_client.get_key("sdk-delete")
    with pytest.raises(ResourceExistsError, match="deleted but recoverable state"):
        open_client.create_ec_key("sdk-delete")
    assert [item.name for item in open_client.list_deleted_keys()] == ["sdk-delete"]
    assert open_client.begin_recover_deleted_key("sdk-delete").result().id == key.id
    assert open_client.get_key("sdk-delete").id == key.id
    open_client.begin_delete_key("sdk-delete").wait()
    open_client.purge_deleted_key("sdk-delete")
    with pytest.raises(ResourceNotFoundError, match="Deleted Key not found: sdk-delete"):
        open_client.get_deleted_key("sdk-delete")
    assert open_client.create_ec_key("sdk-delete").id != key.id


def test_purge_protection_is_told(client: KeyClient) -> None:
    client.create_ec_key("sdk-protected")
    client.begin_delete_key("sdk-protected").wait()
    with pytest.raises(HttpResponseError, match="purge protection is enabled for this vault") as refused:
        client.purge_deleted_key("sdk-protected")
    assert refused.value.status_code == 403


def test_a_key_is_backed_up_and_restored(open_client: KeyClient) -> None:
    for _ in range(2):
        key = open_client.create_rsa_key("sdk-backup", tags={"kept": "yes"})
    versions = [item.id for item in open_client.list_properties_of_key_versions("sdk-backup")]
    blob = open_client.backup_key("sdk-backup")
    with pytest.raises(ResourceExistsError):
        open_client.restore_key_backup(blob)
    open_client.begin_delete_key("sdk-backup").wait()
    open_client.purge_deleted_key("sdk-backup")
    restored = open_client.restore_key_backup(blob)
    assert (restored.id, restored.properties.tags, jwk_of(restored).n) == (key.id, {"kept": "yes"}, jwk_of(key).n)
    assert [item.id for item in open_client.list_properties_of_key_versions("sdk-backup")] == versions


def test_a_key_is_rotated_by_its_policy(client: KeyClient) -> None:
    key = client.create_rsa_key("sdk-rotate", hardware_protected=True)
    assert client.get_key_rotation_policy("sdk-rotate").lifetime_actions[0].action == KeyRotationPolicyAction.notify
    actions = [KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P2M")]
    policy = client.update_key_rotation_policy(
        "sdk-rotate", KeyRotationPolicy(), expires_in="P90D", lifetime_actions=actions
    )
    assert (policy.expires_in, policy.lifetime_actions[0].time_after_create) == ("P90D", "P2M")
    assert policy.created_on is not None
    rotated = client.rotate_key("sdk-rotate")
    assert rotated.id != key.id
    assert rotated.key_type == KeyType.rsa_hsm
    created, expires = rotated.properties.created_on, rotated.properties.expires_on
    assert created is not None
    assert expires is not None
    assert (expires - created).days == 90


@pytest.mark.parametrize(
    "refused",
    [
        lambda client: client.get_random_bytes(count=8),
        lambda client: client.create_rsa_key("sdk-export", exportable=True),
        lambda client: client.release_key("sdk-export", target_attestation_token="x"),
    ],
)
def test_what_is_not_offered_says_so(refused: Any, client: KeyClient) -> None:
    with pytest.raises(HttpResponseError) as failure:
        refused(client)
    assert failure.value.status_code in {400, 403}
    assert "not offered" in str(failure.value) or "AKV.SKR.1004" in str(failure.value)


def test_an_ec_key_of_ones_own_is_imported(client: KeyClient, wire: Wire) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.private_numbers()
    x, y, d = (
        value.to_bytes(32, "big")
        for value in (numbers.public_numbers.x, numbers.public_numbers.y, numbers.private_value)
    )
    key = client.import_key("sdk-own-ec", JsonWebKey(kty="EC", crv="P-256", x=x, y=y, d=d))
    assert (key.key_type, jwk_of(key).x, jwk_of(key).d) == (KeyType.ec, x, None)
