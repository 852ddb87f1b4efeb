"""An installation with people, groups and keys in it, and somebody behind its back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.integrity.behind import Behind

from keyferry.custody.caller import Caller
from keyferry.custody.key_lookup import KeyDetail
from keyferry.testing import Kek, Kit


@dataclass(frozen=True, slots=True)
class Scene:
    """Kim is in the group payments, which owns the key `tenant`; Mallory is in no group, and has the key `own`."""

    kit: Kit
    behind: Behind
    kek: Kek
    kim: Caller
    mallory: Caller
    key: KeyDetail
    own: KeyDetail

    @property
    def admin(self) -> Caller:
        return self.kit.administrator

    @property
    def key_id(self) -> str:
        return self.key.key.id

    @property
    def version_id(self) -> str:
        return self.key.version.id

    def preview(self) -> None:
        """All that an export judges, with nothing recorded."""
        self.kit.custody.exports.preview(self.kim, self.key_id, self.kek.request)

    def show(self) -> None:
        self.kit.custody.keys.show(self.kim, self.key_id)

    def group_id(self) -> str:
        return self.kit.custody.groups.show(self.admin, "payments").id

    def membership_id(self) -> str:
        return self.behind.only_id("memberships")


@pytest.fixture
def make_scene(make_kit: Callable[..., Kit], kek: Kek) -> Iterator[Callable[..., Scene]]:
    made: list[Behind] = []

    def make(**settings: object) -> Scene:
        kit = make_kit(**settings)
        kim, mallory = kit.user("kim", groups=("payments",)), kit.user("mallory")
        key = kit.key(kim, "ec-p256", "tenant", group="payments")
        own = kit.key(mallory, "ec-p256", "own")
        made.append(Behind(kit))
        return Scene(kit, made[-1], kek, kim, mallory, key, own)

    yield make
    for behind in made:
        behind.engine.dispose()


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene()
