"""A row that has verified is not put to its seal again while it is the same; it is once it differs in anything."""

import gc

import pytest

from keyferry.material.sealing import Sealer
from keyferry.material.secret import Secret
from keyferry.store.verified import Verified

ROW = ("id-1", b"seal", 1, None, "text", True)


def sealer(key: bytes = bytes(32)) -> Sealer:
    return Sealer("store", {1: Secret(key)}, 1)


@pytest.fixture
def known() -> tuple[Verified[str], Sealer]:
    verified: Verified[str] = Verified()
    mine = sealer()
    verified.keep(mine, ROW, "what it stands for")
    return verified, mine


def test_the_same_row_is_known(known: tuple[Verified[str], Sealer]) -> None:
    verified, mine = known
    assert verified.find(mine, ("id-1", b"seal", 1, None, "text", True)) == "what it stands for"
    assert verified.find(mine, ("id-1", b"seal", 1, None, "text", 1)) == "what it stands for", "as SQLite keeps it"


@pytest.mark.parametrize(
    "row",
    [
        ("id-2", b"seal", 1, None, "text", True),
        ("id-1", b"Seal", 1, None, "text", True),
        ("id-1", "seal", 1, None, "text", True),
        ("id-1", b"seal", 2, None, "text", True),
        ("id-1", b"seal", "1", None, "text", True),
        ("id-1", b"seal", 1, "", "text", True),
        ("id-1", b"seal", 1, 0, "text", True),
        ("id-1", b"seal", 1, None, b"text", True),
        ("id-1", b"seal", 1, None, "text", False),
        ("id-1", b"seal", 1, None, "text", None),
        ("id-1", b"seal", 1, None, "text", True, None),
        ("id-1", b"seal", 1, None, "text"),
    ],
)
def test_a_row_that_differs_in_anything_is_not(known: tuple[Verified[str], Sealer], row: tuple[object, ...]) -> None:
    verified, mine = known
    assert verified.find(mine, row) is None


def test_another_sealer_has_verified_nothing(known: tuple[Verified[str], Sealer]) -> None:
    verified, _ = known
    assert verified.find(sealer(), ROW) is None
    assert verified.find(sealer(b"k" * 32), ROW) is None


def test_of_an_id_only_the_last_row_is_known(known: tuple[Verified[str], Sealer]) -> None:
    verified, mine = known
    newer = ("id-1", b"other", 2, None, "text", True)
    verified.keep(mine, newer, "newer")
    assert verified.find(mine, ROW) is None
    assert verified.find(mine, newer) == "newer"


def test_so_many_are_known_and_no_more() -> None:
    verified: Verified[int] = Verified(most=3)
    mine = sealer()
    for number in range(5):
        verified.keep(mine, (f"id-{number}",), number)
    assert [verified.find(mine, (f"id-{number}",)) for number in range(5)] == [None, None, 2, 3, 4]


def test_what_was_known_to_a_sealer_goes_with_it() -> None:
    verified: Verified[str] = Verified()
    verified.keep(sealer(), ROW, "of nobody's any more")
    gc.collect()
    assert len(verified._by_sealer) == 0
