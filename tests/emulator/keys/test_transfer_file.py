"""The strict reading of transfer files: what is taken, and every refusal by the one thing that is wrong with it."""

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.emulator.keys.conftest import MakeCall
from tests.emulator.keys.transfer import Kek, PrivateKey, asked, number, pkcs8, traditional, unpadded

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import deleting, making, reading, using
from keyferry.emulator.keys.call import Call

RSA_2048 = rsa.generate_private_key(65537, 2048)
P_256 = ec.generate_private_key(ec.SECP256R1())
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}


def refusal(call: Call, body: dict[str, Any]) -> AzureFailure:
    with pytest.raises(AzureFailure) as refused:
        making.import_key(call, "target", body)
    with pytest.raises(AzureFailure) as missing:
        reading.get(call, "target", None)
    assert missing.value.status == 404
    return refused.value


# what is taken


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_an_rsa_key_arrives_as_it_left_and_shows_no_private_number(bits: int, call: Call, kek: Kek) -> None:
    key = rsa.generate_private_key(65537, bits)
    imported = making.import_key(call, "target", asked(kek.file(pkcs8(key))))
    shown = imported["key"]
    assert (number(shown["n"]), number(shown["e"])) == (key.public_key().public_numbers().n, 65537)
    assert shown["kty"] == "RSA-HSM"
    assert set(shown) == {"kid", "kty", "key_ops", "n", "e"}
    assert shown["key_ops"] == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
    assert imported["attributes"]["hsmPlatform"] == "2"
    assert imported["attributes"]["exportable"] is False


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_a_curve_key_arrives_as_it_left(curve: str, call: Call, kek: Kek) -> None:
    key = ec.generate_private_key(CURVES[curve])
    shown = making.import_key(call, "target", asked(kek.file(pkcs8(key)), "EC-HSM", crv=curve))["key"]
    public = key.public_key().public_numbers()
    assert (number(shown["x"]), number(shown["y"]), shown["crv"]) == (public.x, public.y, curve)
    assert (shown["kty"], shown["key_ops"]) == ("EC-HSM", ["sign", "verify"])
    assert "d" not in shown


@pytest.mark.parametrize("bits", [3072, 4096])
def test_a_larger_kek_opens_a_file_too(bits: int, call: Call) -> None:
    kek = Kek.of(making.create(call, "big", {"kty": "RSA-HSM", "key_size": bits, "key_ops": ["import"]}))
    assert making.import_key(call, "target", asked(kek.file(pkcs8(RSA_2048))))["key"]["kty"] == "RSA-HSM"


@pytest.mark.parametrize("aes_bytes", [16, 24, 32])
def test_an_aes_key_of_each_size_is_taken(aes_bytes: int, call: Call, kek: Kek) -> None:
    document = kek.document(b"x") | {"ciphertext": unpadded(kek.wrap(pkcs8(P_256), aes_bytes))}
    body = asked(json.dumps(document).encode(), "EC-HSM", crv="P-256")
    assert making.import_key(call, "target", body)["key"]["kty"] == "EC-HSM"


P_521 = ec.generate_private_key(ec.SECP521R1())


def flavours(value: bytes) -> list[str]:
    standard, url = base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()
    found = [standard, standard.rstrip("="), url, url.rstrip("=")]
    assert len(set(found)) == 4, "these bytes have neither padding nor a character that the alphabets differ in"
    return found


@pytest.mark.parametrize("inner", range(4))
@pytest.mark.parametrize("outer", range(4))
def test_every_flavour_of_base64_is_read_outside_and_inside(outer: int, inner: int, call: Call, kek: Kek) -> None:
    document = kek.document(pkcs8(P_521))
    # 512 bytes, which need padding; with P-256 they would be 408, which need none
    document["ciphertext"] = flavours(kek.wrap(pkcs8(P_521)))[inner]
    document["generator"] = (
        "~~~ ??? >>>"  # in a group's last place these are the characters that the alphabets differ in
    )
    content = json.dumps(document).encode()
    content += b"\n" * (1 if len(content) % 3 == 0 else 0)
    body = asked(flavours(content)[outer], "EC-HSM", crv="P-521")
    assert making.import_key(call, "target", body)["key"]["crv"] == "P-521"


def test_white_space_the_order_of_members_and_a_generator_do_not_matter(call: Call, kek: Kek) -> None:
    document = dict(reversed(kek.document(pkcs8(P_256)).items()))
    del document["generator"]
    content = b"\r\n " + json.dumps(document, indent=2).encode() + b"\n"
    assert making.import_key(call, "target", asked(content, "EC-HSM", crv="P-256"))


