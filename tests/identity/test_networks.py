"""Allow-lists of networks."""

import json
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import InvalidInput
from keyferry.identity.networks import NetworkList, admits_more, parse_networks, source_network


def refusal(*entries: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        parse_networks(entries, field="allow_networks")
    assert (refused.value.code, refused.value.field) == ("network-refused", "allow_networks")
    assert refused.value.advice
    return refused.value


class TestReading:
    def test_addresses_and_networks_are_kept_in_order_and_normal_form(self) -> None:
        networks = parse_networks([" 192.0.2.7 ", "10.0.0.0/8", "2001:DB8:0:0::/32", "2001:db8::0:1", "192.0.2.7/32"])
        assert networks.texts() == ("192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "2001:db8::1")

    def test_an_address_written_as_ipv6_is_the_ipv4_address_that_it_is(self) -> None:
        networks = parse_networks(["::ffff:192.0.2.7", "::ffff:10.0.0.0/104", "192.0.2.7", "::ffff:c000:200/120"])
        assert networks.texts() == ("192.0.2.7", "10.0.0.0/8", "192.0.2.0/24")

    def test_host_bits_are_refused_with_the_network_that_was_meant(self) -> None:
        assert "10.0.0.0/8" in refusal("10.1.2.3/8").advice
        assert "2001:db8::/32" in refusal("2001:db8::1/32").advice
        assert "10.0.0.0/8" in refusal("::ffff:10.1.2.3/104").advice
        assert "the one address" in refusal("10.1.2.3/8").advice

    @pytest.mark.parametrize(
        "entry",
        [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/-1",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/0.255.255.255",
            "10.0.0",
            "010.0.0.1",
            "10.0.0.256",
            "0x0a000001",
            "167772161",
            "٣.0.0.1",
            "2001:db8::/129",
            "2001:db8:::1",
            "[::1]",
            "keys.example.org",
            "10.0.0.0/8,10.1.0.0/16",
            "a" * 10_000,
        ],
    )
    def test_what_is_no_network_is_refused(self, entry: str) -> None:
        refused = refusal("192.0.2.1", entry)
        assert "is no address or network" in refused.detail
        assert len(refused.detail) < 120

    def test_zone_ids_are_refused(self) -> None:
        assert "zone id" in refusal("fe80::1%eth0").detail

    def test_a_list_has_at_most_64_networks_doubles_not_counted(self) -> None:
        many = [f"10.0.{number}.0/24" for number in range(65)]
        assert len(parse_networks(many[:64] * 2).networks) == 64
        assert "65 networks" in refusal(*many).detail

    @given(st.lists(st.text(max_size=40) | st.ip_addresses().map(str), max_size=5))
    def test_any_list_is_refused_or_reads_as_it_was_written(self, entries: list[str]) -> None:
        try:
            networks = parse_networks(entries)
        except InvalidInput:
            return
        assert parse_networks(networks.texts()) == networks


class TestAdmitting:
    networks = parse_networks(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])

    @pytest.mark.parametrize(
        "address",
        ["10.255.255.255", "192.0.2.7", "::ffff:10.0.0.1", "::ffff:c000:207", "2001:db8:ffff::1", "2001:DB8::1"],
    )
    def test_inside(self, address: str) -> None:
        assert self.networks.admits(address)

    @pytest.mark.parametrize(
        "address",
        ["11.0.0.1", "192.0.2.8", "::ffff:11.0.0.1", "::10.0.0.1", "2001:db9::1", "", "unix:", "10.0.0.1/8", "x"],
    )
    def test_outside(self, address: str) -> None:
        assert not self.networks.admits(address)

    def test_an_empty_list_admits_nobody(self) -> None:
        assert not NetworkList(()).admits("127.0.0.1")
        assert parse_networks([]) == NetworkList(())

    def test_neither_family_opens_the_other(self) -> None:
        everything_6, everything_4 = parse_networks(["::/0"]), parse_networks(["0.0.0.0/0"])
        assert everything_6.admits("2001:db8::1")
        assert not everything_6.admits("192.0.2.1")
        assert not everything_6.admits("::ffff:192.0.2.1")
        assert everything_4.admits("::ffff:192.0.2.1")
        assert not everything_4.admits("2001:db8::1")

    def test_a_link_local_caller_is_known_without_its_zone(self) -> None:
        assert parse_networks(["fe80::/10"]).admits("fe80::1%eth0")

    @given(st.ip_addresses(v=4))
    def test_an_ipv4_address_is_one_caller_in_both_forms(self, address: IPv4Address) -> None:
        networks = parse_networks(["0.0.0.0/1"])
        assert networks.admits(str(address)) == networks.admits(f"::ffff:{address}") == (int(address) < 2**31)
        assert source_network(str(address)) == source_network(f"::ffff:{address}") == str(address)


class TestSources:
    def test_an_ipv6_subscriber_is_one_source(self) -> None:
        assert source_network("2001:db8:1:2:3:4:5:6") == source_network("2001:db8:1:2::1") == "2001:db8:1:2::/64"
        assert source_network("2001:db8:1:3::1") != "2001:db8:1:2::/64"

    def test_what_has_no_address_is_local(self) -> None:
        assert source_network("") == source_network("/run/keyferry.sock") == "local"

    @given(st.ip_addresses(v=6))
    def test_every_address_has_a_source(self, address: IPv6Address) -> None:
        source = source_network(str(address))
        assert parse_networks([source]).admits(str(address))


def _kept(networks: str | None) -> str | None:
    return None if networks is None else json.dumps(networks.split())


class TestWidening:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (None, None),
            (None, ""),
            (None, "0.0.0.0/0 ::/0"),
            ("", ""),
            ("10.0.0.0/8", ""),
            ("10.0.0.0/8", "10.1.0.0/16 10.2.3.4"),
            ("10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8"),
            ("2001:db8::/33 2001:db8:8000::/33", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.1.2.3"),
            ("::/0 192.0.2.7", "192.0.2.7 2001:db8::1"),
        ],
    )
    def test_no_more_than_before(self, before: str | None, after: str | None) -> None:
        assert not admits_more(_kept(before), _kept(after))

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("0.0.0.0/0 ::/0", None),
            ("", None),
            ("", "10.0.0.1"),
            ("10.0.0.0/9", "10.0.0.0/8"),
            ("10.0.0.0/8", "10.0.0.0/8 192.0.2.7"),
            ("::/0", "10.0.0.1"),
            ("0.0.0.0/0", "2001:db8::1"),
        ],
    )
    def test_more_than_before(self, before: str | None, after: str | None) -> None:
        assert admits_more(_kept(before), _kept(after))

    @given(st.lists(st.ip_addresses(v=4).map(str), max_size=4), st.lists(st.ip_addresses(v=4).map(str), max_size=4))
    def test_as_asking_for_each_address_tells(self, before: list[str], after: list[str]) -> None:
        lets_in = parse_networks(before)
        assert admits_more(json.dumps(before), json.dumps(after)) == any(not lets_in.admits(each) for each in after)
