"""What an identity provider has opened ends with it, also where a second factor of ours came between."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.custody.reading import details_of, events_of, rows
from tests.custody.vouching import arrival, vouched

from keyferry.clock import DAY
from keyferry.custody.arrival import ProviderSession
from keyferry.custody.caller import Caller
from keyferry.custody.identity_binding import NewIdentity
from keyferry.custody.policy import Role
from keyferry.custody.provider_ending import Opened
from keyferry.custody.providers import ProviderDetail
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.errors import NotAuthenticated
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.material.secret import Secret
from keyferry.testing import ADDRESS, ADMINISTRATOR, App, Kit


@pytest.fixture
def detail(kit: Kit) -> ProviderDetail:
    return vouched(kit, just_in_time=True)


def arrive(kit: Kit, detail: ProviderDetail, subject: str = "s-1") -> SignedIn | Unfinished:
    coming = arrival(kit, detail, subject, mail=f"{subject}@example.org")
    came = kit.installation.provider_sign_in.arrive(coming, None, ADDRESS)
    assert isinstance(came, SignedIn | Unfinished)
    return came


def caller_of(came: SignedIn | Unfinished) -> Caller:
    assert isinstance(came, SignedIn)
    return Caller(came.issued.user.id, came.issued.token.id, ADDRESS)


def opens(kit: Kit, caller: Caller) -> bool:
    try:
        kit.custody.users.show(caller, caller.user_id)
    except NotAuthenticated:
        return False
    return True


def made_in(kit: Kit, caller: Caller, name: str = "program") -> Caller:
    token = kit.custody.tokens.create(caller, name, DAY).token
    return Caller(token.user_id, token.id, ADDRESS)


@pytest.fixture
def app(kit: Kit, detail: ProviderDetail) -> App:
    """Of somebody whom the provider vouches for as `kim`."""
    app = kit.set_up_app(kit.user("kim"))
    kit.custody.identities.bind(kit.administrator, "kim", NewIdentity(provider="entra", subject="kim"))
    return app


def prove(kit: Kit, came: SignedIn | Unfinished, app: App) -> SignedIn | Unfinished:
    assert isinstance(came, Unfinished)
    code = Secret(app.recovery_codes[0].encode())
    return kit.installation.sign_in.steps.by_code(came.ticket.reveal().decode(), code, ADDRESS)


@pytest.fixture
def other_node(kit: Kit) -> Iterator[Kit]:
    """The same store, opened once more."""
    node = Kit.open(kit.installation.settings.home)
    yield node
    node.close()


def test_a_session_that_a_second_factor_completed_is_the_providers_too(
    kit: Kit, detail: ProviderDetail, app: App
) -> None:
    caller = caller_of(prove(kit, arrive(kit, detail, "kim"), app))
    found = kit.custody.arrivals.session(caller.token_id or "")
    assert found == (detail.provider.id, ProviderSession({"name_id": "kim"}, "session-1"))
    (token,) = [each for each in rows(kit, "tokens") if each["id"] == caller.token_id]
    assert (token["provider_id"], token["method"]) == (detail.provider.id, "saml")


def test_disabling_ends_its_sessions_on_every_node_and_nobody_elses(
    kit: Kit, detail: ProviderDetail, other_node: Kit
) -> None:
    other = vouched(kit, "okta", just_in_time=True)
    callers = [caller_of(arrive(kit, detail, each)) for each in ("s-1", "s-2", "s-1")]
    kept = [caller_of(arrive(kit, other, "t-1")), kit.user("kim"), made_in(kit, callers[0])]
    shown = kit.custody.providers.show(kit.administrator, "entra")
    assert shown.opened == Opened(sessions=3, tokens=1)
    done = kit.custody.providers.disable(kit.administrator, "entra")
    assert (done.ended, done.detail.opened) == (Opened(3, 0), Opened(0, 1))
    for node in (kit, other_node):
        assert not any(opens(node, each) for each in callers)
        assert all(opens(node, each) for each in kept)
    events = events_of(kit, "identity-provider.disable")
    assert details_of(events[0])["ended_sessions"] == 3
    assert {each.object_id for each in events} == {detail.provider.id, *(each.token_id for each in callers)}
    kit.custody.providers.enable(kit.administrator, "entra", untested=True)
    assert not any(opens(kit, each) for each in callers)


@pytest.mark.parametrize("deleted", [False, True])
def test_tokens_that_were_made_in_them_end_where_that_is_asked_for(
    kit: Kit, detail: ProviderDetail, deleted: bool
) -> None:
    caller = caller_of(arrive(kit, detail))
    token = made_in(kit, caller)
    of_token = made_in(kit, token, "made with the first")
    kept = made_in(kit, kit.user("kim"))
    providers, by = kit.custody.providers, kit.administrator
    ended: Any = providers.delete(by, "entra", end_tokens=True) if deleted else None
    if not deleted:
        ended = providers.disable(by, "entra", end_tokens=True).ended
    assert ended == Opened(1, 2)
    assert [opens(kit, each) for each in (caller, token, of_token, kept)] == [False, False, False, True]
    (event,) = [
        each
        for each in events_of(kit, "identity-provider.delete" if deleted else "identity-provider.disable")
        if each.object_type == "identity-provider"
    ]
    assert (details_of(event)["ended_sessions"], details_of(event)["ended_tokens"]) == (1, 2)


def test_deleting_ends_sessions_as_disabling_does(kit: Kit, detail: ProviderDetail) -> None:
    caller = caller_of(arrive(kit, detail))
    token = made_in(kit, caller)
    assert kit.custody.providers.delete(kit.administrator, "entra") == Opened(1, 0)
    assert (opens(kit, caller), opens(kit, token)) == (False, True)


def test_a_sign_in_that_waits_for_its_second_factor_ends_with_the_provider(
    kit: Kit, detail: ProviderDetail, app: App
) -> None:
    came = arrive(kit, detail, "kim")
    kit.custody.providers.disable(kit.administrator, "entra")
    kit.custody.providers.enable(kit.administrator, "entra", untested=True)
    with pytest.raises(NotAuthenticated) as caught:
        prove(kit, came, app)
    assert caught.value.code == "ticket-refused"


def test_of_a_provider_that_is_disabled_in_between_no_session_comes(
    kit: Kit, detail: ProviderDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the answer that was taken and the session that comes of it, which are two transactions."""
    arrivals = kit.custody.arrivals
    taken: Callable[..., Any] = arrivals.arrive

    def and_then_disabled(*args: Any) -> Any:
        arrived = taken(*args)
        kit.custody.providers.disable(kit.administrator, "entra")
        return arrived

    monkeypatch.setattr(arrivals, "arrive", and_then_disabled)
    with pytest.raises(NotAuthenticated) as caught:
        arrive(kit, detail)
    assert caught.value.code == "sign-in-refused"
    assert [each for each in rows(kit, "tokens") if each["provider_id"] is not None] == []


