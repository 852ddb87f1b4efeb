"""Key encryption keys, and what left under them."""

from dataclasses import dataclass

from keyferry.store.records.rows import Revised, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Kek(Revised):
    identifier: str
    public_key: bytes
    spki_sha256: str
    bits: int
    source: str
    registered: bool
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Sealed):
    number: int = 0
    key_id: str
    version_id: str
    version_number: int
    user_id: str
    destination: str
    key_identifier: str
    kek_sha256: str
    file_sha256: str
    file_bytes: int
    created_at: int
