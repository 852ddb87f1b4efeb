"""Where keys have gone: by the hosts of their exports and the vaults of their deployments."""

from tests.custody.pushing import plan, walk

from keyferry.custody.deployment_steps import Step
from keyferry.custody.key_places import Place
from keyferry.testing import VAULT, Kek, Kit


def test_places_are_counted_for_whoever_may_see_the_keys(kit: Kit, kek: Kek) -> None:
    kim, sam = kit.user("kim", groups=("payments",)), kit.user("sam", groups=("elsewhere",))
    for name in ("one", "two"):
        kit.key(kim, "ec-p256", name, group="payments")
    kit.export(kim, "one", kek)
    kit.export(kim, "one", kek)
    kit.export(kim, "two", kek)

    host = VAULT.removeprefix("https://")
    for caller in (kit.administrator, kim):
        found = kit.custody.metrics.places(caller)
        assert found.places == (Place(host, keys=2, exports=3, arrived=0, under_way=0),)
        assert found.is_all
    assert kit.custody.metrics.places(sam).places == ()


def test_a_deployment_is_on_its_way_until_it_has_arrived_or_is_given_up(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "ec-p256", "tenant", group="payments").key.id

    first = plan(kit, kim, key)
    (place,) = kit.custody.metrics.places(kim).places
    assert (place.arrived, place.under_way, place.keys) == (0, 1, 0)

    kit.custody.deployments.abandon(kim, first.deployment.id)
    assert kit.custody.metrics.places(kim).places == ()

    walk(kit, kim, key, kek, Step.IMPORTED)
    (place,) = kit.custody.metrics.places(kim).places
    assert (place.arrived, place.under_way, place.keys) == (1, 0, 1)
