"""What an OpenID Connect provider's configuration may say; `custody.provider_kinds` asks here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.issuer_facts import ALGORITHMS, check_issuer
from keyferry.custody.provider_kinds import Configuration, Fetch, Kept, KeyStep
from keyferry.errors import Conflict, InvalidInput
from keyferry.identity.oidc.client import judge
from keyferry.identity.oidc.discovery import Metadata, check_member, metadata_address, read_metadata
from keyferry.material.secret import Secret

_GIVEN: Final = frozenset({"issuer", "client_id", "scopes", "algorithms", "userinfo", "sign_out", "prompt"})
_PROMPTS: Final = ("login", "select_account", "consent")
MOST_SCOPES: Final = 20


@dataclass(frozen=True, slots=True)
class OidcConfiguration:
    """A provider's configuration, as it is used.

    Attributes:
        algorithms: that its signatures may be of.
        userinfo: what it says of a person is asked for at its userinfo endpoint, too.
        sign_out: who signs out here is led to sign out at the provider, too.
        prompt: what the provider is to ask the person; None leaves it to the provider.
        authentication: one of `client.Authentication`.
    """

    issuer: str
    client_id: str
    scopes: tuple[str, ...]
    algorithms: tuple[str, ...]
    userinfo: bool
    sign_out: bool
    prompt: str | None
    authentication: str
    metadata: Metadata

    @classmethod
    def of(cls, kept: Configuration) -> "OidcConfiguration":
        """From what a row keeps."""
        metadata = Metadata.of(kept["metadata"])
        allowed = kept.get("algorithms") or metadata.algorithms
        return cls(
            issuer=kept["issuer"],
            client_id=kept["client_id"],
            scopes=tuple(kept["scopes"]),
            algorithms=tuple(each for each in allowed if each in metadata.algorithms),
            userinfo=bool(kept["userinfo"]),
            sign_out=bool(kept["sign_out"]),
            prompt=kept.get("prompt"),
            authentication=kept["client_authentication"],
            metadata=metadata,
        )


def configured(given: Mapping[str, Any], before: Configuration | None) -> Configuration:
    """A configuration as it is kept, from what was given and, of an edit, what was there before.

    Raises:
        InvalidInput: a member will not do; names `configuration.MEMBER`.
    """
    for member in given:
        if member not in _GIVEN:
            raise _refused(str(member)[:40], "is not known", f"Give some of {', '.join(sorted(_GIVEN))}.")
    staying = {name: value for name, value in (before or {}).items() if name not in given}
    changed = {name: value for name, value in given.items() if value is not None}
    found: Configuration = {"scopes": ["openid"], "userinfo": False, "sign_out": False, **staying, **changed}
    if before is not None and found.get("issuer") != before["issuer"]:
        raise _refused("issuer", "of a provider stays", "Another issuer has other people: make another provider.")
    found["issuer"] = _issuer(found.get("issuer"))
    found["client_id"] = check_member(found.get("client_id"), "client_id")
    found["scopes"] = _scopes(found.get("scopes"))
    for member in ("userinfo", "sign_out"):
        if not isinstance(found[member], bool):
            raise _refused(member, "is neither true nor false", "Give true or false.")
    if not found.get("algorithms"):
        found.pop("algorithms", None)
    else:
        found["algorithms"] = _algorithms(found["algorithms"])
    if not found.get("prompt"):
        found.pop("prompt", None)
    elif found["prompt"] not in _PROMPTS:
        raise _refused("prompt", "is not known", f"Give one of {', '.join(_PROMPTS)}, or leave it out.")
    return found


def completed(configuration: Configuration, fetch: Fetch) -> Configuration:
    """The same with what the provider tells of itself now.

    Raises:
        KeyferryError: it could not be fetched, or will not do.
    """
    issuer = configuration["issuer"]
    metadata = read_metadata(fetch(metadata_address(issuer)), issuer)
    return {**configuration, "metadata": metadata.as_kept()}


def kept(name: str, given: Secret | None) -> Kept:  # noqa: ARG001  # every kind is asked alike
    """The client's secret or private key; None makes us a public client.

    Raises:
        InvalidInput: (`credential-refused`) what was given will not do.
    """
    authentication, public = judge(given)
    return Kept(given, {"client_authentication": authentication.value, "public_key": public})


def rolled(credential: Secret, step: KeyStep, made: Secret | None) -> Kept:  # noqa: ARG001  # every kind is asked alike
    """
    Raises:
        Conflict: (`key-roll-over`) always: a provider that speaks OpenID Connect is told of nothing beforehand.
    """
    raise Conflict(
        "A provider that speaks OpenID Connect keeps one secret for us.",
        code="key-roll-over",
        advice="Register another there, and give it with an edit.",
    )


def _issuer(value: object) -> str:
    try:
        return check_issuer(value if isinstance(value, str) else "")
    except InvalidInput as refusal:
        raise InvalidInput(refusal.detail, field="configuration.issuer", advice=refusal.advice) from None


def _scopes(value: object) -> list[str]:
    """`openid` first: without it there is no ID token (OpenID Connect Core 1.0 section 3.1.2.1)."""
    given = value.split() if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or len(given) > MOST_SCOPES:
        raise _refused("scopes", "is no list of scopes", "Give them with spaces between, such as openid email.")
    checked = [check_member(each, "scopes") for each in given]
    if any(" " in each or not each.isascii() for each in checked):
        raise _refused("scopes", "holds something that is no scope", "Give names of printable ASCII.")
    return list(dict.fromkeys(["openid", *checked]))


def _algorithms(value: object) -> list[str]:
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(each in ALGORITHMS for each in given):
        raise _refused("algorithms", "names one that is not taken", f"Give some of {', '.join(ALGORITHMS)}.")
    return sorted(set(given))


def _refused(member: str, why: str, advice: str) -> InvalidInput:
    return InvalidInput(f"configuration.{member} {why}.", field=f"configuration.{member}", advice=advice)
