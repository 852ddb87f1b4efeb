"""What `inspect` tells about a file without any key."""

import hashlib
import json

import pytest

from keyferry.byok.inspect import inspect
from keyferry.byok.transfer_file import compose

KID = "https://contoso-kv.vault.azure.net/keys/KEK/f2c1e1a79714a757c3486f2be238a005"
GOOD = compose(KID, bytes(1488), "Keyferry 0.1.0; software")


def with_kid(kid: str | None) -> bytes:
    """The good file with another `kid`."""
    document = json.loads(GOOD)
    document["header"]["kid"] = kid
    return json.dumps(document).encode()


class TestInspected:
    def test_the_good_file_has_no_notes(self) -> None:
        facts = inspect(GOOD)
        assert facts.notes == ()
        assert facts.kid == KID
        assert facts.identifier is not None
        assert facts.identifier.vault == "contoso-kv"
        assert facts.ciphertext_bytes == 1488
        assert facts.size == len(GOOD)
        assert facts.sha256 == hashlib.sha256(GOOD).hexdigest()

    @pytest.mark.parametrize(
        ("length", "kek_bits", "wrapped", "key_type"),
        [
            (1488, 2048, 1232, "rsa-2048"),
            (1616, 3072, 1232, "rsa-2048"),
            (1744, 4096, 1232, "rsa-2048"),
            (2192, 3072, 1808, "rsa-3072"),
            (2896, 4096, 2384, "rsa-4096"),
            (536, 3072, 152, "ec-p256"),
            (584, 3072, 200, "ec-p384"),
            (640, 3072, 256, "ec-p521"),
            (528, 3072, 144, "ec-p256k"),
            (296, 2048, 40, "aes-256"),
        ],
    )
    def test_the_length_names_the_likely_key(self, length: int, kek_bits: int, wrapped: int, key_type: str) -> None:
        first = inspect(compose(KID, bytes(length), "x")).readings[0]
        assert (first.kek_bits, first.kek_bytes, first.wrapped_key_bytes) == (kek_bits, kek_bits // 8, wrapped)
        assert key_type in first.key_types

    def test_every_reading_adds_up(self) -> None:
        for length in range(280, 3000):
            for reading in inspect(compose(KID, bytes(length), "x")).readings:
                assert reading.kek_bytes + reading.wrapped_key_bytes == length
                assert reading.wrapped_key_bytes % 8 == 0

    def test_a_length_that_fits_nothing_is_noted(self) -> None:
        facts = inspect(compose(KID, bytes(1489), "x"))
        assert facts.readings == ()
        assert any("fits no KEK size" in note for note in facts.notes)

    def test_a_kid_that_is_no_identifier_is_shown_and_noted(self) -> None:
        facts = inspect(with_kid("my kek"))
        assert facts.kid == "my kek"
        assert facts.identifier is None
        assert any(note.startswith("header.kid: ") for note in facts.notes)

    def test_an_unknown_host_is_noted(self) -> None:
        notes = inspect(with_kid("https://localhost:8443/keys/KEK/f2c1e1a79714a757c3486f2be238a005")).notes
        assert any("localhost:8443" in note for note in notes)

    def test_a_missing_kid_is_noted_once(self) -> None:
        facts = inspect(with_kid(None))
        assert facts.identifier is None
        assert facts.notes == ("header.kid: missing.",)
