"""Looking for events in the audit log: what is found, in which order, and at how many events one page looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine

from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody.audit_search import Sought, start, walk
from keyferry.custody.caller import Caller
from keyferry.errors import InvalidInput, NotAuthenticated, NotPermitted
from keyferry.store.records import AuditEvent
from keyferry.testing import ADMINISTRATOR, Kit

BEGAN = 1_900_000_800
DAYS = 5


@dataclass
class Story:
    """Somebody made a key a day, and was refused the audit log each time."""

    kit: Kit
    administrator: Caller
    kim: Caller
    keys: tuple[str, ...]

    def found(self, *, size: int = 3, newest_first: bool = False, **sought: Any) -> list[AuditEvent]:
        """All that a search finds, page by page."""
        found: list[AuditEvent] = []
        after: int | None = None
        while True:
            page = self.kit.custody.audit.list(
                self.administrator, size=size, after=after, sought=Sought(**sought), newest_first=newest_first
            )
            found += page.items
            if page.next is None:
                return found
            after = int(page.next)

    def names(self, **how: Any) -> list[str | None]:
        return [event.object_name for event in self.found(**how)]


def day(number: float) -> Microseconds:
    """When so many days had passed."""
    return BEGAN * SECOND + int(number * DAY)


@pytest.fixture
def story(kit: Kit) -> Iterator[Story]:
    with time_machine.travel(BEGAN, tick=False) as clock:
        kit.administrator = kit.sign_in(ADMINISTRATOR)
        kit.user("Kim", groups=("payments",))
        keys = []
        for number in range(DAYS):
            clock.move_to(BEGAN + number * 86_400)
            kim = kit.sign_in("Kim")
            keys.append(kit.key(kim, name=f"key-{number}", group="payments").key.id)
            with pytest.raises(NotPermitted):
                kit.custody.audit.list(kim, size=1)
        yield Story(kit, kit.sign_in(ADMINISTRATOR), kim, tuple(keys))


def test_events_are_found_by_person_whatever_the_case_and_by_their_id(story: Story) -> None:
    by_name = story.found(person="kim", operation="key.generate")
    assert [event.object_id for event in by_name] == list(story.keys)
    assert story.found(person=story.kim.user_id, operation="key.generate") == by_name
    assert story.found(person="nobody") == []


def test_events_are_found_by_key_operation_and_outcome(story: Story) -> None:
    assert {event.object_id for event in story.found(key="key-3")} == {story.keys[3]}
    assert story.found(key=story.keys[3]) == story.found(key="key-3")
    assert {event.operation for event in story.found(operation="key")} == {"key.generate"}
    refused = story.found(person="Kim", outcome="refused")
    assert [(event.operation, event.code) for event in refused] == [("audit.read", "not-permitted")] * DAYS


def test_a_name_stands_for_itself_and_for_no_pattern(story: Story) -> None:
    assert story.found(key="key-_") == []
    assert story.found(key="%") == []
    assert story.found(person="k%") == []


def test_the_newest_come_first_or_the_oldest(story: Story) -> None:
    oldest = story.names(operation="key.generate", size=2)
    assert oldest == [f"key-{number}" for number in range(DAYS)]
    assert story.names(operation="key.generate", size=2, newest_first=True) == oldest[::-1]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_time_is_found_to_the_microsecond(story: Story, newest_first: bool) -> None:
    def numbers(since: Microseconds | None, until: Microseconds | None) -> set[str | None]:
        return set(story.names(operation="key.generate", since=since, until=until, newest_first=newest_first))

    assert numbers(day(1), day(3)) == {"key-1", "key-2"}
    assert numbers(day(1) + 1, day(3) + 1) == {"key-2", "key-3"}
    assert numbers(None, day(0)) == set()
    assert numbers(day(DAYS - 1), None) == {"key-4"}
    assert numbers(day(DAYS), None) == set()


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_looks_at_a_bounded_number_of_events(story: Story, newest_first: bool) -> None:
    """What is rare is found in several stretches, each of which looks at no more than it may, and none is missed."""
    sought, found, stretches, after = Sought(key="key-2"), [], 0, start(newest_first=newest_first)

    def stretch(tx: Any) -> Any:
        return walk(tx, sought, size=10, after=after, newest_first=newest_first, looked_at=4)

    total = len(story.found())
    while True:
        came = story.kit.installation.store.read(stretch)
        found += came.events
        stretches += 1
        if came.end is None:
            break
        assert came.end < after if newest_first else came.end > after
        after = came.end
    assert [event.object_id for event in found] == [story.keys[2]]
    assert stretches >= total // 4


def test_an_export_ends_where_it_began_and_is_recorded(story: Story) -> None:
    sought = Sought(operation="key.generate")
    pieces = story.kit.custody.audit.export(story.administrator, sought, form="csv")
    story.kit.key(story.kim, name="later", group="payments")
    assert [event.object_name for piece in pieces for event in piece] == [f"key-{number}" for number in range(DAYS)]
    begun, ended = story.found(operation="audit.read", outcome="done")[-2:]
    assert '"export":"csv","operation":"key.generate"' in begun.details
    assert '"exported":5' in ended.details


def test_an_export_stops_when_its_caller_is_shut_out(story: Story) -> None:
    pieces = story.kit.custody.audit.export(story.administrator, form="jsonl")
    story.kit.custody.tokens.revoke(story.administrator, story.administrator.token_id or "")
    with pytest.raises(NotAuthenticated):
        next(pieces)


def test_only_administrators_export(story: Story) -> None:
    with pytest.raises(NotPermitted):
        story.kit.custody.audit.export(story.kim, form="csv")


def test_an_export_of_an_empty_range_is_empty(story: Story) -> None:
    found = story.kit.custody.audit.export(story.administrator, Sought(until=1), form="csv")
    assert [event for piece in found for event in piece] == []


@pytest.mark.parametrize(
    ("field", "given"),
    [("person", "a\0b"), ("person", ""), ("key", "x" * 257), ("operation", "key.open"), ("outcome", "ok")],
)
def test_what_there_cannot_be_is_refused(field: str, given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Sought(**{field: given})  # type: ignore[arg-type]  # each is a text
    assert caught.value.field == field
    assert caught.value.advice


def test_reading_says_what_was_looked_for(story: Story) -> None:
    story.found(person="Kim", newest_first=True)
    (newest, *_) = story.found(operation="audit.read", outcome="done", newest_first=True)
    assert '"newest_first":true,"person":"Kim"' in newest.details
