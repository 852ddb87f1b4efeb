"""Every operation, at every door, asked for by everybody: each gets what the table says, and nothing besides.

A refusal changes nothing, stands in the audit log under the one who was refused, and tells of what is hidden just what
it tells of what is not there. What a stranger is given names nothing of the others'.
"""

import re

import pytest
from tests.security.conftest import Everything
from tests.security.doors import Answer, CommandLine, Door
from tests.security.house import NAMES
from tests.security.standings import Session
from tests.security.the_table import COLUMNS, DENIED, HIDDEN, LET_IN, OK, READ, REFUSALS, Way
from tests.security.ways_of_custody_to_keys import OF_KEYS
from tests.security.ways_of_custody_to_people import OF_PEOPLE
from tests.security.ways_of_rest import OF_REST
from tests.security.ways_of_the_command_line import OF_THE_COMMAND_LINE
from tests.security.ways_of_the_console import OF_THE_CONSOLE

from keyferry.ids import new_id

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?:[kgcpi]|u\.)[0-9a-f]{12}\b")


def walk(everything: Everything, door: Door, name: str) -> None:
    """One way of one door, for every column: first those who are refused, then the others."""
    house, way = everything.house, door.ways[name]
    found = [(column, house.object_for(way, column)) for column in COLUMNS]
    asked = [(column, reference, house.session_for(way, column, reference)) for column, reference in found]
    expected = dict(zip(COLUMNS, way.expected, strict=True))
    before = everything.rows()
    for column, reference, session in asked:
        if expected[column] in {OK, LET_IN}:
            continue
        mark = everything.newest_event()
        answer = door.ask(session, name, reference)
        assert answer.code == expected[column], (column, answer)
        if answer.code in {DENIED, HIDDEN}:
            told = everything.refusals_since(mark)
            assert any(heard(way, session, answer, *refusal) for refusal in told), (column, told)
        if answer.code == HIDDEN:
            assert shape(answer) == shape_of_nothing(door, session, name, reference), column
    assert everything.rows() == before, "a refusal changes nothing but audit events"
    for column, reference, session in asked:
        if expected[column] in {OK, LET_IN}:
            answer = door.ask(session, name, reference)
            assert answer.code == OK if expected[column] == OK else answer.code not in REFUSALS, (column, answer)
            if column == "stranger":
                assert not names_of_others(answer), answer


def heard(way: Way, session: Session, answer: Answer, actor: str | None, operation: str, code: str | None) -> bool:
    """Whether an event of the audit log is this refusal's; pages and commands look first at what they change."""
    is_it = operation == way.operation or operation.endswith(READ)
    return is_it and (actor, code) == (session.caller.user_id, answer.code)


def shape(answer: Answer) -> str:
    """What was told, whatever it was about."""
    return re.sub(ID, "ID", answer.told)


def shape_of_nothing(door: Door, session: Session, name: str, reference: str) -> str:
    """What is told of what is not there."""
    missing = "|".join(new_id() if ID.fullmatch(part) else part for part in reference.split("|"))
    return shape(door.ask(session, name, missing)).replace(missing, reference)


def names_of_others(answer: Answer) -> set[str]:
    known = {*NAMES, *NAMES.values()}
    return {found for found in ID.findall(answer.told) if found in known}


@pytest.mark.parametrize("name", [*OF_PEOPLE, *OF_KEYS])
def test_custody(on_either: Everything, name: str) -> None:
    walk(on_either, on_either.custody, name)


@pytest.mark.parametrize("name", OF_REST)
def test_rest(everything: Everything, name: str) -> None:
    walk(everything, everything.rest, name)


@pytest.mark.parametrize("name", OF_THE_CONSOLE)
def test_console(everything: Everything, name: str) -> None:
    walk(everything, everything.console, name)


@pytest.mark.parametrize("name", OF_THE_COMMAND_LINE)
def test_command_line(everything: Everything, command_line: CommandLine, name: str) -> None:
    walk(everything, command_line, name)
