"""Creating, importing and changing keys: defaults, and every rule about what a key may be."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.emulator.keys.conftest import MakeCall
from tests.emulator.keys.transfer import number, unpadded

from keyferry.emulator import clock
from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import making, reading
from keyferry.emulator.keys.call import Call

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
SIX = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]


def octets(value: int, length: int | None = None) -> str:
    return unpadded(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key: rsa.RSAPrivateKey = RSA, **changed: Any) -> dict[str, Any]:
    private = key.private_numbers()
    members = {
        "n": private.public_numbers.n,
        "e": private.public_numbers.e,
        "d": private.d,
        "p": private.p,
        "q": private.q,
        "dp": private.dmp1,
        "dq": private.dmq1,
        "qi": private.iqmp,
    }
    return {"kty": "RSA", **{name: octets(value) for name, value in members.items()}, **changed}


def ec_jwk(**changed: Any) -> dict[str, Any]:
    private = EC.private_numbers()
    public = private.public_numbers
    return {
        "kty": "EC",
        "crv": "P-384",
        "x": octets(public.x, 48),
        "y": octets(public.y, 48),
        "d": octets(private.private_value, 48),
        **changed,
    }


def refused(operation: Any, *arguments: Any) -> str:
    with pytest.raises(AzureFailure) as failure:
        operation(*arguments)
    assert (failure.value.status, failure.value.code) == (400, "BadParameter")
    return failure.value.message


# creating


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kty": "RSA"}, ("RSA", 2048, SIX, "0")),
        ({"kty": "RSA", "key_size": 3072, "public_exponent": 65537}, ("RSA", 3072, SIX, "0")),
        ({"kty": "RSA-HSM", "key_ops": ["wrapKey", "unwrapKey", "wrapKey"]}, ("RSA-HSM", 2048, SIX[4:], "2")),
        ({"kty": "rsa-hsm", "key_ops": ["import"]}, ("RSA-HSM", 2048, ["import"], "2")),
        ({"kty": "RSA", "key_ops": []}, ("RSA", 2048, [], "0")),
    ],
)
def test_an_rsa_key_is_made_as_asked(body: dict[str, Any], expected: tuple[Any, ...], call: Call) -> None:
    made = making.create(call, "key", body)
    key = made["key"]
    shape = (key["kty"], number(key["n"]).bit_length(), key["key_ops"], made["attributes"]["hsmPlatform"])
    assert shape == expected
    assert set(key) == {"kid", "kty", "key_ops", "n", "e"}


@pytest.mark.parametrize(
    ("crv", "bits"), [(None, 256), ("P-256", 256), ("P-384", 384), ("P-521", 521), ("p-256k", 256)]
)
@pytest.mark.parametrize("kty", ["EC", "EC-HSM"])
def test_a_curve_key_is_made_as_asked(kty: str, crv: str | None, bits: int, call: Call) -> None:
    key = making.create(call, "key", {"kty": kty, "crv": crv})["key"]
    assert (key["kty"], key["crv"], key["key_ops"]) == (kty, (crv or "P-256").upper(), ["sign", "verify"])
    assert len(key["x"]) == len(key["y"]) == len(octets(0, (bits + 7) // 8))
    assert set(key) == {"kid", "kty", "key_ops", "crv", "x", "y"}


def test_a_bundle_says_what_the_documentation_says(call: Call) -> None:
    before = clock.now()
    made = making.create(
        call, "My-Key", {"kty": "RSA-HSM", "attributes": {"nbf": 1, "exp": 253402300799}, "tags": {"a": ""}}
    )
    assert reading.get(call, "my-key", None) == made
    kid, attributes = made["key"]["kid"], made["attributes"]
    assert kid.startswith("https://contoso-kv.vault.azure.net/keys/My-Key/")
    assert len(kid.rpartition("/")[2]) == 32
    assert before <= attributes.pop("created") == attributes.pop("updated") <= clock.now()
    assert attributes == {
        "enabled": True,
        "nbf": 1,
        "exp": 253402300799,
        "recoveryLevel": "Recoverable",
        "recoverableDays": 90,
        "exportable": False,
        "hsmPlatform": "2",
    }
    assert made["tags"] == {"a": ""}


def test_recovery_levels_are_those_of_the_vault(make_call: MakeCall) -> None:
    call = make_call(retention_days=7, purge_protection=False)
    attributes = making.create(call, "key", {"kty": "EC"})["attributes"]
    assert (attributes["recoveryLevel"], attributes["recoverableDays"]) == ("CustomizedRecoverable+Purgeable", 7)


WRONG_CREATES: dict[str, tuple[dict[str, Any], str]] = {
    "no kty": ({}, "Property kty has invalid value: it is missing"),
    "kty a number": ({"kty": 1}, "kty has invalid value: it is not a string"),
    "kty unknown": ({"kty": "DSA"}, "none of RSA, RSA-HSM, EC, EC-HSM"),
    "symmetric": ({"kty": "oct"}, "symmetric keys live in a Managed HSM only"),
    "symmetric in a module": ({"kty": "oct-HSM"}, "symmetric keys live in a Managed HSM only"),
    "size": ({"kty": "RSA", "key_size": 1024}, "2048, 3072 or 4096 bits"),
    "size a string": ({"kty": "RSA", "key_size": "2048"}, "key_size has invalid value: it is not a whole number"),
    "size true": ({"kty": "RSA", "key_size": True}, "it is not a whole number"),
    "exponent": ({"kty": "RSA", "public_exponent": 3}, "65537 is what is offered"),
    "a curve of an RSA key": ({"kty": "RSA", "crv": "P-256"}, "crv goes with keys on elliptic curves"),
    "a size of a curve key": ({"kty": "EC", "key_size": 256}, "key_size and public_exponent go with RSA"),
    "curve": ({"kty": "EC", "crv": "P-192"}, "none of P-256, P-384, P-521, P-256K"),
    "operations a string": ({"kty": "RSA", "key_ops": "sign"}, "it is not a list of strings"),
    "unknown operation": (
        {"kty": "EC", "key_ops": ["wrapKey", "sign", "unwrapKey"]},
        'Unsupported key operation(s): "wrapKey", "unwrapKey". Supported values are "sign", "verify".',
    ),
    "export": ({"kty": "RSA", "key_ops": ["export"]}, 'Unsupported key operation(s): "export"'),
    "import and another": ({"kty": "RSA-HSM", "key_ops": ["import", "wrapKey"]}, "mutually exclusive with all other"),
    "import in software": ({"kty": "RSA", "key_ops": ["import"]}, "goes with keys of type RSA-HSM only"),
    "import on a curve": ({"kty": "EC-HSM", "key_ops": ["import"]}, "goes with keys of type RSA-HSM only"),
    "exportable": (
        {"kty": "RSA-HSM", "attributes": {"exportable": True}},
        "AKV.SKR.1004: Exportable keys must have release policy.",
    ),
    "release policy": (
        {"kty": "RSA-HSM", "release_policy": {"data": ""}},
        "AKV.SKR.1005: Non-exportable keys must not have release policy.",
    ),
    "both": (
        {"kty": "RSA-HSM", "release_policy": {"data": ""}, "attributes": {"exportable": True}},
        "not offered by this emulator",
    ),
    "attributes a list": ({"kty": "RSA", "attributes": []}, "attributes has invalid value: it is not an object"),
    "enabled a word": ({"kty": "RSA", "attributes": {"enabled": "yes"}}, "neither true nor false"),
    "nbf before 1970": ({"kty": "RSA", "attributes": {"nbf": -1}}, "nbf has invalid value"),
    "exp after 9999": ({"kty": "RSA", "attributes": {"exp": 253402300800}}, "exp has invalid value"),
    "exp in fractions": ({"kty": "RSA", "attributes": {"exp": 1.5}}, "it is not a whole number"),
    "exp not after nbf": ({"kty": "RSA", "attributes": {"nbf": 9, "exp": 9}}, "it is not later than nbf"),
    "tags a list": ({"kty": "RSA", "tags": []}, "tags has invalid value: it is not an object"),
    "a tag a number": ({"kty": "RSA", "tags": {"a": 1}}, "the value of a tag is a string"),
    "16 tags": ({"kty": "RSA", "tags": {str(each): "" for each in range(16)}}, "at most 15 tags"),
    "a long tag": ({"kty": "RSA", "tags": {"a": "x" * 257}}, "at most 256 characters"),
    "a long name of a tag": ({"kty": "RSA", "tags": {"x" * 257: ""}}, "at most 256 characters"),
}


@pytest.mark.parametrize("case", WRONG_CREATES)
def test_what_a_key_cannot_be_is_refused(case: str, call: Call) -> None:
    body, words = WRONG_CREATES[case]
    assert words in refused(making.create, call, "key", body)
    with pytest.raises(AzureFailure) as missing:
        reading.get(call, "key", None)
    assert missing.value.status == 404


def test_a_bad_name_is_refused(call: Call) -> None:
    assert "a_b" in refused(making.create, call, "a_b", {"kty": "EC"})


@pytest.mark.parametrize("kty", ["RSA-HSM", "EC-HSM"])
def test_a_standard_vault_has_no_hardware_module(kty: str, make_call: MakeCall) -> None:
    call = make_call(sku="standard")
    words = refused(making.create, call, "key", {"kty": kty})
    assert words == f"Keys of type {kty} need a key vault of the Premium tier, and contoso-kv is of the Standard tier."
    assert "Premium" in refused(making.import_key, call, "key", {"key": rsa_jwk(), "Hsm": True})
    assert making.create(call, "key", {"kty": kty.removesuffix("-HSM")})


def test_a_name_that_exists_gets_a_new_version_in_any_case(call: Call) -> None:
    first = making.create(call, "Key", {"kty": "EC", "tags": {"first": "1"}})
    second = making.create(call, "kEY", {"kty": "RSA"})
    assert first["key"]["kid"] != second["key"]["kid"]
    assert "/keys/Key/" in second["key"]["kid"]
    assert reading.get(call, "KEY", None) == second
    assert reading.get(call, "key", first["key"]["kid"][-32:]) == first


# importing a plain key


@pytest.mark.parametrize(("hsm", "kty"), [(False, "RSA"), (None, "RSA"), (True, "RSA-HSM")])
def test_a_plain_rsa_key_is_imported(hsm: bool | None, kty: str, call: Call) -> None:
    made = making.import_key(call, "key", {"key": rsa_jwk(), "Hsm": hsm, "tags": {"from": "here"}})
    assert (made["key"]["kty"], made["key"]["n"]) == (kty, rsa_jwk()["n"])
    assert made["key"]["key_ops"] == SIX
    assert made["tags"] == {"from": "here"}
    assert set(made["key"]) == {"kid", "kty", "key_ops", "n", "e"}


def test_a_plain_key_that_says_hsm_itself_is_in_a_module(call: Call) -> None:
    made = making.import_key(call, "key", {"key": rsa_jwk(kty="RSA-HSM", key_ops=["wrapKey"]), "Hsm": False})
    assert (made["key"]["kty"], made["key"]["key_ops"]) == ("RSA-HSM", ["wrapKey"])


@pytest.mark.parametrize(("hsm", "kty"), [(False, "EC"), (True, "EC-HSM")])
def test_a_plain_curve_key_is_imported(hsm: bool, kty: str, call: Call) -> None:
    made = making.import_key(call, "key", {"key": ec_jwk(), "Hsm": hsm})
    assert (made["key"]["kty"], made["key"]["x"], made["key"]["crv"]) == (kty, ec_jwk()["x"], "P-384")


def test_what_follows_from_the_other_numbers_may_be_left_out(call: Call) -> None:
    jwk = {name: value for name, value in rsa_jwk().items() if name not in {"dp", "dq", "qi"}}
    assert making.import_key(call, "key", {"key": jwk})["key"]["n"] == jwk["n"]


OTHER = rsa.generate_private_key(65537, 2048)
P = RSA.private_numbers().p
WRONG_IMPORTS: dict[str, tuple[Any, str]] = {
    "no key": (None, "Property key has invalid value: it is missing"),
    "a string": ("key", "it is not an object"),
    "no kty": (rsa_jwk(kty=None), "kty has invalid value"),
    "symmetric": ({"kty": "oct", "k": "AAAA"}, "Managed HSM"),
    "public": (rsa_jwk(d=None), "Property d has invalid value: it is missing"),
    "without primes": (rsa_jwk(p=None), "Property p has invalid value: it is missing"),
    "no base64": (rsa_jwk(n="*"), "characters that are not base64"),
    "a number too long": (rsa_jwk(q=unpadded(b"\1" * 600)), "q has invalid value: it has 600 bytes"),
    "a number without bytes": (rsa_jwk(e=""), "e has invalid value: it has 0 bytes"),
    "another modulus": (rsa_jwk(n=rsa_jwk(OTHER)["n"]), "not the product of the primes"),
    "another exponent": (rsa_jwk(d=rsa_jwk(OTHER)["d"]), "do not belong together"),
    "an even exponent": (rsa_jwk(e="AQAC"), "the RSA public exponent e is even"),
    "a great exponent": (rsa_jwk(e=unpadded(b"\1" * 9)), "not between 3 and 2^64"),
    "another dp": (rsa_jwk(dp="AQAB"), "dp, dq and qi do not follow"),
    "another qi": (rsa_jwk(qi="AQAB"), "dp, dq and qi do not follow"),
    "one prime": (rsa_jwk(n=octets(P), p=octets(P), q=octets(1)), "1024 bits"),
    "1024 bits": (rsa_jwk(rsa.generate_private_key(65537, 1024)), "has 1024 bits"),
    "no curve": (ec_jwk(crv=None), "Property crv has invalid value: it is missing"),
    "another curve": (ec_jwk(crv="P-521"), "not the one"),
    "a smaller curve": (ec_jwk(crv="P-256"), "none of the curve P-256"),
    "an unknown curve": (ec_jwk(crv="Ed25519"), "none of P-256"),
    "no x": (ec_jwk(x=None), "Property x has invalid value"),
    "another x": (ec_jwk(x=ec_jwk()["y"]), "the public point is not the one that the private number makes"),
    "zero": (ec_jwk(d="AA"), "none of the curve P-384"),
    "Hsm a word": (rsa_jwk(), "Hsm"),
}


@pytest.mark.parametrize("case", WRONG_IMPORTS)
def test_a_plain_key_that_will_not_do_is_refused(case: str, call: Call) -> None:
    key, words = WRONG_IMPORTS[case]
    message = refused(making.import_key, call, "key", {"key": key, "Hsm": "true" if words == "Hsm" else False})
    assert words in message
    with pytest.raises(AzureFailure) as missing:
        reading.get(call, "key", None)
    assert missing.value.status == 404


# changing


def test_only_what_is_given_changes(call: Call) -> None:
    made = making.create(call, "key", {"kty": "RSA", "tags": {"a": "1"}, "attributes": {"exp": 2_000_000_000}})
    version = made["key"]["kid"][-32:]
    changed = reading.update(call, "key", version, {"attributes": {"enabled": False}})
    assert (changed["attributes"]["enabled"], changed["attributes"]["exp"], changed["tags"]) == (
        False,
        2_000_000_000,
        {"a": "1"},
    )
    changed = reading.update(call, "key", None, {"key_ops": ["sign"], "tags": {}, "attributes": {"nbf": 5}})
    assert (changed["key"]["key_ops"], changed["tags"], changed["attributes"]["nbf"]) == (["sign"], {}, 5)
    assert changed["attributes"]["enabled"] is False
    assert reading.get(call, "key", version) == changed


def test_a_change_of_one_version_leaves_the_others(call: Call) -> None:
    first = making.create(call, "key", {"kty": "EC"})
    second = making.create(call, "key", {"kty": "EC"})
    reading.update(call, "key", first["key"]["kid"][-32:], {"attributes": {"enabled": False}})
    assert reading.get(call, "key", None) == second


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"key_ops": ["import"]}, "neither added nor taken away later"),
        ({"key_ops": ["jump"]}, 'Unsupported key operation(s): "jump"'),
        ({"attributes": {"nbf": 2_000_000_001}}, "not later than nbf"),
        ({"attributes": {"exportable": True}}, "AKV.SKR.1004"),
    ],
)
def test_a_change_that_a_key_cannot_make_is_refused(body: dict[str, Any], words: str, call: Call) -> None:
    made = making.create(call, "key", {"kty": "RSA-HSM", "attributes": {"exp": 2_000_000_000}})
    assert words in refused(reading.update, call, "key", None, body)
    assert reading.get(call, "key", None) == made


def test_a_kek_stays_a_kek(call: Call) -> None:
    making.create(call, "KEK", {"kty": "RSA-HSM", "key_ops": ["import"]})
    assert "neither added nor taken away" in refused(reading.update, call, "KEK", None, {"key_ops": ["decrypt"]})
    assert reading.update(call, "KEK", None, {"key_ops": ["import"]})["key"]["key_ops"] == ["import"]


@pytest.mark.parametrize("version", [None, "0" * 32])
def test_what_is_not_there_is_not_found(version: str | None, call: Call) -> None:
    if version is not None:
        making.create(call, "key", {"kty": "EC"})
    operations: list[Callable[[], Any]] = [
        lambda: reading.get(call, "key", version),
        lambda: reading.update(call, "key", version, {}),
    ]
    for operation in operations:
        with pytest.raises(AzureFailure) as missing:
            operation()
        assert (missing.value.status, missing.value.code) == (404, "KeyNotFound")
        asked = "key" if version is None else f"key/{version}"
        assert missing.value.message.startswith(f"A key with (name/id) {asked} was not found in this key vault.")


def test_vaults_do_not_see_each_others_keys(make_call: MakeCall) -> None:
    making.create(make_call(), "key", {"kty": "EC"})
    with pytest.raises(AzureFailure) as missing:
        reading.get(make_call(name="fabrikam-kv"), "key", None)
    assert missing.value.status == 404
