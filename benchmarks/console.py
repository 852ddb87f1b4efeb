"""The list of keys at the console, in a store with 100,000 keys: how long its page takes, and what it weighs.

The page is asked for over TLS from a client on the same machine, in every order and with many a filter; the
slowest of these is held against the limit.
"""

import random
import re
import ssl
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import httpx2

from benchmarks.listing import Kind, Kinds, store
from benchmarks.measuring import RUNS, Row, row_of, seconds
from keyferry import clock
from keyferry.clock import DAY
from keyferry.custody.counting import count
from keyferry.custody.key_orders import Sort
from keyferry.rehearsal.local_server import serving
from keyferry.testing import ADMINISTRATOR, PASSWORD

KEYS = 100_000
AT_MOST_MS, AT_MOST_KIB = 30.0, 100.0
_CALLS = 7
_FILTERS = (
    "",
    "state=active",
    "state=pre-active",
    "state=compromised",
    "state=destruction-pending",
    "type=aes-128",
    "type=rsa-2048",
    "search=t",
    "search=tenant-9",
    "search=[blank]",
    "expiring=7",
    "expiring=365",
    "group=bench",
    "search=disk&state=pre-active&type=aes-192&expiring=365",
)


def rows() -> list[Row]:
    """The rows of this file."""
    with (
        tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder,
        _server(Path(folder)) as url,
        _browser(url, Path(folder), ADMINISTRATOR) as administrator,
        _browser(url, Path(folder), "kim") as kim,
    ):
        return [
            _time_row("an Administrator", administrator),
            _time_row("a member of the group that owns them all", kim),
            _weight_row(kim),
        ]


def _time_row(who: str, browser: httpx2.Client) -> Row:
    runs = []
    for _ in range(RUNS):
        times = [_page_ms(browser, f"{filters}&sort={sort}") for filters, sort in product(_FILTERS, Sort)]
        runs.append({"ms": max(times), "ms in the middle": statistics.median(times)})
    what = f"slowest page of the list of {KEYS:,} keys for {who}, in every order, with many a filter"
    return row_of(what, "ms", AT_MOST_MS, runs, figure="ms", at_least=False)


def _page_ms(browser: httpx2.Client, query: str) -> float:
    return 1000 * statistics.median(seconds(lambda: _get(browser, f"/keys?{query}")) for _ in range(_CALLS))


def _weight_row(browser: httpx2.Client) -> Row:
    page = _get(browser, "/keys")
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    weights = {"page KiB": _kib(page), "files KiB": sum(_kib(_get(browser, path)) for path in files)}
    runs = [{"KiB": sum(weights.values()), **weights}]
    what = "first page of the list of keys over the wire, with scripts, styles and pictures"
    return row_of(what, "KiB", AT_MOST_KIB, runs, figure="KiB", at_least=False)


def _kib(answer: httpx2.Response) -> float:
    """What came over the connection, inside TLS."""
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) + len("HTTP/1.1 200 OK\r\n\r\n")
    return (answer.num_bytes_downloaded + head) / 1024


def _get(browser: httpx2.Client, path: str) -> httpx2.Response:
    answer = browser.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:400]}")
    return answer


@contextmanager
def _browser(url: str, folder: Path, name: str) -> Iterator[httpx2.Client]:
    trust = ssl.create_default_context(cafile=folder / "home" / "tls" / "ca.pem")
    headers: Mapping[str, str] = {"Sec-Fetch-Site": "same-origin", "Accept-Encoding": "gzip"}
    with httpx2.Client(base_url=url, verify=trust, headers=headers, trust_env=False) as client:
        client.post("/sign-in", data={"user_name": name, "password": PASSWORD})
        yield client


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A server with the keys, all counted."""
    kit, _ = store(folder / "home", KEYS, kinds=_kinds())
    try:
        kit.background.tick()
        while count(kit.installation.store):
            pass
    finally:
        kit.close()
    with serving(folder / "home", folder / "server.log") as url:
        yield url


def _kinds() -> Kinds:
    """Keys of many kinds, the same at each run."""
    chosen = random.Random(KEYS)  # noqa: S311  # nothing secret comes of it

    def kind(number: int) -> Kind:
        return Kind(
            algorithm=chosen.choice(("aes-128", "aes-192", "aes-256", "aes-256")),
            name=None if number % 5 == 0 else f"{chosen.choice(('tenant', 'backup', 'disk', 'database'))}-{number}",
            state="compromised" if number % 9973 == 0 else "pre-active" if number % 20 == 1 else "active",
            deactivation=clock.now() + chosen.randrange(1, 700) * DAY if number % 3 == 0 else None,
        )

    return kind
