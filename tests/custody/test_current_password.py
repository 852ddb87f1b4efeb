"""A session is no way round the delays of sign-ins."""

import pytest

from keyferry.errors import InvalidInput, Overloaded
from keyferry.identity.backoff import PER_USER
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD, Kit

NEW = Secret(b"harbour-of-seven-lanterns")


def test_wrong_current_passwords_make_the_next_try_wait(kit: Kit) -> None:
    kim = kit.user("kim")
    for _ in range(PER_USER.free + 1):
        with pytest.raises(InvalidInput) as wrong:
            kit.custody.users.set_password(kim, "kim", NEW, current=Secret(b"not-this-one-77"))
        assert wrong.value.code == "password-refused"
    with pytest.raises(Overloaded) as waiting:
        kit.custody.users.set_password(kim, "kim", NEW, current=Secret(PASSWORD.encode()))
    assert waiting.value.retry_after >= 1


def test_the_right_current_password_is_taken_after_a_few_wrong_ones(kit: Kit) -> None:
    kim = kit.user("kim")
    for _ in range(PER_USER.free - 1):
        with pytest.raises(InvalidInput):
            kit.custody.users.set_password(kim, "kim", NEW, current=Secret(b"not-this-one-77"))
    kit.custody.users.set_password(kim, "kim", NEW, current=Secret(PASSWORD.encode()))
    assert kit.sign_in("kim", NEW.reveal().decode()).user_id == kim.user_id
