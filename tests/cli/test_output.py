"""What commands print, for people and for programs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.cli.output import Output, plain, shown_value


def test_facts_are_aligned_and_what_is_none_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).facts({"id": 1}, {"Id": "x", "Long label": True, "Nothing": None}, head="A thing")
    assert capsys.readouterr().out == "A thing\n  Id:         x\n  Long label: yes\n"


def test_facts_as_json_are_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).facts({"id": 1, "name": None}, {"Id": "x"}, head="A thing")
    assert json.loads(capsys.readouterr().out) == {"id": 1, "name": None}


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"name": "a", "groups": ["x", "y"]}, {"name": "long-name", "groups": []}]
    Output(as_json=False).table(items, {"NAME": "name", "GROUPS": "groups"}, none="None.")
    assert capsys.readouterr().out == "NAME       GROUPS\na          x, y\nlong-name  -\n"


@pytest.mark.parametrize(("as_json", "said"), [(False, "None.\n"), (True, '{\n  "items": []\n}\n')])
def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str], as_json: bool, said: str) -> None:
    Output(as_json=as_json).table([], {"NAME": "name"}, none="None.")
    assert capsys.readouterr().out == said


def test_warnings_go_to_standard_error_and_under_json_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).warn(["Mind."])
    Output(as_json=True).warn(["Mind."])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "warning: Mind.\n")


@given(st.text())
def test_nothing_that_others_wrote_acts_on_a_terminal(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text)) == len(text)
    assert shown_value({"details": text}).isprintable()
