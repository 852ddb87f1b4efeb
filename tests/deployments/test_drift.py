"""What we hold against what a vault tells."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from keyferry.clouds.azure.facts import DeletedVaultKey, ListedKey, VaultKey
from keyferry.deployments import drift as judging
from keyferry.deployments.drift import Difference, Drift, Expected, Seen, differences_in_kind, moment
from keyferry.deployments.ledger import Held
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import generate, identify

NOW = 1_850_000_000
compare = partial(judging.compare, now=NOW)
VAULT = "https://contoso-kv.vault.azure.net"
OURS, OTHER, FURTHER = (f"{number:032x}" for number in (1, 2, 3))
WRAPPING = ("wrapKey", "unwrapKey")
PUBLIC = {name: identify(generate(ALGORITHMS[name])).public_key for name in ("rsa-2048", "ec-p256", "ec-p256k")}


def held(name: str = "rsa-2048", **changes: Any) -> Held:
    base = Held(
        key_id="k",
        key_name="tenant",
        version_id="v",
        version_number=1,
        current_version=1,
        state="active",
        algorithm=ALGORITHMS[name],
        public_key=PUBLIC[name],
    )
    return replace(base, **changes)


def found(**changes: Any) -> VaultKey:
    base = VaultKey(
        identifier=f"{VAULT}/keys/tenant/{OURS}",
        vault=VAULT,
        name="tenant",
        version=OURS,
        kty="RSA-HSM",
        bits=2048,
        public_key=PUBLIC["rsa-2048"],
        operations=WRAPPING,
        recovery_level="Recoverable",
        created=1_800_000_000,
    )
    return replace(base, **changes)


def listed(version: str, created: int) -> ListedKey:
    return ListedKey(
        identifier=f"{VAULT}/keys/tenant/{version}",
        vault=VAULT,
        name="tenant",
        version=version,
        enabled=True,
        created=created,
    )


def expected(mine: Held | None = None, **changes: Any) -> Expected:
    base = Expected(
        held=mine or held(),
        name="tenant",
        identifier=f"{VAULT}/keys/tenant/{OURS}",
        operations=WRAPPING,
        recovery_level="Recoverable",
    )
    return replace(base, **changes)


def seen(pushed: VaultKey | None = None, *further: ListedKey, current: VaultKey | None = None) -> Seen:
    pushed = pushed or found()
    return Seen(
        pushed=pushed,
        current=current or pushed,
        versions=(listed(OURS, pushed.created or 0), *further),
        deleted=None,
    )


def kinds(drifts: tuple[Drift, ...]) -> list[str]:
    assert all(drift.detail and drift.advice for drift in drifts)
    return [drift.difference.value for drift in drifts]


def test_what_is_there_as_it_was_pushed_differs_in_nothing() -> None:
    assert compare(expected(), seen()) == ()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"enabled": False}, Difference.DISABLED),
        ({"expires": 1_900_000_000}, Difference.EXPIRES),
        ({"not_before": 1_900_000_000}, Difference.NOT_YET_VALID),
        ({"operations": ("wrapKey",)}, Difference.OPERATIONS),
        ({"operations": (*WRAPPING, "sign")}, Difference.OPERATIONS),
        ({"recovery_level": "Recoverable+Purgeable"}, Difference.RECOVERY_LEVEL),
        ({"public_key": PUBLIC["ec-p256"]}, Difference.PUBLIC_KEY),
        ({"public_key": None}, Difference.PUBLIC_KEY),
        ({"kty": "RSA"}, Difference.NOT_HSM),
        ({"kty": "EC-HSM"}, Difference.TYPE),
        ({"bits": 3072}, Difference.SIZE),
    ],
)
def test_each_difference_is_told_alone(change: dict[str, object], difference: Difference) -> None:
    assert kinds(compare(expected(), seen(found(**change)))) == [difference]


def test_the_order_of_operations_is_nothing() -> None:
    assert compare(expected(), seen(found(operations=WRAPPING[::-1]))) == ()


def test_an_expiry_at_the_end_of_time_is_none() -> None:
    """Customer Key takes an expiry of 9999-12-31, at whatever hour of that day."""
    assert moment(253_402_214_400) == "9999-12-31T00:00:00Z"
    for second in (253_402_214_400, 253_402_300_799):
        assert compare(expected(), seen(found(expires=second))) == ()
    assert kinds(compare(expected(), seen(found(expires=253_402_214_399)))) == ["expires"]


def test_a_first_day_of_use_that_has_come_is_nothing() -> None:
    """A vault takes no date away again; one that has passed stops nobody."""
    assert compare(expected(), seen(found(not_before=NOW))) == ()
    assert judging.compare(expected(), seen(found(not_before=86_400))) == ()
    assert kinds(compare(expected(), seen(found(not_before=NOW + 1)))) == ["not-yet-valid"]


class TestCurves:
    @pytest.mark.parametrize(("algorithm", "curve"), [("ec-p256", "P-256"), ("ec-p256k", "P-256K")])
    def test_a_curve_goes_by_azures_name(self, algorithm: str, curve: str) -> None:
        there = found(kty="EC-HSM", bits=256, curve=curve, public_key=PUBLIC[algorithm])
        assert list(differences_in_kind(held(algorithm), there)) == []

    def test_another_curve_of_the_same_size_differs(self) -> None:
        there = found(kty="EC-HSM", bits=256, curve="P-256K", public_key=PUBLIC["ec-p256"])
        (drift,) = differences_in_kind(held("ec-p256"), there)
        assert drift.difference is Difference.SIZE
        assert "P-256K" in drift.detail


class TestVersions:
    def test_one_that_was_there_before_is_no_difference(self) -> None:
        assert compare(expected(), seen(None, listed(OTHER, 1_700_000_000))) == ()
        same_second = listed(OTHER, 1_800_000_000)
        assert compare(expected(), seen(None, same_second)) == ()

    def test_a_later_one_is_told_and_that_the_name_stands_for_it(self) -> None:
        there = seen(
            None, listed(OTHER, 1_800_000_001), current=found(version=OTHER, identifier=f"{VAULT}/keys/t/{OTHER}")
        )
        (drift,) = compare(expected(), there)
        assert drift.difference is Difference.EXTRA_VERSION
        assert f"the name alone now stands for {OTHER}" in drift.detail

    def test_one_of_the_same_second_is_told_when_the_name_stands_for_it(self) -> None:
        there = seen(None, listed(OTHER, 1_800_000_000), current=found(identifier=f"{VAULT}/keys/t/{OTHER}"))
        assert kinds(compare(expected(), there)) == ["extra-version"]

    def test_what_another_push_of_ours_put_there_is_known(self) -> None:
        there = seen(None, listed(OTHER, 1_800_000_001), current=found(identifier=f"{VAULT}/keys/t/{OTHER}"))
        assert compare(expected(other_versions=frozenset({OTHER})), there) == ()
        more = replace(there, versions=(*there.versions, listed(FURTHER, 1_800_000_002)))
        (drift,) = compare(expected(other_versions=frozenset({OTHER})), more)
        assert FURTHER in drift.detail
        assert OTHER not in drift.detail


class TestAbsence:
    def test_a_deleted_key_is_told_with_the_way_back(self) -> None:
        deleted = DeletedVaultKey(
            name="tenant", identifier=f"{VAULT}/keys/tenant/{OURS}", scheduled_purge=1_900_000_000, recoverable=True
        )
        (drift,) = compare(expected(), Seen(pushed=None, current=None, versions=(), deleted=deleted))
        assert drift.difference is Difference.DELETED
        assert "2030-03-17T17:46:40Z" in drift.detail
        assert drift.advice == f"az keyvault key recover --id {VAULT}/deletedkeys/tenant"

    def test_a_purged_key_is_told(self) -> None:
        assert kinds(compare(expected(), Seen(pushed=None, current=None, versions=(), deleted=None))) == ["missing"]

    def test_a_name_that_was_used_again_is_told(self) -> None:
        there = Seen(pushed=None, current=found(version=OTHER), versions=(listed(OTHER, 1),), deleted=None)
        (drift,) = compare(expected(), there)
        assert drift.difference is Difference.MISSING
        assert "the name is" in drift.detail


class TestWhatHappenedHere:
    def test_a_rotation_leaves_the_vault_behind(self) -> None:
        mine = held(current_version=2)
        assert kinds(compare(expected(mine), seen())) == ["rotated-here"]
        assert compare(expected(mine, superseded=True), seen()) == ()

    @pytest.mark.parametrize("state", ["deactivated", "compromised", "destroyed", "destroyed-compromised"])
    def test_a_key_that_is_out_of_use_here_should_be_disabled_there(self, state: str) -> None:
        mine = held(state=state)
        (drift,) = compare(expected(mine), seen())
        assert drift.difference is Difference.STATE_HERE
        assert f"is {state} here" in drift.detail
        assert compare(expected(mine), seen(found(enabled=False))) == ()

    def test_a_deactivated_version_that_was_superseded_may_still_decrypt(self) -> None:
        mine = held(state="deactivated", current_version=2)
        assert compare(expected(mine, superseded=True), seen()) == ()
        lost = held(state="compromised", current_version=2)
        assert kinds(compare(expected(lost, superseded=True), seen())) == ["state-here"]
