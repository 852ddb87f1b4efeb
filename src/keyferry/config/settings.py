"""The table of settings. Adding a setting means adding a row here and one in docs/settings.md; a test compares them."""

# ruff: noqa: RUF009  (_row is dataclasses.field with a row of the table; that it runs once, here, is what it is for)

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from keyferry.config import values
from keyferry.config.values import Listen, Reader
from keyferry.errors import CannotStart

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table.

    Attributes:
        default: as one would write it in keyferry.toml or the environment; empty for 'not set'.
        read: turns text or a TOML value into the typed value; raises `ValueError` saying what it must be.
        help: one sentence for the person who sets it.
    """

    name: str
    default: str
    read: Reader[object]
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"KEYFERRY_{self.name.upper()}"


def _row(default: str, read: Reader[T], help_text: str) -> T:
    """A field of `Settings` whose default is `default` as `read` understands it."""
    # A cast, as dataclasses.field() is typed as its default and not as a Field.
    return cast(
        "T", field(default=cast("Any", read(default)), metadata={"default": default, "read": read, "help": help_text})
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation has settled. Durations are in seconds, sizes in bytes, paths absolute.

    Raises:
        CannotStart: (`setting-refused`) two settings contradict each other.
    """

    home: Path

    # doors
    listen: Listen = _row("127.0.0.1:8420", values.listen, "Address and port of the REST door and the console.")
    listen_mtls: Listen | None = _row(
        "", values.optional_listen, "Address and port of the same doors for clients with a certificate."
    )
    allow_plain_http: bool = _row("false", values.boolean, "Serve HTTP without TLS; only on a loopback address.")
    tls_names: tuple[str, ...] = _row("", values.host_names, "Further names and addresses for the server certificate.")
    client_cert_header: bool = _row(
        "false", values.boolean, "Believe trusted proxies about client certificates (`Client-Cert`, RFC 9440)."
    )
    trusted_proxies: tuple[str, ...] = _row(
        "", values.networks, "Addresses and networks of proxies whose X-Forwarded-For is believed."
    )
    max_body_bytes: int = _row("1MiB", values.size("1KiB", "64MiB"), "Largest request body.")
    default_page: int = _row("100", values.integer(1, 5000), "Items in a page when the caller does not say.")
    max_page: int = _row("500", values.integer(1, 5000), "Most items that a caller may ask for in a page.")
    max_concurrency: int = _row("64", values.integer(1, 1024), "Requests that are worked on at once.")

    # secrets
    root: str = _row("file:root.key", values.text, "Root of trust, as a URI: `file:PATH` or `passphrase:PATH`.")
    root_passphrase_file: Path | None = _row(
        "", values.optional_path, "File that holds a `passphrase:` root's passphrase."
    )
    database_file: Path | None = _row(
        "", values.optional_path, "File that holds a PostgreSQL URL; else SQLite in the home."
    )

    # rules
    destruction_pending: int = _row(
        "7d", values.duration("0s", "365d"), "From `destroy` to the erasure of the material."
    )
    token_lifetime: int = _row("12h", values.duration("1m", "366d"), "How long a sign-in's token lasts.")
    session_idle: int = _row(
        "30m", values.duration("1m", "366d"), "How long a session of the console may lie idle before it ends."
    )
    hash_queue: int = _row("32", values.integer(0, 1024), "Sign-ins that may wait for their password to be hashed.")
    kek_policy: str = _row("any", values.choice("any", "registered"), "Key encryption keys that exports accept.")

    # keys that are generated before they are asked for
    pool: bool = _row("on", values.boolean, "Keep RSA keys ready: generated while the machine is idle.")
    pool_rsa_2048: int = _row("16", values.integer(0, 10_000), "RSA-2048 keys that are kept ready.")
    pool_rsa_3072: int = _row("8", values.integer(0, 10_000), "RSA-3072 keys that are kept ready.")
    pool_rsa_4096: int = _row("4", values.integer(0, 10_000), "RSA-4096 keys that are kept ready.")

    # Azure, for pushes that the server makes
    outgoing_proxy: str = _row("", values.optional_proxy, "HTTP proxy for the server's requests; else HTTPS_PROXY's.")
    outgoing_ca_file: Path | None = _row(
        "", values.optional_path, "Authorities that Azure's certificates must come from; else REQUESTS_CA_BUNDLE's."
    )
    azure_hosts: tuple[str, ...] = _row(
        "", values.host_patterns, "Further hosts that requests to Azure may go to, beside Azure's own."
    )

    # identity providers
    public_url: str = _row(
        "",
        values.optional_origin,
        "The console's address as browsers see it, https://HOST[:PORT]; for single sign-on and passkeys.",
    )
    identity_hosts: tuple[str, ...] = _row(
        "", values.host_patterns, "Hosts of identity providers that requests may go to, beside well-known ones."
    )
    identity_ca_file: Path | None = _row(
        "", values.optional_path, "Authorities that identity providers' certificates must come from."
    )

    # logs
    log_level: str = _row("info", values.choice("debug", "info", "warning", "error"), "Least severity that is logged.")
    log_format: str = _row("console", values.choice("console", "json"), "Form of log lines.")

    def __post_init__(self) -> None:
        if self.allow_plain_http and not self.listen.is_loopback:
            raise CannotStart(
                f"Plain HTTP is not served on {self.listen}, which is no loopback address.",
                code="setting-refused",
                field="allow_plain_http",
                advice="Leave allow_plain_http off and use TLS, or listen on 127.0.0.1 or [::1].",
            )
        if self.default_page > self.max_page:
            raise CannotStart(
                f"default_page ({self.default_page}) is more than max_page ({self.max_page}).",
                code="setting-refused",
                field="default_page",
                advice="Lower default_page or raise max_page.",
            )

    @property
    def pool_sizes(self) -> Mapping[str, int]:
        """How many keys of each type are kept ready; none when the pool is off."""
        if not self.pool:
            return {}
        return {"rsa-2048": self.pool_rsa_2048, "rsa-3072": self.pool_rsa_3072, "rsa-4096": self.pool_rsa_4096}

    @property
    def passkey_origin(self) -> tuple[str, str] | None:
        """Whom passkeys are for: a host's name, and the origin of pages that may ask for them (WebAuthn section 5.1.2).

        `public_url`; without it, https://localhost for a server that listens on loopback. None for a server that is
        known by an address alone, since passkeys are for names.
        """
        origin = self.public_url
        if not origin and self.listen.is_loopback:
            scheme, standard = ("http", 80) if self.allow_plain_http else ("https", 443)
            origin = f"{scheme}://localhost" + ("" if self.listen.port == standard else f":{self.listen.port}")
        host = origin.partition("://")[2].rpartition(":")[0] or origin.partition("://")[2]
        if not host or host.startswith("[") or host.replace(".", "").isdigit():
            return None
        return host, origin

    @property
    def sqlite_file(self) -> Path:
        """Where the store is when `database_file` is not set."""
        return self.home / "keyferry.db"


def _rows() -> Iterator[Setting]:
    for each in fields(Settings):
        if each.metadata:
            yield Setting(each.name, **each.metadata)


TABLE: Mapping[str, Setting] = {row.name: row for row in _rows()}
