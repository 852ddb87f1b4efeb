"""Keys that leave: what is recorded of them, which version leaves, and that a second implementation reads the file."""

import base64
import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1, SHA256
from Crypto.PublicKey import ECC, RSA
from tests.custody.reading import details_of, events_of, rows
from tests.custody.refusing import refused

from keyferry.custody.caller import Caller
from keyferry.custody.exports import ExportedFile
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.versions import unseal
from keyferry.material.algorithms import ALGORITHMS, Family
from keyferry.material.keys import Material
from keyferry.testing import Kek, Kit

MANAGED_HSM = "https://contoso-hsm.managedhsm.azure.net/keys/KEK/" + "a" * 32


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def hsm_kek(kek: Kek) -> Kek:
    return Kek(kek.private, MANAGED_HSM)


def unwrapped(file: ExportedFile, kek: Kek) -> bytes:
    """The key in a file, by PyCryptodome alone: RSA-OAEP with SHA-1 gives an AES key, AES-KWP the rest."""
    text = json.loads(file.content)["ciphertext"]
    ciphertext = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    private = RSA.import_key(kek.private_pem)
    size = private.size_in_bytes()
    ephemeral = PKCS1_OAEP.new(private, hashAlgo=SHA1).decrypt(ciphertext[:size])
    assert len(ephemeral) == 32
    plain: bytes = AES.new(ephemeral, AES.MODE_KWP).unseal(ciphertext[size:])
    return plain


def public_half(plain: bytes, family: Family) -> bytes:
    if family is Family.RSA:
        return RSA.import_key(plain).public_key().export_key("DER")
    return ECC.import_key(plain).public_key().export_key(format="DER")


#: PyCryptodome has no P-256K; OpenSSL reads that one in tests/byok
READABLE = [each for each in ALGORITHMS.values() if each.name != "ec-p256k"]


def test_a_second_implementation_unwraps_a_key_of_every_type(kit: Kit, kim: Caller, hsm_kek: Kek) -> None:
    for algorithm in READABLE:
        made = kit.key(kim, algorithm.name)
        plain = unwrapped(kit.export(kim, made.key.id, hsm_kek), hsm_kek)
        if not algorithm.symmetric:
            assert public_half(plain, algorithm.family) == made.version.public_key
            continue
        assert len(plain) * 8 == algorithm.bits
        assert AES.new(plain, AES.MODE_ECB).encrypt(bytes(16)).hex()[:6] == made.version.check_value


def test_the_record_is_of_the_file_that_was_handed_out(kit: Kit, kim: Caller, kek: Kek) -> None:
    made = kit.key(kim, "ec-p256", "tenant", group="payments")
    file = kit.export(kim, "payments/tenant", kek)
    record = file.export
    assert record.file_sha256 == hashlib.sha256(file.content).hexdigest()
    assert record.file_bytes == len(file.content)
    assert json.loads(file.content)["header"]["kid"] == record.key_identifier == kek.identifier
    spki = RSA.import_key(kek.public_pem).export_key("DER")
    assert record.kek_sha256 == SHA256.new(spki).hexdigest()
    assert (record.key_id, record.version_id, record.version_number) == (made.key.id, made.version.id, 1)
    assert (record.user_id, record.destination) == (kim.user_id, "azure")
    assert file.file_name == "tenant.byok"
    assert "az keyvault key import --vault-name contoso-kv --name tenant" in file.import_command
    (row,) = rows(kit, "exports")
    assert row == asdict(record)
    event, of_the_kek = events_of(kit, "key.export")
    told = details_of(event)
    assert details_of(of_the_kek) == {"part_of": event.uid}
    assert (told["export"], told["file_sha256"], told["version"]) == (record.id, record.file_sha256, 1)
    assert (event.object_id, event.actor_name) == (made.key.id, "kim")


def test_the_file_itself_is_never_kept(kit: Kit, kim: Caller, kek: Kek) -> None:
    file = kit.export(kim, kit.key(kim, "ec-p256").key.id, kek)
    ciphertext = json.loads(file.content)["ciphertext"].encode()
    home: Path = kit.installation.settings.home
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert ciphertext not in kept
    assert base64.urlsafe_b64decode(ciphertext + b"=" * (-len(ciphertext) % 4)) not in kept
    assert all(ciphertext.decode() not in event.details for event in events_of(kit, "key.export"))


def test_two_files_of_one_key_differ(kit: Kit, kim: Caller, kek: Kek) -> None:
    key = kit.key(kim, "ec-p256").key.id
    first, second = kit.export(kim, key, kek), kit.export(kim, key, kek)
    assert first.content != second.content
    assert unwrapped(first, kek) == unwrapped(second, kek)
    assert first.export.id != second.export.id


def test_the_current_version_leaves_and_no_other(kit: Kit, kim: Caller, kek: Kek) -> None:
    made = kit.key(kim, "ec-p256")
    rotated = kit.custody.states.rotate(kim, made.key.id)
    file = kit.export(kim, made.key.id, kek)
    assert (file.export.version_id, file.export.version_number) == (rotated.version.id, 2)
    assert public_half(unwrapped(file, kek), Family.EC) == rotated.version.public_key


