"""Wrapping for Azure: every key type, every refusal, the check of the finished file, and the import command."""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Callable

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1
from Crypto.PublicKey import RSA

from keyferry import __version__
from keyferry.byok.azure import (
    GENERATOR,
    KEY_TYPES,
    azure_name,
    check_transfer_file,
    file_name,
    import_command,
    require_azure_takes,
    wrap_for_azure,
)
from keyferry.byok.destinations import DESTINATIONS, destination_named
from keyferry.byok.identifier import AzureKeyIdentifier, parse_key_identifier
from keyferry.byok.kek import KekPublicKey, read_kek
from keyferry.byok.transfer_file import compose, read_transfer_file
from keyferry.errors import InternalError, InvalidInput, KekRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Family
from keyferry.material.keys import Material, generate

VERSION = "f2c1e1a79714a757c3486f2be238a005"
VAULT = parse_key_identifier(f"https://contoso-kv.vault.azure.net/keys/KEK/{VERSION}")
MANAGED_HSM = parse_key_identifier(f"https://contoso-hsm.managedhsm.azure.net/keys/KEK/{VERSION}")
UNKNOWN = parse_key_identifier(f"https://localhost:8443/keys/KEK/{VERSION}")
SYMMETRIC = ("aes-128", "aes-192", "aes-256")


@pytest.fixture(scope="module")
def material() -> Callable[[str], Material]:
    """A key of a type, made once."""
    made: dict[str, Material] = {}
    return lambda name: made.setdefault(name, made.get(name) or generate(ALGORITHMS[name]))


@pytest.fixture(scope="module")
def kek(kek_pem: bytes) -> KekPublicKey:
    return read_kek(kek_pem)


def unwrap_with_pycryptodome(content: bytes, private_pem: bytes) -> bytes:
    ciphertext = read_transfer_file(content).ciphertext
    aes = PKCS1_OAEP.new(RSA.import_key(private_pem), hashAlgo=SHA1).decrypt(ciphertext[:256])
    assert len(aes) == 32
    unwrapped: bytes = AES.new(aes, AES.MODE_KWP).unseal(ciphertext[256:])
    return unwrapped


