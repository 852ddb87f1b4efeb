"""Tokens: what the vault and the management plane take, and each thing that makes them refuse one."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.emulator.asking import API, MANAGEMENT, VAULT, Answer, Asker

from keyferry.emulator.clock import now
from keyferry.emulator.server import Running

Change = dict[str, Any]


def at_vault(asker: Asker, token: str | None) -> Answer:
    return asker.ask("GET", f"/keys?{API}", token=token)


def at_management(asker: Asker, token: str | None) -> Answer:
    return asker.ask("GET", "/subscriptions?api-version=2022-12-01", token=token)


@pytest.fixture
def forge(emulator: Running) -> Callable[..., str]:
    """Tokens that this tenant's authority has signed, with claims that it would never issue."""

    def make(resource: str = VAULT, **changes: Any) -> str:
        tokens = emulator.emulator.tokens
        claims = {**jwt.decode(tokens.issue(emulator.emulator.directory.operator, resource), tokens._key).claims}
        claims |= changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256"}, kept, tokens._key)

    return make


def test_a_token_says_whose_it_is_and_for_what(emulator: Running, asker: Asker) -> None:
    published = asker.ask("GET", f"/{emulator.tenant_id}/discovery/v2.0/keys").json["keys"]
    token = jwt.decode(asker.token(), RSAKey.import_key(published[0]), algorithms=["RS256"])
    claims = token.claims
    assert token.header["kid"] == published[0]["kid"]
    assert set(published[0]).isdisjoint({"d", "p", "q", "dp", "dq", "qi"})
    assert claims["iss"] == f"https://sts.windows.net/{emulator.tenant_id}/"
    assert claims["aud"] == VAULT
    assert claims["tid"] == emulator.tenant_id
    assert claims["appid"] == claims["azp"] == emulator.client_id
    assert claims["oid"] == claims["sub"]
    assert claims["ver"] == "1.0"
    assert claims["nbf"] == claims["iat"]
    assert claims["exp"] - claims["iat"] == 3600


def test_each_plane_takes_its_own_token(asker: Asker) -> None:
    assert at_vault(asker, asker.token()).status == 200
    assert at_management(asker, asker.token(MANAGEMENT)).status == 200


def test_a_forged_token_without_changes_is_taken(asker: Asker, forge: Callable[..., str]) -> None:
    """So that the tests below can fail."""
    assert at_vault(asker, forge()).status == 200
    assert at_management(asker, forge(MANAGEMENT)).status == 200


def test_without_a_token_a_vault_says_where_to_get_one(emulator: Running, asker: Asker) -> None:
    answer = at_vault(asker, None)
    assert answer.status == 401
    assert answer.error == {
        "code": "Unauthorized",
        "message": "AKV10000: Request is missing a Bearer or PoP token.",
    }
    authority = f"{emulator.url}/{emulator.tenant_id}"
    assert answer.header("WWW-Authenticate") == f'Bearer authorization="{authority}", resource="{VAULT}"'


def test_through_the_proxy_it_names_azures_own_sign_in(emulator: Running, asker: Asker) -> None:
    answer = asker.ask("GET", f"/keys?{API}", host="keyferry-vault-b.vault.azure.net")
    authority = f"https://login.microsoftonline.com/{emulator.tenant_id}"
    assert answer.header("WWW-Authenticate") == f'Bearer authorization="{authority}", resource="{VAULT}"'


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "token"])
def test_what_is_no_bearer_token_is_as_none(asker: Asker, header: str) -> None:
    answer = asker.ask("GET", f"/keys?{API}", headers={"Authorization": header})
    assert (answer.status, answer.error["message"][:9]) == (401, "AKV10000:")


