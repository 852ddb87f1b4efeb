"""How each operation on people, on how they come in, and on the server is asked of custody: every public method."""

from tests.certificates import own
from tests.custody.vouching import new_provider, own_key
from tests.security.house import ONE_MINUTE, PROVIDER, TRIALS, fresh_name, new_issuer, new_workload
from tests.security.objects import (
    a_certificate,
    a_disabled_user,
    a_provider,
    a_provider_with_a_next_key,
    a_provider_with_an_earlier_key,
    a_tested_provider,
    a_token,
    a_user,
    a_user_with_factor,
    a_user_without_password,
    a_workload,
    an_earlier_authority,
    an_empty_group,
    an_identity,
    an_issuer,
    anothers_factor,
    nothing,
    the_group,
    the_owner,
)
from tests.security.standings import ADMITTED
from tests.security.the_table import EVERYBODY, INVALID, Way

from keyferry.custody.accounts import NewUser, UserEdit
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.factors import Again
from keyferry.custody.groups import GroupEdit
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.policy import Role
from keyferry.custody.provider_writing import ProviderEdit
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.custody.trusted_issuers import IssuerEdit
from keyferry.custody.users import UserSearch
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD

AGAIN = Again(password=Secret(PASSWORD.encode()))
NEW_PASSWORD = Secret(b"lantern-over-the-harbour-9")


def _somebody() -> NewUser:
    return NewUser(name=fresh_name("n."), role=Role.KEY_ACCESS_USER, password=NEW_PASSWORD)


