"""The documented way of a key into a vault's HSM, with the unmodified Azure CLI, by each way in."""

import base64
import hashlib
from pathlib import Path

from interop.keyferry import keyferry
from interop.openssl import KeyPair, spki_of, wrap
from interop.scene import Kek, Scene


def test_a_kek_is_made_that_can_do_nothing_but_import(scene: Scene, kek: Kek) -> None:
    shown = scene.az("keyvault", "key", "show", *scene.vault.key(kek.name))
    assert shown["key"]["kty"] == "RSA-HSM"
    assert shown["key"]["keyOps"] == ["import"]
    assert shown["key"]["kid"] == kek.kid
    assert kek.kid.startswith(f"{scene.vault.url}/keys/{kek.name}/")
    assert shown["attributes"]["recoveryLevel"] == "Recoverable"
    assert shown["attributes"]["recoverableDays"] == 90


def test_a_key_that_keyferry_wrapped_arrives(scene: Scene, kek: Kek, rsa: KeyPair, tmp_path: Path) -> None:
    name, file = f"{scene.way}-by-keyferry", tmp_path / "wrapped.byok"
    under = ("--public-key", kek.public, "--key-identifier", kek.kid)
    keyferry("byok", "wrap", "--to", "azure", "--key", rsa.private, *under, "--output", file)
    imported = scene.az("keyvault", "key", "import", *scene.vault.key(name), "--byok-file", file)
    assert imported["key"]["kty"] == "RSA-HSM"
    assert imported["attributes"]["enabled"] is True

    listed = scene.az("keyvault", "key", "list", *scene.vault.itself())
    assert f"{scene.vault.url}/keys/{name}" in [each["kid"] for each in listed]
    versions = scene.az("keyvault", "key", "list-versions", *scene.vault.key(name))
    assert [each["kid"] for each in versions] == [imported["key"]["kid"]]

    require_same_public_key(scene, name, rsa, tmp_path)
    require_same_private_key(scene, name, rsa, tmp_path)


def test_a_key_that_openssl_alone_wrapped_arrives(scene: Scene, kek: Kek, rsa: KeyPair, tmp_path: Path) -> None:
    name = f"{scene.way}-by-openssl"
    file = wrap(rsa.private, kek.public, kek.kid, tmp_path / "by-openssl.byok")
    uses = ("--ops", "sign", "decrypt")
    imported = scene.az("keyvault", "key", "import", *scene.vault.key(name), "--byok-file", file, *uses)
    assert imported["key"]["kty"] == "RSA-HSM"
    assert imported["key"]["keyOps"] == ["sign", "decrypt"]
    require_same_public_key(scene, name, rsa, tmp_path)
    require_same_private_key(scene, name, rsa, tmp_path)


def test_an_elliptic_curve_key_arrives(scene: Scene, kek: Kek, ec: KeyPair, tmp_path: Path) -> None:
    name = f"{scene.way}-curve"
    file = wrap(ec.private, kek.public, kek.kid, tmp_path / "curve.byok")
    what = ("--kty", "EC", "--curve", "P-256", "--ops", "sign", "verify")
    imported = scene.az("keyvault", "key", "import", *scene.vault.key(name), "--byok-file", file, *what)
    assert imported["key"]["kty"] == "EC-HSM"
    assert imported["key"]["crv"] == "P-256"
    require_same_public_key(scene, name, ec, tmp_path)

    digest = hashlib.sha256(b"signed in the vault").digest()
    signature = signed(scene, name, "ES256", digest)
    arguments = ("--algorithm", "ES256", "--digest", text(digest), "--signature", text(signature))
    assert scene.az("keyvault", "key", "verify", *scene.vault.key(name), *arguments)["isValid"] is True


def require_same_public_key(scene: Scene, name: str, key: KeyPair, directory: Path) -> None:
    """The public key that the vault gives away is the one that we kept."""
    downloaded = directory / f"{name}-downloaded.pem"
    scene.az("keyvault", "key", "download", *scene.vault.key(name), "--file", downloaded)
    assert spki_of(downloaded) == key.spki


def require_same_private_key(scene: Scene, name: str, key: KeyPair, directory: Path) -> None:
    """What only the private key can do, the vault does: it decrypts for us, and we verify what it signed."""
    sealed = key.encrypted_for(b"for the vault alone")
    opened = scene.az(
        *("keyvault", "key", "decrypt", *scene.vault.key(name)),
        *("--algorithm", "RSA-OAEP", "--value", text(sealed), "--data-type", "plaintext"),
    )
    assert opened["result"] == "for the vault alone"

    digest = hashlib.sha256(b"signed in the vault").digest()
    signature = signed(scene, name, "RS256", digest)
    assert key.verified(digest, signature, directory)
    assert not key.verified(hashlib.sha256(b"another").digest(), signature, directory)


def signed(scene: Scene, name: str, algorithm: str, digest: bytes) -> bytes:
    answer = scene.az(
        *("keyvault", "key", "sign", *scene.vault.key(name), "--algorithm", algorithm, "--digest", text(digest))
    )
    return base64.b64decode(answer["signature"])


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()
