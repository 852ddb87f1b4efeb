"""BYOK from end to end: files made by Keyferry's exporter and by OpenSSL alone, imported by the SDK, proved by use."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import JsonWebKey, KeyClient, KeyVaultKey
from azure.keyvault.keys.crypto import KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.emulator.keys.transfer import unpadded
from tests.emulator.keys.wire import Wire, ec_public, rsa_public, signed_in

from keyferry.byok.azure import wrap_for_azure
from keyferry.byok.identifier import parse_key_identifier
from keyferry.byok.kek import read_kek
from keyferry.emulator.server import Running
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import generate, identify

CURVES: dict[str, tuple[str, ec.EllipticCurve, SignatureAlgorithm, hashes.HashAlgorithm]] = {
    "ec-p256": ("P-256", ec.SECP256R1(), SignatureAlgorithm.es256, hashes.SHA256()),
    "ec-p256k": ("P-256K", ec.SECP256K1(), SignatureAlgorithm.es256_k, hashes.SHA256()),
    "ec-p384": ("P-384", ec.SECP384R1(), SignatureAlgorithm.es384, hashes.SHA384()),
    "ec-p521": ("P-521", ec.SECP521R1(), SignatureAlgorithm.es512, hashes.SHA512()),
}


@pytest.fixture(scope="module")
def wire(emulator: Running) -> Iterator[Wire]:
    with signed_in(emulator) as wire:
        yield wire


@pytest.fixture(scope="module")
def client(wire: Wire) -> Iterator[KeyClient]:
    with wire.client() as client:
        yield client


@pytest.fixture(scope="module", params=[2048, 3072, 4096])
def kek(request: pytest.FixtureRequest, client: KeyClient) -> KeyVaultKey:
    """A KEK of each size."""
    name = f"byok-KEK-{request.param}"
    return client.create_rsa_key(name, size=request.param, hardware_protected=True, key_operations=["import"])


def pem_of(kek: KeyVaultKey) -> bytes:
    """What `az keyvault key download` writes."""
    return rsa_public(kek).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def bring(client: KeyClient, name: str, file: bytes, kty: str = "RSA-HSM", **members: Any) -> KeyVaultKey:
    """Import as az does: the file in `key_hsm`, and Hsm false."""
    return client.import_key(name, JsonWebKey(kty=kty, t=file, **members), hardware_protected=False)


@pytest.mark.parametrize("algorithm", ["rsa-2048", "rsa-3072", "rsa-4096"])
def test_an_rsa_key_of_keyferrys_is_in_the_vault(
    algorithm: str, kek: KeyVaultKey, client: KeyClient, wire: Wire
) -> None:
    material = generate(ALGORITHMS[algorithm])
    file = wrap_for_azure(material, read_kek(pem_of(kek)), parse_key_identifier(kek.id))
    key = bring(client, f"byok-{algorithm}", file.content)
    public = rsa_public(key)
    assert key.key_type == "RSA-HSM"
    assert identify(material).public_key == public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(b"what left is what arrived").digest()
    with wire.cryptography(key.id) as cryptography:
        signature = cryptography.sign(SignatureAlgorithm.rs256, digest).signature
        wrapped = public.encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
        assert cryptography.unwrap_key(KeyWrapAlgorithm.rsa_oaep, wrapped).key == b"secret"
    public.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


@pytest.mark.parametrize("algorithm", sorted(CURVES))
def test_a_curve_key_of_keyferrys_is_in_the_vault(
    algorithm: str, kek: KeyVaultKey, client: KeyClient, wire: Wire
) -> None:
    name, curve, scheme, hashed = CURVES[algorithm]
    material = generate(ALGORITHMS[algorithm])
    file = wrap_for_azure(material, read_kek(pem_of(kek)), parse_key_identifier(kek.id))
    key = bring(client, f"byok-{algorithm}", file.content, "EC-HSM", crv=name)
    public = ec_public(key, curve)
    assert identify(material).public_key == public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = os.urandom(hashed.digest_size)
    with wire.cryptography(key.id) as cryptography:
        value = cryptography.sign(scheme, digest).signature
    half = len(value) // 2
    signature = encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    public.verify(signature, digest, ec.ECDSA(Prehashed(hashed)))


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True).stdout


OAEP = [
    flag
    for option in ("rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1")
    for flag in ("-pkeyopt", option)
]


def made_with_openssl(target_pem: bytes, kek: KeyVaultKey, directory: Path) -> bytes:
    """A transfer file that no library of Keyferry's has touched."""
    (directory / "kek.pem").write_bytes(pem_of(kek))
    aes = openssl("rand", "32")
    pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=target_pem)
    wrapped_aes = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", str(directory / "kek.pem"), *OAEP, stdin=aes)
    wrapped_key = openssl("enc", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", aes.hex(), stdin=pkcs8)
    header = {"kid": kek.id, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"}
    document = {
        "schema_version": "1.0.0",
        "header": header,
        "ciphertext": unpadded(wrapped_aes + wrapped_key),
        "generator": "OpenSSL",
    }
    return json.dumps(document).encode()


def verified_by_openssl(target: bytes, digest: str, signature: bytes, message: bytes, directory: Path) -> bytes:
    public, file = directory / "public.pem", directory / "signature"
    public.write_bytes(openssl("pkey", "-pubout", stdin=target))
    file.write_bytes(signature)
    return openssl("dgst", f"-{digest}", "-verify", str(public), "-signature", str(file), stdin=message)


def test_an_rsa_key_of_openssls_is_in_the_vault(
    kek: KeyVaultKey, client: KeyClient, wire: Wire, tmp_path: Path
) -> None:
    target = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    key = bring(client, "byok-openssl-rsa", made_with_openssl(target, kek, tmp_path))
    assert key.key_type == "RSA-HSM"
    message = b"signed in the vault, verified by OpenSSL"
    with wire.cryptography(key.id) as cryptography:
        signature = cryptography.sign(SignatureAlgorithm.rs256, hashlib.sha256(message).digest()).signature
    assert verified_by_openssl(target, "sha256", signature, message, tmp_path) == b"Verified OK\n"


def test_a_curve_key_of_openssls_is_in_the_vault(
    kek: KeyVaultKey, client: KeyClient, wire: Wire, tmp_path: Path
) -> None:
    target = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
    key = bring(client, "byok-openssl-ec", made_with_openssl(target, kek, tmp_path), "EC-HSM", crv="P-384")
    message = b"signed in the vault, verified by OpenSSL"
    with wire.cryptography(key.id) as cryptography:
        value = cryptography.sign(SignatureAlgorithm.es384, hashlib.sha384(message).digest()).signature
    r, s = int.from_bytes(value[:48], "big"), int.from_bytes(value[48:], "big")
    assert verified_by_openssl(target, "sha384", encode_dss_signature(r, s), message, tmp_path) == b"Verified OK\n"


def test_a_kek_may_be_named_by_the_vaults_address_on_loopback(
    client: KeyClient, wire: Wire, kek: KeyVaultKey, tmp_path: Path
) -> None:
    target = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    document = json.loads(made_with_openssl(target, kek, tmp_path))
    for base in (wire.emulator.vaults[0].url, wire.emulator.vaults[0].url.replace("localhost", "127.0.0.1")):
        path = kek.id.removeprefix(wire.emulator.vaults[0].proxied_url)
        document["header"]["kid"] = base + path
        assert bring(client, "byok-loopback", json.dumps(document).encode()).key_type == "RSA-HSM"


def test_a_file_for_one_vault_does_not_open_in_the_other(
    client: KeyClient, wire: Wire, kek: KeyVaultKey, tmp_path: Path
) -> None:
    target = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    file = made_with_openssl(target, kek, tmp_path)
    first, second = wire.emulator.vaults[:2]
    with wire.client(second.name) as other:
        with pytest.raises(
            HttpResponseError, match=f"names the vault {first.name}.*goes into {second.name}"
        ) as refused:
            bring(other, "byok-elsewhere", file)
        assert refused.value.status_code == 400
        assert "byok-elsewhere" not in [item.name for item in other.list_properties_of_keys()]


def test_a_standard_vault_refuses_the_kek_and_the_file(
    wire: Wire, client: KeyClient, kek: KeyVaultKey, tmp_path: Path
) -> None:
    target = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    file = made_with_openssl(target, kek, tmp_path)
    with wire.client(wire.make_vault("byok-standard-kv", sku={"name": "standard", "family": "A"})) as standard:
        with pytest.raises(HttpResponseError, match="need a key vault of the Premium tier"):
            standard.create_rsa_key("KEK", hardware_protected=True, key_operations=["import"])
        with pytest.raises(HttpResponseError, match="need a key vault of the Premium tier"):
            bring(standard, "byok-standard", file)


def test_a_kek_is_used_for_nothing_else(client: KeyClient, wire: Wire, kek: KeyVaultKey) -> None:
    size = rsa_public(kek).key_size // 8
    with wire.cryptography(kek.id) as cryptography, pytest.raises(HttpResponseError) as refused:
        cryptography.unwrap_key(KeyWrapAlgorithm.rsa_oaep, bytes(size))
    assert refused.value.status_code == 403
    assert "Operation unwrapKey is not permitted on this key." in str(refused.value)
    with pytest.raises(HttpResponseError, match="neither added nor taken away later"):
        client.update_key_properties(kek.name or "", key_operations=["unwrapKey"])
