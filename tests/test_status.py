"""`status`: facts about an installation, for the machine that holds its home."""

from keyferry.status import status
from keyferry.testing import Kit


def test_a_fresh_installation(kit: Kit) -> None:
    found = status(kit.installation.settings)
    assert (found["users"], found["groups"], found["keys"], found["exports"], found["data_keys"]) == (1, 0, 0, 0, 1)
