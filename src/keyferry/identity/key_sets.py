"""The public keys of issuers: fetched when they are needed, kept for a while, and never done without.

A set that was fetched is used for `FRESH`. Then it is fetched anew; while that fails, the old one is used until
`STALE`, and after that nothing of the issuer is taken. A key that the set does not have makes it be fetched once more,
but no sooner than `PAUSE` after the last time: whoever invents key ids makes no traffic. One thread fetches for an
issuer; the others use what there is, or wait for it.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Protocol

import structlog

from keyferry.custody.issuer_facts import KeySource, read_key_set
from keyferry.errors import InvalidInput, ProviderFailed
from keyferry.identity.fetching import Fetcher
from keyferry.identity.jws import TokenRefused

log = structlog.get_logger("keyferry.key_sets")

#: seconds
FRESH: Final = 600
STALE: Final = 3600
PAUSE: Final = 30
MOST_ISSUERS: Final = 256

Keys = Mapping[str, tuple[Mapping[str, Any], ...]]


class Issuer(Protocol):
    """What says where keys are: a trusted issuer, or an identity provider."""

    @property
    def id(self) -> str: ...  # noqa: D102  # a column, as tables.py tells
    @property
    def revision(self) -> int: ...  # noqa: D102  # a column, as tables.py tells
    @property
    def issuer(self) -> str: ...  # noqa: D102  # a column, as tables.py tells
    @property
    def key_source(self) -> str: ...  # noqa: D102  # a column, as tables.py tells
    @property
    def key_set_url(self) -> str | None: ...  # noqa: D102  # a column, as tables.py tells
    @property
    def key_set(self) -> str | None: ...  # noqa: D102  # a column, as tables.py tells


@dataclass(slots=True)
class _Kept:
    revision: int
    keys: Keys | None = None
    fetched_at: float = 0.0
    tried_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeySets:
    """Keys by issuer, for all threads of a process."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def key(self, issuer: Issuer, key_id: str | None, algorithm: str) -> Mapping[str, Any]:
        """The one key of this id that is for `algorithm`.

        Raises:
            TokenRefused: there is none, or more than one; or the keys cannot be had, with the reason.
        """
        if key_id is None:
            raise TokenRefused("it does not say which key has signed it")
        if issuer.key_source == KeySource.DOCUMENT.value:
            return _only(_by_id(json.loads(issuer.key_set or "")["keys"]), key_id, algorithm)
        kept = self._of(issuer)
        keys = self._keys(issuer, kept)
        if key_id not in keys:
            keys = self._again(issuer, kept)
        return _only(keys, key_id, algorithm)

    def _of(self, issuer: Issuer) -> _Kept:
        """What is kept of an issuer, as its row is now: after an edit, keys are fetched anew."""
        with self._lock:
            found = self._kept.get(issuer.id)
            if found is None or found.revision != issuer.revision:
                self._kept.pop(issuer.id, None)
                if len(self._kept) >= MOST_ISSUERS:
                    del self._kept[next(iter(self._kept))]
                found = self._kept[issuer.id] = _Kept(issuer.revision)
            return found

    def _keys(self, issuer: Issuer, kept: _Kept) -> Keys:
        age = monotonic() - kept.fetched_at
        if kept.keys is not None and age < FRESH:
            return kept.keys
        if kept.keys is not None and age < STALE:
            if kept.lock.acquire(blocking=False):
                try:
                    self._try(issuer, kept)
                finally:
                    kept.lock.release()
            return kept.keys
        with kept.lock:  # nothing can be said without keys: whoever comes now waits for them
            if kept.keys is None or monotonic() - kept.fetched_at >= STALE:
                kept.keys = None
                self._try(issuer, kept)
            if kept.keys is None:
                raise TokenRefused("its issuer's keys cannot be had")
            return kept.keys

    def _again(self, issuer: Issuer, kept: _Kept) -> Keys:
        with kept.lock:
            self._try(issuer, kept)
            return kept.keys or {}

    def _try(self, issuer: Issuer, kept: _Kept) -> None:
        """Fetch, unless it was tried just now; what fails leaves what there is."""
        now = monotonic()
        if kept.tried_at is not None and now - kept.tried_at < PAUSE:
            return
        kept.tried_at = now
        try:
            kept.keys, kept.fetched_at = _by_id(self.fetch(issuer)), monotonic()
        except (ProviderFailed, InvalidInput) as failure:
            _log(issuer, failure)

    def fetch(self, issuer: Issuer) -> list[dict[str, Any]]:
        """An issuer's keys, as it publishes them now.

        Raises:
            ProviderFailed: they cannot be fetched.
            InvalidInput: what is there is no JWK Set.
        """
        url = issuer.key_set_url
        if issuer.key_source == KeySource.DISCOVERY.value:
            url = discovered(self._fetcher, issuer.issuer)["jwks_uri"]
        return read_key_set(self._fetcher.get(url or "").body)


def discovered(fetcher: Fetcher, issuer: str) -> dict[str, Any]:
    """What an issuer tells of itself (OpenID Connect Discovery 1.0 section 4): for certain that it is this one.

    Raises:
        ProviderFailed: it cannot be fetched, is none, is another issuer's, or does not say where its keys are.
    """
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        found = json.loads(fetcher.get(url).body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("issuer") != issuer or not isinstance(found.get("jwks_uri"), str):
        raise ProviderFailed(
            f"{url} is not what {issuer} would tell of itself.",
            code="provider-answer-refused",
            advice="Check the issuer: it must be written as in its tokens, to the letter.",
        )
    return found


def _by_id(keys: list[dict[str, Any]]) -> Keys:
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for key in keys:
        found[key["kid"]] = (*found.get(key["kid"], ()), {name: value for name, value in key.items() if name != "kid"})
    return found


def _only(keys: Keys, key_id: str, algorithm: str) -> Mapping[str, Any]:
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    fitting = [key for key in keys.get(key_id, ()) if key["kty"] == kind and key.get("alg", algorithm) == algorithm]
    if len(fitting) != 1:
        raise TokenRefused("it names a key that its issuer does not have for it")
    return fitting[0]


def _log(issuer: Issuer, failure: ProviderFailed | InvalidInput) -> None:
    log.warning("keys of an issuer not fetched", issuer=issuer.issuer, code=failure.code, detail=failure.detail)
