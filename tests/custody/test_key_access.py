"""Who can use a key, and whose doing that is."""

from keyferry.material.secret import Secret
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit


def test_members_of_the_owning_group_are_shown_with_who_added_them(kit: Kit) -> None:
    kim = kit.user("kim", groups=("payments",))
    kit.user("lee", groups=("payments",))
    kit.user("stranger")
    key = kit.key(kim, group="payments").key.id
    found = {user.name: user for user in kit.custody.key_access.list(kit.administrator, key)}
    assert set(found) == {"kim", "lee"}
    assert found["lee"].added_by == ADMINISTRATOR
    assert found["lee"].since is not None


def test_a_password_that_another_has_set_is_shown_until_the_user_sets_one(kit: Kit) -> None:
    kim = kit.user("kim")
    key = kit.key(kim).key.id
    shown = kit.custody.key_access.list(kim, key)[0]
    assert (shown.name, shown.password_set_by, shown.since) == ("kim", ADMINISTRATOR, None)
    new = Secret(b"harbour-of-seven-lanterns")
    kit.custody.users.set_password(kim, "kim", new, current=Secret(PASSWORD.encode()))
    again = kit.sign_in("kim", new.reveal().decode())
    assert kit.custody.key_access.list(again, key)[0].password_set_by is None
