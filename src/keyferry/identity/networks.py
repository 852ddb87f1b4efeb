"""Allow-lists of networks: from where a user may sign in and call.

A list that is not enforced is `None`; an empty list is enforced and admits nothing. IPv4 addresses written as IPv6
(`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) are taken as the IPv4 addresses that they are, in lists and in callers,
so that neither form is a way round a list written in the other. An IPv6 network never admits an IPv4 address: `::/0`
means every IPv6 address.
"""

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

from keyferry.errors import InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_NETWORKS = 64

_ENTRY = re.compile(r"([0-9A-Fa-f.:]+)(?:/(0|[1-9][0-9]{0,2}))?", re.ASCII)
_MAPPED_BITS = 96
_SOURCE_BITS_IPV6 = 64


@dataclass(frozen=True, slots=True)
class NetworkList:
    """Networks in the order in which they were given, in normal form, none twice."""

    networks: tuple[Network, ...]

    def admits(self, address: str) -> bool:
        """Whether a caller from `address` may pass; what is no address may not."""
        caller = _caller(address)
        return caller is not None and any(caller in network for network in self.networks)

    def texts(self) -> tuple[str, ...]:
        """As `parse_networks` reads them: an address alone without its prefix length; IPv6 after RFC 5952."""
        return tuple(_text(network) for network in self.networks)


def parse_networks(entries: Iterable[str], *, field: str = "networks") -> NetworkList:
    """Read a list of IPv4 and IPv6 addresses and networks, such as `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.

    Raises:
        InvalidInput: (`network-refused`) an entry is no address or network, has bits set beyond its prefix length or a
            zone id, or there are more than 64.
    """
    networks = tuple(dict.fromkeys(_parse(entry, field) for entry in entries))
    if len(networks) > MAX_NETWORKS:
        detail = f"The list has {len(networks)} networks; it may have {MAX_NETWORKS}."
        raise InvalidInput(
            detail, code="network-refused", field=field, advice="Write larger networks instead of many small ones."
        )
    return NetworkList(networks)


def normal_address(text: str) -> str | None:
    """An address as it is compared and shown: IPv4 for a mapped one, IPv6 after RFC 5952; None for what is none.

    An address with a zone is none: it means nothing on another machine than the one that wrote it.
    """
    caller = None if "%" in text else _caller(text)
    return None if caller is None else str(caller)


def edited_networks(present: str | None, wanted: Iterable[str] | None, *, enforce: bool | None) -> str | None:
    """A list of networks as a row keeps it, after an edit.

    Args:
        enforce: False takes it out of force; True puts an empty one into force where there is none.

    Raises:
        InvalidInput: a network will not do; says which.
    """
    if enforce is False:
        return None
    if wanted is not None:
        return json.dumps(list(parse_networks(wanted).texts()))
    return "[]" if enforce and present is None else present


def listed(kept: str | None) -> str | list[str]:
    """A list, as a row keeps it, for people to read; `any` for one that is not enforced."""
    return "any" if kept is None else list(map(str, json.loads(kept)))


def admits_more(before: str | None, after: str | None) -> bool:
    """Whether a list, as a row keeps it, admits an address that the one before it did not."""
    if before is None or after is None:
        return before is not None
    old_ipv4, old_ipv6 = _by_version(before)
    new_ipv4, new_ipv6 = _by_version(after)
    wide_ipv4, wide_ipv6 = list(collapse_addresses(old_ipv4)), list(collapse_addresses(old_ipv6))
    return any(not any(each.subnet_of(wide) for wide in wide_ipv4) for each in new_ipv4) or any(
        not any(each.subnet_of(wide) for wide in wide_ipv6) for each in new_ipv6
    )


def source_network(address: str) -> str:
    """The network that failures from `address` are counted under: an IPv4 address itself, an IPv6 address's /64.

    A /64 is what one subscriber has at least (RFC 6177 section 2): counting single IPv6 addresses would limit nobody.
    What is no address (a local socket) is counted under `local`.
    """
    caller = _caller(address)
    if caller is None:
        return "local"
    if isinstance(caller, IPv4Address):
        return str(caller)
    return str(IPv6Network((caller, _SOURCE_BITS_IPV6), strict=False))


def _parse(entry: str, field: str) -> Network:
    def refuse(detail: str, advice: str) -> InvalidInput:
        return InvalidInput(detail, code="network-refused", field=field, advice=advice)

    example = "Write an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32."
    if "%" in entry:
        raise refuse(f"{_shown(entry)} has a zone id.", "Leave out the % and what follows it.")
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        raise refuse(f"{_shown(entry)} is no address or network.", example)
    try:
        address = ipaddress.ip_address(match[1])
        network = ipaddress.ip_network(
            (address, address.max_prefixlen if match[2] is None else int(match[2])), strict=False
        )
    except ValueError:
        raise refuse(f"{_shown(entry)} is no address or network.", example) from None
    if network.network_address != address:
        meant = _text(_unmapped(network))
        detail = f"{_shown(entry)} has bits set beyond its prefix length."
        raise refuse(detail, f"Write {meant} for the network, or {address} for the one address.")
    return _unmapped(network)


def _by_version(kept: str) -> tuple[list[IPv4Network], list[IPv6Network]]:
    networks = parse_networks(json.loads(kept)).networks
    return (
        [each for each in networks if isinstance(each, IPv4Network)],
        [each for each in networks if isinstance(each, IPv6Network)],
    )


def _unmapped(network: Network) -> Network:
    """The IPv4 network that an IPv6 network of mapped addresses stands for; any other as it is."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        address = network.network_address.ipv4_mapped
        if address is not None:
            return IPv4Network((address, network.prefixlen - _MAPPED_BITS))
    return network


def _caller(address: str) -> Address | None:
    """A caller's address in normal form: unmapped, and without the zone that a link-local one carries (RFC 4007)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _text(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _shown(entry: str) -> str:
    return repr(entry if len(entry) <= 64 else entry[:61] + "...")
