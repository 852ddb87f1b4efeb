"""The way from a group to a verified transfer file, as two people walk it: an Administrator and a Key Access User."""

import hashlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.cli.terminal import RunningServer, Shell

IDENTIFIER = "https://contoso-kv.vault.azure.net/keys/exchange/{:032x}"


@pytest.fixture
def kek(tmp_path: Path) -> Path:
    """A key encryption key that OpenSSL made: `kek.pem`, and beside it the private half."""
    private, public = tmp_path / "kek-private.pem", tmp_path / "kek.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return public


def test_from_a_group_to_a_verified_transfer_file(server: RunningServer, shell: Shell, kek: Path) -> None:
    # As the Administrator: a group, and a user in it.
    shell.sign_in(server, "first-admin", profile="admin")
    made = shell("group", "create", "tenants", "--description", "Tenant keys", "--profile", "admin")
    assert made.out.startswith("Group tenants was created.\n")
    assert "Description: Tenant keys" in made.out
    shell(
        *("user", "create", "tess", "--role", "key-access-user", "--group", "tenants", "--default-group", "tenants"),
        *("--display-name", "Tess", "--email", "tess@example.org", "--allow-network", "127.0.0.0/8"),
        *("--password-file", shell.secret("tess.new"), "--profile", "admin"),
    )

    # As the Key Access User: a key, and its way out.
    shell.sign_in(server, "tess")
    assert "tess" in shell("whoami").out
    key = shell("key", "create", "--type", "rsa-2048", "--name", "tenant-a", "--json").json
    assert (key["state"], key["owner"]) == ("active", {"user": None, "group": "tenants"})
    shell("key", "public-key", "tenant-a", "--output", shell.directory / "public.pem")
    output = shell.directory / "tenant-a.byok"
    exported = shell(
        *("key", "export", "tenants/tenant-a", "--to", "azure", "--public-key", kek),
        *("--key-identifier", IDENTIFIER.format(1), "--output", output),
    )
    content = output.read_bytes()
    assert output.stat().st_mode & 0o777 == 0o600
    assert hashlib.sha256(content).hexdigest() in exported.out
    line = shlex.split(exported.out.splitlines()[-1])
    assert line[:4] == ["az", "keyvault", "key", "import"]
    assert line[-2:] == ["--byok-file", str(output)]

    # The file, with OpenSSL's key and without a server.
    verified = shell(
        *("byok", "verify", output, "--private-key", kek.with_name("kek-private.pem")),
        *("--expect", shell.directory / "public.pem"),
    )
    assert verified.out.startswith(f"{output} unwraps and is the expected key.\n")
    assert key["spki_sha256"] in verified.out

    # What the server remembers of it.
    listed = shell("export", "list", "--key", "tenant-a", "--json").json["items"]
    assert [export["sha256"] for export in listed] == [hashlib.sha256(content).hexdigest()]
    assert shell("export", "show", listed[0]["id"], "--json").json == listed[0]
    audited = shell("audit", "list", "--profile", "admin", "--json").json["items"]
    assert listed[0]["id"] in {event["details"].get("export") for event in audited}
    head = shell("audit", "verify", "--profile", "admin", "--json").json["head"]
    shell("audit", "verify", "--expect-head", head, "--profile", "admin")


def test_openssl_alone_unwraps_what_was_exported(kim: Shell, kek: Path) -> None:
    """RSA-OAEP with SHA-1 gives the AES key, AES-KWP (RFC 5649) the PKCS#8 key."""
    kim("key", "create", "--type", "rsa-2048", "--name", "witnessed")
    kim("key", "public-key", "witnessed", "--output", kim.directory / "public.pem")
    output = kim.directory / "witnessed.byok"
    request = ("--to", "azure", "--public-key", kek, "--key-identifier", IDENTIFIER.format(2))
    kim("key", "export", "witnessed", *request, "--output", output)
    text = re.search(r'"ciphertext":"([^"]+)"', output.read_text())
    assert text is not None
    decoded = subprocess.run(
        ["openssl", "base64", "-d", "-A"],
        input=(text[1].replace("-", "+").replace("_", "/") + "=" * (-len(text[1]) % 4)).encode(),
        capture_output=True,
        check=True,
    ).stdout
    (kim.directory / "key.wrapped").write_bytes(decoded[256:])
    aes = subprocess.run(
        [
            *("openssl", "pkeyutl", "-decrypt", "-inkey", kek.with_name("kek-private.pem")),
            *("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1"),
        ],
        input=decoded[:256],
        capture_output=True,
        check=True,
    ).stdout
    subprocess.run(
        [
            *("openssl", "enc", "-d", "-id-aes256-wrap-pad", "-K", aes.hex(), "-iv", "A65959A6"),
            *("-in", kim.directory / "key.wrapped", "-out", kim.directory / "key.der"),
        ],
        check=True,
        capture_output=True,
    )
    public = subprocess.run(
        ["openssl", "pkey", "-inform", "DER", "-in", kim.directory / "key.der", "-pubout"],
        capture_output=True,
        check=True,
    ).stdout
    assert public == (kim.directory / "public.pem").read_bytes()