@pytest.mark.parametrize(
    ("changes", "vault_says", "management_says"),
    [
        ({"aud": "https://storage.azure.com"}, "AKV10022: Invalid audience", "InvalidAuthenticationTokenAudience"),
        ({"aud": None}, "AKV10022: Invalid audience", "InvalidAuthenticationTokenAudience"),
        ({"aud": [VAULT, MANAGEMENT]}, "AKV10022: Invalid audience", "InvalidAuthenticationTokenAudience"),
        ({"iss": "https://sts.windows.net/other/"}, "AKV10032: Invalid issuer", "InvalidAuthenticationTokenTenant"),
        ({"iss": None}, "AKV10032: Invalid issuer", "InvalidAuthenticationTokenTenant"),
        ({"exp": 1}, "[TokenExpired]", "ExpiredAuthenticationToken"),
        ({"exp": None}, "[TokenExpired]", "ExpiredAuthenticationToken"),
        ({"exp": "9999999999"}, "[TokenExpired]", "ExpiredAuthenticationToken"),
        ({"nbf": 9_999_999_999}, "[TokenExpired]", "ExpiredAuthenticationToken"),
        ({"oid": "nobody"}, "[BearerReadAccessTokenFailed]", "InvalidAuthenticationToken"),
        ({"oid": None}, "[BearerReadAccessTokenFailed]", "InvalidAuthenticationToken"),
    ],
)
def test_a_claim_that_does_not_hold_is_named(
    asker: Asker, forge: Callable[..., str], changes: Change, vault_says: str, management_says: str
) -> None:
    answer = at_vault(asker, forge(**changes))
    assert answer.status == 401
    assert answer.error["message"].startswith(vault_says)
    assert answer.header("WWW-Authenticate")
    answer = at_management(asker, forge(MANAGEMENT, **changes))
    assert (answer.status, answer.error["code"]) == (401, management_says)
    assert "invalid_token" in (answer.header("WWW-Authenticate") or "")


def test_a_token_of_one_plane_is_refused_by_the_other(asker: Asker) -> None:
    vaults = at_vault(asker, asker.token(MANAGEMENT))
    assert vaults.error["message"] == f"AKV10022: Invalid audience. Expected {VAULT}, found: {MANAGEMENT}."
    managements = at_management(asker, asker.token())
    assert managements.error["code"] == "InvalidAuthenticationTokenAudience"


def test_a_token_ends_after_its_hour(emulator: Running) -> None:
    """In process, as a server's clock is not a test's to turn."""
    inner = emulator.emulator
    token = inner.tokens.issue(inner.directory.operator, VAULT)
    from keyferry.emulator.sign_in.audiences import VAULTS
    from keyferry.emulator.sign_in.tokens import TokenExpired

    with time_machine.travel(now() + 3590, tick=False):
        assert inner.tokens.verify(token, VAULTS) == inner.directory.operator
    with time_machine.travel(now() + timedelta(hours=1).total_seconds() + 1, tick=False), pytest.raises(TokenExpired):
        inner.tokens.verify(token, VAULTS)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join([*parts, ""])


def signed_with_secret(claims: dict[str, Any], secret: bytes) -> str:
    """HS256 by hand, as libraries refuse to take a public key for a secret."""
    text = unsigned({"alg": "HS256", "typ": "JWT"}, claims).removesuffix(".")
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_only_this_authoritys_key_and_algorithm_sign(
    emulator: Running, asker: Asker, forge: Callable[..., str]
) -> None:
    good = forge()
    tokens = emulator.emulator.tokens
    claims = dict(jwt.decode(good, tokens._key).claims)
    stranger = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    published = asker.ask("GET", "/common/discovery/keys").json["keys"][0]
    as_secret = RSAKey.import_key(published).as_pem(private=False)
    header, body, signature = good.split(".")
    refused = {
        "no algorithm": unsigned({"alg": "none", "typ": "JWT"}, claims),
        "no signature": f"{header}.{body}.",
        "another key": jwt.encode({"alg": "RS256"}, claims, stranger),
        "another key under this one's name": jwt.encode({"alg": "RS256", "kid": published["kid"]}, claims, stranger),
        "a key of its own choice": jwt.encode(
            {"alg": "RS256", "jwk": stranger.as_dict(private=False)}, claims, stranger
        ),
        "another algorithm": jwt.encode({"alg": "PS256"}, claims, tokens._key, algorithms=["PS256"]),
        "the public key as a secret": signed_with_secret(claims, as_secret),
        "claims of another token": f"{header}.{forge(oid='x').split('.')[1]}.{signature}",
        "no token": "nonsense",
        "no JSON": "e30.e30.e30",
    }
    assert at_vault(asker, good).status == 200
    for what, token in refused.items():
        answer = at_vault(asker, token)
        assert answer.status == 401, what
        assert answer.error["message"].startswith("[BearerReadAccessTokenFailed]"), what
        assert token not in answer.body.decode(), what
