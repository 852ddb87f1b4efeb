"""Keys in use, on both databases: what each state, usage and envelope allows, and what the audit log says of it."""

import json
import os
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from Crypto.Cipher import AES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.custody.reading import details_of, events_of
from tests.custody.refusing import refused

from keyferry.custody.caller import Caller
from keyferry.custody.keys import NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.use_values import Ciphertext, Payload
from keyferry.material.secret import Secret
from keyferry.material.using.signing import SignatureFormat
from keyferry.testing import Kit

TEXT = b"the harbour is closed on Sundays"
COMPROMISE = RevocationReason.KEY_COMPROMISE
MESSAGE = Payload(message=TEXT)


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments",))


@pytest.fixture
def key(kit: Kit, kim: Caller) -> str:
    """An AES-256 key of kim's."""
    return kit.key(kim, name="vault").key.id


def opened(kit: Kit, caller: Caller, key: str, data: bytes, **more: object) -> bytes:
    given = Ciphertext(data=data, **more)  # type: ignore[arg-type]  # as Ciphertext's fields
    return kit.custody.uses.decrypt(caller, key, given).plaintext.reveal()


def test_what_is_encrypted_names_its_key_version_and_algorithm(kit: Kit, kim: Caller, key: str) -> None:
    made = kit.custody.uses.encrypt(kim, "vault", Secret(TEXT), associated_data=b"page 1")

    assert made.ciphertext[:4] == b"KF\x01\x03"
    assert made.ciphertext[4:20].hex() == key.replace("-", "")
    assert made.ciphertext[20:24] == (1).to_bytes(4, "big")
    assert (made.by.key.id, made.by.version.number, made.by.method.name) == (key, 1, "A256GCM")
    assert opened(kit, kim, "vault", made.ciphertext, associated_data=b"page 1") == TEXT
    with refused("decryption-failed", "ciphertext"):
        opened(kit, kim, "vault", made.ciphertext)


def test_another_implementation_opens_an_envelope_by_the_documented_bytes(kit: Kit, kim: Caller) -> None:
    material = os.urandom(32)
    key = kit.custody.keys.import_(kim, NewKey(algorithm="aes-256"), material).key.id
    data = kit.custody.uses.encrypt(kim, key, Secret(TEXT), associated_data=b"aad").ciphertext
    cipher = AES.new(material, AES.MODE_GCM, nonce=data[24:36])
    cipher.update(data[:24] + b"aad")
    assert cipher.decrypt_and_verify(data[36:-16], data[-16:]) == TEXT


@pytest.mark.parametrize("algorithm", [None, "A128KW", "A128KWP"])
def test_a_wrapped_key_is_unwrapped(kit: Kit, kim: Caller, algorithm: str | None) -> None:
    kek, uses = kit.key(kim, "aes-128").key.id, kit.custody.uses
    material = os.urandom(32)
    made = uses.wrap(kim, kek, Secret(material), algorithm=algorithm)
    assert made.by.method.name == (algorithm or "A128KWP")
    assert uses.unwrap(kim, kek, Ciphertext(data=made.ciphertext)).plaintext.reveal() == material
    with refused("algorithm-refused", "algorithm"):
        uses.decrypt(kim, kek, Ciphertext(data=made.ciphertext))


def test_rotation_leaves_old_ciphertexts_readable_and_protects_with_the_new_version(
    kit: Kit, kim: Caller, key: str
) -> None:
    uses = kit.custody.uses
    old = uses.encrypt(kim, key, Secret(b"old")).ciphertext
    kit.custody.states.rotate(kim, key)
    new = uses.encrypt(kim, key, Secret(b"new"))
    assert new.by.version.number == 2
    assert opened(kit, kim, key, old) == b"old"
    assert opened(kit, kim, key, new.ciphertext) == b"new"
    moved = old[:20] + (2).to_bytes(4, "big") + old[24:]
    with refused("decryption-failed"):
        opened(kit, kim, key, moved)
    with refused("not-found"):
        opened(kit, kim, key, old[:20] + (3).to_bytes(4, "big") + old[24:])


