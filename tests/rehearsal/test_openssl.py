"""OpenSSL as a witness: it unwraps what Keyferry wraps, and refuses what was changed."""

import json
from pathlib import Path

import pytest

from keyferry.errors import InvalidInput
from keyferry.rehearsal import openssl
from keyferry.testing import Kek, Kit


def files_of(kek: Kek, directory: Path) -> openssl.KekFiles:
    files = openssl.KekFiles(directory / "kek-private.pem", directory / "kek.pem", kek.private.key_size)
    files.private.write_bytes(kek.private_pem)
    files.public.write_bytes(kek.public_pem)
    return files


def test_openssl_alone_unwraps_an_exported_key(kit: Kit, kek: Kek, tmp_path: Path) -> None:
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "rsa-2048", "tenant")
    file = tmp_path / "tenant.byok"
    file.write_bytes(kit.export(kim, "tenant", kek).content)
    unwrapped = openssl.unwrap(file, files_of(kek, tmp_path), tmp_path)
    assert openssl.public_key_of(unwrapped) == key.version.public_key


def test_openssl_refuses_a_file_that_was_changed(kit: Kit, kek: Kek, tmp_path: Path) -> None:
    kim = kit.user("kim", groups=("payments",))
    kit.key(kim, "rsa-2048", "tenant")
    document = json.loads(kit.export(kim, "tenant", kek).content)
    last = document["ciphertext"][-8]
    document["ciphertext"] = document["ciphertext"][:-8] + ("A" if last != "A" else "B") + document["ciphertext"][-7:]
    file = tmp_path / "tenant.byok"
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidInput) as refused:
        openssl.unwrap(file, files_of(kek, tmp_path), tmp_path)
    assert refused.value.code == "unwrap-failed"


def test_openssl_makes_keks_of_the_size_that_was_asked_for(tmp_path: Path) -> None:
    kek = openssl.make_kek(tmp_path, 2048)
    assert kek.private.stat().st_mode & 0o077 == 0
    assert b"BEGIN PUBLIC KEY" in kek.public.read_bytes()
