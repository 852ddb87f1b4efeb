"""Lists in pages of 25 and less: every item once, in order, and a link that leads on."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import deleting, listing, making
from keyferry.emulator.keys.call import Call
from keyferry.emulator.keys.listing import Page, read_page

QUERY = {"api-version": "7.4"}


def page(**query: str) -> Page:
    return read_page(QUERY | {name.replace("skip", "$skip"): value for name, value in query.items()})


def next_page(answer: dict[str, Any]) -> Page:
    return read_page(dict(parse_qsl(urlsplit(answer["nextLink"]).query)))


def names(answer: dict[str, Any]) -> list[str]:
    return [item["kid"].rpartition("/")[2] for item in answer["value"]]


def make(call: Call, count: int) -> list[str]:
    expected = [f"key-{number:02}" for number in range(count)]
    for name in reversed(expected):
        making.create(call, name, {"kty": "EC", "tags": {"of": name}})
    return expected


def test_an_empty_vault_lists_nothing(call: Call) -> None:
    empty: dict[str, Any] = {"value": [], "nextLink": None}
    assert listing.list_keys(call, page()) == empty
    assert listing.list_deleted(call, page()) == empty
    assert listing.list_versions(call, "key", page()) == empty


def test_keys_come_in_pages_of_25_in_order_of_their_names(call: Call) -> None:
    expected = make(call, 53)
    first = listing.list_keys(call, page())
    second = listing.list_keys(call, next_page(first))
    third = listing.list_keys(call, next_page(second))
    assert [len(each["value"]) for each in (first, second, third)] == [25, 25, 3]
    assert names(first) + names(second) + names(third) == expected
    assert third["nextLink"] is None


def test_exactly_a_page_has_no_next(call: Call) -> None:
    make(call, 25)
    answer = listing.list_keys(call, page())
    assert (len(answer["value"]), answer["nextLink"]) == (25, None)


def test_a_link_carries_the_api_version_and_the_size_that_was_asked_for(call: Call) -> None:
    make(call, 5)
    answer = listing.list_keys(call, page(maxresults="2"))
    link = urlsplit(answer["nextLink"])
    assert answer["nextLink"].startswith("https://contoso-kv.vault.azure.net/keys?api-version=7.4&$skiptoken=")
    assert dict(parse_qsl(link.query)).items() >= {"api-version": "7.4", "maxresults": "2"}.items()
    rest = listing.list_keys(call, next_page(answer))
    assert names(answer) + names(rest) == ["key-00", "key-01", "key-02", "key-03"]


def test_an_item_of_a_key_has_no_version_and_its_current_versions_attributes(call: Call) -> None:
    making.create(call, "key", {"kty": "EC", "tags": {"old": ""}})
    newer = making.create(call, "key", {"kty": "EC", "tags": {"new": ""}, "attributes": {"enabled": False}})
    [item] = listing.list_keys(call, page())["value"]
    assert item == {
        "kid": "https://contoso-kv.vault.azure.net/keys/key",
        "attributes": newer["attributes"],
        "tags": {"new": ""},
    }


def test_versions_come_in_the_order_in_which_they_were_made(call: Call) -> None:
    made = [making.create(call, "key", {"kty": "EC"})["key"]["kid"] for _ in range(4)]
    first = listing.list_versions(call, "KEY", page(maxresults="3"))
    second = listing.list_versions(call, "key", next_page(first))
    assert [item["kid"] for item in first["value"] + second["value"]] == made
    assert first["nextLink"].startswith("https://contoso-kv.vault.azure.net/keys/key/versions?")
    assert second["nextLink"] is None


def test_deleted_keys_have_a_list_of_their_own(call: Call) -> None:
    make(call, 4)
    for name in ("key-01", "key-03"):
        deleting.delete(call, name)
    assert names(listing.list_keys(call, page())) == ["key-00", "key-02"]
    assert listing.list_versions(call, "key-01", page())["value"] == []
    first = listing.list_deleted(call, page(maxresults="1"))
    second = listing.list_deleted(call, next_page(first))
    assert names(first) + names(second) == ["key-01", "key-03"]
    [item] = first["value"]
    assert item["recoveryId"] == "https://contoso-kv.vault.azure.net/deletedkeys/key-01"
    assert item["scheduledPurgeDate"] - item["deletedDate"] == 90 * 86_400


@pytest.mark.parametrize("size", ["0", "26", "-1", "x", "", "1.5", "٣", "9" * 30])
def test_a_page_has_1_to_25_items(size: str) -> None:
    with pytest.raises(AzureFailure, match="a number from 1 to 25") as refused:
        page(maxresults=size)
    assert (refused.value.status, refused.value.code) == (400, "BadParameter")


@pytest.mark.parametrize("token", ["*", "A", "_____w"])
def test_a_continuation_that_no_page_ended_with_is_refused(token: str) -> None:
    with pytest.raises(AzureFailure, match=r"\$skiptoken has invalid value"):
        page(skiptoken=token)
