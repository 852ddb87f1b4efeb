"""What a SAML provider's configuration may say; `custody.provider_kinds` asks here."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.provider_kinds import Configuration, Fetch, Kept, KeyStep
from keyferry.errors import InvalidInput
from keyferry.identity.saml.certificates import make_own, read_own, read_pinned
from keyferry.identity.saml.metadata import IdentityProvider, read_metadata
from keyferry.identity.saml.own_keys import OwnKeys
from keyferry.material.secret import Secret

_FLAGS: Final[Mapping[str, bool]] = {
    "sign_requests": True,
    "idp_initiated": False,
    "require_encryption": False,
    "allow_cbc": False,
}
_TEXTS: Final = ("metadata_url", "metadata_certificate", "entity_id", "name_id_format")
_GIVEN: Final = frozenset({*_FLAGS, *_TEXTS, "metadata"})
_LONGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SamlConfiguration:
    """A provider's configuration, as it is used.

    Attributes:
        certificates: our own, in PEM: of the key in use, and of the next one, if there is one.
        sign_requests: what we send to the provider is signed.
        idp_initiated: answers that nobody asked for are taken.
        require_encryption: an assertion that is not encrypted is refused.
        allow_cbc: assertions may be encrypted with AES-CBC, which does not tell when it was changed.
        name_id_format: that is asked for; None leaves it to the provider.
    """

    idp: IdentityProvider
    certificates: tuple[str, ...]
    sign_requests: bool
    idp_initiated: bool
    require_encryption: bool
    allow_cbc: bool
    name_id_format: str | None

    @classmethod
    def of(cls, kept: Configuration) -> "SamlConfiguration":
        """From what a row keeps."""
        flags = {name: bool(kept[name]) for name in _FLAGS}
        return cls(
            idp=IdentityProvider.of(kept["idp"]),
            certificates=tuple(kept[name] for name in ("certificate", "next_certificate") if kept.get(name)),
            name_id_format=kept.get("name_id_format"),
            **flags,
        )


def configured(given: Mapping[str, Any], before: Configuration | None) -> Configuration:
    """A configuration as it is kept, from what was given and, of an edit, what was there before.

    Raises:
        InvalidInput: a member will not do; names `configuration.MEMBER`.
    """
    for member in given:
        if member not in _GIVEN:
            raise _refused(str(member)[:40], "is not known", f"Give some of {', '.join(sorted(_GIVEN))}.")
    found: Configuration = {**_FLAGS, **(before or {})}
    for name in _FLAGS:
        if name in given:
            found[name] = _flag(given[name], name)
    for name in _TEXTS:
        if name in given:
            found.pop(name, None)
            text = _text(given[name], name)
            if text is not None:
                found[name] = text
    if given.get("metadata_certificate"):
        found["metadata_certificate"] = read_pinned(found["metadata_certificate"], "configuration.metadata_certificate")
    meant = ("metadata_url", "entity_id")
    if before is not None and "metadata_url" in found and any(found.get(each) != before.get(each) for each in meant):
        found.pop("idp", None)  # another provider may be meant: `completed` reads whichever is there
    metadata = _text(given.get("metadata"), "metadata")
    if metadata is not None:
        if given.get("metadata_url"):
            raise _refused("metadata", "and configuration.metadata_url exclude each other", "Give one of them.")
        found.pop("metadata_url", None)
        found["idp"] = _read(metadata.encode(), found)
    if "idp" not in found and "metadata_url" not in found:
        raise _refused("metadata", "is missing", "Give the provider's metadata, or the address where it is.")
    return found


def completed(configuration: Configuration, fetch: Fetch) -> Configuration:
    """The same with the provider's metadata as it is now, where the configuration says where that is.

    The provider stays the one that it was: whoever publishes there does not make another of it.

    Raises:
        KeyferryError: it could not be fetched, or will not do.
    """
    address = configuration.get("metadata_url")
    if address is None:
        return configuration
    known = configuration.get("entity_id") or configuration.get("idp", {}).get("entity_id")
    return {**configuration, "idp": _read(fetch(address), {**configuration, "entity_id": known})}


def kept(name: str, given: Secret | None) -> Kept:
    """A key of our own, made here unless it was given, and its certificate.

    Raises:
        InvalidInput: (`credential-refused`) what was given is no key with its certificate.
    """
    credential, certificate = make_own(name) if given is None else read_own(given)
    return Kept(credential, {"certificate": certificate, "next_certificate": None, "earlier_certificate": None})


def rolled(credential: Secret, step: KeyStep, made: Secret | None) -> Kept:
    """Our keys after a step of a roll-over.

    Raises:
        Conflict: (`key-roll-over`) the step does not follow from how they are.
    """
    keys = OwnKeys.of(credential).after(step, made)
    return Kept(keys.as_kept(), dict(keys.shown()))


def _read(data: bytes, configuration: Configuration) -> dict[str, Any]:
    return read_metadata(
        data, entity_id=configuration.get("entity_id"), certificate=configuration.get("metadata_certificate")
    ).as_kept()


def _flag(value: object, member: str) -> bool:
    if not isinstance(value, bool):
        raise _refused(member, "is neither true nor false", "Give true or false.")
    return value


def _text(value: object, member: str) -> str | None:
    if value is None or value == "":
        return None
    longest = _LONGEST if member == "metadata" else 8192
    if not isinstance(value, str) or len(value) > longest * (4 if member == "metadata" else 1):
        raise _refused(member, "is no text, or too long", "Give it as it is.")
    return value


def _refused(member: str, why: str, advice: str) -> InvalidInput:
    return InvalidInput(f"configuration.{member} {why}.", field=f"configuration.{member}", advice=advice)


def fingerprint(certificate: str) -> str:
    """SHA-256 of a certificate that is kept as base64 of DER, 64 hex digits."""
    import hashlib

    return hashlib.sha256(base64.b64decode(certificate)).hexdigest()
