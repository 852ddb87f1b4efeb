"""What a serving process does beside answering: ticks that number, count and flush, and go on after a fault."""

from tests.custody.reading import rows

from keyferry.testing import Kit


class TestNumbering:
    def test_events_are_numbered_within_two_ticks(self, kit: Kit) -> None:
        kit.key(kit.user("kim"))
        assert None in {row["number"] for row in rows(kit, "audit_events")}
        kit.background.tick()
        kit.background.tick()
        numbers = [row["number"] for row in rows(kit, "audit_events")]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
