"""Figures about keys on the command line."""

import time

from tests.cli.terminal import Shell


def test_figures_are_shown_for_people_and_for_programs(kim: Shell) -> None:
    kim("key", "create", "--type", "aes-192", "--name", "counted", "--owner", "kim")
    until = time.monotonic() + 30
    while "aes-192" not in (found := kim("key", "metrics", "--days", "3", "--json").json)["by_type"]:
        assert time.monotonic() < until, found  # what is numbered is counted, within a second
        time.sleep(0.1)

    assert found["by_state"]["active"] >= 1
    assert [len(found["days"]), found["days"][-1]["created"] >= 1] == [3, True]
    text = kim("key", "metrics").out
    assert "aes-192: 1" in text
    assert "user kim: " in text
    assert f"{found['days'][-1]['date']}  " in text
    assert "0 within 1 day, 0 within 7 days" in text


def test_days_that_will_not_do_are_refused(kim: Shell) -> None:
    assert "0" in kim("key", "metrics", "--days", "0", code=2).err