OF_PEOPLE: dict[str, Way] = {
    "server_policy.show": Way("server-policy.read", nothing),
    "server_policy.edit": Way(
        "server-policy.edit", nothing, lambda it, by, _: it.server_policy.edit(by, ServerPolicyEdit(networks=ADMITTED))
    ),
    "users.create": Way("user.create", nothing, lambda it, by, _: it.users.create(by, _somebody())),
    "users.show": Way("user.read", a_user, itself=True),
    "users.list": Way("user.list", nothing, lambda it, by, _: it.users.list(by, size=5)),
    "users.search": Way("user.list", nothing, lambda it, by, _: it.users.search(by, UserSearch(prefix="o"), size=5)),
    "users.edit": Way(
        "user.edit", a_user, lambda it, by, ref: it.users.edit(by, ref, UserEdit(display_name="A")), itself=True
    ),
    "users.set_password": Way(
        "user.password",
        a_user,
        lambda it, by, ref: it.users.set_password(by, ref, NEW_PASSWORD, current=Secret(PASSWORD.encode())),
        itself=True,
    ),
    "users.renew_hash": Way(
        "user.password", nothing, lambda it, by, _: it.users.renew_hash(by, "another", "$argon2id$"), answers=EVERYBODY
    ),
    "users.disable": Way("user.disable", a_user, itself=True),
    "users.enable": Way("user.enable", a_disabled_user),
    "users.unlock": Way("user.unlock", a_user, itself=True),
    "invitations.create": Way("user.invite", a_user_without_password),
    "users.delete": Way("user.delete", a_user, itself=True),
    "groups.create": Way("group.create", nothing, lambda it, by, _: it.groups.create(by, fresh_name("g"))),
    "groups.show": Way("group.read", the_group),
    "groups.list": Way("group.list", nothing, lambda it, by, _: it.groups.list(by, size=5)),
    "groups.search": Way("group.list", nothing, lambda it, by, _: it.groups.search(by, "", size=5)),
    "groups.members": Way("user.list", the_group, lambda it, by, ref: it.groups.members(by, ref, size=5)),
    "groups.edit": Way(
        "group.edit", the_group, lambda it, by, ref: it.groups.edit(by, ref, GroupEdit(description="ours"))
    ),
    "groups.delete": Way("group.delete", an_empty_group),
    "tokens.open_session": Way("session.open", nothing, lambda it, by, _: it.tokens.open_session(by, epoch=1)),
    "tokens.create": Way("token.create", nothing, lambda it, by, _: it.tokens.create(by, "script", ONE_MINUTE)),
    "tokens.list": Way("token.list", the_owner, lambda it, by, ref: it.tokens.list(by, user=ref, size=5)),
    "tokens.in_force": Way("token.list", the_owner, lambda it, by, ref: it.tokens.in_force(by, user=ref, size=5)),
    "tokens.show": Way("token.list", a_token),
    "tokens.revoke": Way("token.revoke", a_token),
    "client_authorities.list": Way(
        "certificate-authority.list", nothing, lambda it, by, _: it.client_authorities.list(by)
    ),
    "client_authorities.rotate": Way(
        "certificate-authority.rotate", nothing, lambda it, by, _: it.client_authorities.rotate(by)
    ),
    "client_authorities.retire": Way("certificate-authority.retire", an_earlier_authority),
    "certificates.issue": Way(
        "certificate.issue",
        the_owner,
        lambda it, by, ref: it.certificates.issue(by, NewCertificate(name="n", form=BundleForm.PEM), user=ref),
    ),
    "certificates.upload": Way(
        "certificate.upload",
        the_owner,
        lambda it, by, ref: it.certificates.upload(by, "n", own(new_id()).pem, user=ref),
    ),
    "certificates.list": Way(
        "certificate.list", the_owner, lambda it, by, ref: it.certificates.list(by, user=ref, size=5)
    ),
    "certificates.in_force": Way(
        "certificate.list", the_owner, lambda it, by, ref: it.certificates.in_force(by, user=ref)
    ),
    "certificates.show": Way("certificate.list", a_certificate),
    "certificates.revoke": Way("certificate.revoke", a_certificate),
    "factors.list": Way("factor.list", a_user, itself=True),
    "factors.begin_totp": Way("factor.add", nothing),
    "factors.again_totp": Way(
        "factor.add", nothing, lambda it, by, _: it.factors.again_totp(by, it.factors.begin_totp(by).enrolment)
    ),
    "factors.add_totp": Way(
        "factor.add",
        nothing,
        lambda it, by, _: it.factors.add_totp(by, "x", "phone", Secret(b"1"), AGAIN),
        answers=(INVALID,) * 5,
    ),
    "factors.begin_passkey": Way("factor.add", nothing),
    "factors.add_passkey": Way(
        "factor.add",
        nothing,
        lambda it, by, _: it.factors.add_passkey(by, "{}", "key", AGAIN),
        answers=("second-factor-refused",) * 5,
    ),
    "factors.remove": Way("factor.remove", anothers_factor, lambda it, by, ref: it.factors.remove(by, ref, AGAIN)),
    "factors.recovery_codes": Way(
        "factor.add", nothing, lambda it, by, _: it.factors.recovery_codes(by, AGAIN), answers=("conflict",) * 5
    ),
    "factors.reset": Way("factor.reset", a_user_with_factor),
    "providers.create": Way(
        "identity-provider.create", nothing, lambda it, by, _: it.providers.create(by, new_provider(fresh_name("p")))
    ),
    "providers.show": Way("identity-provider.read", a_provider),
    "providers.list": Way("identity-provider.list", nothing, lambda it, by, _: it.providers.list(by, size=5)),
    "providers.edit": Way(
        "identity-provider.edit",
        a_provider,
        lambda it, by, ref: it.providers.edit(by, ref, ProviderEdit(clock_skew=60)),
    ),
    "providers.refresh": Way("identity-provider.refresh", a_provider),
    "providers.begin_test": Way("identity-provider.test", a_provider),
    "providers.tested": Way(
        "identity-provider.test",
        a_tested_provider,
        lambda it, by, ref: it.providers.tested(by, ref, TRIALS.get(ref, "")),
    ),
    "providers.confirm_test": Way(
        "identity-provider.test",
        a_tested_provider,
        lambda it, by, ref: it.providers.confirm_test(by, ref, TRIALS.get(ref, "")),
    ),
    "providers.enable": Way(
        "identity-provider.enable", a_provider, lambda it, by, ref: it.providers.enable(by, ref, untested=True)
    ),
    "providers.disable": Way("identity-provider.disable", a_provider),
    "providers.delete": Way("identity-provider.delete", a_provider),
    "provider_keys.prepare": Way(
        "identity-provider.key",
        a_provider,
        lambda it, by, ref: it.provider_keys.prepare(by, ref, credential=own_key()),
    ),
    "provider_keys.discard": Way("identity-provider.key", a_provider_with_a_next_key),
    "provider_keys.promote": Way("identity-provider.key", a_provider_with_a_next_key),
    "provider_keys.retire": Way("identity-provider.key", a_provider_with_an_earlier_key),
    "identities.bind": Way(
        "identity.bind",
        a_user,
        lambda it, by, ref: it.identities.bind(by, ref, NewIdentity(provider=PROVIDER, subject=new_id())),
        itself=True,
    ),
    "identities.list": Way("identity.list", a_user, lambda it, by, ref: it.identities.list(by, user=ref), itself=True),
    "identities.unbind": Way("identity.unbind", an_identity),
    "trusted_issuers.create": Way(
        "trusted-issuer.create", nothing, lambda it, by, _: it.trusted_issuers.create(by, new_issuer())
    ),
    "trusted_issuers.show": Way("trusted-issuer.read", an_issuer),
    "trusted_issuers.list": Way("trusted-issuer.list", nothing, lambda it, by, _: it.trusted_issuers.list(by, size=5)),
    "trusted_issuers.edit": Way(
        "trusted-issuer.edit",
        an_issuer,
        lambda it, by, ref: it.trusted_issuers.edit(by, ref, IssuerEdit(disabled=True)),
    ),
    "trusted_issuers.delete": Way("trusted-issuer.delete", an_issuer),
    "workloads.create": Way(
        "workload.create", an_issuer, lambda it, by, ref: it.workloads.create(by, new_workload(ref, "owner"))
    ),
    "workloads.show": Way("workload.read", a_workload),
    "workloads.list": Way("workload.list", nothing, lambda it, by, _: it.workloads.list(by, size=5)),
    "workloads.revoke": Way("workload.revoke", a_workload),
    "job_runs.list": Way("job.list", nothing),
    "audit.list": Way("audit.read", nothing, lambda it, by, _: it.audit.list(by, size=5)),
    "audit.export": Way("audit.read", nothing, lambda it, by, _: list(it.audit.export(by, form="csv"))),
    "audit.verify": Way("audit.read", nothing),
}
