"""How each operation is asked over REST: every route there is, with the body that a program would send."""

import base64
from typing import Any

from tests.api.conftest import kek_body
from tests.certificates import own
from tests.custody.pushing import CLIENT, CLIENT_SECRET, CONTACTS, FIRST, LINE, SECOND, TENANT
from tests.custody.vouching import idp, own_key
from tests.security.house import CIPHERTEXTS, EXPORT_KEK, PROVIDER, fresh_name
from tests.security.objects import (
    a_certificate,
    a_connection,
    a_customer_key_request,
    a_customer_key_request_of_deployments,
    a_deployment,
    a_deployment_that_the_server_imported,
    a_deployment_through_a_connection,
    a_disabled_user,
    a_fresh_kek,
    a_key,
    a_key_to_be_destroyed,
    a_pre_active_key,
    a_provider,
    a_provider_with_a_next_key,
    a_provider_with_an_earlier_key,
    a_registered_kek,
    a_rotated_key,
    a_token,
    a_user,
    a_user_with_factor,
    a_user_without_password,
    a_workload,
    an_aes_key,
    an_aes_key_that_encrypted,
    an_aes_key_that_wrapped,
    an_approval_request,
    an_earlier_authority,
    an_empty_group,
    an_export,
    an_identity,
    an_imported_deployment,
    an_issuer,
    anothers_factor,
    nothing,
    the_group,
    the_owner,
)
from tests.security.standings import ADMITTED, GROUP
from tests.security.the_table import EVERYBODY, INVALID, Way, let_in

from keyferry.ids import new_id
from keyferry.testing import PASSWORD, VAULT

NEW_PASSWORD = "lantern-over-the-harbour-9"
TEXT, KEY_BYTES = "dGV4dA", "AAECAwQFBgcICQoLDA0ODw"  # base64url
PROOF = {"current_password": PASSWORD}
KEK = kek_body(EXPORT_KEK)
PAIR = [
    {"identifier": f"https://kv{number}x.vault.azure.net/keys/exchange", "subscription_id": subscription}
    for number, subscription in ((1, FIRST), (2, SECOND))
]


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ciphertext(reference: str) -> dict[str, Any]:
    return {"ciphertext": unpadded(CIPHERTEXTS.get(reference, bytes(60)))}


def new_request(group: str) -> dict[str, Any]:
    return {"organization_id": TENANT, "workloads": ["exchange"], "keys": PAIR, "contacts": CONTACTS, "group": group}


def new_workload(issuer: str) -> dict[str, Any]:
    return {"name": "deploy", "issuer": issuer, "subject": "pipeline", "user": "owner"}


def _new_user(_: str) -> dict[str, Any]:
    return {"name": fresh_name("n."), "role": "key-access-user", "password": NEW_PASSWORD}


