"""A form is never so large that its file would go to a disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.conftest import Served, serving

from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit

MIB = 1024 * 1024


@pytest.fixture
def generous(tmp_path: Path) -> Iterator[Served]:
    """A console of a server that lets REST take more than a form may hold."""
    kit = Kit.make(tmp_path / "home", max_body_bytes=8 * MIB)
    with serving(kit) as served:
        yield served
    kit.close()


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
def test_too_large_a_form_is_refused_with_the_size_that_holds(generous: Served, declared: bool) -> None:
    body = b"description=" + b"a" * (MIB + 1)
    with generous.client() as client:
        client.post("/sign-in", data={"user_name": ADMINISTRATOR, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = body if declared else iter([body[:1000], body[1000:]])
        answer = client.post("/groups/new", content=content, headers=headers)

    assert answer.status_code == 413
    assert f"The body is larger than {MIB} bytes." in answer.text
