"""Lists in pages: keys, versions of a key, deleted keys. A page has at most 25 items and a link to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from keyferry.emulator import clock
from keyferry.emulator.keys import bundles, encoding, rows
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.names import require_name
from keyferry.emulator.keys.refusals import bad_parameter

PAGE: Final = 25
CONTINUATION: Final = "$skiptoken"
MAX_RESULTS: Final = "maxresults"
API_VERSION: Final = "api-version"


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for: at most `size` items, of those that come after `after` ("" for the first page)."""

    size: int
    after: str
    sized: bool
    api_version: str


def read_page(query: Mapping[str, str]) -> Page:
    """The page that a query string asks for.

    Raises:
        AzureFailure: 400, `maxresults` is not 1 to 25, or `$skiptoken` is none that a page ended with.
    """
    size = query.get(MAX_RESULTS)
    if size is not None and (not size.isascii() or not size.isdigit() or not 1 <= int(size[:9]) <= PAGE):
        raise bad_parameter(f"Parameter {MAX_RESULTS} has invalid value: it is a number from 1 to {PAGE}.")
    try:
        after = encoding.decode(query.get(CONTINUATION, "")).decode("ascii")
    except ValueError:
        raise bad_parameter(f"Parameter {CONTINUATION} has invalid value: no page ended with it.") from None
    return Page(PAGE if size is None else int(size), after, size is not None, query.get(API_VERSION, ""))


def list_keys(call: Call, page: Page) -> dict[str, Any]:
    """The live keys, in order of their names, each with its current version's attributes (GET /keys)."""
    return _keys(call, page, "/keys", deleted=False)


def list_deleted(call: Call, page: Page) -> dict[str, Any]:
    """The deleted and recoverable keys, in order of their names (GET /deletedkeys)."""
    return _keys(call, page, "/deletedkeys", deleted=True)


def list_versions(call: Call, name: str, page: Page) -> dict[str, Any]:
    """The versions of a key, oldest first; none where there is no such key (GET /keys/NAME/versions)."""
    with call.state.read() as connection:
        key = rows.find_key(connection, call.vault.name, require_name(name), clock.now())
        if key is None or key.deleted is not None:
            return {"value": [], "nextLink": None}
        versions = rows.versions_of(connection, key, after=page.after or None, limit=page.size + 1)
    items = [(version.version, bundles.version_item(call, key, version)) for version in versions]
    return _answer(call, page, f"/keys/{key.name}/versions", items)


def _keys(call: Call, page: Page, path: str, *, deleted: bool) -> dict[str, Any]:
    with call.state.read() as connection:
        keys = rows.page_of_keys(
            connection, call.vault.name, deleted=deleted, after=page.after, limit=page.size + 1, now=clock.now()
        )
        items = [(key.name, bundles.key_item(call, key, rows.current_version(connection, key))) for key in keys]
    return _answer(call, page, path, items)


def _answer(call: Call, page: Page, path: str, items: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """One item more than fits was looked for: if it is there, there is a next page."""
    shown = items[: page.size]
    link = None
    if len(items) > page.size:
        query = {API_VERSION: page.api_version, CONTINUATION: encoding.encode(shown[-1][0].encode("ascii"))}
        if page.sized:
            query[MAX_RESULTS] = str(page.size)
        link = f"{call.base}{path}?{urlencode(query, safe='$')}"
    return {"value": [item for _, item in shown], "nextLink": link}
