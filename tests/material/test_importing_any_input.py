"""Whatever bytes come in, the answer is material of a known type or a refusal that says nothing of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.material.conftest import OpenSsl, vectors

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Family
from keyferry.material.importing import read_material
from keyferry.material.keys import Identity, identify
from keyferry.material.secret import Secret

Edit = Callable[[bytes], bytes]

algorithms = st.none() | st.sampled_from(list(ALGORITHMS.values()))
passphrases = st.none() | st.binary(max_size=12).map(Secret)
members = st.sampled_from(["kty", "crv", "n", "e", "d", "p", "q", "dp", "dq", "qi", "oth", "x", "y", "k", "keys"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["RSA", "EC", "oct", "P-256", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=3),
    max_leaves=6,
)
jwks = st.dictionaries(members, values, max_size=9)
SOUND = dict(zip(("ec", "rsa", "oct"), vectors("jwk/rfc7517.json")["keys"], strict=True))
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def read(data: bytes, algorithm: Algorithm | None = None, passphrase: Secret | None = None) -> bool:
    """Whether it was taken. Nothing but material and refusals may come out."""
    try:
        material = read_material(data, algorithm=algorithm, passphrase=passphrase)
    except MaterialRefused as refused:
        told = (refused.field, bool(refused.advice))
    else:
        assert algorithm in {None, material.algorithm}
        assert identify(material) != Identity(None, None, None, None)
        return True
    assert told in {("material", True), ("passphrase", True)}
    return False


@pytest.fixture(scope="session")
def files(rsa_pem: bytes, ec_pem: bytes, openssl: OpenSsl, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of every form that can be read without a passphrase, some of them no private key."""
    path: Path = tmp_path_factory.mktemp("files") / "key.pem"
    path.write_bytes(ec_pem)
    return [
        rsa_pem,
        ec_pem,
        openssl("pkey", "-outform", "DER", stdin=rsa_pem),
        openssl("pkey", "-outform", "DER", stdin=ec_pem),
        openssl("rsa", "-traditional", "-outform", "DER", stdin=rsa_pem),
        openssl("ec", "-outform", "DER", stdin=ec_pem),
        openssl("ec", "-param_enc", "explicit", "-outform", "DER", stdin=ec_pem),
        openssl("ecparam", "-name", "prime256v1", "-genkey"),
        openssl("pkey", "-pubout", "-outform", "DER", stdin=ec_pem),
        openssl("req", "-x509", "-key", path, "-subj", "/CN=x", "-days", "3", "-outform", "DER"),
        openssl("rsa", "-traditional", "-aes128", "-passout", "pass:x", stdin=rsa_pem),
        openssl("pkcs8", "-topk8", "-passout", "pass:x", stdin=ec_pem),
        openssl("pkcs12", "-export", "-nocerts", "-inkey", path, "-passout", "pass:x"),
        bytes(range(32)).hex().encode(),
    ]


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """A change of a file at a place: bytes overwritten, put in, or cut out."""
    at, span = draw(st.floats(0, 1)), draw(st.integers(0, 6))
    new = draw(
        st.binary(max_size=6) | st.sampled_from([b"-----", b"\n", b"\x00", b"\x30\x80", b"=", b"A", b"Proc-Type: 4"])
    )

    def edit(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + new + data[place + span :]

    return edit


@given(data=st.binary(max_size=200), algorithm=algorithms, passphrase=passphrases)
@example(data=b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", algorithm=None, passphrase=None)
@example(data=b"-----BEGIN PRIVATE KEY-----\n\xff\n-----END PRIVATE KEY-----", algorithm=None, passphrase=None)
@example(data=b"-----BEGIN EC PRIVATE KEY-----\n:\n-----END EC PRIVATE KEY-----", algorithm=None, passphrase=None)
@example(data=b'{"kty":' + b"[" * 60_000, algorithm=None, passphrase=None)
@example(data=b'{"kty":"oct","k":"\\ud800"}', algorithm=None, passphrase=None)
@example(data=b'{"kty":"oct","k":' + b"9" * 10_000 + b"}", algorithm=None, passphrase=None)
@example(data=b"\xef\xbb\xbf{", algorithm=ALGORITHMS["aes-128"], passphrase=None)
@example(data=b"0\x84\xff\xff\xff\xff", algorithm=ALGORITHMS["rsa-2048"], passphrase=Secret(b""))
def test_any_bytes(data: bytes, algorithm: Algorithm | None, passphrase: Secret | None) -> None:
    taken = read(data, algorithm, passphrase)
    assert not taken or (algorithm is not None and algorithm.family is Family.AES)


@given(data=st.data(), edit=edits(), algorithm=algorithms)
@several
def test_any_file_with_a_piece_of_it_changed(
    data: st.DataObject, edit: Edit, algorithm: Algorithm | None, files: list[bytes]
) -> None:
    file = data.draw(st.sampled_from(files))
    read(edit(file), algorithm, data.draw(st.sampled_from([None, Secret(b"y"), Secret(b"")])))


@given(jwk=jwks, algorithm=algorithms)
@example(jwk={"n": [[], [], [False]]}, algorithm=ALGORITHMS["aes-192"])
def test_any_jwk(jwk: dict[str, Any], algorithm: Algorithm | None) -> None:
    """What is exactly as long as the AES key that is asked for is that key's bytes, whatever it looks like."""
    data = json.dumps(jwk).encode()
    as_bytes = algorithm is not None and algorithm.family is Family.AES and len(data) == algorithm.bits // 8
    taken = read(data, algorithm)
    assert not taken or as_bytes or jwk.get("kty") == "oct"


@given(
    jwk=st.sampled_from(["rsa", "ec", "oct"]),
    member=members,
    value=values | st.just("AQAB") | st.text("AEIMQUYcgkosw048", min_size=43, max_size=43),
    algorithm=algorithms,
)
@several
def test_any_jwk_with_one_member_changed(jwk: str, member: str, value: Any, algorithm: Algorithm | None) -> None:
    read(json.dumps(SOUND[jwk] | {member: value}).encode(), algorithm)


@given(edit=edits(), jwk=st.sampled_from(["rsa", "ec", "oct"]))
@several
def test_any_jwk_with_a_piece_of_its_text_changed(edit: Edit, jwk: str) -> None:
    read(edit(json.dumps(SOUND[jwk]).encode()))
