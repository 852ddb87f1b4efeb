"""How each operation is asked at the command line: every command that speaks to a server, as a person would write it.

In what is typed, `{}` is the reference, and a word in braces a file of that content.
"""

from collections.abc import Callable

from tests.certificates import own
from tests.custody.pushing import CLIENT, CLIENT_SECRET, TENANT
from tests.custody.vouching import idp, own_key
from tests.security.house import CIPHERTEXTS, EXPORT_KEK, PROVIDER, fresh_name
from tests.security.objects import (
    a_certificate,
    a_connection,
    a_customer_key_request,
    a_deployment,
    a_disabled_user,
    a_fresh_kek,
    a_key,
    a_key_to_be_destroyed,
    a_numbered_audit_log,
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
    an_issuer,
    anothers_factor,
    nothing,
    the_group,
    the_owner,
)
from tests.security.standings import ADMITTED, GROUP
from tests.security.the_table import EVERYBODY, Way, let_in

from keyferry.ids import new_id
from keyferry.testing import PASSWORD, VAULT

KEK = f"--to azure --public-key {{kek}} --key-identifier {EXPORT_KEK.identifier}"
AZURE = f"--tenant {TENANT} --client {CLIENT} --client-secret-file {{secret}} --vault {VAULT} --group {GROUP}"
PROVEN = "--current-password-file {password}"

#: files that are typed as words in braces; those of a reference are made for it
FILES: dict[str, bytes] = {
    "password": PASSWORD.encode(),
    "new_password": b"lantern-over-the-harbour-9",
    "kek": EXPORT_KEK.public_pem,
    "secret": CLIENT_SECRET.encode(),
    "credential": own_key().reveal(),
    "metadata": idp().configuration()["metadata"].encode(),
    "material": bytes(range(16)),
    "text": b"text",
    "signature": bytes(64),
}
FILES_OF: dict[str, Callable[[str], bytes]] = {
    "ciphertext": lambda reference: CIPHERTEXTS.get(reference, bytes(60)),
    "certificate": lambda _: own(new_id()).pem,
}


def named(kind: str, typed: str) -> Callable[[str], str]:
    """With a fresh name in place of NAME."""
    return lambda _: typed.replace("NAME", fresh_name(kind))


#: commands that do their work on this machine, with no server, or on the server's own machine
LOCAL = {
    *("init", "serve", "status", "upgrade", "demo", "emulator serve", "emulator env", "backup create", "backup verify"),
    *("backup restore", "admin recover", "root export", "root rotate", "root passphrase", "server-policy recover"),
    *("approval lift", "byok wrap", "byok inspect", "byok verify", "azure vault create", "azure vault show"),
    *("azure vault grant", "azure kek create", "azure kek download"),
}
#: commands that need a terminal, a browser or a cloud beside the server: what they ask of it
OF_SEVERAL_STEPS: dict[str, set[str]] = {
    "login": {
        "POST /sessions",
        "POST /sessions/second-factor",
        "POST /sessions/enrolment",
        "POST /sessions/new-password",
    },
    "logout": {"DELETE /sessions"},
    "sso test": {"GET /identity-providers/{provider}"},
    "customer-key check": {"GET /deployments", "GET /keys/{key}/deployments"},
    "customer-key request draft": {"POST /customer-key-requests", "GET /keys/{key}/deployments"},
    "customer-key request write": {"GET /customer-key-requests/{request_id}"},
    "customer-key request validate": {
        "POST /customer-key-requests/{request_id}/checks",
        "POST /customer-key-requests/{request_id}/state",
        "POST /customer-key-requests/{request_id}/validation",
    },
    "customer-key request submit": {"POST /customer-key-requests/{request_id}/state"},
    "azure push": {
        "POST /keys/{key}/deployments",
        "POST /keys/{key}/exports",
        "POST /deployments/{deployment}/steps",
        "POST /deployments/{deployment}/problems",
        "POST /deployments/{deployment}/run",
    },
    "azure status": {"GET /deployments", "POST /deployments/{deployment}/observations"},
    "azure backup": {"POST /deployments/{deployment}/backups"},
}

