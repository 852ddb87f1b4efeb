"""Identity providers, whom they vouch for, and what comes of it here, with no protocol in between."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import pem_of_version_2
from tests.custody.vouching import arrival, idp, new_provider, vouched
from tests.identity.saml_idp import SamlIdp

from keyferry import clock
from keyferry.custody.accounts import NewUser
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.policy import Role
from keyferry.custody.provider_writing import ProviderEdit, unseal_needed
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.errors import Conflict, InvalidInput, KeyferryError, NotAuthenticated, NotFound, ProviderFailed
from keyferry.identity.flows import Flow, Purpose
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.provider_sign_in import Trial
from keyferry.material.secret import Secret
from keyferry.store.records import AuditEvent
from keyferry.testing import ADDRESS, ADMINISTRATOR, PASSWORD, Kit

EMAIL = "ann@example.org"


def come(kit: Kit, detail: Any, subject: str = "s-1", **attributes: Any) -> SignedIn:
    signed_in = kit.installation.provider_sign_in.arrive(arrival(kit, detail, subject, **attributes), None, ADDRESS)
    assert isinstance(signed_in, SignedIn)
    return signed_in


def newest_events(kit: Kit) -> list[AuditEvent]:
    kit.background.tick()
    return list(kit.custody.audit.list(kit.administrator, size=500, newest_first=True).items)


def why_refused(kit: Kit) -> str:
    """What the audit log says of the newest refusal of a sign-in."""
    events = newest_events(kit)
    found = [each for each in events if each.operation == "session.open" and each.outcome == "refused"]
    return str(json.loads(found[0].details)["detail"]) if found else ""


def refused(kit: Kit, detail: Any, subject: str = "s-1", **attributes: Any) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        come(kit, detail, subject, **attributes)
    assert caught.value.code == "sign-in-refused"
    return why_refused(kit)


def test_a_provider_is_made_disabled_and_its_key_is_sealed(kit: Kit) -> None:
    made = kit.custody.providers.create(kit.administrator, new_provider(credential=None)).provider
    assert not made.enabled
    assert made.credential is not None
    assert b"PRIVATE KEY" not in made.credential
    assert b"PRIVATE KEY" in unseal_needed(kit.installation.sealer, made).reveal()
    assert "PRIVATE KEY" not in made.configuration
    found = kit.custody.providers.show(kit.administrator, "entra")
    assert found.configuration["idp"]["entity_id"] == idp().entity_id
    assert found.configuration["certificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_nobody_comes_through_a_disabled_provider(kit: Kit) -> None:
    detail = vouched(kit, enabled=False, just_in_time=True)
    assert "disabled" in refused(kit, detail, mail=EMAIL)
    kit.custody.providers.enable(kit.administrator, "entra", untested=True)
    assert come(kit, detail, mail=EMAIL).issued.user.name == EMAIL
    kit.custody.providers.disable(kit.administrator, "entra")
    assert "disabled" in refused(kit, detail, mail=EMAIL)


def test_enabling_asks_for_a_test(kit: Kit) -> None:
    vouched(kit, enabled=False)
    with pytest.raises(Conflict) as caught:
        kit.custody.providers.enable(kit.administrator, "entra")
    assert caught.value.code == "provider-not-tested"


def test_a_test_opens_no_session_and_shows_what_it_would_come_to(kit: Kit) -> None:
    detail = vouched(kit, enabled=False, just_in_time=True)
    flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=kit.administrator.user_id)
    tested = kit.installation.provider_sign_in.arrive(arrival(kit, detail, mail=EMAIL), flow, ADDRESS)
    assert isinstance(tested, Trial)
    shown = kit.custody.providers.tested(kit.administrator, "entra", tested.test_id)
    assert (shown.subject, shown.meant.user_name, dict(shown.attributes)) == ("s-1", EMAIL, {"mail": [EMAIL]})
    with pytest.raises(NotFound):
        kit.custody.users.show(kit.administrator, EMAIL)

    other = kit.user("another-admin", Role.ADMINISTRATOR)
    with pytest.raises(NotFound):
        kit.custody.providers.tested(other, "entra", tested.test_id)

    assert kit.custody.providers.confirm_test(kit.administrator, "entra", tested.test_id).provider.tested_at
    assert kit.custody.providers.enable(kit.administrator, "entra").provider.enabled


def test_a_test_of_what_was_changed_since_enables_nothing(kit: Kit) -> None:
    detail = vouched(kit, enabled=False)
    flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=kit.administrator.user_id)
    tested = kit.installation.provider_sign_in.arrive(arrival(kit, detail, mail=EMAIL), flow, ADDRESS)
    assert isinstance(tested, Trial)
    kit.custody.providers.edit(kit.administrator, "entra", ProviderEdit(mapping={"user_name": "uid"}))
    with pytest.raises(Conflict) as caught:
        kit.custody.providers.confirm_test(kit.administrator, "entra", tested.test_id)
    assert caught.value.code == "provider-not-tested"


def test_an_edit_voids_the_test_and_an_enabled_provider_is_not_edited_unawares(kit: Kit) -> None:
    vouched(kit)
    edit = ProviderEdit(configuration={"idp_initiated": True})
    with pytest.raises(Conflict) as caught:
        kit.custody.providers.edit(kit.administrator, "entra", edit)
    assert caught.value.code == "provider-enabled"
    untested = ProviderEdit(configuration={"idp_initiated": True}, untested=True)
    edited = kit.custody.providers.edit(kit.administrator, "entra", untested)
    assert edited.configuration["idp_initiated"] is True
    assert edited.provider.enabled
    assert edited.provider.tested_at is None


def test_nobody_comes_who_has_no_account(kit: Kit) -> None:
    assert "no account is bound" in refused(kit, vouched(kit), mail=EMAIL)


def test_an_account_of_the_same_name_is_not_taken_over(kit: Kit) -> None:
    """A provider's people and the accounts here are name spaces of their own."""
    kit.user(EMAIL)
    assert "no account is bound" in refused(kit, vouched(kit), subject=EMAIL, mail=EMAIL)
    just_in_time = vouched(kit, "okta", just_in_time=True)
    assert "another account's" in refused(kit, just_in_time, subject=EMAIL, mail=EMAIL.upper())
    assert "another account's" in refused(kit, just_in_time, subject="x", mail=ADMINISTRATOR)


