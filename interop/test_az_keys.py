"""Everything else that `az keyvault key` does with a key in the vault, by each way in."""

import json
from pathlib import Path

import pytest
from interop.openssl import KeyPair, wrap
from interop.scene import Kek, Scene
from interop.ways import Vault


@pytest.fixture
def imported(scene: Scene, kek: Kek, rsa: KeyPair, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The name of a key of the test's own, which came in a transfer file."""
    name = f"{scene.way}-{request.node.originalname.replace('_', '-')}"
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    scene.az("keyvault", "key", "import", *scene.vault.key(name), "--byok-file", file)
    return name


def test_attributes_are_set(scene: Scene, imported: str) -> None:
    changed = scene.az(
        *("keyvault", "key", "set-attributes", *scene.vault.key(imported)),
        *("--ops", "wrapKey", "unwrapKey", "--expires", "9999-12-31T23:59:59Z", "--tags", "use=customer-key"),
    )
    assert changed["key"]["keyOps"] == ["wrapKey", "unwrapKey"]
    assert changed["attributes"]["expires"].startswith("9999-12-31T23:59:59")
    assert changed["tags"] == {"use": "customer-key"}


def test_a_disabled_key_does_nothing(scene: Scene, imported: str) -> None:
    scene.az("keyvault", "key", "set-attributes", *scene.vault.key(imported), "--enabled", "false")
    said = scene.az.refused(
        *("keyvault", "key", "sign", *scene.vault.key(imported)),
        *("--algorithm", "RS256", "--digest", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    )
    assert "disabled" in said


def test_a_deleted_key_comes_back_and_cannot_be_purged(scene: Scene, imported: str) -> None:
    deleted = scene.az("keyvault", "key", "delete", *scene.vault.key(imported))
    assert deleted["scheduledPurgeDate"] is not None
    assert scene.vault.url in deleted["recoveryId"]
    listed = scene.az("keyvault", "key", "list-deleted", *scene.vault.itself())
    assert imported in [each["name"] for each in listed]
    assert scene.az("keyvault", "key", "show-deleted", *scene.vault.deleted_key(imported))["key"]["kty"] == "RSA-HSM"

    said = scene.az.refused("keyvault", "key", "show", *scene.vault.key(imported))
    assert "recently deleted" in said
    said = scene.az.refused("keyvault", "key", "create", *scene.vault.key(imported), "--kty", "RSA")
    assert "deleted but recoverable state" in said
    said = scene.az.refused("keyvault", "key", "purge", *scene.vault.deleted_key(imported))
    assert "Forbidden" in said

    recovered = scene.az("keyvault", "key", "recover", *scene.vault.deleted_key(imported))
    assert recovered["key"]["kid"] == deleted["key"]["kid"]
    assert scene.az("keyvault", "key", "show", *scene.vault.key(imported))["key"]["kid"] == deleted["key"]["kid"]


def test_a_key_is_backed_up_and_not_restored_over_itself(scene: Scene, imported: str, tmp_path: Path) -> None:
    file = tmp_path / "key.backup"
    scene.az("keyvault", "key", "backup", *scene.vault.key(imported), "--file", file)
    assert file.stat().st_size > 500
    said = scene.az.refused("keyvault", "key", "restore", *scene.vault.itself(), "--file", file)
    assert "Conflict" in said or "already exists" in said


def test_a_key_of_the_vaults_own_rotates(scene: Scene, tmp_path: Path) -> None:
    key = scene.vault.key(f"{scene.way}-rotating")
    first = scene.az("keyvault", "key", "create", *key, "--kty", "RSA-HSM", "--size", "2048")
    policy = tmp_path / "policy.json"
    actions = [{"trigger": {"time_after_create": "P90D"}, "action": {"type": "Rotate"}}]
    policy.write_text(json.dumps({"lifetime_actions": actions, "attributes": {"expiry_time": "P2Y"}}))
    scene.az("keyvault", "key", "rotation-policy", "update", *key, "--value", policy)
    shown = scene.az("keyvault", "key", "rotation-policy", "show", *key)
    assert shown["expiresIn"] == "P2Y"
    assert "P90D" in [each["timeAfterCreate"] for each in shown["lifetimeActions"]]

    second = scene.az("keyvault", "key", "rotate", *key)
    assert second["key"]["kid"] != first["key"]["kid"]
    assert second["key"]["n"] != first["key"]["n"]
    versions = scene.az("keyvault", "key", "list-versions", *key)
    assert {each["kid"] for each in versions} == {first["key"]["kid"], second["key"]["kid"]}


def test_a_key_is_purged_and_restored_where_nothing_protects_it(scene: Scene, spare: Vault, tmp_path: Path) -> None:
    key, file = spare.key("comes-and-goes"), tmp_path / "key.backup"
    made = scene.az("keyvault", "key", "create", *key, "--kty", "EC-HSM", "--curve", "P-384")
    scene.az("keyvault", "key", "backup", *key, "--file", file)
    scene.az("keyvault", "key", "delete", *key)
    scene.az("keyvault", "key", "purge", *spare.deleted_key("comes-and-goes"))
    restored = scene.az("keyvault", "key", "restore", *spare.itself(), "--file", file)
    assert restored["key"]["kid"] == made["key"]["kid"]
    assert restored["key"]["x"] == made["key"]["x"]


def test_encrypting_and_decrypting_in_the_vault(scene: Scene, imported: str) -> None:
    sealed = scene.az(
        *("keyvault", "key", "encrypt", *scene.vault.key(imported)),
        *("--algorithm", "RSA-OAEP-256", "--value", "there and back", "--data-type", "plaintext"),
    )
    opened = scene.az(
        *("keyvault", "key", "decrypt", *scene.vault.key(imported)),
        *("--algorithm", "RSA-OAEP-256", "--value", sealed["result"], "--data-type", "plaintext"),
    )
    assert opened["result"] == "there and back"
