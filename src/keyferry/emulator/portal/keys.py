"""A vault's keys: the list, a key with its versions, a version with its identifier and its public key."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import Response

from keyferry.emulator.keys import backup, deleting, encoding, listing, making, reading
from keyferry.emulator.keys.bundles import HSM_PLATFORM
from keyferry.emulator.keys.call import Call
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.portal import pem
from keyferry.emulator.portal.pages import download, show
from keyferry.emulator.portal.visit import Visit


def show_all(visit: Visit) -> Response:
    """One page of a vault's keys."""
    vault = visit.vault()
    found = listing.list_keys(visit.call(vault, "list"), listing.read_page(visit.request.query_params))
    return show(visit, "keys.html", vault=vault, keys=list(map(listed, found["value"])), more=more(found))


def show_key(visit: Visit) -> Response:
    """A key: its versions, the newest first."""
    vault, name = visit.vault(), visit.part("key")
    current = reading.get(visit.call(vault, "get", name), name, None)
    versions = list(reversed(_versions(visit.call(vault, "list", name), name)))
    return show(
        visit, "key.html", vault=vault, key=name, shown=_shown(current), current=versions[0], older=versions[1:]
    )


def show_version(visit: Visit) -> Response:
    """A version: what it is, what it is called, and whether it is enabled."""
    vault, name = visit.vault(), visit.part("key")
    bundle = reading.get(visit.call(vault, "get", name), name, visit.part("version"))
    local = visit.emulator.addresses.url_of(vault, visit.request.headers["host"])
    return show(visit, "version.html", vault=vault, key=name, shown=_shown(bundle), local_url=local)


def download_public_key(visit: Visit) -> Response:
    """The public key of a version, as PEM."""
    vault, name = visit.vault(), visit.part("key")
    bundle = reading.get(visit.call(vault, "get", name), name, visit.part("version"))
    return download(pem.public_key(bundle["key"]), f"{vault.name}-{name}.pem", "application/x-pem-file")


def download_backup(visit: Visit) -> Response:
    """The backup of a key with all its versions, which only this emulator opens."""
    vault, name = visit.vault(), visit.part("key")
    blob = encoding.decode(backup.back_up(visit.call(vault, "backup", name), name)["value"])
    return download(blob, f"{vault.name}-{name}.keybackup", "application/octet-stream")


def rotate(visit: Visit) -> Response:
    """Generate a new version like the current one."""
    vault, name = visit.vault(), visit.part("key")
    made = making.rotate(visit.call(vault, "rotate", name), name)
    return visit.done(f"The key {name} was rotated.", "vaults", vault.name, "keys", name, _version_of(made["key"]))


def delete(visit: Visit) -> Response:
    """Delete a key and all its versions; it can be recovered."""
    vault, name = visit.vault(), visit.part("key")
    deleting.delete(visit.call(vault, "delete", name), name)
    return visit.done(f"The key {name} was deleted. It can be recovered.", "vaults", vault.name, "deleted-keys")


def enable(visit: Visit) -> Response:
    """Let a version be used."""
    return _set_enabled(visit, enabled=True)


def disable(visit: Visit) -> Response:
    """Let a version not be used."""
    return _set_enabled(visit, enabled=False)


def listed(item: dict[str, Any]) -> dict[str, Any]:
    """A row of a list of keys, of an item as the data plane lists it."""
    attributes = item["attributes"]
    return {
        "name": item["kid"].split("/")[4],
        "version": _version_of(item),
        "enabled": attributes["enabled"],
        "protection": "HSM" if attributes["hsmPlatform"] == HSM_PLATFORM else "Software",
        "created": attributes["created"],
        "updated": attributes["updated"],
        "deleted": item.get("deletedDate"),
        "purged": item.get("scheduledPurgeDate"),
    }


def more(found: dict[str, Any]) -> str | None:
    """The query of the next page of a list, if there is one."""
    if found["nextLink"] is None:
        return None
    query = parse_qs(urlsplit(found["nextLink"]).query)
    return urlencode({listing.CONTINUATION: query[listing.CONTINUATION][0]})


def _shown(bundle: dict[str, Any]) -> dict[str, Any]:
    """What the pages of a key and of a version tell of it."""
    key, attributes = bundle["key"], bundle["attributes"]
    if "n" in key:
        size = f"RSA key size {int.from_bytes(encoding.decode(key['n']), 'big').bit_length()}"
    else:
        size = f"Curve {key['crv']}"
    return {
        "identifier": key["kid"],
        "version": _version_of(key),
        "type": key["kty"],
        "size": size,
        "operations": key["key_ops"],
        "is_kek": key["key_ops"] == ["import"],
        **attributes,
    }


def _version_of(shown: dict[str, Any]) -> str:
    return str(shown["kid"].rpartition("/")[2])


def _versions(call: Call, name: str) -> list[dict[str, Any]]:
    """Every version, the oldest first."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = listing.list_versions(call, name, listing.Page(listing.PAGE, after, sized=False, api_version=""))
        found += map(listed, answer["value"])
        if answer["nextLink"] is None:
            return found
        after = found[-1]["version"]


def _set_enabled(visit: Visit, *, enabled: bool) -> Response:
    vault, name, version = visit.vault(), visit.part("key"), visit.part("version")
    reading.update(visit.call(vault, "update", name), name, version, {"attributes": {"enabled": enabled}})
    told = f"The version is {'enabled' if enabled else 'disabled'}."
    return visit.done(told, *_place(vault, name), version)


def _place(vault: Vault, name: str) -> tuple[str, ...]:
    return "vaults", vault.name, "keys", name
