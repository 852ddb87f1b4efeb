"""When something was last used: noted in memory, written in batches."""

from keyferry.testing import Kit


def last_use(kit: Kit, token_id: str) -> int | None:
    return kit.custody.tokens.show(kit.administrator, token_id).last_used_at


def test_a_token_is_used_when_it_is_presented_and_that_is_written_in_a_batch(kit: Kit) -> None:
    kim = kit.user("kim")
    assert kim.token_id is not None
    assert last_use(kit, kim.token_id) is None
    kit.custody.activity.flush()
    first = last_use(kit, kim.token_id)
    assert first is not None
    kit.custody.activity.flush()
    assert last_use(kit, kim.token_id) == first
    kit.custody.activity.note(kim.token_id)
    kit.custody.activity.flush()
    later = last_use(kit, kim.token_id)
    assert later is not None
    assert later > first
