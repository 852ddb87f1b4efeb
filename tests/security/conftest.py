"""One installation for all classes of faults: a key that kim may use, and people who try to come at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api.conftest import Door, Person, add_people, opened, sign_in

from keyferry.custody.caller import Caller
from keyferry.custody.policy import Role
from keyferry.testing import Kit


@dataclass(frozen=True)
class Scene:
    """`user` is in the group payments, whose key `signer` is; `stranger` is in another; over REST and in custody."""

    door: Door
    administrator: Person
    user: Person
    stranger: Person
    auditor: Person
    key: str

    @property
    def kit(self) -> Kit:
        return self.door.kit

    def caller(self, person: Person) -> Caller:
        """A person as custody knows them."""
        return self.kit.installation.authenticator.authenticate(person.token, "127.0.0.1")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """On SQLite; what is said of databases is tested on both, where the store is."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("classes")) / "home")
    with opened(kit) as door:
        people = add_people(door.client)
        kit.user("auditor", Role.AUDITOR)
        made = people.user("POST", "/keys", {"type": "ec-p256", "name": "signer", "group": "payments"})
        assert made.status_code == 201
        auditor = sign_in(door.client, "auditor")
        yield Scene(door, people.administrator, people.user, people.stranger, auditor, made.json()["id"])
    kit.close()
