"""Keys are found by name, state, type, owner and date, in every order, page by page, by whoever may see them."""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from keyferry import clock
from keyferry.clock import DAY
from keyferry.custody import key_walks
from keyferry.custody.caller import Caller
from keyferry.custody.finding import FoundKeys, Wanted
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.key_orders import Sort
from keyferry.custody.keys import KeyEdit
from keyferry.custody.lifecycle import RevocationReason, State
from keyferry.errors import InvalidInput
from keyferry.ids import new_id
from keyferry.testing import Kit


def names(page: FoundKeys) -> list[str]:
    return [each.key.name or "[blank]" for each in page.items]


def find(kit: Kit, caller: Caller, *, size: int = 50, **wanted: object) -> list[str]:
    """The names on the first page."""
    return names(kit.custody.finding.find(caller, Wanted(**wanted), size=size))  # type: ignore[arg-type]  # as its fields


def walk(kit: Kit, caller: Caller, wanted: Wanted, size: int) -> list[list[str]]:
    """The ids on each page, from the first to the last."""
    pages, after = [], None
    while True:
        page = kit.custody.finding.find(caller, wanted, size=size, after=after)
        pages.append([each.id for each in page.items])
        if page.next is None:
            return pages
        after = page.next


@pytest.fixture(params=[False, True], ids=["not counted yet", "counted"])
def settle(request: pytest.FixtureRequest, kit: Kit) -> Callable[[], None]:
    """What is asked for is found before and after the background has counted it."""
    return kit.background.tick if request.param else lambda: None


@pytest.fixture
def kim(kit: Kit) -> Caller:
    return kit.user("kim", groups=("payments", "stores"))