OF_THE_COMMAND_LINE: dict[str, Way] = {
    "whoami": Way("user.read", nothing, answers=EVERYBODY),  # one's own
    "token create": Way("token.create", nothing, "script --lifetime 1h"),
    "token list": Way("token.list", the_owner, "--user {}"),
    "token revoke": Way("token.revoke", a_token),
    "certificate create": Way("certificate.issue", the_owner, "n --user {} --format pem --output {out}"),
    "certificate upload": Way("certificate.upload", the_owner, "n {certificate} --user {}"),
    "certificate list": Way("certificate.list", the_owner, "--user {}"),
    "certificate show": Way("certificate.list", a_certificate),
    "certificate revoke": Way("certificate.revoke", a_certificate),
    "certificate authority list": Way("certificate-authority.list", nothing),
    "certificate authority rotate": Way("certificate-authority.rotate", nothing),
    "certificate authority retire": Way("certificate-authority.retire", an_earlier_authority, "{} --yes"),
    "group create": Way("group.create", nothing, named("g", "NAME")),
    "group list": Way("group.list", nothing),
    "group show": Way("group.read", the_group),
    "group edit": Way("group.edit", the_group, "{} --description ours"),
    "group delete": Way("group.delete", an_empty_group),
    "user create": Way(
        "user.create", nothing, named("n.", "NAME --role key-access-user --password-file {new_password}")
    ),
    "user invite": Way("user.invite", a_user_without_password),
    "user unlock": Way("user.unlock", a_user, itself=True),
    "user list": Way("user.list", nothing),
    "user show": Way("user.read", a_user, itself=True),
    "user edit": Way("user.edit", a_user, "{} --display-name A", itself=True),
    "user password": Way("user.password", a_user, f"{{}} --password-file {{new_password}} {PROVEN}", itself=True),
    "user disable": Way("user.disable", a_user, itself=True),
    "user enable": Way("user.enable", a_disabled_user),
    "user delete": Way("user.delete", a_user, itself=True),
    "factor list": Way("factor.list", a_user, "--user {}", itself=True),
    # of one's own account alone, whoever asks: nobody else is named
    "factor add-totp": Way(
        "factor.add", nothing, f"phone --code-file {{text}} {PROVEN}", ("second-factor-refused",) * 5
    ),
    "factor recovery-codes": Way("factor.add", nothing, PROVEN, ("conflict",) * 5),
    "factor remove": Way("factor.remove", anothers_factor, f"{{}} {PROVEN}"),
    "factor reset": Way("factor.reset", a_user_with_factor),
    "sso create": Way(
        "identity-provider.create",
        nothing,
        named("p", "NAME --kind saml --metadata {metadata} --credential-file {credential} --map user_name=mail"),
    ),
    "sso list": Way("identity-provider.list", nothing),
    "sso show": Way("identity-provider.read", a_provider),
    "sso edit": Way("identity-provider.edit", a_provider, "{} --clock-skew 60"),
    "sso refresh": Way("identity-provider.refresh", a_provider),
    "sso enable": Way("identity-provider.enable", a_provider, "{} --untested"),
    "sso disable": Way("identity-provider.disable", a_provider),
    "sso delete": Way("identity-provider.delete", a_provider),
    "sso next-key": Way("identity-provider.key", a_provider, "{} --credential-file {credential}"),
    "sso promote-key": Way("identity-provider.key", a_provider_with_a_next_key),
    "sso retire-key": Way("identity-provider.key", a_provider_with_an_earlier_key),
    "sso bind": Way("identity.bind", a_user, lambda _: f"{PROVIDER} {{}} --subject {new_id()}", itself=True),
    "sso identities": Way("identity.list", a_user, itself=True),
    "sso unbind": Way("identity.unbind", an_identity),
    "server-policy show": Way("server-policy.read", nothing),
    "server-policy edit": Way("server-policy.edit", nothing, " ".join(f"--network {each}" for each in ADMITTED)),
    "issuer create": Way(
        "trusted-issuer.create",
        nothing,
        named("i", "NAME --issuer https://login.microsoftonline.com/NAME --audience keyferry"),
    ),
    "issuer list": Way("trusted-issuer.list", nothing),
    "issuer show": Way("trusted-issuer.read", an_issuer),
    "issuer edit": Way("trusted-issuer.edit", an_issuer, "{} --clock-skew 60s"),
    "issuer disable": Way("trusted-issuer.edit", an_issuer),
    "issuer enable": Way("trusted-issuer.edit", an_issuer),
    "issuer delete": Way("trusted-issuer.delete", an_issuer),
    "workload create": Way("workload.create", an_issuer, "deploy --issuer {} --subject pipeline --user owner"),
    "workload list": Way("workload.list", nothing),
    "workload show": Way("workload.read", a_workload),
    "workload revoke": Way("workload.revoke", a_workload),
    "key create": Way("key.generate", the_group, "--type aes-128 --group {}"),
    "key import": Way("key.import", the_group, "{material} --type aes-128 --group {}"),
    "key list": Way("key.list", nothing),
    "key show": Way("key.read", a_key),
    "key versions": Way("key.read", a_key),
    "key access": Way("key.read", a_key),
    "key public-key": Way("key.read", a_key),
    "key edit": Way("key.edit", a_key, "{} --description A"),
    "key reassign": Way("key.reassign", a_key, f"{{}} --group {GROUP}"),
    "key activate": Way("key.activate", a_pre_active_key),
    "key deactivate": Way("key.deactivate", a_key),
    "key rotate": Way("key.rotate", a_key),
    "key promote": Way("key.promote", a_rotated_key, "{} --version 1"),
    "key revoke": Way("key.revoke", a_key, "{} --reason superseded"),
    "key destroy": Way("key.destroy", a_pre_active_key, "{} --yes"),
    "key destroy (cancelled)": Way("key.cancel-destruction", a_key_to_be_destroyed, "{} --cancel"),
    "key encrypt": Way("key.use", an_aes_key, "{} --input {text}"),
    "key decrypt": Way("key.use", an_aes_key_that_encrypted, "{} --input {ciphertext}"),
    "key wrap": Way("key.use", an_aes_key, "{} --input {material}"),
    "key unwrap": Way("key.use", an_aes_key_that_wrapped, "{} --input {ciphertext} --output {out}"),
    "key sign": Way("key.use", a_key, "{} --input {text}"),
    "key export": Way("key.export", a_key, f"{{}} {KEK} --output {{out}}"),
    "key metrics": Way("key.metrics", nothing),
    "key reminders": Way("reminder.list", nothing),
    "export preview": Way("key.export", a_key, f"{{}} {KEK}"),
    "export list": Way("export.list", a_key, "--key {}"),
    "export show": Way("export.list", an_export),
    "approval list": Way("approval.list", nothing),
    "approval show": Way("approval.read", an_approval_request),
    "approval approve": Way("approval.approve", an_approval_request),
    "approval reject": Way("approval.reject", an_approval_request),
    "approval withdraw": Way("approval.withdraw", an_approval_request),
    "kek register": Way("kek.register", a_fresh_kek, "--to azure --public-key {kek} --key-identifier {}"),
    "kek list": Way("kek.list", nothing),
    "kek unregister": Way("kek.unregister", a_registered_kek),
    "customer-key request list": Way("customer-key.list", nothing),
    "customer-key request show": Way("customer-key.read", a_customer_key_request),
    "customer-key request edit": Way("customer-key.edit", a_customer_key_request, "{} --workload exchange"),
    "customer-key request record": Way(
        "customer-key.advance", a_customer_key_request, "{} --state validated --vouch --note A"
    ),
    "azure abandon": Way("deployment.advance", a_deployment),
    "azure connection create": Way("connection.create", nothing, named("c", f"NAME {AZURE}")),
    "azure connection list": Way("connection.list", nothing),
    "azure connection show": Way("connection.read", a_connection),
    "azure connection edit": Way("connection.edit", a_connection, "{} --description A"),
    "azure connection delete": Way("connection.delete", a_connection),
    "audit list": Way("audit.read", nothing),
    "audit verify": Way("audit.read", a_numbered_audit_log),
    # it is none of the key's, and said so
    "key verify": Way("key.use", a_key, "{} --input {text} --signature {signature}", let_in("key.use")),
}