@pytest.mark.parametrize(
    "host", ["contoso-kv.vault.azure.net", "localhost:8443", "127.0.0.1:8443", "Contoso-KV.vault.azure.net:443"]
)
def test_the_kek_is_named_under_any_of_its_vaults_names(host: str, call: Call, kek: Kek) -> None:
    path = kek.identifier.removeprefix("https://contoso-kv.vault.azure.net")
    document = kek.document(pkcs8(P_256))
    document["header"]["kid"] = f"https://{host}{path}"
    body = asked(json.dumps(document).encode(), "EC-HSM", crv="P-256")
    assert making.import_key(call, "target", body)["key"]["kid"].startswith(
        "https://contoso-kv.vault.azure.net/keys/target/"
    )


def test_an_imported_key_signs_and_its_former_owner_verifies(call: Call, kek: Kek) -> None:
    making.import_key(call, "target", asked(kek.file(pkcs8(P_256)), "EC-HSM", crv="P-256"))
    digest = os.urandom(32)
    value = using.sign(call, "target", None, {"alg": "ES256", "value": unpadded(digest)})["value"]
    r, s = divmod(number(value), 1 << 256)
    P_256.public_key().verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    assert len(base64.urlsafe_b64decode(value + "==")) == 64


# what is wrong with the file

Change = Callable[[dict[str, Any], Kek], Any]


def member(name: str, value: object) -> Change:
    def change(document: dict[str, Any], kek: Kek) -> None:
        document[name] = value

    return change


def header(name: str, value: object) -> Change:
    def change(document: dict[str, Any], kek: Kek) -> None:
        document["header"][name] = value

    return change


def without(name: str, within: str | None = None) -> Change:
    def change(document: dict[str, Any], kek: Kek) -> None:
        del (document if within is None else document[within])[name]

    return change


def kid(change: Callable[[str], str]) -> Change:
    def apply(document: dict[str, Any], kek: Kek) -> None:
        document["header"]["kid"] = change(kek.identifier)

    return apply


def ciphertext(make: Callable[[Kek, bytes], bytes]) -> Change:
    def change(document: dict[str, Any], kek: Kek) -> None:
        right = base64.urlsafe_b64decode(document["ciphertext"] + "==")
        document["ciphertext"] = unpadded(make(kek, right))

    return change


def holds(plaintext: bytes) -> Change:
    return ciphertext(lambda kek, _: kek.wrap(plaintext))


def flipped(position: int) -> Callable[[Kek, bytes], bytes]:
    def flip(_: Kek, right: bytes) -> bytes:
        changed = bytearray(right)
        changed[position] ^= 1
        return bytes(changed)

    return flip


def oaep_sha256(kek: Kek, right: bytes) -> bytes:
    aes = os.urandom(32)
    return kek.oaep(aes, hashes.SHA256()) + aes_key_wrap_with_padding(aes, pkcs8(RSA_2048))


def aes_of(length: int) -> Callable[[Kek, bytes], bytes]:
    return lambda kek, right: kek.oaep(os.urandom(length)) + right[256:]


def key_wrap_without_padding(kek: Kek, right: bytes) -> bytes:
    aes, plaintext = os.urandom(32), pkcs8(RSA_2048)
    return kek.oaep(aes) + aes_key_wrap(aes, plaintext + bytes(-len(plaintext) % 8))


ED25519 = bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))

