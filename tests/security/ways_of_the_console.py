"""How each operation is asked at the console: every page is looked at, and every form sent as its page has it sent."""

from tests.security.forms_of_the_console import (
    ISSUED,
    KEK,
    PASSWORDS,
    PROVEN,
    an_identity,
    brought,
    customer_key,
    customer_key_edited,
    new_connection,
    new_issuer,
    new_key,
    new_provider,
    new_workload,
    push,
    second_of,
    typed,
)
from tests.security.house import NAMES, fresh_name
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
    a_key_and_a_connection,
    a_key_to_be_destroyed,
    a_pre_active_key,
    a_provider,
    a_provider_and_its_test,
    a_provider_with_a_next_key,
    a_provider_with_an_earlier_key,
    a_registered_kek,
    a_rotated_key,
    a_token,
    a_user,
    a_user_and_their_identity,
    a_user_with_factor,
    a_user_without_password,
    a_workload,
    an_approval_request,
    an_earlier_authority,
    an_empty_group,
    an_export,
    an_issuer,
    anothers_factor,
    nothing,
    the_group,
    the_owner,
    the_owner_and_a_certificate,
    the_owner_and_a_token,
    two_deployments,
)
from tests.security.standings import ADMITTED, GROUP
from tests.security.the_table import (
    ADMINISTRATORS,
    CLOSED,
    CLOSED_SEEN,
    DENIED,
    EVERYBODY,
    INVALID,
    OK,
    Way,
    let_in,
)

from keyferry.testing import VAULT

#: addresses that are open to who is not signed in: each has a guard of its own
OPEN = {
    *("/sign-in", "/sign-in/certificate", "/sign-in/second-factor", "/sign-in/enrolment", "/sign-in/enrolled"),
    *("/sign-in/new-password", "/sign-in/strength", "/sign-in/passkey", "/sign-in/passkey-options", "/invitation"),
    *("/set-up", "/set-up/strength", "/sso/{name}", "/sso/{name}/metadata", "/sso/{name}/acs", "/sso/{name}/slo"),
    *("/sso/{name}/callback", "/sso/{name}/backchannel-logout"),
}