def test_a_name_that_will_not_do_makes_no_account(kit: Kit) -> None:
    detail = vouched(kit, just_in_time=True)
    for name in ("", "ann smith", "ann\u202e", "a" * 65, "0190a8a0-0000-7000-8000-000000000000"):
        assert "no account could be made" in refused(kit, detail, mail=name)
    assert "several" in refused(kit, detail, mail=["one@example.org", "two@example.org"])
    assert "several" in refused(kit, detail)


def test_the_same_subject_of_two_providers_is_two_people(kit: Kit) -> None:
    one, two = vouched(kit, "one", just_in_time=True), vouched(kit, "two", just_in_time=True)
    first = come(kit, one, "7", mail="first@example.org").issued.user
    second = come(kit, two, "7", mail="second@example.org").issued.user
    assert first.id != second.id
    assert come(kit, one, "7", mail="renamed@example.org").issued.user.id == first.id
    assert come(kit, two, "7").issued.user.id == second.id


def test_a_subject_is_compared_to_the_letter(kit: Kit) -> None:
    detail = vouched(kit, just_in_time=True)
    come(kit, detail, "Abc", mail=EMAIL)
    assert "another account's" in refused(kit, detail, subject="abc", mail=EMAIL)
    assert "another account's" in refused(kit, detail, subject="Abc ", mail=EMAIL)
    assert "control characters" in refused(kit, detail, subject="Abc\0", mail=EMAIL)
    assert "too long" in refused(kit, detail, subject="A" * 513, mail=EMAIL)


def test_an_expected_person_is_bound_when_they_first_come(kit: Kit) -> None:
    detail = vouched(kit)
    new = NewUser(
        name="ann", role=Role.KEY_ACCESS_USER, identity=NewIdentity(provider="entra", user_name="Ann@Example.org")
    )
    kit.custody.users.create(kit.administrator, new)
    with pytest.raises(NotAuthenticated):
        kit.sign_in("ann", PASSWORD)
    signed_in = come(kit, detail, "s-1", mail=EMAIL)
    assert signed_in.issued.user.name == "ann"
    (bound,) = kit.custody.identities.list(kit.administrator, user="ann")
    assert bound.identity.subject == "s-1"
    assert "no account is bound" in refused(kit, detail, subject="s-2", mail=EMAIL)