def test_keys_are_found_by_how_their_name_begins(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    for name in ("tenant", "tenant-2", "tent", "other", None):
        kit.key(kim, name=name, group="payments")
    settle()

    assert find(kit, kim, search="tena") == ["tenant", "tenant-2"]
    assert find(kit, kim, search=" TENA ") == ["tenant", "tenant-2"]
    assert find(kit, kim, name="tenant") == ["tenant"]
    assert find(kit, kim, search="tenant-") == ["tenant-2"]
    assert find(kit, kim, search="[bla") == find(kit, kim, search="[blank]") == ["[blank]"]
    assert find(kit, kim, search="tenants") == []
    assert find(kit, kim, search="%") == find(kit, kim, search="ténant") == find(kit, kim, search="\x00") == []


def test_a_key_is_found_by_its_id(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    key = kit.key(kim, name="tenant", group="payments")
    kit.key(kim, name="other", group="payments")
    settle()
    assert find(kit, kim, search=key.id) == ["tenant"]
    assert find(kit, kim, search=new_id()) == []


def test_keys_are_found_by_what_they_are(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    kit.key(kim, "aes-128", "a", group="payments")
    kit.key(kim, "aes-256", "b", owner="kim")
    kit.key(kim, "aes-256", "c", group="stores", activated=False)
    lost = kit.key(kim, "ec-p256", "d", group="stores")
    kit.custody.states.revoke(kim, lost.id, RevocationReason.KEY_COMPROMISE)
    gone = kit.key(kim, "aes-256", "e", owner="kim", activated=False)
    kit.custody.states.destroy(kim, gone.id)
    settle()

    assert find(kit, kim, state=State.ACTIVE) == ["a", "b"]
    assert find(kit, kim, state=State.COMPROMISED) == ["d"]
    assert find(kit, kim, algorithm="aes-256") == ["b", "c", "e"]
    assert find(kit, kim, algorithm="aes-256", state=State.PRE_ACTIVE) == ["c", "e"]
    assert find(kit, kim, pending=True) == ["e"]
    assert find(kit, kim, pending=False) == ["a", "b", "c", "d"]
    assert find(kit, kim, group="stores") == ["c", "d"]
    assert find(kit, kim, owner="kim") == ["b", "e"]
    assert find(kit, kim, owner="kim", state=State.ACTIVE, algorithm="aes-256", search="b") == ["b"]
    assert find(kit, kit.administrator, algorithm="aes-256") == ["b", "c", "e"]
    assert find(kit, kit.administrator, group="stores", state=State.COMPROMISED) == ["d"]


def test_keys_that_end_soon_are_found(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    now = clock.now()
    for name, days in (("month", 30), ("week", 7), ("year", 365)):
        kit.key(kim, name=name, group="payments", deactivation_date=now + days * DAY)
    kit.key(kim, name="never", group="payments")
    ended = kit.key(kim, name="ended", group="payments", deactivation_date=now + 3 * DAY)
    kit.custody.states.deactivate(kim, ended.id)
    settle()

    assert find(kit, kim, expiring=8) == ["week"]
    assert find(kit, kim, expiring=31, sort=Sort.SOONEST) == ["week", "month"]
    assert find(kit, kim, expiring=31) == ["month", "week"]
    assert find(kit, kim, expiring=6) == []
    assert find(kit, kim, sort=Sort.SOONEST)[-2:] == ["year", "never"]


def test_every_order_holds_across_pages_in_both_directions(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    made = _many(kit, kim)
    settle()
    for sort, caller in itertools.product(Sort, (kim, kit.administrator)):
        expected = [each.id for each in _sorted(made, sort)]

        pages, page = [], kit.custody.finding.find(caller, Wanted(sort=sort), size=4)
        assert page.previous is None
        while page.next is not None:
            pages.append(page)
            page = kit.custody.finding.find(caller, Wanted(sort=sort), size=4, after=page.next)
        pages.append(page)
        assert [each.id for page in pages for each in page.items] == expected

        for ahead in reversed(pages[:-1]):
            page = kit.custody.finding.find(caller, Wanted(sort=sort), size=4, before=page.previous)
            assert page.items == ahead.items
            assert page.next == ahead.next
        assert page.previous is None


@pytest.mark.parametrize("few", [0, 5000], ids=["walked", "taken whole"])
def test_a_search_of_bounded_work_goes_on_where_it_stopped(
    kit: Kit, kim: Caller, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(key_walks, "FARTHEST", 3)
    monkeypatch.setattr(key_walks, "FEW", few)
    made = _many(kit, kim)
    kit.background.tick()
    for asked, sort, caller in itertools.product(
        (
            Wanted(state=State.PRE_ACTIVE),
            Wanted(algorithm="aes-128"),
            Wanted(search="k", pending=False),
            Wanted(expiring=60),
        ),
        Sort,
        (kim, kit.administrator),
    ):
        wanted = replace(asked, sort=sort)
        found = [id_ for page in walk(kit, caller, wanted, 2) for id_ in page]
        assert found == [each.id for each in _sorted(made, sort) if _is(each, wanted)], wanted


def test_a_change_shows_at_once_though_it_is_not_counted_yet(kit: Kit, kim: Caller) -> None:
    first = kit.key(kim, name="b", group="payments", activated=False)
    kit.key(kim, name="d", group="payments")
    kit.background.tick()
    kit.custody.states.activate(kim, first.id)
    kit.custody.keys.edit(kim, first.id, KeyEdit(name="e"))
    kit.key(kim, name="c", group="payments")

    assert find(kit, kim, state=State.PRE_ACTIVE) == []
    assert find(kit, kim, state=State.ACTIVE, sort=Sort.NAME) == ["c", "d", "e"]
    assert find(kit, kim, sort=Sort.NAME) == ["c", "d", "e"]
    assert find(kit, kim, search="b") == []


def test_nobody_finds_what_they_may_not_see(kit: Kit, kim: Caller, settle: Callable[[], None]) -> None:
    lee = kit.user("lee", groups=("stores",))
    kit.key(kim, name="hers", owner="kim")
    kit.key(kim, name="theirs", group="stores")
    kit.key(kim, name="paid", group="payments")
    settle()

    assert find(kit, lee) == ["theirs"]
    for sort in Sort:
        for wanted in (Wanted(), Wanted(state=State.ACTIVE), Wanted(algorithm="aes-256"), Wanted(pending=False)):
            page = kit.custody.finding.find(lee, replace(wanted, sort=sort), size=50)
            assert names(page) == ["theirs"]
    assert find(kit, lee, search="h") == find(kit, lee, name="paid") == []
    for wanted in (Wanted(owner="kim"), Wanted(group="payments")):
        with pytest.raises(InvalidInput):
            kit.custody.finding.find(lee, wanted, size=50)


def test_counted_rows_that_were_edited_reveal_nothing(kit: Kit, kim: Caller) -> None:
    """Who can write to the database can hide keys from a search, and no more."""
    lee = kit.user("lee", groups=("stores",))
    kit.key(kim, name="secret", owner="kim")
    kit.key(kim, name="theirs", group="stores")
    kit.background.tick()
    group = kit.custody.groups.show(kit.administrator, "stores").id
    with kit.installation.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE counted_keys SET owner_id = :id, state = 'compromised', name = 'theirs-too'"), {"id": group}
        )
        connection.execute(
            text(
                "INSERT INTO counted_keys (key_id, owner_id, algorithm, state, pending, day, name) "
                "VALUES (:key, :id, 'aes-256', 'active', 0, 0, 'ghost')"
            ),
            {"key": new_id(), "id": group},
        )

    assert find(kit, lee, algorithm="aes-256") == ["theirs"]
    assert find(kit, lee, state=State.COMPROMISED) == []
    assert find(kit, lee, search="theirs-too") == []
    assert find(kit, kit.administrator, state=State.COMPROMISED) == []
    assert find(kit, kit.administrator, group="stores", sort=Sort.NAME) == ["theirs"]
    assert find(kit, lee) == ["theirs"]


def test_what_cannot_be_asked_is_refused(kit: Kit, kim: Caller) -> None:
    for wanted, field in (
        (Wanted(algorithm="des"), "type"),
        (Wanted(expiring=0), "expiring"),
        (Wanted(expiring=4000), "expiring"),
        (Wanted(search="a", name="b"), "search"),
        (Wanted(group="nowhere"), "group"),
        (Wanted(owner="nobody"), "owner"),
    ):
        with pytest.raises(InvalidInput) as refused:
            kit.custody.finding.find(kim, wanted, size=5)
        assert refused.value.field == field


def test_a_cursor_of_no_page_is_refused(kit: Kit, kim: Caller) -> None:
    cursors = ("x", "~", "a~b", "'; DROP TABLE keys;--", "-1~" + "0" * 36, "é~" + new_id())
    for sort, cursor in itertools.product(Sort, cursors):
        with pytest.raises(InvalidInput) as refused:
            kit.custody.finding.find(kim, Wanted(sort=sort), size=5, after=cursor)
        assert refused.value.field == "cursor"


def test_the_total_is_of_the_keys_that_one_may_see(kit: Kit, kim: Caller) -> None:
    lee = kit.user("lee", groups=("stores",))
    for owner in ({"owner": "kim"}, {"group": "stores"}, {"group": "payments"}):
        kit.key(kim, **owner)
    kit.background.tick()
    assert [kit.custody.finding.total(caller) for caller in (kim, lee, kit.administrator)] == [3, 1, 3]


def _many(kit: Kit, kim: Caller) -> list[KeyDetail]:
    chosen = random.Random(4)
    made = []
    for number in range(17):
        name = None if number % 5 == 0 else f"k{chosen.randrange(100, 1000)}-{number}"
        date = None if number % 3 == 0 else clock.now() + chosen.randrange(20, 90) * DAY
        owner = [{"owner": "kim"}, {"group": "payments"}, {"group": "stores"}][number % 3]
        algorithm = "aes-128" if number % 4 == 0 else "aes-256"
        made.append(kit.key(kim, algorithm, name, **owner, deactivation_date=date, activated=number % 6 != 0))
    return made


def _sorted(made: list[KeyDetail], sort: Sort) -> list[KeyDetail]:
    by: dict[str, Callable[[KeyDetail], object]] = {
        "created": lambda each: each.id,
        "name": lambda each: (each.key.name or "~", each.id),
        "deactivation_date": lambda each: (each.version.deactivation_date or 2**62, each.id),
    }
    return sorted(made, key=by[sort.field], reverse=sort.falling)  # type: ignore[arg-type]  # each is of one kind


def _is(each: KeyDetail, wanted: Wanted) -> bool:
    date = each.version.deactivation_date
    return (
        wanted.state in {None, each.state}
        and wanted.algorithm in {None, each.key.algorithm}
        and (wanted.search is None or (each.key.name or "").startswith(wanted.search))
        and (wanted.expiring is None or (date is not None and date <= clock.now() + wanted.expiring * DAY))
    )
