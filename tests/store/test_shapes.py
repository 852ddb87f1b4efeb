"""A row holds what Keyferry writes, or it was changed behind its back. SQLite would keep anything anywhere."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table, Text

from keyferry.errors import IntegrityViolation
from keyferry.store.shapes import Shape

TABLE = Table(
    "things",
    MetaData(),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
    Column("blob", LargeBinary),
    Column("ready", Boolean, nullable=False),
)
SHAPE = Shape("things", list(TABLE.c))
SOUND = ("a", 1, 2, b"\x00", True)
EXPECTED: dict[str, Any] = {"name": "a", "size": 1, "number": 2, "blob": b"\x00", "ready": True}


def test_a_sound_row_is_read_by_name() -> None:
    assert SHAPE.read(SOUND) == EXPECTED


@pytest.mark.parametrize(("kept", "meant"), [(0, False), (1, True), (False, False), (True, True)])
def test_truth_is_kept_as_a_number_by_one_database(kept: object, meant: bool) -> None:
    assert SHAPE.read((*SOUND[:4], kept))["ready"] is meant


def test_null_is_read_where_it_may_be() -> None:
    assert SHAPE.read(("a", 1, 2, None, True))["blob"] is None


@pytest.mark.parametrize("place", [0, 1, 2, 4])
def test_null_is_refused_where_it_may_not_be(place: int) -> None:
    row: list[Any] = [*SOUND]
    row[place] = None
    with pytest.raises(IntegrityViolation, match="NoneType"):
        SHAPE.read(tuple(row))


SCALARS = st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.booleans())


@given(st.tuples(*[SCALARS] * 5))
def test_whatever_a_row_holds_it_is_sound_or_refused(row: tuple[Any, ...]) -> None:
    try:
        values = SHAPE.read(row)
    except IntegrityViolation:
        return
    kinds = {name: type(value) for name, value in values.items()}
    assert kinds | {"blob": bytes} == {"name": str, "size": int, "number": int, "blob": bytes, "ready": bool}
    assert row[4] in {0, 1}


@pytest.mark.parametrize("stray", [2, -1, 0.0, "", "true", b"\x01"])
def test_what_is_merely_like_truth_is_refused(stray: object) -> None:
    with pytest.raises(IntegrityViolation, match="ready"):
        SHAPE.read((*SOUND[:4], stray))
