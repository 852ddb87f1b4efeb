"""What a trusted issuer says of itself, judged: its name in tokens, its keys, its algorithms, its limits."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.connection_facts import as_json
from keyferry.custody.names import check_text
from keyferry.errors import InvalidInput

#: signatures of private keys alone (RFC 7518 section 3.1): with a shared secret whoever checks could also sign
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
USUAL_ALGORITHMS: Final = ("ES256", "RS256")

LONGEST_LIFETIME: Final[Microseconds] = 25 * 3600 * SECOND
USUAL_LIFETIME: Final[Microseconds] = 3600 * SECOND
LONGEST_SKEW: Final[Microseconds] = 300 * SECOND
USUAL_SKEW: Final[Microseconds] = 60 * SECOND

LONGEST_URL: Final = 512
LONGEST_AUDIENCE: Final = 512
LONGEST_SUBJECT: Final = 512
LONGEST_KEY_SET: Final = 64 * 1024
MOST_KEYS: Final = 100
MOST_CLAIMS: Final = 16

_URL = re.compile(r"https://[a-z0-9.-]+(:[1-9][0-9]{0,4})?(/[!-~]*)?", re.ASCII)
_CLAIM = re.compile(r"[!-~]{1,128}", re.ASCII)
#: the registered claims that are judged of every token anyway (RFC 7519 section 4.1)
_JUDGED_ANYWAY: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
#: of a JWK, what only who signs may know (RFC 7518 section 6)
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeySource(StrEnum):
    """Where an issuer's public keys come from."""

    DISCOVERY = "discovery"
    ADDRESS = "address"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class NewKeys:
    """The keys as they are given; with neither, the issuer's metadata tell where they are (OpenID Connect Discovery).

    Attributes:
        url: https address of a JWK Set.
        document: a JWK Set (RFC 7517 section 5), JSON.
    """

    url: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """As a row keeps them."""

    source: KeySource
    url: str | None
    document: str | None


def check_issuer(text: str) -> str:
    """An issuer's identifier as `iss` must say it, to the letter: https, host in lower case, no query, no fragment.

    Raises:
        InvalidInput: it is none.
    """
    if len(text) > LONGEST_URL or _URL.fullmatch(text) is None or any(sign in text for sign in "?#@\\"):
        raise InvalidInput(
            "The issuer is no address https://HOST[:PORT][/PATH].",
            field="issuer",
            advice="Give it as `iss` says it in a token of theirs, to the letter; https, without query and fragment.",
        )
    return text


def check_audience(text: str) -> str:
    """What `aud` must say; one line.

    Raises:
        InvalidInput: it is empty, too long, or more than a line.
    """
    checked = check_text(text, "audience", LONGEST_AUDIENCE)
    if checked is None:
        raise InvalidInput(
            "The audience is missing.",
            field="audience",
            advice="Give what tokens for this server alone say in `aud`, such as this server's address.",
        )
    return checked


def check_subject(text: str) -> str:
    """What `sub` must say, to the letter: nothing is folded and nothing is cut off.

    Raises:
        InvalidInput: it is empty, too long, or more than a line.
    """
    checked = check_text(text, "subject", LONGEST_SUBJECT)
    if checked is None:
        raise InvalidInput(
            "The subject is missing.", field="subject", advice="Give what `sub` says in the workload's tokens."
        )
    return checked


def check_claims(given: Mapping[str, Any]) -> str:
    """What further claims must say, as a row keeps it.

    Raises:
        InvalidInput: too many, a name or value that will not do, or one that is judged anyway; names `claims`.
    """
    if len(given) > MOST_CLAIMS:
        raise InvalidInput(f"{len(given)} claims are given.", field="claims", advice=f"Give at most {MOST_CLAIMS}.")
    for name, value in given.items():
        if name in _JUDGED_ANYWAY:
            raise InvalidInput(
                f"The claim {name} is judged in any case.", field="claims", advice="Leave it out; see the issuer's own."
            )
        whole = isinstance(value, int) and abs(value) < 2**53
        line = isinstance(value, str) and 0 < len(value) <= LONGEST_SUBJECT and value.isprintable()
        if _CLAIM.fullmatch(name) is None or not (whole or line):
            raise InvalidInput(
                f"The claim {name[:40]!a} will not do.",
                field="claims",
                advice="A claim has a name of printable ASCII, and must say a line, a whole number, true or false.",
            )
    return as_json(dict(given))