@pytest.mark.parametrize("state", ["deactivated", "compromised"])
def test_a_version_that_protects_no_more_still_processes(kit: Kit, kim: Caller, state: str) -> None:
    uses, states = kit.custody.uses, kit.custody.states
    aes, ec = kit.key(kim).key.id, kit.key(kim, "ec-p256").key.id
    encrypted = uses.encrypt(kim, aes, Secret(TEXT)).ciphertext
    wrapped = uses.wrap(kim, aes, Secret(bytes(16))).ciphertext
    signature = uses.sign(kim, ec, MESSAGE).signature
    for key in (aes, ec):
        if state == "deactivated":
            states.deactivate(kim, key)
        else:
            states.revoke(kim, key, COMPROMISE)

    for protect in (
        lambda: uses.encrypt(kim, aes, Secret(TEXT)),
        lambda: uses.wrap(kim, aes, Secret(bytes(16))),
        lambda: uses.sign(kim, ec, MESSAGE),
    ):
        with refused("key-not-active", "state") as refusal:
            protect()
        assert state in refusal.error.detail
    assert opened(kit, kim, aes, encrypted) == TEXT
    assert uses.unwrap(kim, aes, Ciphertext(data=wrapped)).plaintext.reveal() == bytes(16)
    assert uses.verify(kim, ec, MESSAGE, signature).valid


def test_a_pre_active_version_does_nothing(kit: Kit, kim: Caller) -> None:
    uses = kit.custody.uses
    fresh = kit.key(kim, activated=False).key.id
    header = b"KF\x01\x03" + bytes.fromhex(fresh.replace("-", "")) + (1).to_bytes(4, "big")
    for ask in (
        lambda: uses.encrypt(kim, fresh, Secret(TEXT)),
        lambda: opened(kit, kim, fresh, header + bytes(32)),
    ):
        with refused("key-not-active", "state") as refusal:
            ask()
        assert "pre-active" in refusal.error.detail
        assert "Activate" in refusal.error.advice
    kit.custody.states.activate(kim, fresh)
    assert opened(kit, kim, fresh, uses.encrypt(kim, fresh, Secret(TEXT)).ciphertext) == TEXT