def _new_connection(_: str) -> dict[str, Any]:
    where = {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": CLIENT_SECRET, "vaults": [VAULT]}
    return {"name": fresh_name("c"), "groups": [GROUP], **where}


def _new_provider(_: str) -> dict[str, Any]:
    how = {"configuration": idp().configuration(), "credential": own_key().reveal().decode()}
    return {"name": fresh_name("p"), "kind": "saml", "mapping": {"user_name": "mail"}, **how}


def next_key(_: str) -> dict[str, Any]:
    return {"credential": own_key().reveal().decode()}


def _new_issuer(_: str) -> dict[str, Any]:
    name = fresh_name("i")
    return {"name": name, "issuer": f"https://login.microsoftonline.com/{name}", "audience": "keyferry"}


#: routes that take no token: each has a guard of its own
OPEN = {
    "POST /sessions",
    "POST /sessions/second-factor",
    "POST /sessions/enrolment",
    "POST /sessions/enrolment/complete",
    "POST /sessions/passkey-options",
    "POST /sessions/passkey",
    "POST /sessions/new-password",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",  # to a monitor on the server's own machine
    "GET /openapi.json",
}

OF_REST: dict[str, Way] = {
    "GET /server-policy": Way("server-policy.read", nothing),
    "PATCH /server-policy": Way("server-policy.edit", nothing, {"networks": list(ADMITTED)}),
    "GET /users": Way("user.list", nothing),
    "POST /users": Way("user.create", nothing, _new_user),
    "GET /users/{user}": Way("user.read", a_user, itself=True),
    "PATCH /users/{user}": Way("user.edit", a_user, {"display_name": "A"}, itself=True),
    "DELETE /users/{user}": Way("user.delete", a_user, itself=True),
    "POST /users/{user}/disable": Way("user.disable", a_user, itself=True),
    "POST /users/{user}/enable": Way("user.enable", a_disabled_user),
    "POST /users/{user}/unlock": Way("user.unlock", a_user, itself=True),
    "POST /users/{user}/invitation": Way("user.invite", a_user_without_password),
    "PUT /users/{user}/password": Way("user.password", a_user, {"password": NEW_PASSWORD, **PROOF}, itself=True),
    "POST /users/{user}/reset-factors": Way("factor.reset", a_user_with_factor),
    # about no account and no key: how hard a password is to guess
    "POST /password-strength": Way("user.password", nothing, {"password": "x"}, EVERYBODY),
    "GET /users/{user}/certificates": Way("certificate.list", the_owner),
    "POST /users/{user}/certificates": Way("certificate.issue", the_owner, {"name": "n", "format": "pem"}),
    "POST /users/{user}/certificates (a certificate)": Way(
        "certificate.upload", the_owner, lambda _: {"name": "n", "certificate": own(new_id()).pem.decode()}
    ),
    "GET /certificates/{certificate}": Way("certificate.list", a_certificate),
    "GET /certificate-authorities": Way("certificate-authority.list", nothing),
    "POST /certificate-authorities": Way("certificate-authority.rotate", nothing),
    "POST /certificate-authorities/{authority}/retire": Way("certificate-authority.retire", an_earlier_authority),
    "DELETE /certificates/{certificate}": Way("certificate.revoke", a_certificate),
    "GET /users/{user}/identities": Way("identity.list", a_user, itself=True),
    "POST /users/{user}/identities": Way(
        "identity.bind", a_user, lambda _: {"provider": PROVIDER, "subject": new_id()}, itself=True
    ),
    "DELETE /identities/{identity}": Way("identity.unbind", an_identity),
    "GET /groups": Way("group.list", nothing),
    "POST /groups": Way("group.create", nothing, lambda _: {"id": fresh_name("g")}),
    "GET /groups/{group}": Way("group.read", the_group),
    "PATCH /groups/{group}": Way("group.edit", the_group, {"description": "ours"}),
    "DELETE /groups/{group}": Way("group.delete", an_empty_group),
    "GET /groups/{group}/approvals": Way("group.read", the_group),
    "GET /sessions/current": Way("user.read", nothing, answers=EVERYBODY),  # one's own
    "GET /tokens": Way("token.list", nothing, answers=EVERYBODY),  # one's own
    "GET /tokens?user={user}": Way("token.list", the_owner),
    "POST /tokens": Way("token.create", nothing, {"name": "script", "lifetime_seconds": 60}),
    "GET /tokens/{token}": Way("token.list", a_token),
    "DELETE /tokens/{token}": Way("token.revoke", a_token),
    "GET /factors": Way("factor.list", nothing, answers=EVERYBODY),  # one's own
    "GET /factors?user={user}": Way("factor.list", a_user, itself=True),
    "POST /factors/enrolment": Way("factor.add", nothing, {"kind": "totp"}),
    # of one's own account alone, whoever asks: nobody else is named
    "POST /factors": Way(
        "factor.add", nothing, {"name": "phone", "enrolment": "x", "code": "123456", **PROOF}, (INVALID,) * 5
    ),
    "POST /factors/recovery-codes": Way("factor.add", nothing, PROOF, ("conflict",) * 5),
    "POST /factors/{factor}/remove": Way("factor.remove", anothers_factor, PROOF),
    "GET /identity-providers": Way("identity-provider.list", nothing),
    "POST /identity-providers": Way("identity-provider.create", nothing, _new_provider),
    "GET /identity-providers/{provider}": Way("identity-provider.read", a_provider),
    "PATCH /identity-providers/{provider}": Way("identity-provider.edit", a_provider, {"clock_skew": 60}),
    "DELETE /identity-providers/{provider}": Way("identity-provider.delete", a_provider),
    "POST /identity-providers/{provider}/enable": Way("identity-provider.enable", a_provider, {"untested": True}),
    "POST /identity-providers/{provider}/disable": Way("identity-provider.disable", a_provider),
    "POST /identity-providers/{provider}/refresh": Way("identity-provider.refresh", a_provider),
    "POST /identity-providers/{provider}/next-key": Way("identity-provider.key", a_provider, next_key),
    "DELETE /identity-providers/{provider}/next-key": Way("identity-provider.key", a_provider_with_a_next_key),
    "POST /identity-providers/{provider}/next-key/promote": Way("identity-provider.key", a_provider_with_a_next_key),
    "DELETE /identity-providers/{provider}/earlier-key": Way("identity-provider.key", a_provider_with_an_earlier_key),
    "GET /trusted-issuers": Way("trusted-issuer.list", nothing),
    "POST /trusted-issuers": Way("trusted-issuer.create", nothing, _new_issuer),
    "GET /trusted-issuers/{issuer}": Way("trusted-issuer.read", an_issuer),
    "PATCH /trusted-issuers/{issuer}": Way("trusted-issuer.edit", an_issuer, {"disabled": True}),
    "DELETE /trusted-issuers/{issuer}": Way("trusted-issuer.delete", an_issuer),
    "GET /workloads": Way("workload.list", nothing),
    "POST /workloads": Way("workload.create", an_issuer, new_workload),
    "GET /workloads/{workload}": Way("workload.read", a_workload),
    "DELETE /workloads/{workload}": Way("workload.revoke", a_workload),
    "GET /keys": Way("key.list", nothing),
    "POST /keys": Way("key.generate", the_group, lambda group: {"type": "aes-128", "group": group}),
    "POST /key-batches": Way("key.generate", the_group, lambda group: {"keys": [{"type": "aes-128", "group": group}]}),
    "POST /keys/import": Way(
        "key.import", the_group, lambda group: {"type": "aes-128", "group": group, "material": KEY_BYTES}
    ),
    "GET /keys/{key}": Way("key.read", a_key),
    "PATCH /keys/{key}": Way("key.edit", a_key, {"description": "A"}),
    "GET /keys/{key}/access": Way("key.read", a_key),
    "GET /keys/{key}/approvals": Way("key.read", a_key),
    "GET /keys/{key}/public-key": Way("key.read", a_key),
    "GET /keys/{key}/versions": Way("key.read", a_key),
    "POST /keys/{key}/versions": Way("key.rotate", a_key, {}),
    "POST /keys/{key}/promote": Way("key.promote", a_rotated_key, {"version": 1}),
    "POST /keys/{key}/activate": Way("key.activate", a_pre_active_key, {}),
    "POST /keys/{key}/deactivate": Way("key.deactivate", a_key, {}),
    "POST /keys/{key}/revoke": Way("key.revoke", a_key, {"reason": "superseded"}),
    "POST /keys/{key}/destroy": Way("key.destroy", a_pre_active_key, {}),
    "POST /keys/{key}/cancel-destruction": Way("key.cancel-destruction", a_key_to_be_destroyed, {}),
    "POST /keys/{key}/reassign": Way("key.reassign", a_key, {"group": GROUP}),
    "POST /keys/{key}/encrypt": Way("key.use", an_aes_key, {"plaintext": TEXT}),
    "POST /keys/{key}/decrypt": Way("key.use", an_aes_key_that_encrypted, ciphertext),
    "POST /keys/{key}/wrap": Way("key.use", an_aes_key, {"material": KEY_BYTES}),
    "POST /keys/{key}/unwrap": Way("key.use", an_aes_key_that_wrapped, ciphertext),
    "POST /keys/{key}/sign": Way("key.use", a_key, {"message": TEXT}),
    "POST /keys/{key}/verify": Way("key.use", a_key, {"message": TEXT, "signature": unpadded(bytes(64))}),
    "POST /keys/{key}/exports": Way("key.export", a_key, KEK),
    "POST /keys/{key}/exports/preview": Way("key.export", a_key, KEK),
    "POST /export-batches": Way("key.export", a_key, lambda key: {**KEK, "keys": [key]}),
    "GET /keys/{key}/exports": Way("export.list", a_key),
    "GET /exports": Way("export.list", nothing, answers=EVERYBODY),  # of what each may see
    "GET /exports/{export}": Way("export.list", an_export),
    "GET /keks": Way("kek.list", nothing),
    "POST /keks": Way("kek.register", a_fresh_kek, lambda kek: {**KEK, "key_identifier": kek}),
    "DELETE /keks/{kek}": Way("kek.unregister", a_registered_kek),
    "GET /key-metrics": Way("key.metrics", nothing),
    "GET /reminders": Way("reminder.list", nothing),
    "GET /jobs": Way("job.list", nothing),
    "GET /azure-connections": Way("connection.list", nothing),
    "POST /azure-connections": Way("connection.create", nothing, _new_connection),
    "GET /azure-connections/{connection}": Way("connection.read", a_connection),
    "PATCH /azure-connections/{connection}": Way("connection.edit", a_connection, {"description": "A"}),
    "DELETE /azure-connections/{connection}": Way("connection.delete", a_connection),
    "GET /deployments": Way("deployment.list", nothing, answers=EVERYBODY),  # of what each may see
    "GET /keys/{key}/deployments": Way("deployment.list", a_key),
    "POST /keys/{key}/deployments": Way(
        "deployment.create", a_key, {"vault": VAULT, "name": "tenant", "operations": ["sign", "verify"]}
    ),
    "GET /deployments/{deployment}": Way("deployment.read", a_deployment),
    "POST /deployments/{deployment}/steps": Way(
        "deployment.advance",
        a_deployment,
        {"step": "kek-ready", "evidence": {"identifier": KEK["key_identifier"], "public_key": KEK["public_key"]}},
    ),
    "POST /deployments/{deployment}/problems": Way(
        "deployment.advance", a_deployment, {"step": "kek-ready", "code": "conflict", "detail": "No."}
    ),
    "POST /deployments/{deployment}/abandon": Way("deployment.advance", a_deployment),
    "POST /deployments/{deployment}/observations": Way(
        "deployment.observe", a_deployment, {"observed": {"present": False}}
    ),
    "POST /deployments/{deployment}/backups": Way(
        "deployment.back-up",
        an_imported_deployment,
        {"sha256": "0" * 64, "bytes": 4096, "taken_at": "2026-01-31T12:00:00Z"},
    ),
    "POST /deployments/{deployment}/run": Way(
        "deployment.run", a_deployment_through_a_connection, {}, let_in("deployment.run")
    ),
    "POST /deployments/{deployment}/observations (by the server)": Way(
        "connection.use", a_deployment_that_the_server_imported, None, let_in("connection.use")
    ),
    "POST /deployments/{deployment}/backups (by the server)": Way(
        "connection.use", a_deployment_that_the_server_imported, None, let_in("connection.use")
    ),
    "POST /customer-key-requests/{request_id}/validation": Way(
        "connection.use", a_customer_key_request_of_deployments, {}, let_in("connection.use")
    ),
    "GET /customer-key-requests": Way("customer-key.list", nothing),
    "POST /customer-key-requests": Way("customer-key.draft", the_group, new_request),
    "GET /customer-key-requests/{request_id}": Way("customer-key.read", a_customer_key_request),
    "PATCH /customer-key-requests/{request_id}": Way("customer-key.edit", a_customer_key_request, {"scenario": "EXO"}),
    "POST /customer-key-requests/{request_id}/checks": Way(
        "customer-key.check", a_customer_key_request, {"lines": [LINE]}
    ),
    "POST /customer-key-requests/{request_id}/state": Way(
        "customer-key.advance", a_customer_key_request, {"state": "validated", "vouched": True, "note": "By hand."}
    ),
    "GET /approval-requests": Way("approval.list", nothing),
    "GET /approval-requests/{request}": Way("approval.read", an_approval_request),
    "POST /approval-requests/{request}/approvals": Way("approval.approve", an_approval_request, {}),
    "POST /approval-requests/{request}/rejections": Way("approval.reject", an_approval_request, {}),
    "DELETE /approval-requests/{request}": Way("approval.withdraw", an_approval_request),
    "GET /audit-events": Way("audit.read", nothing),
    "GET /audit-events/verification": Way("audit.read", nothing),
    "DELETE /sessions": Way("token.revoke", nothing, answers=EVERYBODY, apart=True),  # one's own
}
