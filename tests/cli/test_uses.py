"""Keys in use from the command line, with OpenSSL at the other end."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from tests.cli.terminal import Shell

from keyferry.cli.encodings import from_base64url
from keyferry.errors import ClientFailed

TEXT = b"the harbour is closed on Sundays\n"


def openssl(*arguments: object, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True).stdout


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a key, of this test's own."""
    return f"u-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


@pytest.fixture
def message(tmp_path: Path) -> Path:
    path = tmp_path / "message"
    path.write_bytes(TEXT)
    return path


def test_a_file_is_encrypted_and_decrypted(kim: Shell, name: str, message: Path, tmp_path: Path) -> None:
    sealed, opened, aad = tmp_path / "sealed", tmp_path / "opened", tmp_path / "aad"
    aad.write_bytes(b"page 1")
    kim("key", "create", "--type", "aes-256", "--name", name)

    told = kim("key", "encrypt", name, "--input", message, "--output", sealed, "--associated-data", aad)
    assert f"The ciphertext is in {sealed}." in told.out
    assert "A256GCM" in told.out
    assert sealed.read_bytes()[:4] == b"KF\x01\x03"
    kim("key", "decrypt", name, "--input", sealed, "--output", opened, "--associated-data", aad)
    assert opened.read_bytes() == TEXT
    assert opened.stat().st_mode & 0o777 == 0o600

    what, _ = kim("key", "decrypt", name, "--input", sealed, "--output", tmp_path / "other", code=1).refusal
    assert "decryption-failed" in what
    assert not (tmp_path / "other").exists()
    what, _ = kim("key", "decrypt", name, "--input", sealed, "--output", opened, code=1).refusal
    assert "file-exists" in what


def test_standard_input_and_output_carry_bytes(kim: Shell, name: str, message: Path, tmp_path: Path) -> None:
    kim("key", "create", "--type", "aes-128", "--name", name)
    sealed = tmp_path / "sealed"
    kim("key", "encrypt", name, "--output", sealed, stdin=TEXT)
    told = kim("key", "decrypt", name, "--input", sealed)
    assert (told.out.encode(), told.err) == (TEXT, "")
    document = kim("key", "encrypt", name, "--input", message, "--json").json
    assert (document["key_name"], document["version"], document["algorithm"]) == (name, 1, "A128GCM")
    assert document["ciphertext"]
    kept = kim("key", "encrypt", name, "--input", message, "--output", sealed, "--force", "--json").json
    assert kept["output"] == str(sealed)
    assert "ciphertext" not in kept


def test_two_inputs_are_not_both_standard_input(kim: Shell, name: str) -> None:
    told = kim("key", "encrypt", name, "--associated-data", "-", stdin=TEXT, code=2)
    assert "--associated-data" in told.err
    told = kim("key", "verify", name, "--signature", "-", stdin=TEXT, code=2)
    assert "--signature" in told.err


def test_a_key_is_wrapped_and_unwrapped(kim: Shell, name: str, tmp_path: Path) -> None:
    material, wrapped, unwrapped = tmp_path / "material", tmp_path / "wrapped", tmp_path / "unwrapped"
    material.write_bytes(os.urandom(32))
    kim("key", "create", "--type", "aes-256", "--name", name)
    assert "A256KWP" in kim("key", "wrap", name, "--input", material, "--output", wrapped).out
    kim("key", "unwrap", name, "--input", wrapped, "--output", unwrapped)
    assert unwrapped.read_bytes() == material.read_bytes()


def test_what_openssl_encrypted_is_decrypted_by_an_explicit_version(
    kim: Shell, name: str, message: Path, tmp_path: Path
) -> None:
    public, sealed, opened = tmp_path / "public.pem", tmp_path / "sealed", tmp_path / "opened"
    kim("key", "create", "--type", "rsa-2048", "--name", name)
    kim("key", "public-key", name, "--output", public)
    oaep = ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1")
    sealed.write_bytes(openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public, *oaep, stdin=TEXT))
    told = kim(
        *("key", "decrypt", name, "--input", sealed, "--output", opened, "--version", 1, "--algorithm", "RSA-OAEP")
    )
    assert opened.read_bytes() == TEXT
    assert "SHA-1" in told.err


def test_openssl_verifies_a_signature_and_so_does_keyferry(
    kim: Shell, name: str, message: Path, tmp_path: Path
) -> None:
    public, signature, digest = tmp_path / "public.pem", tmp_path / "signature", tmp_path / "digest"
    kim("key", "create", "--type", "ec-p256", "--name", name)
    kim("key", "public-key", name, "--output", public)
    kim("key", "sign", name, "--input", message, "--format", "der", "--output", signature)
    checked = openssl("dgst", "-sha256", "-verify", public, "-signature", signature, message)
    assert checked == b"Verified OK\n"

    verify = ("key", "verify", name, "--signature", signature, "--format", "der")
    digest.write_bytes(hashlib.sha256(TEXT).digest())
    assert "The signature is valid." in kim(*verify, "--input", message).out
    assert kim(*verify, "--input", digest, "--digest", "--json").json["valid"] is True
    told = kim(*verify, stdin=b"something else", code=1)
    assert "The signature is NOT valid." in told.out
    assert kim(*verify, "--json", stdin=b"something else", code=1).json["valid"] is False


def test_refusals_name_the_option(kim: Shell, name: str, message: Path) -> None:
    kim("key", "create", "--type", "rsa-2048", "--name", name, "--usage", "verify")
    what, _ = kim("key", "sign", name, "--input", message, code=1).refusal
    assert "usage-refused" in what
    what, advice = kim("key", "verify", name, "--input", message, "--signature", message, code=1).refusal
    assert "--algorithm" in what
    assert "PS256" in advice
    told = kim("key", "sign", name, "--input", "/nowhere", code=1)
    assert "--input" in told.err


def test_what_is_too_long_is_refused_here_or_by_the_server(kim: Shell, name: str, tmp_path: Path) -> None:
    long = tmp_path / "long"
    kim("key", "create", "--type", "aes-256", "--name", name)
    long.write_bytes(bytes(65_536))
    kim("key", "encrypt", name, "--input", long, "--output", tmp_path / "sealed")
    kim("key", "decrypt", name, "--input", tmp_path / "sealed", "--output", tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == bytes(65_536)
    long.write_bytes(bytes(65_537))
    what, advice = kim("key", "encrypt", name, "--input", long, "--output", tmp_path / "other", code=1).refusal
    assert "65536" in what
    assert "data key" in advice
    long.write_bytes(bytes(66_561))
    what, advice = kim("key", "encrypt", name, "--input", long, "--output", tmp_path / "other", code=1).refusal
    assert "file-refused" in what
    assert "data key" in advice
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", [None, 1, "A", "AA==", "A+A", "A/A", "Ä"])
def test_what_is_no_base64url_in_an_answer_is_refused(text: object) -> None:
    assert from_base64url("-_8") == b"\xfb\xff"
    with pytest.raises(ClientFailed) as caught:
        from_base64url(text)
    assert caught.value.code == "answer-refused"
