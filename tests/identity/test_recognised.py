"""A token that was accepted is known without a look at the store; if it still holds is asked at every operation."""

import pytest
from tests.integrity.behind import Behind

from keyferry.custody.accounts import UserEdit
from keyferry.errors import IntegrityViolation, NotAuthenticated
from keyferry.identity import sign_in
from keyferry.identity import tokens as token_form
from keyferry.testing import ADDRESS, Kit


@pytest.fixture
def token(kit: Kit) -> str:
    kit.user("kim")
    return kit.token("kim")


def test_the_first_time_the_store_is_asked_and_then_no_more(kit: Kit, token: str) -> None:
    authenticator = kit.installation.authenticator
    assert authenticator.recognise(token, ADDRESS) is None
    caller = authenticator.authenticate(token, ADDRESS)
    assert authenticator.recognise(token, ADDRESS) == caller
    assert authenticator.recognise(token, "203.0.113.9") == type(caller)(caller.user_id, caller.token_id, "203.0.113.9")


@pytest.mark.parametrize("text", ["", "kf_", "no token", "kf_" + "0" * 32 + "_" + "0" * 64 + "_00000000"])
def test_what_is_no_token_is_nobodys(kit: Kit, text: str) -> None:
    assert kit.installation.authenticator.recognise(text, ADDRESS) is None


def test_another_secret_under_the_id_of_an_accepted_token_is_nobodys(kit: Kit, token: str) -> None:
    authenticator = kit.installation.authenticator
    caller = authenticator.authenticate(token, ADDRESS)
    forged = token_form.issue(caller.token_id).text.reveal().decode()
    assert authenticator.recognise(forged, ADDRESS) is None
    with pytest.raises(NotAuthenticated):
        authenticator.authenticate(forged, ADDRESS)
    assert authenticator.recognise(token, ADDRESS) == caller


def test_a_token_that_was_refused_is_not_remembered(kit: Kit, token: str) -> None:
    authenticator = kit.installation.authenticator
    forged = token_form.issue(token_form.parse(token).token_id).text.reveal().decode()
    with pytest.raises(NotAuthenticated):
        authenticator.authenticate(forged, ADDRESS)
    assert authenticator.recognise(forged, ADDRESS) is None


def test_a_revoked_token_opens_nothing(kit: Kit, token: str) -> None:
    authenticator = kit.installation.authenticator
    caller = authenticator.authenticate(token, ADDRESS)
    kit.custody.tokens.revoke(caller, caller.token_id or "")
    recognised = authenticator.recognise(token, ADDRESS)
    assert recognised is not None
    with pytest.raises(NotAuthenticated, match="revoked"):
        kit.custody.keys.list(recognised, size=1)


def test_nor_does_one_whose_user_was_disabled_or_may_not_call_from_there(kit: Kit, token: str) -> None:
    authenticator = kit.installation.authenticator
    authenticator.authenticate(token, ADDRESS)
    kit.custody.users.edit(kit.administrator, "kim", UserEdit(networks=("192.0.2.0/24",)))
    recognised = authenticator.recognise(token, ADDRESS)
    assert recognised is not None
    with pytest.raises(NotAuthenticated, match="address"):
        kit.custody.keys.list(recognised, size=1)
    kit.custody.users.disable(kit.administrator, "kim")
    with pytest.raises(NotAuthenticated, match="disabled"):
        kit.custody.keys.list(recognised, size=1)


def test_nor_does_one_whose_row_was_edited_put_back_or_removed(kit: Kit, token: str) -> None:
    authenticator, behind = kit.installation.authenticator, Behind(kit)
    caller = authenticator.authenticate(token, ADDRESS)
    token_id = caller.token_id or ""
    fresh = behind.row("tokens", token_id)
    kit.custody.keys.list(caller, size=1)

    behind.edit("tokens", token_id, expires_at=fresh["expires_at"] + 1)
    with behind.refused_as_tampered():
        kit.custody.keys.list(caller, size=1)

    behind.put_back("tokens", fresh)
    kit.custody.tokens.revoke(caller, token_id)
    behind.put_back("tokens", fresh)
    with pytest.raises(IntegrityViolation, match="old row"):
        kit.custody.keys.list(caller, size=1)

    behind.remove("tokens", token_id)
    recognised = authenticator.recognise(token, ADDRESS)
    assert recognised == caller
    with pytest.raises(NotAuthenticated):
        kit.custody.keys.list(caller, size=1)
    behind.engine.dispose()


def test_so_many_are_remembered_and_no_more(kit: Kit, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "MOST_ACCEPTED", 2)
    authenticator = kit.installation.authenticator
    tokens = [token, *(kit.token("kim") for _ in range(2))]
    for each in tokens:
        authenticator.authenticate(each, ADDRESS)
    known = [authenticator.recognise(each, ADDRESS) is not None for each in tokens]
    assert known == [False, True, True]