def test_who_signs_in_by_the_provider_may_disable_it(kit: Kit, detail: ProviderDetail) -> None:
    kit.custody.identities.bind(kit.administrator, ADMINISTRATOR, NewIdentity(provider="entra", subject="admin"))
    by = caller_of(arrive(kit, detail, "admin"))
    assert kit.custody.providers.disable(by, "entra").ended == Opened(1, 0)
    assert not opens(kit, by)


def test_sessions_that_are_over_are_not_counted(kit: Kit, detail: ProviderDetail) -> None:
    first, second = caller_of(arrive(kit, detail)), caller_of(arrive(kit, detail, "s-2"))
    kit.custody.tokens.revoke(first, first.token_id or "")
    kit.custody.users.disable(kit.administrator, second.user_id)
    assert kit.custody.providers.show(kit.administrator, "entra").opened == Opened()
    assert kit.custody.providers.disable(kit.administrator, "entra").ended == Opened()


def test_a_required_second_factor_that_is_set_up_on_the_way_keeps_the_provider(
    kit: Kit, detail: ProviderDetail
) -> None:
    edit = ServerPolicyEdit(second_factor_roles=(Role.KEY_ACCESS_USER,))
    kit.custody.server_policy.edit(kit.administrator, edit)
    came = arrive(kit, detail)
    assert isinstance(came, Unfinished)
    steps, ticket = kit.installation.sign_in.steps, came.ticket.reveal().decode()
    new = steps.begin_totp(ticket, ADDRESS)
    code = App("", new.key.reveal().decode().replace(" ", ""), ()).code()
    caller = caller_of(steps.enrol_totp(ticket, new.enrolment, "phone", Secret(code.encode()), ADDRESS))
    assert kit.custody.providers.disable(kit.administrator, "entra").ended == Opened(1, 0)
    assert not opens(kit, caller)
