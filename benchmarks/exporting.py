"""What custody costs beside the bare wrap: authorised, recorded, audited, durable, against nothing of that."""

import tempfile
from pathlib import Path

from benchmarks.measuring import Row, row, seconds
from keyferry.byok.destinations import destination_named
from keyferry.byok.kek import read_kek
from keyferry.custody.versions import unseal
from keyferry.store.sealed import KEY_VERSIONS, KEYS
from keyferry.testing import Kek, Kit

EXPORTS = 200
SHARE_OF_BARE_WRAP = 0.03


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        kit = Kit.make(Path(folder) / "home")
        try:
            return [_export_row(kit)]
        finally:
            kit.close()


def _export_row(kit: Kit) -> Row:
    kim = kit.user("kim", groups=("bench",))
    detail = kit.key(kim, "rsa-2048", "bench")
    kek = Kek.make(3072)
    destination = destination_named("azure")
    identifier, public = destination.parse_identifier(kek.identifier), read_kek(kek.public_pem)
    store, sealer = kit.installation.store, kit.installation.sealer
    key = store.read(lambda tx: KEYS.get(tx, sealer, detail.key.id))
    version = store.read(lambda tx: KEY_VERSIONS.get(tx, sealer, detail.version.id))
    if key is None or version is None:
        raise RuntimeError("the key that was just made is not there")
    material = unseal(sealer, key, version)

    def bare() -> None:
        for _ in range(EXPORTS):
            destination.wrap(material, public, identifier)

    def through_custody() -> None:
        for _ in range(EXPORTS):
            kit.export(kim, key.id, kek)

    return row(
        f"exports through custody, of the bare wrap's rate ({EXPORTS} each, one caller, durable)",
        "of bare",
        SHARE_OF_BARE_WRAP,
        lambda: seconds(bare) / seconds(through_custody),
        at_least=True,
    )
