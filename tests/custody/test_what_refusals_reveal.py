"""A refused look says no more of what is hidden than of what is not there, by any name; the audit log knows which.

`tests/security/test_every_door.py` holds it for every operation that hides something, at every door.
"""

from collections.abc import Callable

import pytest
from tests.custody.reading import events_of

from keyferry.errors import NotFound
from keyferry.testing import Kit


def refusal(look: Callable[[], object]) -> str:
    with pytest.raises(NotFound) as refused:
        look()
    return f"{refused.value.code} {refused.value.detail} {refused.value.advice} {refused.value.field}"


def test_a_hidden_key_is_refused_by_the_name_that_was_asked_for(kit: Kit) -> None:
    kim = kit.user("kim", groups=("payments",))
    lee = kit.user("lee")
    kit.key(kim, name="tenant", group="payments")
    for other in ("tenant", "kim/tenant", "kim/x", "payments/nothing"):
        assert f"There is no key {other!r}, or none that you may see." in refusal(
            lambda: kit.custody.keys.show(lee, other)  # noqa: B023  # called at once
        )
    hidden = refusal(lambda: kit.custody.keys.show(lee, "payments/tenant"))
    missing = refusal(lambda: kit.custody.keys.show(lee, "payments/nothing"))
    assert hidden == missing.replace("payments/nothing", "payments/tenant")


def test_the_audit_log_knows_what_the_refusal_did_not_tell(kit: Kit) -> None:
    kim, lee = kit.user("kim", groups=("payments",)), kit.user("lee")
    key = kit.key(kim, name="tenant", group="payments").key
    refusal(lambda: kit.custody.keys.show(lee, key.id))
    event = events_of(kit, "key.read", "refused")[-1]
    assert (event.actor_id, event.code) == (lee.user_id, "not-found")
    assert (event.object_type, event.object_id, event.object_name) == ("key", key.id, "tenant")
