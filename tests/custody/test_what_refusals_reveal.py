"""A refused look says no more of an object that is hidden than of one that is not there."""

from collections.abc import Callable

import pytest

from keyferry.custody.caller import Caller
from keyferry.errors import NotFound
from keyferry.ids import new_id
from keyferry.testing import Kek, Kit


def refusal(look: Callable[[], object]) -> str:
    with pytest.raises(NotFound) as refused:
        look()
    return f"{refused.value.code} {refused.value.detail} {refused.value.advice} {refused.value.field}"


def test_a_hidden_object_looks_like_one_that_is_not_there(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim", groups=("secret-group",))
    lee = kit.user("lee")
    key = kit.key(kim, "rsa-2048", "secret-plan", group="secret-group")
    export = kit.export(kim, key.key.id, kek).export
    group = kit.custody.groups.show(kit.administrator, "secret-group")
    looks: dict[str, Callable[[Caller, str], object]] = {
        key.key.id: kit.custody.keys.show,
        kim.user_id: kit.custody.users.show,
        group.id: kit.custody.groups.show,
        export.id: kit.custody.exports.show,
        str(kim.token_id): kit.custody.tokens.show,
    }
    for id_, look in looks.items():
        unknown = new_id()
        hidden, missing = refusal(lambda: look(lee, id_)), refusal(lambda: look(lee, unknown))  # noqa: B023  # called at once
        assert hidden.replace(id_, "ID") == missing.replace(unknown, "ID")
        assert "secret" not in hidden


def test_a_hidden_key_is_refused_by_the_name_that_was_asked_for(kit: Kit) -> None:
    kim = kit.user("kim", groups=("payments",))
    lee = kit.user("lee")
    kit.key(kim, name="tenant", group="payments")
    hidden = refusal(lambda: kit.custody.keys.show(lee, "payments/tenant"))
    missing = refusal(lambda: kit.custody.keys.show(lee, "payments/nothing"))
    assert hidden == missing.replace("payments/nothing", "payments/tenant")