OF_THE_CONSOLE: dict[str, Way] = {
    "GET /": Way("key.metrics", nothing),
    "GET /account": Way("token.list", nothing, answers=EVERYBODY),  # one's own
    "POST /account/revoke": Way("token.revoke", a_token, lambda token: {"token": token}),
    "POST /account/workloads/revoke": Way("workload.revoke", a_workload, lambda workload: {"workload": workload}),
    "GET /account/tokens/new": Way("token.create", nothing),
    "POST /account/tokens/new": Way("token.create", nothing, {"name": "script", "lifetime": "30"}),
    "GET /account/password": Way("user.password", nothing, answers=EVERYBODY),  # one's own
    # one's own, and with the present one alone
    "POST /account/password": Way("user.password", nothing, PASSWORDS, (INVALID,) * 5),
    "GET /account/certificates/new": Way("certificate.issue", nothing, answers=EVERYBODY),  # one's own
    "POST /account/certificates/new": Way("certificate.issue", nothing, ISSUED, EVERYBODY),
    "POST /account/certificates/revoke": Way(
        "certificate.revoke", a_certificate, lambda certificate: {"certificate": certificate}
    ),
    # of one's own account alone, whoever asks: nobody else is named
    "GET /account/factors/app": Way("factor.add", nothing),
    "POST /account/factors/app": Way(
        "factor.add", nothing, {"enrolment": "x", "factor_name": "phone", "code": "123456", **PROVEN}, (INVALID,) * 5
    ),
    "GET /account/factors/passkey": Way("factor.add", nothing),
    "POST /account/factors/passkey": Way(
        "factor.add", nothing, {"passkey": "{}", "factor_name": "key", **PROVEN}, (INVALID,) * 5
    ),
    "GET /account/factors/recovery-codes": Way("factor.list", nothing, answers=EVERYBODY),
    "POST /account/factors/recovery-codes": Way("factor.add", nothing, PROVEN, ("409",) * 5),
    "GET /account/factors/{factor}/remove": Way("factor.list", anothers_factor, answers=EVERYBODY),
    "POST /account/factors/{factor}/remove": Way("factor.remove", anothers_factor, PROVEN),
    "GET /approvals": Way("approval.list", nothing),
    "GET /approvals/{id}": Way("approval.read", an_approval_request),
    "POST /approvals/{id}/approve": Way("approval.approve", an_approval_request),
    "POST /approvals/{id}/reject": Way("approval.reject", an_approval_request),
    "POST /approvals/{id}/withdraw": Way("approval.withdraw", an_approval_request),
    "GET /audit": Way("audit.read", nothing),
    "GET /audit/export?format=csv": Way("audit.read", nothing),
    "GET /audit/verify": Way("audit.read", nothing),
    "POST /audit/verify": Way("audit.read", nothing),
    "GET /azure": Way("deployment.list", nothing, answers=EVERYBODY),  # of what each may see
    "GET /azure/connections/new": Way("connection.create", nothing, answers=EVERYBODY),
    "POST /azure/connections/new": Way("connection.create", nothing, new_connection),
    "GET /azure/connections/{name}": Way("connection.read", a_connection),
    "GET /azure/connections/{name}/edit": Way("connection.read", a_connection),
    "POST /azure/connections/{name}/edit": Way(
        "connection.edit", a_connection, {"description": "A", "vaults": VAULT, "groups": GROUP}
    ),
    "GET /azure/connections/{name}/delete": Way("connection.read", a_connection),
    "POST /azure/connections/{name}/delete": Way("connection.delete", a_connection, typed),
    "GET /azure/customer-key": Way("customer-key.list", nothing),
    "GET /azure/customer-key/new": Way("customer-key.list", nothing),
    "GET /azure/customer-key/{id}": Way("customer-key.read", a_customer_key_request),
    "GET /azure/customer-key/{id}/edit": Way("customer-key.read", a_customer_key_request),
    "POST /azure/customer-key/{id}/validate": Way(
        "connection.use", a_customer_key_request_of_deployments, {}, let_in("connection.use")
    ),
    "POST /azure/customer-key/{id}/state": Way(
        "customer-key.advance", a_customer_key_request, {"state": "validated", "vouched": "on", "note": "By hand."}
    ),
    "GET /azure/push": Way("connection.list", nothing),
    "POST /azure/push": Way("deployment.create", a_key_and_a_connection, push, let_in("deployment.create")),
    "GET /azure/deployments/{id}": Way("deployment.read", a_deployment),
    "POST /azure/deployments/{id}/run": Way(
        "deployment.run", a_deployment_through_a_connection, {}, let_in("deployment.run")
    ),
    "POST /azure/deployments/{id}/observe": Way(
        "connection.use", a_deployment_that_the_server_imported, {}, let_in("connection.use")
    ),
    "POST /azure/deployments/{id}/back-up": Way(
        "connection.use", a_deployment_that_the_server_imported, {}, let_in("connection.use")
    ),
    "POST /azure/deployments/{id}/abandon": Way("deployment.advance", a_deployment),
    "GET /exports": Way("export.list", nothing, answers=EVERYBODY),  # of what each may see
    "GET /exports?key={key}": Way("export.list", a_key),
    "GET /exports/{id}": Way("export.list", an_export),
    "GET /groups": Way("group.list", nothing),
    "GET /groups/new": Way("group.create", nothing),
    "POST /groups/new": Way("group.create", nothing, lambda _: {"id": fresh_name("g")}),
    "GET /groups/{name}": Way("group.read", the_group),
    "GET /groups/{name}/edit": Way("group.edit", the_group, answers=ADMINISTRATORS),
    "POST /groups/{name}/edit": Way("group.edit", the_group, {"description": "ours", "kek_policy": ""}),
    "GET /groups/{name}/delete": Way("group.delete", an_empty_group, answers=ADMINISTRATORS),
    "POST /groups/{name}/delete": Way("group.delete", an_empty_group, typed),
    "GET /keys": Way("key.list", nothing),
    "GET /keys/new": Way("key.generate", nothing, answers=(OK, OK, OK, OK, DENIED)),
    "GET /keys/{id}": Way("key.read", a_key),
    "GET /keys/{id}/public-key": Way("key.read", a_key),
    "GET /keys/{id}/deployments": Way("key.read", a_key),
    "GET /keys/{id}/edit": Way("key.read", a_key),
    "POST /keys/{id}/edit": Way("key.edit", a_key, lambda key: {"name": NAMES.get(key, "x"), "description": "A"}),
    "GET /keys/{id}/export": Way("key.read", a_key),
    "POST /keys/{id}/export": Way("key.export", a_key, KEK),
    "POST /keys/{id}/export/preview": Way("key.export", a_key, KEK),
    "POST /keys/{id}/activate": Way("key.activate", a_pre_active_key),
    "POST /keys/{id}/promote": Way("key.promote", a_rotated_key, {"version": "1"}),
    "POST /keys/{id}/cancel-destruction": Way("key.cancel-destruction", a_key_to_be_destroyed),
    "GET /keys/{id}/rotate": Way("key.read", a_key),
    "POST /keys/{id}/rotate": Way("key.rotate", a_key),
    "GET /keys/{id}/deactivate": Way("key.read", a_key),
    "POST /keys/{id}/deactivate": Way("key.deactivate", a_key, typed),
    "GET /keys/{id}/revoke": Way("key.read", a_key),
    "POST /keys/{id}/revoke": Way("key.revoke", a_key, lambda key: typed(key, reason="superseded")),
    "GET /keys/{id}/destroy": Way("key.read", a_key),
    "POST /keys/{id}/destroy": Way("key.destroy", a_pre_active_key, typed),
    "GET /keys/{id}/reassign": Way("key.read", a_key),
    "POST /keys/{id}/reassign": Way("key.reassign", a_key, {"group": GROUP}),
    # about no account and no key: how hard a password is to guess
    "POST /strength": Way("user.password", nothing, {"password": "x", "name": "y"}, EVERYBODY),
    "GET /settings": Way("job.list", nothing),
    "GET /settings/networks": Way("server-policy.edit", nothing),
    "POST /settings/networks": Way(
        "server-policy.edit", nothing, {"enforce_networks": "on", "networks": "\n".join(ADMITTED)}
    ),
    "GET /settings/keks": Way("job.list", nothing),
    "GET /settings/keks/register": Way("kek.register", nothing),
    "POST /settings/keks/register": Way("kek.register", a_fresh_kek, lambda kek: {**KEK, "key_identifier": kek}),
    "POST /settings/keks/withdraw": Way("kek.unregister", a_registered_kek, lambda kek: {"kek": kek}),
    "GET /settings/authorities": Way("certificate-authority.list", nothing),
    "POST /settings/authorities/rotate": Way("certificate-authority.rotate", nothing),
    "GET /settings/authorities/{id}/retire": Way("certificate-authority.retire", an_earlier_authority),
    "POST /settings/authorities/{id}/retire": Way("certificate-authority.retire", an_earlier_authority, typed),
    "GET /settings/sso": Way("identity-provider.list", nothing),
    "GET /settings/sso/new": Way("identity-provider.create", nothing),
    "POST /settings/sso/new": Way("identity-provider.create", nothing, new_provider),
    "GET /settings/sso/{name}": Way("identity-provider.read", a_provider),
    "GET /settings/sso/{name}/edit": Way("identity-provider.edit", a_provider, answers=ADMINISTRATORS),
    "POST /settings/sso/{name}/edit": Way(
        "identity-provider.edit", a_provider, lambda _: {**new_provider(""), "clock_skew": "60", "untested": "on"}
    ),
    "POST /settings/sso/{name}/enable": Way("identity-provider.enable", a_provider, {"untested": "on"}),
    "GET /settings/sso/{name}/disable": Way("identity-provider.disable", a_provider, answers=ADMINISTRATORS),
    "POST /settings/sso/{name}/disable": Way("identity-provider.disable", a_provider),
    "POST /settings/sso/{name}/next-key": Way("identity-provider.key", a_provider),
    "POST /settings/sso/{name}/next-key/discard": Way("identity-provider.key", a_provider_with_a_next_key),
    "POST /settings/sso/{name}/next-key/promote": Way("identity-provider.key", a_provider_with_a_next_key),
    "POST /settings/sso/{name}/earlier-key/retire": Way("identity-provider.key", a_provider_with_an_earlier_key),
    "POST /settings/sso/{name}/refresh": Way("identity-provider.refresh", a_provider),
    "GET /settings/sso/{name}/test": Way(
        "identity-provider.test", a_provider, answers=let_in("identity-provider.test")
    ),
    "GET /settings/sso/{name}/tested/{trial}": Way("identity-provider.test", a_provider_and_its_test),
    "POST /settings/sso/{name}/tested/{trial}/confirm": Way("identity-provider.test", a_provider_and_its_test),
    "GET /settings/sso/{name}/delete": Way("identity-provider.delete", a_provider, answers=ADMINISTRATORS),
    "POST /settings/sso/{name}/delete": Way("identity-provider.delete", a_provider, typed),
    "GET /settings/workloads": Way("trusted-issuer.list", nothing),
    "GET /settings/workloads/issuers/new": Way("trusted-issuer.create", nothing),
    "POST /settings/workloads/issuers/new": Way("trusted-issuer.create", nothing, new_issuer),
    "GET /settings/workloads/issuers/{name}": Way("trusted-issuer.read", an_issuer),
    "GET /settings/workloads/issuers/{name}/edit": Way("trusted-issuer.edit", an_issuer),
    "POST /settings/workloads/issuers/{name}/edit": Way("trusted-issuer.edit", an_issuer, new_issuer),
    "GET /settings/workloads/issuers/{name}/delete": Way("trusted-issuer.delete", an_issuer),
    "POST /settings/workloads/issuers/{name}/delete": Way("trusted-issuer.delete", an_issuer, typed),
    "GET /settings/workloads/new": Way("workload.create", nothing),
    "POST /settings/workloads/new": Way("workload.create", an_issuer, new_workload),
    "POST /settings/workloads/revoke": Way("workload.revoke", a_workload, lambda workload: {"workload": workload}),
    "GET /sign-out": Way("token.revoke", nothing, answers=EVERYBODY),
    "POST /sign-out": Way("token.revoke", nothing, answers=EVERYBODY, apart=True),  # one's own
    "GET /users": Way("user.list", nothing),
    "GET /users/new": Way("user.create", nothing),
    "POST /users/new": Way(
        "user.create", nothing, lambda _: {"name": fresh_name("n."), "role": "key-access-user", **PASSWORDS}
    ),
    "GET /users/{name}": Way("user.list", a_user),
    "GET /users/{name}/edit": Way("user.edit", a_user, answers=ADMINISTRATORS),
    "POST /users/{name}/edit": Way("user.edit", a_user, {"role": "key-access-user", "groups": GROUP}, itself=True),
    "GET /users/{name}/password": Way("user.password", a_user, answers=ADMINISTRATORS),
    "POST /users/{name}/password": Way("user.password", a_user, PASSWORDS, CLOSED),
    "GET /users/{name}/invitation": Way("user.invite", a_user_without_password, answers=ADMINISTRATORS),
    "POST /users/{name}/invitation": Way("user.invite", a_user_without_password),
    "POST /users/{name}/disable": Way("user.disable", a_user, itself=True),
    "POST /users/{name}/enable": Way("user.enable", a_disabled_user),
    "POST /users/{name}/unlock": Way("user.unlock", a_user, itself=True),
    "POST /users/{name}/revoke": Way("token.revoke", the_owner_and_a_token, second_of("token")),
    "GET /users/{name}/delete": Way("user.delete", a_user, answers=ADMINISTRATORS),
    "POST /users/{name}/delete": Way("user.delete", a_user, typed, itself=True),
    "GET /users/{name}/factors": Way("factor.list", a_user_with_factor, answers=CLOSED_SEEN),
    "POST /users/{name}/factors": Way("factor.reset", a_user_with_factor),
    "GET /users/{name}/certificates/new": Way("certificate.issue", the_owner, answers=ADMINISTRATORS),
    "POST /users/{name}/certificates/new": Way("certificate.issue", the_owner, ISSUED),
    "POST /users/{name}/certificates/new (a certificate)": Way("certificate.upload", the_owner, brought),
    "POST /users/{name}/certificates/revoke": Way(
        "certificate.revoke", the_owner_and_a_certificate, second_of("certificate")
    ),
    "GET /users/{name}/identities/new": Way("identity.bind", a_user, answers=ADMINISTRATORS),
    "POST /users/{name}/identities/new": Way("identity.bind", a_user, an_identity, itself=True),
    "POST /users/{name}/identities/unbind": Way("identity.unbind", a_user_and_their_identity, second_of("identity")),
    "POST /keys/new": Way("key.generate", the_group, new_key),
    "POST /keys/new (imported)": Way(
        "key.import",
        the_group,
        lambda group: {**new_key(group), "how": "import", "material_text": bytes(range(16)).hex()},
    ),
    "POST /azure/customer-key/new": Way("customer-key.draft", two_deployments, customer_key),
    "POST /azure/customer-key/{id}/edit": Way("customer-key.edit", a_customer_key_request, customer_key_edited),
}
