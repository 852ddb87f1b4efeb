"""A ciphertext that is to be opened, taken apart: as its envelope says, or as the caller does."""

from typing import Final

from keyferry.custody.use_values import Ciphertext
from keyferry.errors import InvalidInput
from keyferry.material.algorithms import ALGORITHMS, Usage
from keyferry.material.using.envelope import names_key, read_envelope
from keyferry.material.using.methods import Method, Scheme, method_named
from keyferry.store.records import Key

_RAW_TAKEN: Final = frozenset({Scheme.OAEP, Scheme.KW, Scheme.KWP})

Apart = tuple[bytes, bytes, Method, int]
"""Header, body, algorithm and version."""


def take_apart(key: Key, usage: Usage, ciphertext: Ciphertext) -> Apart:
    """Header, body, algorithm and version of a ciphertext for this key.

    Raises:
        InvalidInput: the envelope will not do or is another key's; without one, what has to be said is not.
    """
    if ciphertext.version is not None:
        return _without_envelope(key, usage, ciphertext, ciphertext.version)
    envelope = read_envelope(ciphertext.data, "ciphertext")
    header = envelope.header
    if header.key_id != key.id:
        raise InvalidInput(
            "The ciphertext's envelope names another key: its key id is not this key's.",
            code="envelope-refused",
            field="ciphertext",
            advice=f"Ask for key {header.key_id}.",
        )
    if ciphertext.algorithm not in {None, header.method.name}:
        raise InvalidInput(
            f"The ciphertext's envelope names {header.method.name}, and not the algorithm that was given.",
            code="algorithm-refused",
            field="algorithm",
            advice="Leave the algorithm out: the envelope names it.",
        )
    method = method_named(header.method.name, ALGORITHMS[key.algorithm], usage)
    return envelope.header_bytes, envelope.body, method, header.version


def _without_envelope(key: Key, usage: Usage, ciphertext: Ciphertext, version: int) -> Apart:
    if names_key(ciphertext.data, key.id):
        raise InvalidInput(
            "The ciphertext has an envelope, which names the version.",
            code="envelope-refused",
            field="version",
            advice="Leave the version out; or, of a ciphertext without its envelope, leave out the first 24 bytes.",
        )
    method = method_named(ciphertext.algorithm, ALGORITHMS[key.algorithm], usage)
    if method.scheme not in _RAW_TAKEN:
        raise InvalidInput(
            f"{method.name} opens nothing without an envelope.",
            code="envelope-refused",
            field="ciphertext",
            advice="Give the ciphertext as Keyferry answered it, and no version.",
        )
    return b"", ciphertext.data, method, version
