"""What the vault must refuse, and what the Azure CLI then tells the person in front of it."""

import json
from pathlib import Path

import pytest
from interop.openssl import KeyPair, wrap
from interop.scene import Kek, Scene
from interop.ways import Vault


@pytest.fixture
def into(scene: Scene) -> "Import":
    return Import(scene)


class Import:
    """An import that is refused, and leaves nothing behind."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def refused(self, file: Path, name: str, vault: Vault | None = None, *arguments: str) -> str:
        """What `az` says."""
        key = (vault or self._scene.vault).key(f"{self._scene.way}-{name}")
        said = self._scene.az.refused("keyvault", "key", "import", *key, "--byok-file", file, *arguments)
        assert "was not found" in self._scene.az.refused("keyvault", "key", "show", *key)
        return said


def test_a_kek_that_could_do_anything_besides_import(scene: Scene) -> None:
    key = scene.vault.key(f"{scene.way}-mixed")
    said = scene.az.refused("keyvault", "key", "create", *key, "--kty", "RSA-HSM", "--ops", "import", "wrapKey")
    assert "BadParameter" in said
    assert "import" in said


def test_a_file_for_another_kek(scene: Scene, kek: Kek, rsa: KeyPair, into: Import, tmp_path: Path) -> None:
    other = scene.make_kek(f"{scene.way}-another-kek", tmp_path)
    file = wrap(rsa.private, other.public, kek.kid, tmp_path / "wrong.byok")
    said = into.refused(file, "for-another-kek")
    assert "does not open under the KEK" in said


def test_a_file_whose_kek_is_disabled(scene: Scene, rsa: KeyPair, into: Import, tmp_path: Path) -> None:
    kek = scene.make_kek(f"{scene.way}-disabled-kek", tmp_path)
    scene.az("keyvault", "key", "set-attributes", *scene.vault.key(kek.name), "--enabled", "false")
    said = into.refused(wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok"), "under-a-disabled-kek")
    assert "disabled" in said


def test_a_file_for_another_vault(
    scene: Scene, kek: Kek, rsa: KeyPair, into: Import, spare: Vault, tmp_path: Path
) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    said = into.refused(file, "of-another-vault", spare)
    assert "BadParameter" in said
    assert "vault" in said


def test_a_file_that_lost_its_end(kek: Kek, rsa: KeyPair, into: Import, tmp_path: Path) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    file.write_bytes(file.read_bytes()[:-40])
    assert "key_hsm" in into.refused(file, "cut-off")


def test_a_file_whose_ciphertext_was_changed(kek: Kek, rsa: KeyPair, into: Import, tmp_path: Path) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    document = json.loads(file.read_text())
    last = document["ciphertext"][-5]
    document["ciphertext"] = document["ciphertext"][:-5] + ("A" if last != "A" else "B") + document["ciphertext"][-4:]
    file.write_text(json.dumps(document))
    assert "second part of ciphertext does not open" in into.refused(file, "changed")


def test_an_old_binary_transfer_package(into: Import, tmp_path: Path) -> None:
    file = tmp_path / "KeyTransferPackage-old.byok"
    file.write_bytes(bytes(range(256)) * 8)
    said = into.refused(file, "old-package")
    assert "BadParameter" in said


def test_a_key_of_another_type_than_declared(kek: Kek, rsa: KeyPair, into: Import, tmp_path: Path) -> None:
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "key.byok")
    said = into.refused(file, "declared-as-ec", None, "--kty", "EC", "--curve", "P-256")
    assert "an RSA key was wrapped" in said


def test_a_standard_vault(scene: Scene) -> None:
    name = f"{scene.way}-standard"
    created = scene.az("keyvault", "create", "--name", name, "--resource-group", scene.vault.group, "--sku", "standard")
    key = scene.vault_of(created).key("kek")
    said = scene.az.refused("keyvault", "key", "create", *key, "--kty", "RSA-HSM", "--ops", "import")
    assert "remium" in said