def test_only_an_active_version_leaves(kit: Kit, kim: Caller, kek: Kek) -> None:
    states = kit.custody.states
    pre_active, deactivated, compromised, pending = (
        kit.key(kim, "ec-p256", activated=number > 0).key.id for number in range(4)
    )
    states.deactivate(kim, deactivated)
    states.revoke(kim, compromised, RevocationReason.KEY_COMPROMISE)
    states.deactivate(kim, pending)
    states.destroy(kim, pending)
    for key, code in (
        (pre_active, "key-not-active"),
        (deactivated, "key-not-active"),
        (compromised, "key-not-active"),
        (pending, "destruction-pending"),
    ):
        for ask in (kit.custody.exports.export, kit.custody.exports.preview):
            with refused(code, "state"):
                ask(kim, key, kek.request)
    assert rows(kit, "exports") == []


def test_an_older_active_version_does_not_leave_for_a_current_one_that_may_not(kit: Kit, kim: Caller, kek: Kek) -> None:
    key = kit.key(kim, "ec-p256").key.id
    kit.custody.states.rotate(kim, key)
    kit.custody.states.deactivate(kim, key)
    with refused("key-not-active", "state"):
        kit.export(kim, key, kek)


def test_a_symmetric_key_leaves_for_a_managed_hsm_alone(kit: Kit, kim: Caller, kek: Kek, hsm_kek: Kek) -> None:
    key = kit.key(kim).key.id
    with refused("target-needs-managed-hsm", "key_identifier"):
        kit.export(kim, key, kek)
    file = kit.export(kim, key, hsm_kek)
    assert "--hsm-name contoso-hsm" in file.import_command
    assert len(unwrapped(file, hsm_kek)) == 32


def test_a_preview_says_what_an_export_would_do(kit: Kit, kim: Caller, kek: Kek) -> None:
    key = kit.key(kim, "rsa-3072").key.id
    preview = kit.custody.exports.preview(kim, key, kek.request)
    file = kit.export(kim, key, kek)
    assert preview.warnings == file.warnings
    assert "weaker" in preview.warnings[0]
    assert preview.kek.spki_sha256 in preview.warnings[-1]
    assert preview.known_as == "new"
    again = kit.custody.exports.preview(kim, key, kek.request)
    assert (again.known_as, again.warnings) == ("used before", preview.warnings[:-1])
    assert preview.kek.spki_sha256 == file.export.kek_sha256
    assert preview.identifier.text == file.export.key_identifier
    assert preview.key.version.id == file.export.version_id


def test_exports_are_listed_to_whoever_may_see_the_key(kit: Kit, kim: Caller, kek: Kek) -> None:
    lee = kit.user("lee", groups=("payments",))
    own, shared = kit.key(kim, "ec-p256").key.id, kit.key(kim, "ec-p256", group="payments").key.id
    made = [kit.export(kim, key, kek).export for key in (own, shared, own, shared, own)]

    def walk(caller: Caller, key: str | None = None) -> list[str]:
        seen: list[str] = []
        after = 0
        for _ in range(10):
            page = kit.custody.exports.list(caller, size=2, after=after, key=key)
            seen += [detail.export.id for detail in page.items]
            if page.next is None:
                return seen
            after = int(page.next)
        raise AssertionError("the pages do not end")

    assert walk(kit.administrator) == walk(kim) == [export.id for export in made]
    assert walk(lee) == [export.id for export in made if export.key_id == shared]
    assert walk(lee, shared) == walk(lee)
    with refused("not-found", "key"):
        walk(lee, own)
    assert kit.custody.exports.show(lee, made[1].id).export == made[1]
    with refused("not-found", "export"):
        kit.custody.exports.show(lee, made[0].id)
    with refused("not-found", "export"):
        kit.custody.exports.show(kim, "no\0export")


def test_a_key_is_not_rotated_while_it_is_wrapped(
    kit: Kit, kim: Caller, kek: Kek, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kit.key(kim, "ec-p256").key.id
    before = unwrapped(kit.export(kim, key, kek), kek)
    with ThreadPoolExecutor(1) as threads:
        rotating: list[Future[Any]] = []

        def rotate_meanwhile(*sealed: Any) -> Material:
            rotating.append(threads.submit(kit.custody.states.rotate, kim, key))
            with pytest.raises(TimeoutError):
                rotating[0].result(timeout=0.3)
            return unseal(*sealed)

        with monkeypatch.context() as patched:
            patched.setattr("keyferry.custody.exports.unseal", rotate_meanwhile)
            file = kit.export(kim, key, kek)
        rotating[0].result(timeout=20)
    assert file.export.version_number == 1
    assert unwrapped(file, kek) == before
    after = kit.export(kim, key, kek)
    assert after.export.version_number == 2
    assert unwrapped(after, kek) != before
