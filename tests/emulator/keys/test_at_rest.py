"""What lies in the home: keys survive a restart, and nothing there shows their private numbers."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.emulator.keys.transfer import Kek, asked, pkcs8, unpadded
from tests.emulator.keys.wire import Wire, signed_in

from keyferry.emulator.server import running


def telling(*values: int) -> list[bytes]:
    """The forms in which a private number could lie in a file."""
    forms: list[bytes] = []
    for value in values:
        octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
        forms += [octets, octets[::-1], octets.hex().encode(), str(value).encode(), base64.b64encode(octets)[:-4]]
        forms += [unpadded(octets).encode()[:-2], f"{value:x}".encode()]
    return forms


def everything_in(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_keys_are_there_after_a_restart_and_their_private_numbers_in_no_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    plain, wrapped, curve = (
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
    )
    with running(home) as emulator, signed_in(emulator) as wire:
        kek = Kek.of(wire.ask("POST", "/keys/KEK/create", {"kty": "RSA-HSM", "key_ops": ["import"]}).body)
        wire.ask("PUT", "/keys/plain", {"key": jwk(plain)})
        wire.ask("PUT", "/keys/wrapped", asked(kek.file(pkcs8(wrapped))))
        wire.ask("PUT", "/keys/curve", asked(kek.file(pkcs8(curve)), "EC-HSM", crv="P-256"))
        backup = wire.ask("POST", "/keys/plain/backup").body
        before = shown(wire)
        lying = everything_in(home)
    with running(home) as emulator, signed_in(emulator) as wire:
        assert shown(wire) == before
        assert [key["key"]["kty"] for key in before] == ["RSA", "RSA-HSM", "EC-HSM", "RSA-HSM"]
        assert wire.ask("PUT", "/keys/again", asked(kek.file(pkcs8(curve)), "EC-HSM", crv="P-256")).status == 200
        signed = wire.ask("POST", "/keys/plain/sign", {"alg": "RS256", "value": unpadded(bytes(32))})
        assert signed.status == 200
        wire.ask("DELETE", "/keys/plain")
        assert wire.ask("POST", "/keys/restore", backup).error[2] == "ObjectIsDeletedButRecoverable"
        lying |= {path.with_suffix(".later"): content for path, content in everything_in(home).items()}
    numbers = [key.private_numbers() for key in (plain, wrapped)]
    secrets = telling(
        *(value for each in numbers for value in (each.d, each.p, each.q, each.dmp1, each.dmq1, each.iqmp)),
        curve.private_numbers().private_value,
    )
    found = [
        str(path)
        for path, content in lying.items()
        for secret in (*secrets, pkcs8(plain)[:32], pkcs8(wrapped)[30:60])
        if secret in content
    ]
    assert found == []
    assert {path.name for path in lying if path.suffix != ".later"} >= {"state.db", "state.db-wal"}
    assert any(f"{plain.public_key().public_numbers().n:x}".encode() in content for content in lying.values())


def jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.private_numbers()
    members = {"n": numbers.public_numbers.n, "e": 65537, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    octets = {name: unpadded(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in members.items()}
    return {"kty": "RSA", **octets}


def shown(wire: Wire) -> list[dict[str, dict[str, object]]]:
    """The keys of the first vault, under a name that is the same after a restart."""
    found = []
    for name in ("plain", "wrapped", "curve", "KEK"):
        body = wire.ask("GET", f"/keys/{name}").body
        body["key"]["kid"] = body["key"]["kid"].partition("/keys/")[2]
        found.append(json.loads(json.dumps(body)))
    return found


def test_material_of_one_version_does_not_open_as_anothers(tmp_path: Path) -> None:
    with running(tmp_path / "home") as emulator, signed_in(emulator) as wire:
        wire.ask("POST", "/keys/one/create", {"kty": "EC"})
        wire.ask("POST", "/keys/two/create", {"kty": "EC"})
        with emulator.emulator.state.write() as connection:
            connection.execute(
                "UPDATE key_versions SET sealed = (SELECT sealed FROM key_versions WHERE number = 1) WHERE number = 2"
            )
        body = {"alg": "ES256", "value": unpadded(bytes(32))}
        assert wire.ask("POST", "/keys/one/sign", body).status == 200
        answer = wire.ask("POST", "/keys/two/sign", body)
        assert (answer.status, answer.error[1]) == (500, "InternalServerError")
        assert "does not open under its home's key" in answer.error[3]
