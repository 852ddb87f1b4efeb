"""Profiles: which server, whom to trust for it, and the token, or the client certificate, of who is signed in.

A profile is `~/.config/keyferry/profiles/NAME.toml` (`XDG_CONFIG_HOME` is honoured), mode 0600 or refused:

    server = "https://127.0.0.1:8420"
    user = "alice"
    token = "kf_…"
    expires_at = "2030-01-31T12:00:00Z"
    ca = "-----BEGIN CERTIFICATE-----…"        or  ca_file = "/path/to/ca.pem"; without both, the system's

A program that signs in nowhere needs none: KEYFERRY_SERVER, KEYFERRY_CA_FILE and KEYFERRY_TOKEN_FILE say the same.

With a client certificate there is no token, but `certificate_file` and `key_file`, PEM; relative paths are from here.
"""

import json
import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from keyferry.errors import CannotStart, ClientFailed
from keyferry.material.secret import Secret
from keyferry.private_files import read_private, replace_private

DEFAULT = "default"
#: stands for what the environment says, where no profile is read
ENVIRONMENT = "environment"
TOKEN_FILE_VARIABLE = "KEYFERRY_TOKEN_FILE"  # noqa: S105  # the name of a variable that names a file
SERVER_VARIABLE = "KEYFERRY_SERVER"
CA_FILE_VARIABLE = "KEYFERRY_CA_FILE"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
#: one of Keyferry's, or a signed one of a trusted issuer
_TOKEN = re.compile(rb"[!-~]{1,16384}")
_MAX_BYTES = 64 * 1024
_MEMBERS = {"server", "user", "token", "expires_at", "ca", "ca_file", "certificate_file", "key_file"}


@dataclass(frozen=True, slots=True)
class Profile:
    """Where to go, whom to trust, and as whom.

    Attributes:
        server: the server's address, `https://HOST:PORT`.
        ca: PEM certificates of the authorities that the server's certificate must come from; None for the system's.
        certificate_file: PEM file of a client certificate to come with; `key_file`, perhaps the same, of its key.
    """

    name: str
    server: str
    token: Secret | None
    user: str | None = None
    expires_at: str | None = None
    ca: str | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


def load_profile(name: str, *, own_token: bool = False) -> Profile:
    """Read a profile; the file that KEYFERRY_TOKEN_FILE names, if any, gives the token instead.

    With KEYFERRY_SERVER beside it, no profile is read at all.

    Args:
        own_token: take the profile's token in any case.

    Raises:
        ClientFailed: `not-signed-in`, there is no such profile.
        CannotStart: `profile-refused`, others can read it, or it holds something else.
    """
    token_file = None if own_token else os.environ.get(TOKEN_FILE_VARIABLE)
    server = os.environ.get(SERVER_VARIABLE)
    if server and token_file:
        return _of_environment(server, Path(token_file))
    path = path_of(name)
    if not os.path.lexists(path):
        raise ClientFailed(
            f"There is no profile {name}.",
            code="not-signed-in",
            field="profile",
            advice=_sign_in_advice(name),
        )
    data = read_private(path, what="profile", max_bytes=_MAX_BYTES, code="profile-refused", field="profile")
    profile = _parse(name, path, data)
    if not token_file:
        return profile
    token = read_token(Path(token_file), TOKEN_FILE_VARIABLE)
    return replace(profile, token=token, certificate_file=None, key_file=None)


def _of_environment(server: str, token_file: Path) -> Profile:
    ca_file = os.environ.get(CA_FILE_VARIABLE)
    ca = read_ca(Path(ca_file), CA_FILE_VARIABLE) if ca_file else None
    return Profile(ENVIRONMENT, server, read_token(token_file, TOKEN_FILE_VARIABLE), ca=ca)


def save_profile(profile: Profile) -> Path:
    """Write a profile, in the place of an older one of that name; the file's path."""
    path = path_of(profile.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    members = {
        "server": profile.server,
        "user": profile.user,
        "token": None if profile.token is None else profile.token.reveal().decode("ascii"),
        "expires_at": profile.expires_at,
        "ca": profile.ca,
        "certificate_file": None if profile.certificate_file is None else str(profile.certificate_file),
        "key_file": None if profile.key_file is None else str(profile.key_file),
    }
    # A JSON string of ASCII is a TOML basic string.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in members.items() if value is not None]
    replace_private(path, "".join(lines).encode("ascii"), what="profile", field="profile")
    return path


def remove_profile(name: str) -> None:
    """Remove a profile and the token in it."""
    path_of(name).unlink(missing_ok=True)


def path_of(name: str) -> Path:
    """Where a profile lies.

    Raises:
        CannotStart: (`profile-refused`) the name will not do for a file.
    """
    if not _NAME.fullmatch(name):
        raise CannotStart(
            "That is no name for a profile.",
            code="profile-refused",
            field="profile",
            advice="Use 1 to 64 of letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    # The XDG Base Directory Specification has a relative path ignored.
    given = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    base = given if given.is_absolute() else Path("~/.config").expanduser()
    return base / "keyferry" / "profiles" / f"{name}.toml"


def read_token(path: Path, field: str) -> Secret:
    """The token in a file that only the caller can read.

    Raises:
        CannotStart: `file-refused`.
    """
    data = read_private(path, what="token file", max_bytes=_MAX_BYTES, code="file-refused", field=field).strip()
    if not _TOKEN.fullmatch(data):
        advice = "Write the token there as `keyferry token create` printed it."
        raise CannotStart(f"{path} does not hold a token.", code="file-refused", field=field, advice=advice)
    return Secret(data)


def read_ca(path: Path, field: str) -> str:
    """The certificates in a PEM file that others cannot change.

    Raises:
        CannotStart: `file-refused`.
    """
    data = read_private(
        path, what="CA file", max_bytes=_MAX_BYTES, code="file-refused", field=field, refused_mode=0o022
    )
    if b"-----BEGIN CERTIFICATE-----" not in data or not data.isascii():
        advice = "Give the server's tls/ca.pem, which `keyferry init` wrote."
        raise CannotStart(f"{path} holds no PEM certificate.", code="file-refused", field=field, advice=advice)
    return data.decode("ascii")


def _parse(name: str, path: Path, data: bytes) -> Profile:
    refused = CannotStart(
        f"The profile at {path} is not what `keyferry login` writes.",
        code="profile-refused",
        field="profile",
        advice=_sign_in_advice(name),
    )
    try:
        members = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise refused from None
    if not members.keys() <= _MEMBERS or not all(isinstance(value, str) for value in members.values()):
        raise refused
    token = members.get("token")
    if "server" not in members or (token is not None and not _TOKEN.fullmatch(token.encode())):
        raise refused
    files = [members.get(member) for member in ("certificate_file", "key_file")]
    if (files[0] is None) != (files[1] is None) or (files[0] is not None and token is not None):
        raise refused
    certificate_file, key_file = (None if file is None else path.parent / file for file in files)
    ca = members.get("ca")
    if ca is None and "ca_file" in members:
        ca = read_ca(path.parent / members["ca_file"], "ca_file")
    return Profile(
        name,
        members["server"],
        None if token is None else Secret(token.encode("ascii")),
        members.get("user"),
        members.get("expires_at"),
        ca,
        certificate_file,
        key_file,
    )


def _sign_in_advice(name: str) -> str:
    profile = "" if name == DEFAULT else f" --profile {name}"
    return f"Sign in: keyferry login --server URL --user NAME --password-file FILE{profile}"