def check_algorithms(given: Sequence[str]) -> str:
    """As a row keeps them: sorted, each once.

    Raises:
        InvalidInput: none, or one that Keyferry does not take.
    """
    unknown = sorted(set(given) - set(ALGORITHMS))
    if unknown or not given:
        raise InvalidInput(
            f"{unknown[0][:40]!r} is not taken." if unknown else "No algorithm is given.",
            field="algorithms",
            advice=f"Give some of {', '.join(ALGORITHMS)}.",
        )
    return ",".join(sorted(set(given)))


def check_span(value: Microseconds, field: str, least: Microseconds, most: Microseconds) -> Microseconds:
    """
    Raises:
        InvalidInput: it is out of bounds.
    """
    if not least <= value <= most:
        raise InvalidInput(
            f"{field} is out of bounds.",
            field=field,
            advice=f"Give between {least // SECOND} and {most // SECOND} seconds.",
        )
    return value


def check_keys(given: NewKeys) -> Keys:
    """
    Raises:
        InvalidInput: both are given, an address is not https, or a document holds no public key that could be used.
    """
    if given.url is not None and given.document is not None:
        raise InvalidInput(
            "Both an address and a document of keys are given.",
            field="jwks_url",
            advice="Give one of them, or neither.",
        )
    if given.url is not None:
        if (
            len(given.url) > LONGEST_URL
            or _URL.fullmatch(given.url) is None
            or any(sign in given.url for sign in "#@\\")
        ):
            raise InvalidInput(
                "The address of the keys is not https://HOST[:PORT]/PATH.",
                field="jwks_url",
                advice="Give the address of a JWK Set; https, the host in lower case.",
            )
        return Keys(KeySource.ADDRESS, given.url, None)
    if given.document is not None:
        return Keys(KeySource.DOCUMENT, None, as_json({"keys": read_key_set(given.document, field="jwks")}))
    return Keys(KeySource.DISCOVERY, None, None)


def read_key_set(text: str | bytes, *, field: str | None = None) -> list[dict[str, Any]]:
    """The keys of a JWK Set that may check signatures: RSA and EC, each with its id; of them the public parts alone.

    Raises:
        InvalidInput: it is no JWK Set, holds a private or shared key, or no key that could be used.
    """
    advice = "Give the JWK Set that the issuer publishes: public keys, each with a `kid`."
    try:
        found = json.loads(text) if len(text) <= 1024 * 1024 else None
    except (ValueError, RecursionError):
        found = None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise InvalidInput("That is no JWK Set.", field=field, advice=advice)
    kept = []
    for key in keys:
        if not isinstance(key, dict):
            raise InvalidInput("That is no JWK Set.", field=field, advice=advice)
        if _PRIVATE & key.keys():
            raise InvalidInput(
                "The JWK Set holds a private key, or one that is shared.",
                field=field,
                advice="Replace that key at the issuer: it has been shown. " + advice,
            )
        plain = _public_parts(key)
        if plain is not None:
            kept.append(plain)
    if not kept:
        raise InvalidInput(
            "The JWK Set holds no key that signatures could be checked with.", field=field, advice=advice
        )
    if field is not None and len(as_json(kept)) > LONGEST_KEY_SET:
        raise InvalidInput("The JWK Set is too large.", field=field, advice="Leave out what is used no longer.")
    return kept


def _public_parts(key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a signature is checked with; None of a key for something else, or without an id."""
    of = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}.get(str(key.get("kty")))
    if of is None or key.get("use", "sig") != "sig":
        return None
    operations = key.get("key_ops")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        return None
    names = ("kty", "kid", *of)
    if not all(isinstance(key.get(name), str) and 0 < len(key[name]) <= 4096 for name in names):
        return None
    algorithm = key.get("alg")
    if algorithm is not None and algorithm not in ALGORITHMS:
        return None
    return {name: key[name] for name in names} | ({} if algorithm is None else {"alg": algorithm})
