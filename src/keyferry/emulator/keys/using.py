"""Using keys: encrypt, decrypt, wrap, unwrap, sign and verify with a version, where its rules allow it."""

from collections.abc import Callable
from typing import Any

from keyferry.emulator import clock
from keyferry.emulator.keys import algorithms, documents, encoding
from keyferry.emulator.keys.attributes import require_usable
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.documents import Document
from keyferry.emulator.keys.kinds import Operation
from keyferry.emulator.keys.lookup import live_version, open_private
from keyferry.emulator.keys.refusals import bad_parameter
from keyferry.emulator.keys.rows import Key, Version

Use = Callable[[Call, str, str | None, Document], dict[str, Any]]


def encrypting(operation: Operation) -> Use:
    """The handler of `encrypt` or `wrapKey`: body {alg, value}, answer {kid, value}."""

    def run(call: Call, name: str, version: str | None, body: Document) -> dict[str, Any]:
        key, found = _usable(call, name, version, operation)
        value = algorithms.encrypt(found.public, _algorithm(body), documents.octets(body, "value"))
        return _answer(call, key, found, value)

    return run


def decrypting(operation: Operation) -> Use:
    """The handler of `decrypt` or `unwrapKey`: body {alg, value}, answer {kid, value}."""

    def run(call: Call, name: str, version: str | None, body: Document) -> dict[str, Any]:
        key, found = _usable(call, name, version, operation)
        algorithm, ciphertext = _algorithm(body), documents.octets(body, "value")
        algorithms.require_decrypts(found.public, algorithm)
        return _answer(call, key, found, algorithms.decrypt(open_private(call, found), algorithm, ciphertext))

    return run


def sign(call: Call, name: str, version: str | None, body: Document) -> dict[str, Any]:
    """Sign a digest: body {alg, value}, answer {kid, value}."""
    key, found = _usable(call, name, version, Operation.SIGN)
    algorithm, digest = _algorithm(body), documents.octets(body, "value")
    algorithms.require_signs(found.public, algorithm, digest)
    return _answer(call, key, found, algorithms.sign(open_private(call, found), algorithm, digest))


def verify(call: Call, name: str, version: str | None, body: Document) -> dict[str, Any]:
    """Verify a signature: body {alg, digest, value}, answer {value: true or false}."""
    _, found = _usable(call, name, version, Operation.VERIFY)
    digest, signature = documents.octets(body, "digest"), documents.octets(body, "value")
    return {"value": algorithms.verify(found.public, _algorithm(body), digest, signature)}


def _usable(call: Call, name: str, version: str | None, operation: Operation) -> tuple[Key, Version]:
    now = clock.now()
    with call.state.read() as connection:
        key, found = live_version(connection, call, name, version, now)
    require_usable(found, operation, now)
    return key, found


def _algorithm(body: Document) -> str:
    algorithm = documents.text(body, "alg")
    if algorithm is None:
        raise bad_parameter("Property alg has invalid value: it is missing.")
    return algorithm


def _answer(call: Call, key: Key, version: Version, value: bytes) -> dict[str, Any]:
    return {"kid": call.key_url(key.name, version.version), "value": encoding.encode(value)}
