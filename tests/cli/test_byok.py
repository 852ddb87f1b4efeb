"""`keyferry byok`: transfer files without a server, with keys that OpenSSL made."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.cli.terminal import Outcome, Shell

IDENTIFIER = "https://contoso-kv.vault.azure.net/keys/exchange/0123456789abcdef0123456789abcdef"
HSM_IDENTIFIER = "https://contoso.managedhsm.azure.net/keys/exchange/0123456789abcdef0123456789abcdef"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """kek.pem and kek-private.pem, rsa.pem and rsa-public.pem, ec.pem, locked.pem (passphrase 'open sesame')."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("kek-private", "rsa"):
        openssl("genrsa", "-out", folder / f"{name}.pem", 2048)
    openssl("rsa", "-in", folder / "kek-private.pem", "-pubout", "-out", folder / "kek.pem")
    openssl("rsa", "-in", folder / "rsa.pem", "-pubout", "-out", folder / "rsa-public.pem")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "ec.pem")
    (folder / "phrase").write_text("open sesame\n")
    (folder / "phrase").chmod(0o600)
    openssl(
        *("pkcs8", "-topk8", "-in", folder / "rsa.pem", "-out", folder / "locked.pem"),
        *("-passout", f"file:{folder / 'phrase'}"),
    )
    (folder / "aes").write_bytes(bytes(range(32)))
    (folder / "aes").chmod(0o600)
    return folder


def wrap(shell: Shell, keys: Path, key: str, *more: object, identifier: str = IDENTIFIER, code: int = 0) -> Outcome:
    return shell(
        *("byok", "wrap", "--to", "azure", "--key", keys / key, "--public-key", keys / "kek.pem"),
        *("--key-identifier", identifier, "--output", shell.directory / "out.byok", *more),
        code=code,
    )


def verify(shell: Shell, keys: Path, *more: object, code: int = 0) -> Outcome:
    file = shell.directory / "out.byok"
    return shell("byok", "verify", file, "--private-key", keys / "kek-private.pem", *more, code=code)


def test_wrap_says_what_it_made_and_how_to_import_it(shell: Shell, keys: Path) -> None:
    output = shell.directory / "out.byok"
    said = wrap(shell, keys, "rsa.pem", "--name", "tenant-a")
    assert said.out.startswith(f"Wrapped into {output}\n")
    assert said.out.endswith(
        f"\n  az keyvault key import --vault-name contoso-kv --name tenant-a --byok-file {output}\n"
    )
    assert said.err == ""
    assert output.stat().st_mode & 0o777 == 0o600
    assert json.loads(output.read_bytes())["header"]["kid"] == IDENTIFIER
    verify(shell, keys, "--expect", keys / "rsa-public.pem")


def test_wrap_as_json_is_one_document(shell: Shell, keys: Path) -> None:
    made = wrap(shell, keys, "ec.pem", "--json").json
    assert (made["type"], made["key_identifier"], made["warnings"]) == ("ec-p256", IDENTIFIER, [])
    found = verify(shell, keys, "--json").json
    assert found["spki_sha256"] == made["spki_sha256"]
    assert found["sha256"] == made["sha256"]
    assert found["compared"] is False


def test_an_encrypted_key_needs_its_passphrase(shell: Shell, keys: Path) -> None:
    assert "error (material-encrypted)" in wrap(shell, keys, "locked.pem", code=1).refusal[0]
    wrap(shell, keys, "locked.pem", "--passphrase-file", keys / "phrase")
    verify(shell, keys, "--expect", keys / "rsa-public.pem")


def test_a_bare_aes_key_needs_its_type_and_a_managed_hsm(shell: Shell, keys: Path) -> None:
    assert wrap(shell, keys, "aes", identifier=HSM_IDENTIFIER, code=1).refusal[0].startswith("error (material-refused)")
    refused = wrap(shell, keys, "aes", "--type", "aes-256", code=1)
    assert "error (target-needs-managed-hsm) in --key-identifier: " in refused.err
    wrap(shell, keys, "aes", "--type", "aes-256", identifier=HSM_IDENTIFIER)
    assert "Key check value" in verify(shell, keys).out