def test_neither_does_one_that_is_to_be_destroyed_or_gone(make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(destruction_pending="1d")
    kim = kit.user("kim")
    key, uses, states = kit.key(kim).key.id, kit.custody.uses, kit.custody.states
    made = uses.encrypt(kim, key, Secret(TEXT)).ciphertext
    states.deactivate(kim, key)
    states.destroy(kim, key)
    with refused("destruction-pending", "state"):
        opened(kit, kim, key, made)
    states.cancel_destruction(kim, key)
    assert opened(kit, kim, key, made) == TEXT


def test_and_a_destroyed_one_is_refused_by_its_state(make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(destruction_pending="0s")
    kim = kit.user("kim")
    key, uses, states = kit.key(kim).key.id, kit.custody.uses, kit.custody.states
    made = uses.encrypt(kim, key, Secret(TEXT)).ciphertext
    states.revoke(kim, key, COMPROMISE)
    states.destroy(kim, key)
    kit.custody.jobs.run()
    for ask in (lambda: opened(kit, kim, key, made), lambda: uses.encrypt(kim, key, Secret(TEXT))):
        with refused("key-not-active", "state") as refusal:
            ask()
        assert "destroyed-compromised" in refusal.error.detail


USAGES = {"aes-128": ("encrypt", "decrypt", "wrap", "unwrap"), "ec-p256": ("sign", "verify")}


def asks(kit: Kit, caller: Caller, key: str, usage: str) -> None:
    uses = kit.custody.uses
    envelope = b"KF\x01\x01" + bytes.fromhex(key.replace("-", "")) + (1).to_bytes(4, "big") + bytes(32)
    doings: dict[str, Callable[[], object]] = {
        "encrypt": lambda: uses.encrypt(caller, key, Secret(TEXT)),
        "decrypt": lambda: uses.decrypt(caller, key, Ciphertext(data=envelope)),
        "wrap": lambda: uses.wrap(caller, key, Secret(bytes(16))),
        "unwrap": lambda: uses.unwrap(caller, key, Ciphertext(data=bytes(24), version=1)),
        "sign": lambda: uses.sign(caller, key, MESSAGE),
        "verify": lambda: uses.verify(caller, key, MESSAGE, bytes(64)),
    }
    doings[usage]()


@pytest.mark.parametrize("key_type", USAGES)
def test_a_key_does_only_what_it_was_made_for(kit: Kit, kim: Caller, key_type: str) -> None:
    fails = {"decrypt": "decryption-failed", "unwrap": "decryption-failed"}
    for usage in USAGES[key_type]:
        key = kit.key(kim, key_type, usages=(usage,)).key.id
        with refused(fails[usage]) if usage in fails else nullcontext():
            asks(kit, kim, key, usage)
        for other in {*USAGES["aes-128"], *USAGES["ec-p256"]} - {usage}:
            with refused("usage-refused", "key") as refusal:
                asks(kit, kim, key, other)
            assert usage in refusal.error.detail
            assert (key_type in refusal.error.advice) == (other not in USAGES[key_type])


def test_an_envelope_of_another_key_is_refused_by_the_name_of_the_field(kit: Kit, kim: Caller, key: str) -> None:
    other = kit.key(kim).key.id
    data = kit.custody.uses.encrypt(kim, other, Secret(TEXT)).ciphertext
    with refused("envelope-refused", "ciphertext") as refusal:
        opened(kit, kim, key, data)
    assert "key id" in refusal.error.detail
    assert other in str(refusal.error.advice)


Change = Callable[[bytes], bytes]
CHANGES: list[tuple[Change, str, str]] = [
    (lambda data: data[:0], "envelope-refused", "ciphertext"),
    (lambda data: data[:10], "envelope-refused", "ciphertext"),
    (lambda data: b"XX" + data[2:], "envelope-refused", "ciphertext"),
    (lambda data: data[:2] + b"\x02" + data[3:], "envelope-refused", "ciphertext"),
    (lambda data: data[:3] + b"\x7f" + data[4:], "envelope-refused", "ciphertext"),
    (lambda data: data[:3] + b"\x01" + data[4:], "algorithm-refused", "algorithm"),
    (lambda data: data[:3] + b"\x23" + data[4:], "algorithm-refused", "algorithm"),
    (lambda data: data + bytes(66 * 1024), "input-size", "ciphertext"),
    (lambda data: data[:24], "decryption-failed", "ciphertext"),
    (lambda data: data[:-1], "decryption-failed", "ciphertext"),
    (lambda data: data + b"\0", "decryption-failed", "ciphertext"),
]


def test_a_changed_ciphertext_is_refused(kit: Kit, kim: Caller, key: str) -> None:
    data = kit.custody.uses.encrypt(kim, key, Secret(TEXT)).ciphertext
    for change, code, field in CHANGES:
        with refused(code, field):
            opened(kit, kim, key, change(data))
    assert opened(kit, kim, key, data, algorithm="A256GCM") == TEXT
    with refused("algorithm-refused", "algorithm"):
        opened(kit, kim, key, data, algorithm="A128GCM")


def test_what_was_encrypted_elsewhere_opens_with_an_explicit_version(kit: Kit, kim: Caller) -> None:
    detail = kit.key(kim, "rsa-2048")
    public = load_der_public_key(detail.version.public_key or b"")
    assert isinstance(public, rsa.RSAPublicKey)
    key, uses = detail.key.id, kit.custody.uses
    data = public.encrypt(TEXT, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))

    for open_ in (uses.decrypt, uses.unwrap):
        found = open_(kim, key, Ciphertext(data=data, version=1))
        assert (found.plaintext.reveal(), found.by.method.name, found.by.method.warnings) == (TEXT, "RSA-OAEP-256", ())
    with refused("envelope-refused", "ciphertext") as refusal:
        opened(kit, kim, key, data)
    assert "version" in str(refusal.error.advice)
    with refused("not-found"):
        opened(kit, kim, key, data, version=2)
    with refused("decryption-failed"):
        opened(kit, kim, key, data, version=1, algorithm="RSA-OAEP")

    old = public.encrypt(TEXT, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    legacy = uses.decrypt(kim, key, Ciphertext(data=old, version=1, algorithm="RSA-OAEP"))
    assert legacy.plaintext.reveal() == TEXT
    assert "SHA-1" in legacy.by.method.warnings[0]

    ours = uses.encrypt(kim, key, Secret(TEXT)).ciphertext
    assert opened(kit, kim, key, ours) == TEXT
    assert opened(kit, kim, key, ours[24:], version=1) == TEXT
    with refused("envelope-refused", "version"):
        opened(kit, kim, key, ours, version=1)


def test_so_does_a_key_that_was_wrapped_elsewhere_but_nothing_of_aes_gcm(kit: Kit, kim: Caller) -> None:
    material, wrapped = os.urandom(16), os.urandom(40)
    key = kit.custody.keys.import_(kim, NewKey(algorithm="aes-128"), material).key.id
    data = aes_key_wrap_with_padding(material, wrapped)
    found = kit.custody.uses.unwrap(kim, key, Ciphertext(data=data, version=1))
    assert found.plaintext.reveal() == wrapped
    with refused("envelope-refused", "ciphertext"):
        opened(kit, kim, key, bytes(40), version=1)


def test_what_does_not_fit_is_refused_by_the_name_of_the_field(kit: Kit, kim: Caller, key: str) -> None:
    uses = kit.custody.uses
    rsa_key = kit.key(kim, "rsa-2048").key.id
    with refused("input-size", "plaintext") as refusal:
        uses.encrypt(kim, rsa_key, Secret(bytes(191)))
    assert "190" in refusal.error.detail
    with refused("input-size", "plaintext"):
        uses.encrypt(kim, key, Secret(bytes(65537)))
    with refused("input-size", "material"):
        uses.wrap(kim, key, Secret(b""))
    with refused("input-size", "material"):
        uses.wrap(kim, key, Secret(bytes(20)), algorithm="A256KW")
    with refused("input-size", "associated_data"):
        uses.encrypt(kim, key, Secret(b""), associated_data=bytes(65537))
    with refused("invalid-input", "associated_data"):
        uses.encrypt(kim, rsa_key, Secret(b""), associated_data=b"x")


@pytest.mark.parametrize(
    ("key_type", "algorithm"),
    [("rsa-2048", "PS256"), ("rsa-2048", "RS512"), ("ec-p384", "ES384"), ("ec-p256k", "ES256K")],
)
def test_a_signature_is_verified_by_the_version_that_made_it(
    kit: Kit, kim: Caller, key_type: str, algorithm: str
) -> None:
    uses, key = kit.custody.uses, kit.key(kim, key_type).key.id
    signed = uses.sign(kim, key, MESSAGE, algorithm=algorithm)
    assert (signed.by.version.number, signed.by.method.name) == (1, algorithm)
    assert uses.verify(kim, key, MESSAGE, signed.signature, algorithm=algorithm).valid
    assert not uses.verify(kim, key, Payload(message=b"other"), signed.signature, algorithm=algorithm).valid

    kit.custody.states.rotate(kim, key)
    assert not uses.verify(kim, key, MESSAGE, signed.signature, algorithm=algorithm).valid
    assert uses.verify(kim, key, MESSAGE, signed.signature, algorithm=algorithm, version=1).valid
    with refused("not-found"):
        uses.verify(kim, key, MESSAGE, signed.signature, algorithm=algorithm, version=3)


def test_forms_and_payloads_that_will_not_do_are_refused(kit: Kit, kim: Caller) -> None:
    uses, key = kit.custody.uses, kit.key(kim, "ec-p256").key.id
    der = uses.sign(kim, key, MESSAGE, form=SignatureFormat.DER).signature
    assert uses.verify(kim, key, MESSAGE, der, form=SignatureFormat.DER).valid
    assert not uses.verify(kim, key, MESSAGE, der).valid
    with refused("invalid-input", "message"):
        uses.sign(kim, key, Payload())
    with refused("input-size", "digest"):
        uses.sign(kim, key, Payload(digest=bytes(20)))
    with refused("algorithm-refused", "algorithm"):
        uses.sign(kim, key, MESSAGE, algorithm="ES384")
    rsa_key = kit.key(kim, "rsa-2048").key.id
    with refused("invalid-input", "format"):
        uses.sign(kim, rsa_key, MESSAGE, form=SignatureFormat.DER)
    with refused("algorithm-refused", "algorithm"):
        uses.verify(kim, rsa_key, MESSAGE, bytes(256))


def test_the_audit_log_says_which_use_and_never_the_data(kit: Kit, kim: Caller, key: str) -> None:
    uses, signer = kit.custody.uses, kit.key(kim, "ec-p256").key.id
    made = uses.encrypt(kim, key, Secret(TEXT), associated_data=b"associated")
    opened(kit, kim, key, made.ciphertext, associated_data=b"associated")
    wrapped = uses.wrap(kim, key, Secret(TEXT))
    uses.unwrap(kim, key, Ciphertext(data=wrapped.ciphertext))
    signed = uses.sign(kim, signer, MESSAGE)
    uses.verify(kim, signer, MESSAGE, signed.signature)
    uses.verify(kim, signer, MESSAGE, bytes(64))
    with refused("decryption-failed"):
        opened(kit, kim, key, made.ciphertext)

    events = events_of(kit, "key.use")
    assert [details_of(event) for event in events] == [
        {"use": "encrypt", "algorithm": "A256GCM", "version": 1},
        {"use": "decrypt", "algorithm": "A256GCM", "version": 1},
        {"use": "wrap", "algorithm": "A256KWP", "version": 1},
        {"use": "unwrap", "algorithm": "A256KWP", "version": 1},
        {"use": "sign", "algorithm": "ES256", "version": 1},
        {"use": "verify", "algorithm": "ES256", "version": 1, "valid": True},
        {"use": "verify", "algorithm": "ES256", "version": 1, "valid": False},
    ]
    assert [event.object_id for event in events] == [key] * 4 + [signer] * 3
    assert {(event.object_type, event.actor_id, event.actor_name) for event in events} == {("key", kim.user_id, "kim")}
    (failure,) = events_of(kit, "key.use", "refused")
    assert (failure.code, failure.object_id, failure.object_name) == ("decryption-failed", key, "vault")
    written = json.dumps([event.details for event in [*events, failure]])
    for data in (TEXT, b"associated"):
        assert data.decode() not in written
        assert data.hex() not in written


def test_nothing_is_answered_when_it_cannot_be_audited(
    kit: Kit, kim: Caller, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("keyferry.custody.gate.write_event", broken)
    with pytest.raises(OSError, match="disk is full"):
        kit.custody.uses.encrypt(kim, key, Secret(TEXT))


def test_what_is_opened_does_not_print(kit: Kit, kim: Caller, key: str) -> None:
    made = kit.custody.uses.encrypt(kim, key, Secret(TEXT))
    found = kit.custody.uses.decrypt(kim, key, Ciphertext(data=made.ciphertext))
    assert TEXT.decode() not in repr(found)


def test_uses_that_were_done_are_counted(kit: Kit, kim: Caller, key: str) -> None:
    made = [kit.custody.uses.encrypt(kim, key, Secret(TEXT)) for _ in range(3)]
    assert opened(kit, kim, key, made[0].ciphertext) == TEXT
    with refused("decryption-failed"):
        opened(kit, kim, key, made[0].ciphertext[:-1])
    kit.background.tick()
    assert [day.used for day in kit.custody.metrics.show(kim).days][-1] == 4