def test_an_account_and_a_person_are_bound_once(kit: Kit) -> None:
    vouched(kit)
    kit.user("ann")
    kit.user("bob")
    identities = kit.custody.identities
    identities.bind(kit.administrator, "ann", NewIdentity(provider="entra", subject="s-1"))
    for user, new in (
        ("bob", NewIdentity(provider="entra", subject="s-1")),
        ("ann", NewIdentity(provider="entra", subject="s-2")),
    ):
        with pytest.raises(Conflict) as caught:
            identities.bind(kit.administrator, user, new)
        assert caught.value.code == "identity-taken"
    with pytest.raises(InvalidInput):
        identities.bind(kit.administrator, "bob", NewIdentity(provider="entra"))
    with pytest.raises(InvalidInput):
        identities.bind(kit.administrator, "bob", NewIdentity(provider="okta", subject="s-1"))


def test_unbinding_ends_what_the_person_has_open(kit: Kit) -> None:
    detail = vouched(kit)
    kit.user("ann")
    made = kit.custody.identities.bind(kit.administrator, "ann", NewIdentity(provider="entra", subject="s-1"))
    token = come(kit, detail).issued
    caller = kit.installation.authenticator.authenticate(token.text.reveal().decode(), ADDRESS)
    kit.custody.keys.list(caller, size=1)
    kit.custody.identities.unbind(kit.administrator, made.identity.id)
    with pytest.raises(NotAuthenticated):
        kit.custody.keys.list(caller, size=1)
    assert "no account is bound" in refused(kit, detail)


def test_a_disabled_account_is_not_come_to(kit: Kit) -> None:
    detail = vouched(kit, just_in_time=True)
    come(kit, detail, mail=EMAIL)
    kit.custody.users.disable(kit.administrator, EMAIL)
    assert "disabled or gone" in refused(kit, detail, mail=EMAIL)


def test_an_account_keeps_its_networks(kit: Kit) -> None:
    detail = vouched(kit)
    identity = NewIdentity(provider="entra", subject="s-1")
    new = NewUser(name="ann", role=Role.KEY_ACCESS_USER, networks=("192.0.2.0/24",), identity=identity)
    kit.custody.users.create(kit.administrator, new)
    with pytest.raises(NotAuthenticated) as caught:
        come(kit, detail)
    assert caught.value.code == "sign-in-refused"


def test_what_was_presented_is_refused_the_second_time_on_another_node_too(
    kit: Kit, reopened: Callable[[Kit], Kit]
) -> None:
    detail = vouched(kit, just_in_time=True)
    coming = arrival(kit, detail, mail=EMAIL)
    kit.installation.provider_sign_in.arrive(coming, None, ADDRESS)
    other = reopened(kit)
    for node in (kit, other):
        with pytest.raises(NotAuthenticated):
            node.installation.provider_sign_in.arrive(coming, None, ADDRESS)
        assert "presented before" in why_refused(node)


@pytest.fixture
def reopened() -> Any:
    """Another node: the same store, opened once more."""
    made: list[Kit] = []

    def reopen(kit: Kit) -> Kit:
        made.append(Kit.open(kit.installation.settings.home))
        return made[-1]

    yield reopen
    for each in made:
        each.close()


def test_groups_and_role_come_of_the_tables_alone(kit: Kit) -> None:
    for group in ("payments", "admins"):
        kit.group(group)
    mapping = {
        "user_name": "mail",
        "groups": "memberOf",
        "group_table": {"CN=Pay,OU=x": "payments"},
        "role": "memberOf",
        "role_table": {"CN=Boss": "administrator"},
        "update": True,
    }
    detail = vouched(kit, just_in_time=True, mapping=mapping)
    come(kit, detail, mail=EMAIL, memberOf=["CN=Pay,OU=x", "admins", "administrator"])
    found = kit.custody.users.show(kit.administrator, EMAIL)
    assert (found.groups, found.user.role) == (("payments",), Role.KEY_ACCESS_USER)
    come(kit, detail, memberOf=[])
    assert kit.custody.users.show(kit.administrator, EMAIL).groups == ()
    come(kit, detail, memberOf=["CN=Boss", "CN=Pay,OU=x"])
    found = kit.custody.users.show(kit.administrator, EMAIL)
    assert (found.groups, found.user.role) == ((), Role.ADMINISTRATOR)
    come(kit, detail, memberOf=["CN=Pay,OU=x"])
    found = kit.custody.users.show(kit.administrator, EMAIL)
    assert (found.groups, found.user.role) == (("payments",), Role.KEY_ACCESS_USER)


