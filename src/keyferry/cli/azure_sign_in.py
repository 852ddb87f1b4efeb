"""Who asks Azure, and at which of its clouds: the options of the commands that speak to Azure from this machine."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from keyferry.cli.choices import AZURE_CLOUDS
from keyferry.cli.files import read_input
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.clouds.azure.environment import AzureCloud
    from keyferry.clouds.azure.hosts import AllowedHosts
    from keyferry.clouds.azure.session import AzureSession

P = ParamSpec("P")

vault_option = click.option(
    "--vault", metavar="NAME|URL", required=True, help="The vault: its name, or its address https://HOST."
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the options say of the cloud and the authority; signed in is with whatever this machine has.

    Attributes:
        cloud_name: one of Azure's own clouds.
        cloud_file: a JSON file with the addresses of another.
        authority: where tokens come from, when it is another place than the cloud's own.
    """

    cloud_name: str
    cloud_file: str | None
    authority: str | None

    @property
    def cloud(self) -> "AzureCloud":
        """The cloud.

        Raises:
            InvalidInput: the file of a cloud is not what it should be.
            CannotStart: it cannot be read.
        """
        from keyferry.clouds.azure.environment import cloud_named

        cloud = cloud_named(self.cloud_name) if self.cloud_file is None else _read_cloud(self.cloud_file)
        if self.authority is None:
            return cloud
        return replace(cloud, authority=self.authority.rstrip("/"), instance_discovery=False)

    def session(self) -> "AzureSession":
        """A sign-in with what this machine has: the environment, `az login`, a managed identity.

        Raises:
            ClientFailed: (`azure-sdk-missing`) Azure's SDK is not installed.
            InvalidInput, CloudFailed: an address of the cloud will not do.
        """
        from keyferry.clouds.azure.credentials import default_credential
        from keyferry.clouds.azure.outgoing import Outgoing
        from keyferry.clouds.azure.session import AzureSession

        cloud = self.cloud
        outgoing = Outgoing(allowed=self._allowed(cloud))
        return AzureSession(cloud, default_credential(cloud, outgoing), outgoing)

    def vault_url(self, given: str) -> str:
        """A vault's address: as given, or by its name in this cloud."""
        return given.rstrip("/") if "://" in given else self.cloud.vault_url(given)

    def require_reachable(self, url: str) -> None:
        """
        Raises:
            InvalidInput: `url` is no vault's address.
            CloudFailed: (`azure-host-refused`) this machine sends nothing to its host.
        """
        from keyferry.clouds.azure.hosts import vault_origin

        vault_origin(url, self._allowed(self.cloud))

    def _allowed(self, cloud: "AzureCloud") -> "AllowedHosts":
        """Azure's own hosts, and those of a cloud that was given here."""
        from keyferry.clouds.azure.hosts import AllowedHosts

        own = self.cloud_file is None and self.authority is None
        return AllowedHosts() if own else AllowedHosts().with_cloud(cloud)


def signing_in(command: Callable[Concatenate[SignIn, P], None]) -> Callable[..., None]:
    """Give a command `--cloud`, `--cloud-file` and `--authority`, and call it with what they say."""

    @click.option(
        "--cloud",
        "cloud_name",
        type=click.Choice(AZURE_CLOUDS),
        default=AZURE_CLOUDS[0],
        show_default=True,
        help="Which of Azure's clouds.",
    )
    @click.option("--cloud-file", metavar="FILE.json", help="Addresses of another cloud, such as an Azure Stack's.")
    @click.option("--authority", metavar="URL", help="Where tokens come from, if not from the cloud's own authority.")
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        given: dict[str, Any] = {name: kwargs.pop(name) for name in ("cloud_name", "cloud_file", "authority")}
        command(SignIn(**given), *args, **kwargs)

    return run


def _read_cloud(path: str) -> "AzureCloud":
    from keyferry.clouds.azure.environment import AzureCloud

    names = [field.name for field in fields(AzureCloud)]
    refused = InvalidInput(
        f"{path} does not hold the addresses of a cloud.",
        field="cloud_file",
        advice=f"Write a JSON object with the members {', '.join(names)}.",
    )
    try:
        members = json.loads(read_input(path, what="cloud's addresses", field="cloud_file"))
        cloud = AzureCloud(**members)
    except (ValueError, TypeError):
        raise refused from None
    flags = {"verify_challenge", "instance_discovery"}
    texts = [getattr(cloud, name) for name in names if name not in flags | {"audience"}]
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(getattr(cloud, flag), bool) for flag in flags
    ):
        raise refused
    return cloud