WRONG_FILES: dict[str, tuple[Change, str]] = {
    "schema version of another": (member("schema_version", "1.0"), "schema_version is not 1.0.0"),
    "schema version a number": (member("schema_version", 1), "schema_version is not a string"),
    "no schema version": (without("schema_version"), "schema_version is missing"),
    "no header": (without("header"), "header is missing"),
    "header a string": (member("header", "kid"), "header is not an object"),
    "no kid": (without("kid", "header"), "header.kid is missing"),
    "kid a number": (header("kid", 7), "header.kid is not a string"),
    "no alg": (without("alg", "header"), "header.alg is missing"),
    "another alg": (header("alg", "RSA-OAEP"), "header.alg is not dir"),
    "no enc": (without("enc", "header"), "header.enc is missing"),
    "another enc": (header("enc", "CKM_RSA_AES_KEY_WRAP_PAD"), "header.enc is not CKM_RSA_AES_KEY_WRAP"),
    "the enc of releases": (header("enc", "RSA_AES_KEY_WRAP_256"), "header.enc is not CKM_RSA_AES_KEY_WRAP"),
    "generator a number": (member("generator", 1), "generator is not a string"),
    "no ciphertext": (without("ciphertext"), "ciphertext is missing"),
    "ciphertext a list": (member("ciphertext", []), "ciphertext is not a string"),
    "ciphertext not base64": (member("ciphertext", "!"), "ciphertext is not base64"),
    "ciphertext empty": (member("ciphertext", ""), "fewer than the KEK's modulus (256)"),
    "kid a name": (header("kid", "KEK"), "header.kid is not the identifier of a key version"),
    "kid over http": (kid(lambda text: text.replace("https", "http")), "not of the form https://VAULT/keys"),
    "kid of a secret": (kid(lambda text: text.replace("/keys/", "/secrets/")), "not of the form https://VAULT/keys"),
    "kid unversioned": (kid(lambda text: text.rpartition("/")[0]), "it names no version of the key"),
    "kid with a short version": (kid(lambda text: text[:-1]), "a version of 32 hex digits"),
    "kid with a slash behind": (kid(lambda text: text + "/"), "a version of 32 hex digits"),
    "kid with a query": (kid(lambda text: text + "?api-version=7.4"), "not of the form https://VAULT/keys"),
    "kid with a user": (kid(lambda text: text.replace("https://", "https://a@")), "not of the form"),
    "kid with a bad port": (kid(lambda text: text.replace(".net/", ".net:x/")), "it is no URL"),
    "kid with blanks": (header("kid", "https://v/keys/a b/" + "0" * 32), "characters that no URL has"),
    "kid of another vault": (
        kid(lambda text: text.replace("contoso-kv", "fabrikam-kv")),
        "names the vault fabrikam-kv.vault.azure.net, and the key goes into contoso-kv",
    ),
    "kid of another port": (header("kid", f"https://localhost:8444/keys/KEK/{'0' * 32}"), "the vault localhost:8444"),
    "KEK not found": (kid(lambda text: text.replace("/KEK/", "/KEK2/")), "names the key KEK2, and this vault has none"),
    "not that version": (kid(lambda text: text[:-32] + "0" * 32), "the key KEK has no such version"),
    "as long as the modulus": (ciphertext(lambda _, right: right[:256]), "fewer than the KEK's modulus (256)"),
    "shorter than the modulus": (ciphertext(lambda _, right: right[:255]), "has 255 bytes, fewer than"),
    "one block of key wrap": (ciphertext(lambda _, right: right[:264]), "fewer than the KEK's modulus (256)"),
    "a byte short": (ciphertext(lambda _, right: right[:-1]), "AES key wrap makes multiples of 8"),
    "a byte long": (ciphertext(lambda _, right: right + b"\0"), "AES key wrap makes multiples of 8"),
    "eight bytes long": (ciphertext(lambda _, right: right + bytes(8)), "second part of ciphertext does not open"),
    "OAEP part changed": (ciphertext(flipped(17)), "first part of ciphertext does not open"),
    "OAEP with SHA-256": (ciphertext(oaep_sha256), "RSA-OAEP, SHA-1 and MGF1-SHA-1"),
    "wrapped part changed": (ciphertext(flipped(300)), "AES key wrap with padding (RFC 5649)"),
    "key wrap without padding": (ciphertext(key_wrap_without_padding), "AES key wrap with padding (RFC 5649)"),
    "another AES key": (ciphertext(aes_of(32)), "second part of ciphertext does not open"),
    "AES key of 64 bits": (ciphertext(aes_of(8)), "the wrapped AES key has 64 bits"),
    "AES key of 264 bits": (ciphertext(aes_of(33)), "the wrapped AES key has 264 bits"),
    "AES key of no bits": (ciphertext(aes_of(0)), "the wrapped AES key has 0 bits"),
    "PKCS#1": (holds(traditional(RSA_2048)), "PKCS#1"),
    "PEM": (holds(b"-----BEGIN PRIVATE KEY-----\n"), "it is not DER"),
    "an AES key": (holds(bytes(range(32))), "it is not DER"),
    "bytes behind the key": (holds(pkcs8(RSA_2048) + b"\0"), "bytes follow the end"),
    "RSA of 1024 bits": (holds(pkcs8(rsa.generate_private_key(65537, 1024))), "has 1024 bits"),
    "RSA of 2560 bits": (holds(pkcs8(rsa.generate_private_key(65537, 2560))), "has 2560 bits"),
    "a curve key": (holds(pkcs8(P_256)), "kty says RSA-HSM, and an elliptic curve key was wrapped"),
    "Ed25519": (holds(ED25519), "neither an RSA nor an elliptic curve key"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_one_thing_wrong_with_the_file_is_refused_by_its_name(case: str, call: Call, kek: Kek) -> None:
    change, words = WRONG_FILES[case]
    document = kek.document(pkcs8(RSA_2048))
    change(document, kek)
    refused = refusal(call, asked(json.dumps(document).encode()))
    assert (refused.status, refused.code, refused.inner) == (400, "BadParameter", None)
    assert words in refused.message
    assert refused.message.startswith("The key transfer file (key_hsm) cannot be imported: ")


WRONG_CONTENTS: dict[str, tuple[bytes | str, str]] = {
    "not base64": ("{}", "key_hsm is not base64"),
    "empty": ("", "it has 0 bytes"),
    "a binary transfer package of old": (
        b"\0\0\1\x9bnCipher KeyTransferPackage",
        "it is not JSON; a binary KeyTransferPackage",
    ),
    "random bytes": (b"\xff\xfe\xfd\xfc", "it is not JSON"),
    "quoted with single quotes": (b"{'schema_version':'1.0.0'}", "it is not JSON"),
    "a list": (b"[]", "it is not JSON"),
    "cut off": (b'{"schema_version":', "it is not JSON"),
    "a member twice": (b'{"a":1,"a":1}', "it names a member twice"),
    "NaN": (b'{"a":NaN}', "NaN is not JSON"),
    "not UTF-8": (b'{"a":"\xff"}', "it is not JSON"),
    "nested deep": (b'{"a":' + b"[" * 20_000, "it is not JSON"),
    "too large": (b"{" + b" " * 70_000 + b"}", "1 to 65536 are taken"),
    "an object in an object": (b'{"header":{}}', "schema_version is missing"),
}


@pytest.mark.parametrize("case", WRONG_CONTENTS)
def test_what_is_no_transfer_file_is_refused(case: str, call: Call) -> None:
    content, words = WRONG_CONTENTS[case]
    refused = refusal(call, asked(content))
    assert (refused.status, refused.code) == (400, "BadParameter")
    assert words in refused.message


def test_what_the_request_declares_must_be_what_was_wrapped(call: Call, kek: Kek) -> None:
    def words(key: PrivateKey, kty: str, **members: Any) -> str:
        refused = refusal(call, asked(kek.file(pkcs8(key)), kty, **members))
        assert (refused.status, refused.code) == (400, "BadParameter")
        return refused.message

    assert "kty says EC-HSM, and an RSA key was wrapped" in words(RSA_2048, "EC-HSM", crv="P-256")
    assert "crv says P-384, and a key on P-256 was wrapped" in words(P_256, "EC-HSM", crv="P-384")
    assert "crv says P-256K, and a key on P-256 was wrapped" in words(P_256, "EC-HSM", crv="P-256K")
    assert "crv has invalid value: it is missing" in words(P_256, "EC-HSM")
    assert "is imported as RSA-HSM or EC-HSM, and kty says RSA" in words(RSA_2048, "RSA")
    assert "is imported as RSA-HSM or EC-HSM, and kty says EC" in words(P_256, "EC", crv="P-256")
    assert "symmetric keys live in a Managed HSM only" in words(RSA_2048, "oct-HSM")
    assert "and n is there too" in words(RSA_2048, "RSA-HSM", n="AQAB")
    sec1 = asked(kek.file(traditional(P_256)), "EC-HSM", crv="P-256")
    assert "SEC1" in refusal(call, sec1).message


# which KEK may open it


def test_a_kek_that_is_not_rsa_hsm_is_refused(call: Call) -> None:
    kek = Kek.of(making.create(call, "soft", {"kty": "RSA"}))
    refused = refusal(call, asked(kek.file(pkcs8(RSA_2048))))
    assert (refused.status, refused.code) == (400, "BadParameter")
    assert "the KEK soft is of type RSA, and a KEK is RSA-HSM" in refused.message


@pytest.mark.parametrize("operations", [None, ["wrapKey", "unwrapKey"], []])
def test_a_kek_whose_operations_are_not_exactly_import_is_refused(operations: list[str] | None, call: Call) -> None:
    kek = Kek.of(making.create(call, "other", {"kty": "RSA-HSM", "key_ops": operations}))
    refused = refusal(call, asked(kek.file(pkcs8(RSA_2048))))
    assert (refused.status, refused.code, refused.inner) == (403, "Forbidden", "KeyOperationForbidden")
    assert 'the KEK other are not exactly ["import"]' in refused.message


@pytest.mark.parametrize(
    ("attributes", "inner", "words"),
    [
        ({"enabled": False}, "KeyDisabled", "Operation import is not allowed on a disabled key"),
        ({"nbf": clock.now() + 3600}, "KeyNotYetValidOrExpired", "not yet valid"),
        ({"exp": clock.now() - 3600}, "KeyNotYetValidOrExpired", "has expired"),
    ],
)
def test_a_kek_that_may_not_be_used_now_is_refused(
    attributes: dict[str, Any], inner: str, words: str, call: Call, kek: Kek
) -> None:
    reading.update(call, "KEK", None, {"attributes": attributes})
    refused = refusal(call, asked(kek.file(pkcs8(RSA_2048))))
    assert (refused.status, refused.code, refused.inner) == (403, "Forbidden", inner)
    assert words in refused.message
    assert "The KEK KEK" in refused.message


def test_a_deleted_kek_is_refused(call: Call, kek: Kek) -> None:
    deleting.delete(call, "KEK")
    refused = refusal(call, asked(kek.file(pkcs8(RSA_2048))))
    assert refused.status == 400
    assert "the key KEK, which is deleted; recover it first" in refused.message


def test_a_file_wrapped_under_an_old_version_opens_under_that_version_only(call: Call, kek: Kek) -> None:
    newer = Kek.of(making.rotate(call, "KEK"))
    crossed = Kek(newer.identifier, kek.public)
    refused = refusal(call, asked(crossed.file(pkcs8(RSA_2048))))
    assert "first part of ciphertext does not open" in refused.message
    assert making.import_key(call, "target", asked(kek.file(pkcs8(RSA_2048))))


def test_a_standard_vault_takes_no_transfer_file(make_call: MakeCall, kek: Kek) -> None:
    refused = refusal(make_call(sku="standard"), asked(kek.file(pkcs8(RSA_2048))))
    assert (refused.status, refused.code) == (400, "BadParameter")
    assert "need a key vault of the Premium tier, and contoso-kv is of the Standard tier" in refused.message


def test_a_kek_that_is_disabled_while_the_file_is_opened_lets_nothing_in(
    call: Call, kek: Kek, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyferry.emulator.keys import transfer_file

    unwrap = transfer_file.unwrap

    def slowly(*arguments: Any) -> bytes:
        reading.update(call, "KEK", None, {"attributes": {"enabled": False}})
        return unwrap(*arguments)

    monkeypatch.setattr(transfer_file, "unwrap", slowly)
    refused = refusal(call, asked(kek.file(pkcs8(RSA_2048))))
    assert refused.inner == "KeyDisabled"


# whatever comes

quietly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quietly
@given(st.binary(max_size=400))
@example(b"{}")
@example(b"\x00")
def test_arbitrary_bytes_get_a_400_and_nothing_else(call: Call, content: bytes) -> None:
    refused = refusal(call, asked(content))
    assert (refused.status, refused.code) == (400, "BadParameter")


@quietly
@given(st.text(max_size=200))
def test_arbitrary_text_as_key_hsm_gets_a_400_and_nothing_else(call: Call, text: str) -> None:
    refused = refusal(call, asked(text))
    assert (refused.status, refused.code) == (400, "BadParameter")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@quietly
@given(
    document=st.fixed_dictionaries(
        {},
        optional={
            "schema_version": st.just("1.0.0") | json_values,
            "header": st.fixed_dictionaries(
                {},
                optional={
                    "kid": st.just(f"https://contoso-kv.vault.azure.net/keys/KEK/{'0' * 32}") | json_values,
                    "alg": st.just("dir") | json_values,
                    "enc": st.just("CKM_RSA_AES_KEY_WRAP") | json_values,
                },
            )
            | json_values,
            "ciphertext": st.text("ABCabc012+/-_=", max_size=40) | json_values,
            "generator": json_values,
        },
    )
)
def test_arbitrary_members_get_a_400_and_nothing_else(call: Call, document: dict[str, Any]) -> None:
    refused = refusal(call, asked(json.dumps(document).encode()))
    assert (refused.status, refused.code) == (400, "BadParameter")


@quietly
@given(st.binary(max_size=600))
def test_arbitrary_ciphertext_under_a_real_kek_gets_a_400_and_nothing_else(
    call: Call, kek: Kek, ciphertext: bytes
) -> None:
    document = kek.document(b"x") | {"ciphertext": unpadded(ciphertext)}
    refused = refusal(call, asked(json.dumps(document).encode()))
    assert (refused.status, refused.code) == (400, "BadParameter")


@quietly
@given(st.binary(min_size=1, max_size=300))
def test_arbitrary_wrapped_bytes_get_a_400_and_nothing_else(call: Call, kek: Kek, plaintext: bytes) -> None:
    refused = refusal(call, asked(kek.file(plaintext)))
    assert (refused.status, refused.code) == (400, "BadParameter")
    assert "is not a key in PKCS#8 that a vault takes" in refused.message
