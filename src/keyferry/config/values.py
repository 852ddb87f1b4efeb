"""One reader a kind of value. A reader takes text (an environment variable) or what TOML gives, and returns a value.

A reader that refuses raises `ValueError` with what the value should be, to follow 'it must be'. The caller adds the
setting's name. Values are not repeated in messages, as a secret may have been put in the wrong setting.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Reader = Callable[[object], T]

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_QUANTITY = re.compile(r"(0|[1-9][0-9]{0,14})([A-Za-z]*)", re.ASCII)
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
_ORIGIN = re.compile(r"(https?)://(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::([1-9][0-9]{0,4}))?", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_PROXY_FORM = "http://HOST:PORT, without a user or a password in it"
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. `host` is an address without brackets, or a name in lower case; port 0 takes any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Loopback address (RFC 1122 3.2.1.3, RFC 4291 2.5.3), or `localhost` (RFC 6761 section 6.3)."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def text(value: object) -> str:
    """Printable text on one line, not empty."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("printable text on one line, not empty")
    return value


def choice(*choices: str) -> Reader[str]:
    """One of `choices`, exactly as written here."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value

    return read


def boolean(value: object) -> bool:
    """A TOML boolean, or one of true, yes, on, 1, false, no, off, 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise ValueError("true or false")


def integer(minimum: int, maximum: int) -> Reader[int]:
    """A whole number from `minimum` to `maximum`."""

    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not minimum <= number <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return number

    return read


def duration(minimum: str, maximum: str) -> Reader[int]:
    """A time span in whole seconds: a number of seconds, or one with a unit (`45s`, `30m`, `12h`, `7d`)."""
    return _quantity("a number of seconds, or one with the unit s, m, h or d", _SECONDS, minimum, maximum)


def size(minimum: str, maximum: str) -> Reader[int]:
    """A size in bytes: a number of bytes, or one with a unit (`512KiB`, `1MiB`)."""
    return _quantity("a number of bytes, or one with the unit KiB, MiB or GiB", _BYTES, minimum, maximum)


def _quantity(form: str, units: dict[str, int], minimum: str, maximum: str) -> Reader[int]:
    def parse(value: object) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
        return int(match[1]) * units[match[2]] if match and match[2] in units else None

    def read(value: object) -> int:
        amount, low, high = parse(value), parse(minimum), parse(maximum)
        if amount is None or low is None or high is None or not low <= amount <= high:
            raise ValueError(f"{form}, from {minimum} to {maximum}")
        return amount

    return read


def path(value: object) -> Path:
    """A path; the caller resolves a relative one against the home."""
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a path, without control characters")
    return Path(value)


def optional_path(value: object) -> Path | None:
    """A path, or empty text for none."""
    return None if value == "" else path(value)


def listen(value: object) -> Listen:
    """`HOST:PORT`, with an IPv6 address in brackets."""
    if isinstance(value, Listen):
        return value
    form = "HOST:PORT, such as 127.0.0.1:8420 or [::1]:8420"
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not _WHOLE_NUMBER.fullmatch(port) or int(port) > 65_535:
        raise ValueError(form)
    try:
        return Listen(_host_in_listen(host), int(port))
    except ValueError:
        raise ValueError(form) from None


def optional_listen(value: object) -> Listen | None:
    """As `listen`, or empty text for none."""
    return None if value == "" else listen(value)


def _host_in_listen(host: str) -> str:
    if host.startswith("[") and host.endswith("]") and "%" not in host:
        return str(ipaddress.IPv6Address(host[1:-1]))
    return _host(host, ipaddress.IPv4Address)


def host_names(value: object) -> tuple[str, ...]:
    """Host names and addresses: a TOML array, or text with commas between; doubles dropped, order kept."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value.strip() else []
    form = "a list of at most 64 host names or addresses"
    if not isinstance(value, (list, tuple)) or len(value) > 64:
        raise ValueError(form)
    try:
        return tuple(dict.fromkeys(_host(part, ipaddress.ip_address) for part in value))
    except (TypeError, ValueError):
        raise ValueError(form) from None


def networks(value: object) -> tuple[str, ...]:
    """Addresses and networks, IPv4 or IPv6: a TOML array, or text with commas between; doubles dropped, order kept.

    A network of all addresses is none of them: who trusts everybody's word has not said whose.
    """
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value.strip() else []
    form = "a list of at most 64 addresses or networks, such as 192.0.2.7 or 10.0.0.0/8, and not of all addresses"
    if not isinstance(value, (list, tuple)) or len(value) > 64:
        raise ValueError(form)
    try:
        found = [ipaddress.ip_network(part) for part in value if isinstance(part, str) and "%" not in part]
    except ValueError:
        raise ValueError(form) from None
    if len(found) != len(value) or any(network.prefixlen == 0 for network in found):
        raise ValueError(form)
    return tuple(dict.fromkeys(map(str, found)))


def optional_proxy(value: object) -> str:
    """`http://HOST:PORT`, or empty text for none. User information would be a secret, and is not taken."""
    if value == "":
        return ""
    if not isinstance(value, str) or not value.startswith("http://"):
        raise ValueError(_PROXY_FORM)
    try:
        found = listen(value.removeprefix("http://").removesuffix("/"))
    except ValueError:
        raise ValueError(_PROXY_FORM) from None
    return f"http://{found}"


def optional_origin(value: object) -> str:
    """`https://HOST[:PORT]`, or `http://` on a loopback address, in lower case; empty text for none."""
    if value == "":
        return ""
    form = "https://HOST or https://HOST:PORT, and nothing after it"
    match = _ORIGIN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(form)
    scheme, bracketed, name, port = match.groups()
    try:
        host = f"[{ipaddress.IPv6Address(bracketed)}]" if bracketed else _host(name, ipaddress.IPv4Address)
    except ValueError:
        raise ValueError(form) from None
    if port is not None and not 0 < int(port) <= 65_535:
        raise ValueError(form)
    if scheme == "http" and host not in {"127.0.0.1", "localhost", "[::1]"}:
        raise ValueError(f"{form}; http:// is for a loopback address alone")
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


def host_patterns(value: object) -> tuple[str, ...]:
    """Host names, each with a dot before it for all hosts below, and `:PORT` if not 443: a TOML array, or text with
    commas between; doubles dropped, order kept.
    """
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value.strip() else []
    if not isinstance(value, (list, tuple)) or len(value) > 64 or not all(map(_is_host_pattern, value)):
        raise ValueError("a list of at most 64 hosts such as vault.example.net or .example.net, with :PORT if not 443")
    return tuple(dict.fromkeys(part.lower() for part in value))


def _is_host_pattern(value: object) -> bool:
    if not isinstance(value, str):
        return False
    host, colon, port = value.lower().partition(":")
    name = host.removeprefix(".")
    if colon and (not _WHOLE_NUMBER.fullmatch(port) or not 0 < int(port) <= 65_535):
        return False
    return bool(_HOST_NAME.fullmatch(name)) and (name == host or "." in name)


def _host(text: str, read_address: Callable[[str], object]) -> str:
    """`text` as an address in its normal form, or as a host name in lower case (RFC 1123 section 2.1)."""
    if not isinstance(text, str):
        raise TypeError("not text")
    name = text.lower()
    if not name.split(".")[-1].isdigit() and ":" not in name:  # a last label of digits alone is an address's
        if not _HOST_NAME.fullmatch(name):
            raise ValueError("no host name")
        return name
    if "%" in text:
        raise ValueError("zone ids are not taken")
    return str(read_address(text))
