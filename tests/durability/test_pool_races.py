"""Two callers want a key from the pool at once: no key is handed out twice, whatever the order of their statements."""

from collections.abc import Callable

import pytest
from tests.custody.reading import rows
from tests.durability.interleaving import Interleaving

from keyferry.custody.generation import Made, generated
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material, identify
from keyferry.testing import Kit

RSA = ALGORITHMS["rsa-2048"]
#: more statements than a create has
MOST = 80


@pytest.fixture(scope="module")
def materials() -> list[Material]:
    return [generated(RSA).material for _ in range(3)]


@pytest.fixture
def racing(make_kit: Callable[..., Kit]) -> Kit:
    return make_kit(pool=True, pool_rsa_2048=2, pool_rsa_3072=0, pool_rsa_4096=0)


@pytest.mark.parametrize("ready", [1, 2])
def test_no_key_is_handed_out_twice(
    racing: Kit, interleaving: Interleaving, materials: list[Material], monkeypatch: pytest.MonkeyPatch, ready: int
) -> None:
    monkeypatch.setattr("keyferry.custody.generation.generate", lambda _: materials[2])
    kim, lee = racing.user("kim"), racing.user("lee")
    for stop_after in range(1, MOST):
        made = [Made(material, identify(material)) for material in materials[:ready]]
        assert all(racing.custody.pool.put(each) for each in made)
        outcome = interleaving.run(
            lambda: racing.key(kim, "rsa-2048"), lambda: racing.key(lee, "rsa-2048"), stop_after=stop_after
        )
        handed = sorted([outcome.first.version.spki_sha256, outcome.second.version.spki_sha256])
        assert handed == sorted(
            identify(material).spki_sha256 or "" for material in [*materials[:ready], materials[2]][:2]
        )
        assert rows(racing, "pool_keys") == []
        if not outcome.stopped:
            return
    raise AssertionError(f"a create has more than {MOST} statements")