class TestWrapped:
    @pytest.mark.parametrize("name", list(KEY_TYPES))
    def test_another_implementation_unwraps_every_key_type(
        self, name: str, material: Callable[[str], Material], kek: KekPublicKey, kek_private_pem: bytes
    ) -> None:
        key = material(name)
        file = wrap_for_azure(key, kek, MANAGED_HSM)
        assert unwrap_with_pycryptodome(file.content, kek_private_pem) == key.secret.reveal()

    def test_the_table_takes_every_key_type_that_keyferry_keeps(self) -> None:
        assert list(KEY_TYPES) == list(ALGORITHMS)

    def test_the_file_names_the_kek_and_what_made_it(
        self, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        file = wrap_for_azure(material("ec-p256"), kek, VAULT)
        document = json.loads(file.content)
        assert list(document) == ["schema_version", "header", "ciphertext", "generator"]
        assert document["schema_version"] == "1.0.0"
        assert document["header"] == {"kid": VAULT.text, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"}
        assert document["generator"] == GENERATOR == f"Keyferry {__version__}; software"
        assert file.sha256 == hashlib.sha256(file.content).hexdigest()
        assert file.warnings == ()

    def test_another_generator_may_be_named(self, material: Callable[[str], Material], kek: KekPublicKey) -> None:
        file = wrap_for_azure(material("ec-p256"), kek, VAULT, generator="Keyferry 9; SomeHSM 1.2")
        assert read_transfer_file(file.content).generator == "Keyferry 9; SomeHSM 1.2"

    def test_wrapping_twice_gives_two_ciphertexts(self, material: Callable[[str], Material], kek: KekPublicKey) -> None:
        one, two = (wrap_for_azure(material("ec-p256"), kek, VAULT) for _ in range(2))
        assert one.content != two.content

    def test_the_file_does_not_hold_the_key_and_does_not_print(
        self, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        key = material("aes-256")
        file = wrap_for_azure(key, kek, MANAGED_HSM)
        assert key.secret.reveal() not in read_transfer_file(file.content).ciphertext
        assert "ciphertext" not in repr(file)

    @pytest.mark.parametrize(
        ("name", "suggested"),
        [
            (None, "ec-p256.byok"),
            ("payroll_2026.key", "payroll_2026.key.byok"),
            ("../../etc/passwd", "etc-passwd.byok"),
            ("...", "key.byok"),
            ("a b;c", "a-b-c.byok"),
        ],
    )
    def test_the_suggested_file_name_is_a_plain_one(
        self, name: str | None, suggested: str, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        assert wrap_for_azure(material("ec-p256"), kek, VAULT, name=name).file_name == suggested

    def test_a_long_name_is_cut(self) -> None:
        assert file_name("k" * 300) == "k" * 95 + ".byok"


class TestRefused:
    @pytest.mark.parametrize("name", SYMMETRIC)
    @pytest.mark.parametrize("identifier", [VAULT, UNKNOWN], ids=["vault", "unknown host"])
    def test_a_symmetric_key_for_anything_but_a_managed_hsm(
        self, name: str, identifier: AzureKeyIdentifier, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            wrap_for_azure(material(name), kek, identifier)
        assert caught.value.code == "target-needs-managed-hsm"
        assert caught.value.field == "key_identifier"
        assert "managedhsm.azure.net" in caught.value.advice

    def test_a_key_type_that_azure_does_not_know(self) -> None:
        ed25519 = Algorithm("ed25519", Family.EC, 256, frozenset())
        with pytest.raises(InvalidInput) as caught:
            require_azure_takes(ed25519, MANAGED_HSM)
        assert caught.value.code == "target-not-taken"
        assert "rsa-2048" in caught.value.advice

    def test_a_public_key_that_came_with_another_identifier(
        self, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        other = dataclasses.replace(kek, claimed_identifier=VAULT.text.replace("f2c1", "0000"))
        with pytest.raises(KekRefused) as caught:
            wrap_for_azure(material("ec-p256"), other, VAULT)
        assert caught.value.code == "kek-identifier-differs"

    @pytest.mark.parametrize("claimed", [VAULT.text, VAULT.text.upper().replace("HTTPS", "https"), "kek-1", ""])
    def test_but_not_one_that_came_with_the_same_or_with_a_name_of_its_own(
        self, claimed: str, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        same = dataclasses.replace(kek, claimed_identifier=claimed.replace("/KEYS/", "/keys/"))
        assert wrap_for_azure(material("ec-p256"), same, VAULT).warnings == ()


class TestWarned:
    def test_of_a_host_that_is_not_azures(self, material: Callable[[str], Material], kek: KekPublicKey) -> None:
        (warning,) = wrap_for_azure(material("ec-p256"), kek, UNKNOWN).warnings
        assert "localhost:8443" in warning

    def test_of_a_kek_smaller_than_the_rsa_key(self, material: Callable[[str], Material], kek: KekPublicKey) -> None:
        (warning,) = wrap_for_azure(material("rsa-3072"), kek, VAULT).warnings
        assert "2048 bits" in warning
        assert "3072 bits" in warning

    def test_of_a_kek_whose_operations_are_not_import_alone(
        self, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        wrong = dataclasses.replace(kek, claimed_operations=("import", "wrapKey"))
        (warning,) = wrap_for_azure(material("ec-p256"), wrong, VAULT).warnings
        assert "'import'" in warning
        right = dataclasses.replace(kek, claimed_operations=("import",))
        assert wrap_for_azure(material("ec-p256"), right, VAULT).warnings == ()


class TestSelfCheck:
    """A file that is not what it should be is not handed out."""

    def refusal(
        self, content: bytes, kek: KekPublicKey, ciphertext: bytes, plaintext_bytes: int = 138
    ) -> InternalError:
        with pytest.raises(InternalError) as caught:
            check_transfer_file(content, kek, VAULT, plaintext_bytes=plaintext_bytes, ciphertext=ciphertext)
        assert caught.value.code == "transfer-file-self-check"
        return caught.value

    def test_a_sound_file_passes(self, kek: KekPublicKey) -> None:
        ciphertext = bytes(256 + 152)
        check_transfer_file(
            compose(VAULT.text, ciphertext, "x"), kek, VAULT, plaintext_bytes=138, ciphertext=ciphertext
        )

    @pytest.mark.parametrize("plaintext_bytes", [136, 145, 1218])
    def test_a_length_that_does_not_match_the_key_is_found(self, kek: KekPublicKey, plaintext_bytes: int) -> None:
        ciphertext = bytes(256 + 152)
        content = compose(VAULT.text, ciphertext, "x")
        assert "408 bytes" in self.refusal(content, kek, ciphertext, plaintext_bytes).detail

    def test_a_length_that_does_not_match_the_kek_is_found(
        self, material: Callable[[str], Material], kek: KekPublicKey
    ) -> None:
        larger = dataclasses.replace(kek, bits=3072)
        with pytest.raises(InternalError) as caught:
            wrap_for_azure(material("ec-p256"), larger, VAULT)
        assert caught.value.code == "transfer-file-self-check"
        assert "must have 536" in caught.value.detail

    def test_another_identifier_is_found(self, kek: KekPublicKey) -> None:
        assert "identifier" in self.refusal(compose(UNKNOWN.text, bytes(408), "x"), kek, bytes(408)).detail

    def test_another_ciphertext_is_found(self, kek: KekPublicKey) -> None:
        assert "differently" in self.refusal(compose(VAULT.text, bytes(408), "x"), kek, b"\x01" * 408).detail

    def test_a_file_that_does_not_read_is_found(self, kek: KekPublicKey) -> None:
        assert "not JSON" in self.refusal(compose(VAULT.text, bytes(408), "x")[:-1], kek, bytes(408)).detail


class TestImportCommand:
    @pytest.mark.parametrize(
        ("identifier", "name", "arguments"),
        [
            (VAULT, "rsa-2048", "--vault-name contoso-kv --name payroll"),
            (VAULT, "ec-p256", "--vault-name contoso-kv --name payroll --kty EC --curve P-256"),
            (VAULT, "ec-p384", "--vault-name contoso-kv --name payroll --kty EC --curve P-384"),
            (VAULT, "ec-p521", "--vault-name contoso-kv --name payroll --kty EC --curve P-521"),
            (VAULT, "ec-p256k", "--vault-name contoso-kv --name payroll --kty EC --curve P-256K"),
            (MANAGED_HSM, "aes-256", "--hsm-name contoso-hsm --name payroll --kty oct"),
            (MANAGED_HSM, "rsa-4096", "--hsm-name contoso-hsm --name payroll"),
            (UNKNOWN, "rsa-2048", "--id https://localhost:8443/keys/payroll"),
        ],
    )
    def test_the_line_for(self, identifier: AzureKeyIdentifier, name: str, arguments: str) -> None:
        line = import_command(identifier, ALGORITHMS[name], name="payroll", file="payroll.byok")
        assert line == f"az keyvault key import {arguments} --byok-file payroll.byok"

    def test_a_file_name_is_quoted_for_the_shell(self) -> None:
        line = import_command(VAULT, ALGORITHMS["rsa-2048"], name="k", file="my keys/$(reboot).byok")
        assert shlex.split(line)[-1] == "my keys/$(reboot).byok"
        assert "'my keys/$(reboot).byok'" in line

    def test_a_name_that_azure_does_not_take_is_made_to_fit(self) -> None:
        assert azure_name("payroll_2026.key") == "payroll-2026-key"
        assert azure_name("") == "key"
        assert len(azure_name("k" * 200)) == 127


class TestDestinations:
    def test_azure_is_in_the_table(self, material: Callable[[str], Material], kek: KekPublicKey) -> None:
        azure = destination_named("azure")
        identifier = azure.parse_identifier(VAULT.text)
        file = azure.wrap(material("ec-p256"), kek, identifier, name="payroll")
        assert file.file_name == "payroll.byok"
        assert read_transfer_file(file.content).kid == VAULT.text
        assert azure.warnings(ALGORITHMS["ec-p256"], kek, identifier) == file.warnings

    def test_the_names_are_the_keys(self) -> None:
        assert {name: row.name for name, row in DESTINATIONS.items()} == {"azure": "azure"}

    def test_refuses_another_name_and_lists_the_right_ones(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            destination_named("moon")
        assert caught.value.code == "destination-unknown"
        assert "azure" in caught.value.advice