def test_the_last_administrator_is_not_demoted_by_a_provider(kit: Kit) -> None:
    mapping = {"role": "r", "role_table": {"boss": "administrator"}, "update": True}
    detail = vouched(kit, mapping=mapping)
    identity = NewIdentity(provider="entra", subject="s-1")
    kit.custody.identities.bind(kit.administrator, ADMINISTRATOR, identity)
    come(kit, detail, r="nobody")
    assert kit.custody.users.show(kit.administrator, ADMINISTRATOR).user.role == Role.ADMINISTRATOR
    events = newest_events(kit)
    assert any(each.code == "last-administrator" and each.outcome == "refused" for each in events)


def test_a_deleted_group_is_left_out(kit: Kit) -> None:
    kit.group("payments")
    mapping = {"user_name": "mail", "groups": "g", "group_table": {"pay": "payments"}}
    detail = vouched(kit, just_in_time=True, mapping=mapping)
    kit.custody.groups.delete(kit.administrator, "payments")
    come(kit, detail, mail=EMAIL, g="pay")
    assert kit.custody.users.show(kit.administrator, EMAIL).groups == ()


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"nonsense": "x"}, "mapping.nonsense"),
        ({"user_name": 7}, "mapping.user_name"),
        ({"groups": "g"}, "mapping.groups"),
        ({"role_table": {"x": "administrator"}}, "mapping.role"),
        ({"groups": "g", "group_table": {"x": "no-such-group"}}, "mapping.group_table"),
        ({"role": "r", "role_table": {"x": "owner"}}, "mapping.role_table"),
        ({"role": "r", "role_table": {"": "administrator"}}, "mapping.role_table"),
        ({"role": "r", "role_table": ["x"]}, "mapping.role_table"),
        ({"update": "yes"}, "mapping.update"),
    ],
)
def test_a_mapping_that_will_not_do_is_refused(kit: Kit, mapping: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        kit.custody.providers.create(kit.administrator, new_provider(mapping=mapping))
    assert caught.value.field == field


def test_a_provider_is_refused_that_will_not_do(kit: Kit) -> None:
    weak = idp().metadata().replace("https://idp.example.org/sso", "http://idp.example.org/sso")
    for configuration, field in (
        ({"nonsense": True}, "configuration.nonsense"),
        ({"idp_initiated": True}, "configuration.metadata"),
        (idp().configuration(idp_initiated="yes"), "configuration.idp_initiated"),
        ({"metadata": weak}, "configuration.metadata"),
        ({"metadata": "<x/>"}, "configuration.metadata"),
    ):
        with pytest.raises(KeyferryError) as caught:
            kit.custody.providers.create(kit.administrator, new_provider(configuration=configuration))
        assert caught.value.field == field
    with pytest.raises(InvalidInput):
        kit.custody.providers.create(kit.administrator, new_provider(clock_skew=601))
    with pytest.raises(InvalidInput):
        kit.custody.providers.create(kit.administrator, new_provider("Entra ID"))
    address = {"metadata_url": "https://idp.example.org/metadata"}
    with pytest.raises(ProviderFailed) as failed:
        kit.custody.providers.create(kit.administrator, new_provider(configuration=address))
    assert failed.value.code == "provider-host-refused"


def test_a_deleted_provider_is_gone_and_its_name_is_not_used_again(kit: Kit) -> None:
    detail = vouched(kit, just_in_time=True)
    come(kit, detail, mail=EMAIL)
    coming = arrival(kit, detail, mail=EMAIL)
    kit.custody.providers.delete(kit.administrator, "entra")
    with pytest.raises(NotAuthenticated):
        kit.installation.provider_sign_in.arrive(coming, None, ADDRESS)
    with pytest.raises(NotFound):
        kit.custody.providers.show(kit.administrator, "entra")
    with pytest.raises(Conflict):
        kit.custody.providers.create(kit.administrator, new_provider())
    assert kit.custody.arrivals.provider(detail.provider.id) is None


def test_own_keys_are_renewed_or_given(kit: Kit) -> None:
    detail = vouched(kit, enabled=False)
    before = detail.configuration["certificate"]
    renewed = kit.custody.providers.edit(kit.administrator, "entra", ProviderEdit(renew_credential=True))
    assert renewed.configuration["certificate"] != before
    assert renewed.configuration["idp"] == detail.configuration["idp"]
    own = unseal_needed(kit.installation.sealer, renewed.provider)
    again = kit.custody.providers.edit(kit.administrator, "entra", ProviderEdit(credential=own))
    assert again.configuration["certificate"] == renewed.configuration["certificate"]
    unreadable = [b"x", own.reveal().replace(b"PRIVATE", b"PUBLIC"), before.encode(), pem_of_version_2(own.reveal())]
    for wrong in unreadable:
        with pytest.raises(InvalidInput) as caught:
            kit.custody.providers.edit(kit.administrator, "entra", ProviderEdit(credential=Secret(wrong)))
        assert caught.value.code == "credential-refused"


def test_what_is_over_is_dropped(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    detail = vouched(kit, just_in_time=True)
    come(kit, detail, mail=EMAIL)
    flow = Flow(provider_id=detail.provider.id, purpose=Purpose.TEST, user_id=kit.administrator.user_id)
    kit.installation.provider_sign_in.arrive(arrival(kit, detail, mail=EMAIL), flow, ADDRESS)

    def counts() -> list[int]:
        engine = kit.installation.store.engine
        with engine.connect() as connection:
            return [
                connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
                for table in ("seen_once", "tested_sign_ins", "provider_sessions")
            ]

    assert counts() == [2, 1, 1]
    kit.custody.jobs.run()
    assert counts() == [2, 1, 1]
    tomorrow = clock.now() + 2 * clock.DAY
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    kit.custody.jobs.run()
    assert counts() == [0, 0, 0]


def test_metadata_is_refreshed_by_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = Kit.make(tmp_path / "home")
    try:
        published = {"https://idp.example.org/m": idp().metadata().encode()}
        monkeypatch.setattr(kit.custody.providers, "_fetch", published.__getitem__)
        monkeypatch.setattr(kit.custody.refreshing, "_fetch", published.__getitem__)
        configuration = {"metadata_url": "https://idp.example.org/m"}
        detail = vouched(kit, configuration=configuration)
        assert len(detail.configuration["idp"]["certificates"]) == 1
        assert kit.custody.refreshing.run() == 0
        published["https://idp.example.org/m"] = idp().metadata(SamlIdp().certificate).encode()
        assert kit.custody.refreshing.run() == 1
        found = kit.custody.providers.show(kit.administrator, "entra")
        assert len(found.configuration["idp"]["certificates"]) == 2
        published["https://idp.example.org/m"] = b"<x/>"
        assert kit.custody.refreshing.run() == 0
        assert kit.custody.providers.show(kit.administrator, "entra") == found
        events = newest_events(kit)
        outcomes = [each.outcome for each in events if each.operation == "identity-provider.refresh"]
        assert outcomes == ["failed", "done"]
        assert kit.custody.audit.verify(kit.administrator).findings == ()
    finally:
        kit.close()


def test_a_second_factor_is_asked_for_unless_the_provider_asks_for_it(kit: Kit) -> None:
    here = vouched(kit, "here", just_in_time=True)
    there = vouched(kit, "there", just_in_time=True, asks_second_factor=True)
    edit = ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))
    kit.custody.server_policy.edit(kit.administrator, edit)
    arrive = kit.installation.provider_sign_in.arrive
    assert isinstance(arrive(arrival(kit, here, "h", mail="here@example.org"), None, ADDRESS), Unfinished)
    came = arrive(arrival(kit, there, "t", mail="there@example.org"), None, ADDRESS)
    assert isinstance(came, SignedIn)
    assert (came.issued.token.method, came.issued.token.second_factor) == ("saml", "provider")
