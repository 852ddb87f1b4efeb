"""The forms of identity providers: what was typed, as custody takes it, and the way back."""

import json
from collections.abc import Mapping
from typing import Any, Final

from keyferry.custody.provider_kinds import Kind
from keyferry.custody.provider_writing import DEFAULT_SKEW, NewProvider, ProviderEdit
from keyferry.custody.providers import ProviderDetail
from keyferry.errors import InvalidInput
from keyferry.material.secret import Secret
from keyferry.web.forms import Form

_ATTRIBUTES: Final = ("user_name", "subject", "display_name", "email", "groups", "role")
_SAML_FLAGS: Final = ("sign_requests", "require_encryption", "idp_initiated", "allow_cbc")
_SAML_TEXTS: Final = ("metadata_url", "metadata_certificate", "entity_id", "name_id_format")
_OIDC_FLAGS: Final = ("userinfo", "sign_out")
_OIDC_TEXTS: Final = ("issuer", "client_id", "prompt")
_OIDC_LISTS: Final = ("scopes", "algorithms")
_MEMBERS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.SAML: frozenset({*_SAML_FLAGS, *_SAML_TEXTS}),
    Kind.OIDC: frozenset({*_OIDC_FLAGS, *_OIDC_TEXTS, *_OIDC_LISTS}),
}

#: what the page calls the fields whose refusals custody knows by other names
ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "metadata": ("configuration",),
    "map_user_name": ("mapping",),
}


def kind_of(text: str) -> Kind:
    """
    Raises:
        InvalidInput: there is no such kind.
    """
    try:
        return Kind(text)
    except ValueError:
        raise InvalidInput("There is no such kind of provider.", field="kind", advice="Choose one.") from None


def first_shown(kind: Kind) -> Form:
    """An empty form."""
    return Form.showing(
        kind=kind.value,
        sign_requests=True,
        clock_skew=str(DEFAULT_SKEW),
        map_update=True,
        scopes="openid email profile",
    )


def new_provider(form: Form) -> NewProvider:
    """What was typed."""
    kind = kind_of(form.text("kind"))
    return NewProvider(
        name=form.text("name"),
        kind=kind.value,
        configuration=_configuration(kind, form),
        credential=_credential(form),
        mapping=_mapping(form),
        just_in_time=form.ticked("just_in_time"),
        asks_second_factor=form.ticked("asks_second_factor"),
        clock_skew=_skew(form),
    )


def provider_edit(kind: Kind, detail: ProviderDetail, form: Form) -> ProviderEdit:
    """What was changed: configuration and mapping only if they differ, since a change of them voids the test."""
    given = _configuration(kind, form)
    given |= dict.fromkeys(set(_own(detail)) - set(given))
    mapping = _mapping(form)
    return ProviderEdit(
        configuration=given if any(given[name] != detail.configuration.get(name) for name in given) else None,
        credential=_credential(form),
        renew_credential=form.ticked("renew_credential"),
        mapping=None if _settled(mapping) == _settled(detail.mapping) else mapping,
        just_in_time=form.ticked("just_in_time"),
        asks_second_factor=form.ticked("asks_second_factor"),
        clock_skew=_skew(form),
        untested=form.ticked("untested"),
    )


def form_of(detail: ProviderDetail) -> Form:
    """A provider as its form shows it."""
    configuration, mapping = detail.configuration, detail.mapping
    shown: dict[str, Any] = {name: str(configuration.get(name) or "") for name in (*_SAML_TEXTS, *_OIDC_TEXTS)}
    shown |= {name: bool(configuration.get(name)) for name in (*_SAML_FLAGS, *_OIDC_FLAGS)}
    shown |= {"scopes": " ".join(configuration.get("scopes", ())), "algorithms": configuration.get("algorithms", ())}
    shown |= {f"map_{name}": mapping.get(name, "") for name in _ATTRIBUTES}
    shown["group_table"] = _lines(mapping.get("group_table", {}))
    shown["role_table"] = _lines(mapping.get("role_table", {}))
    return Form.showing(
        kind=detail.provider.kind,
        map_update=bool(mapping.get("update")),
        just_in_time=detail.provider.just_in_time,
        asks_second_factor=detail.provider.asks_second_factor,
        clock_skew=str(detail.provider.clock_skew),
        revision=str(detail.provider.revision),
        **shown,
    )


def _own(detail: ProviderDetail) -> list[str]:
    """Members that people gave; what a provider publishes, and our own certificate, are not theirs to take away."""
    return [name for name in detail.configuration if name in _MEMBERS[Kind(detail.provider.kind)]]


def _configuration(kind: Kind, form: Form) -> dict[str, Any]:
    if kind is Kind.OIDC:
        return _oidc_configuration(form)
    found: dict[str, Any] = {name: form.ticked(name) for name in _SAML_FLAGS}
    found |= {name: form.text(name) for name in _SAML_TEXTS if form.text(name)}
    metadata = form.file("metadata")
    if metadata is not None:
        try:
            found["metadata"] = metadata.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInput("The metadata is no UTF-8.", field="metadata", advice="Check the file.") from None
    return found


def _oidc_configuration(form: Form) -> dict[str, Any]:
    found: dict[str, Any] = {name: form.ticked(name) for name in _OIDC_FLAGS}
    found |= {name: form.text(name) for name in _OIDC_TEXTS if form.text(name)}
    found["scopes"] = list(dict.fromkeys(["openid", *form.text("scopes").split()]))
    algorithms = sorted(form.all("algorithms"))
    return found | ({"algorithms": algorithms} if algorithms else {})


def _mapping(form: Form) -> dict[str, Any]:
    found: dict[str, Any] = {name: form.text(f"map_{name}") for name in _ATTRIBUTES if form.text(f"map_{name}")}
    for table in ("group_table", "role_table"):
        pairs = _table(form, table)
        if pairs:
            found[table] = pairs
    found["update"] = form.ticked("map_update")
    return found


def _table(form: Form, name: str) -> dict[str, str]:
    """A line each: the value, an equals sign, and what it means; a value may hold the sign, what it means may not."""
    found = {}
    for line in filter(None, map(str.strip, form.raw(name).splitlines())):
        value, equals, meant = line.rpartition("=")
        if not equals or not value.strip() or not meant.strip():
            raise InvalidInput(
                f"The line {line[:80]!r} says not what a value means.", field=name, advice="Write VALUE = MEANING."
            )
        found[value.strip()] = meant.strip()
    return found


def _credential(form: Form) -> Secret | None:
    """A client's secret, or a file: PEM of a key, and of SAML its certificate."""
    given, secret = form.file("credential"), form.text("client_secret")
    if given is not None and secret:
        raise InvalidInput(
            "Both a client secret and a key are given.",
            code="credential-refused",
            field="client_secret",
            advice="Give one of them.",
        )
    if given is not None:
        return Secret(given.data)
    return Secret(secret.encode()) if secret else None


def _skew(form: Form) -> int:
    given = form.whole_number("clock_skew")
    return DEFAULT_SKEW if given is None else given


def _lines(table: Mapping[str, str]) -> str:
    return "\n".join(f"{value} = {meant}" for value, meant in sorted(table.items()))


def _settled(mapping: Mapping[str, Any]) -> str:
    return json.dumps({"update": False, **mapping}, sort_keys=True)