def test_a_key_that_others_can_read_is_wrapped_with_a_warning(shell: Shell, keys: Path, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open.pem"
    open_to_all.write_bytes((keys / "rsa.pem").read_bytes())
    open_to_all.chmod(0o644)
    assert f"warning: Others can read {open_to_all}" in wrap(shell, keys, str(open_to_all)).err


def test_an_output_is_not_written_over_unasked(shell: Shell, keys: Path) -> None:
    wrap(shell, keys, "rsa.pem")
    first = (shell.directory / "out.byok").read_bytes()
    what, advice = wrap(shell, keys, "rsa.pem", code=1).refusal
    assert what.startswith("error (file-exists) in --output: There is already a file at ")
    assert "--force" in advice
    assert (shell.directory / "out.byok").read_bytes() == first
    wrap(shell, keys, "rsa.pem", "--force")
    assert (shell.directory / "out.byok").read_bytes() != first


def test_a_private_key_in_place_of_the_public_one_is_called_exposed(shell: Shell, keys: Path) -> None:
    what, advice = shell(
        *("byok", "wrap", "--to", "azure", "--key", keys / "rsa.pem", "--public-key", keys / "kek-private.pem"),
        *("--key-identifier", IDENTIFIER, "--output", shell.directory / "out.byok"),
        code=1,
    ).refusal
    assert what.startswith("error (kek-is-private) in --public-key: ")
    assert "exposed" in advice


def test_inspect_shows_what_a_file_holds(shell: Shell, keys: Path) -> None:
    wrap(shell, keys, "rsa.pem")
    said = shell("byok", "inspect", shell.directory / "out.byok").out
    assert f"  Key identifier: {IDENTIFIER}\n" in said
    assert "rsa-2048 under a KEK of 2048 bits" in said
    found = shell("byok", "inspect", shell.directory / "out.byok", "--json").json
    assert found["identifier"]["host"] == "contoso-kv.vault.azure.net"
    assert found["enc"] == "CKM_RSA_AES_KEY_WRAP"


def test_inspect_reads_standard_input(shell: Shell, keys: Path) -> None:
    wrap(shell, keys, "rsa.pem")
    assert IDENTIFIER in shell("byok", "inspect", "-", stdin=(shell.directory / "out.byok").read_bytes()).out


def test_inspect_remarks_on_what_another_tool_wrote(shell: Shell, keys: Path) -> None:
    wrap(shell, keys, "rsa.pem")
    document = json.loads((shell.directory / "out.byok").read_bytes())
    file = shell.directory / "other.byok"
    file.write_text(json.dumps(document | {"header": document["header"] | {"kid": "nowhere"}, "colour": "red"}))
    said = shell("byok", "inspect", file)
    assert "warning: 'colour': no member of a transfer file." in said.err
    assert "warning: header.kid: " in said.err
    assert shell("byok", "inspect", file, "--json").json["identifier"] is None


def test_verify_refuses_another_key_another_kek_and_a_changed_file(shell: Shell, keys: Path) -> None:
    wrap(shell, keys, "rsa.pem")
    different = verify(shell, keys, "--expect", keys / "kek.pem", code=1)
    assert different.refusal[0].startswith("error (public-key-differs) in --expect: ")
    file = shell.directory / "out.byok"
    wrong = shell("byok", "verify", file, "--private-key", keys / "rsa.pem", code=1)
    assert wrong.refusal[0].startswith("error (unwrap-failed)")
    document = json.loads(file.read_bytes())
    flipped = "A" if document["ciphertext"][-20] != "A" else "B"
    document["ciphertext"] = document["ciphertext"][:-20] + flipped + document["ciphertext"][-19:]
    file.write_text(json.dumps(document))
    assert verify(shell, keys, code=1).refusal[0].startswith("error (unwrap-failed)")


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04", b"-----BEGIN PUBLIC KEY-----"])
def test_what_is_no_transfer_file_is_refused(shell: Shell, content: bytes) -> None:
    file = shell.directory / "x.byok"
    file.write_bytes(content)
    assert "error (transfer-file-refused)" in shell("byok", "inspect", file, code=1).refusal[0]
