"""What a provider tells of itself (OpenID Connect Discovery 1.0 section 3, RFC 8414), as far as it is used."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from keyferry.clouds.azure.hosts import read_origin
from keyferry.custody.issuer_facts import ALGORITHMS
from keyferry.errors import InvalidInput, ProviderFailed

_ADDRESSES: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_FURTHER: Final = ("end_session_endpoint", "userinfo_endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """A provider, as it has told.

    Attributes:
        tells_issuer: its answers name the issuer (RFC 9207), so one that does not is none of its.
        takes_post: a secret may be sent in the form alone, not in a header.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    tells_issuer: bool
    takes_post: bool

    def as_kept(self) -> dict[str, Any]:
        """For a row."""
        return asdict(self) | {"algorithms": list(self.algorithms)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Metadata":
        """What `as_kept` gave."""
        return cls(**{**kept, "algorithms": tuple(kept["algorithms"])})


def metadata_address(issuer: str) -> str:
    """Where an issuer's metadata are (OpenID Connect Discovery 1.0 section 4)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_metadata(data: bytes, issuer: str) -> Metadata:
    """
    Raises:
        ProviderFailed: (`provider-answer-refused`) they are none, another issuer's, or of a provider that cannot do
            what is asked of it: code flow, PKCE with S256, signatures that may be taken.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _refused("it holds no JSON object")
    if told.get("issuer") != issuer:
        raise _refused("it is another issuer's, or the issuer is not written as it writes itself")
    for name in (*_ADDRESSES, *(each for each in _FURTHER if told.get(each) is not None)):
        if not isinstance(told.get(name), str) or read_origin(told[name]) is None:
            raise _refused(f"its {name} is no plain https address")
    if "code" not in _texts(told, "response_types_supported", ["code"]):
        raise _refused("it does not offer the authorization code flow")
    if "S256" not in _texts(told, "code_challenge_methods_supported", ["S256"]):
        raise _refused("it does not offer PKCE with S256")
    offered = _texts(told, "id_token_signing_alg_values_supported", ["RS256"])
    algorithms = tuple(each for each in ALGORITHMS if each in offered)
    if not algorithms:
        raise _refused("it signs with no algorithm that is taken here")
    methods = _texts(told, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        authorization_endpoint=told["authorization_endpoint"],
        token_endpoint=told["token_endpoint"],
        jwks_uri=told["jwks_uri"],
        end_session_endpoint=told.get("end_session_endpoint"),
        userinfo_endpoint=told.get("userinfo_endpoint"),
        algorithms=algorithms,
        tells_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        takes_post="client_secret_basic" not in methods and "client_secret_post" in methods,
    )


def check_member(text: object, member: str, longest: int = 512) -> str:
    """A member of a configuration: one line of printable characters.

    Raises:
        InvalidInput: it is none; names `configuration.MEMBER`.
    """
    if not isinstance(text, str) or not 0 < len(text) <= longest or not text.isprintable():
        raise InvalidInput(
            f"configuration.{member} is missing, or not one line of at most {longest} characters.",
            field=f"configuration.{member}",
            advice="Give it as the provider shows it.",
        )
    return text


def _texts(told: Mapping[str, Any], name: str, usual: list[str]) -> list[str]:
    found = told.get(name, usual)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _refused(f"its {name} is no list of texts")
    return found


def _refused(why: str) -> ProviderFailed:
    return ProviderFailed(
        f"What the provider tells of itself will not do: {why}.",
        code="provider-answer-refused",
        field="configuration.issuer",
        advice="Check the issuer with whoever runs the provider; for Entra ID it names one tenant, by its id.",
    )
