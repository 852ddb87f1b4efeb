"""One sign-in at one cloud, and the settings that every client of Azure's SDK is made with."""

import logging
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from keyferry import __version__
from keyferry.clouds.azure.environment import AzureCloud
from keyferry.clouds.azure.hosts import HostPattern
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.errors import ClientFailed

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from keyferry.clouds.azure.transport import GuardedTransport

__all__ = ["AzureSession", "Credential", "Outgoing", "require_sdk"]

USER_AGENT: Final = f"keyferry/{__version__}"
_SDK: Final = (
    "azure.identity",
    "azure.keyvault.keys",
    "azure.mgmt.authorization",
    "azure.mgmt.keyvault",
    "azure.mgmt.resource.resources",
    "azure.mgmt.resource.subscriptions",
)
_ITS_LOGGERS: Final = ("azure", "msal", "urllib3")


class Credential(Protocol):
    """What a sign-in of azure-identity can do."""

    def get_token(self, *scopes: str, **more: Any) -> Any:
        """An access token for `scopes`."""

    def get_token_info(self, *scopes: str, options: Any = None) -> Any:
        """An access token for `scopes`, and when to renew it."""

    def close(self) -> None:
        """Let its connections go."""


class AzureSession:
    """A sign-in at a cloud, for as many clients as are wanted. Use it in a `with` statement, or close it.

    Args:
        credential: made by `keyferry.clouds.azure.credentials` with the same `outgoing`; the session closes it.
    """

    def __init__(self, cloud: AzureCloud, credential: Credential, outgoing: Outgoing) -> None:
        self.cloud = cloud
        self.credential = credential
        self.outgoing = outgoing
        self._transports: list[GuardedTransport] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let all connections go."""
        for transport in self._transports:
            transport.close()
        self.credential.close()

    def options(self, url: str) -> dict[str, Any]:
        """Keyword arguments for a client of the SDK that speaks to the host of `url`, and to no other.

        Raises:
            CloudFailed: (`azure-host-refused`) the host is not allowed.
            ClientFailed: (`azure-sdk-missing`) the SDK is not installed.
        """
        require_sdk("azure.core")
        from keyferry.clouds.azure.transport import BoundedRetries, GuardedTransport

        origin = self.outgoing.allowed.require(url)
        only = HostPattern(origin.host, below=False, port=origin.port)
        transport = GuardedTransport(self.outgoing, only=[only])
        self._transports.append(transport)
        return {
            "transport": transport,
            "retry_policy": BoundedRetries(),
            "user_agent": USER_AGENT,
            "logging_enable": False,
        }


def require_sdk(*modules: str) -> None:
    """See to it that Azure's SDK is there, and that its logs stay quiet: they hold headers and addresses.

    Args:
        modules: those that are needed; all of what Keyferry uses when none is named.

    Raises:
        ClientFailed: (`azure-sdk-missing`) it is not.
    """
    for module in modules or _SDK:
        try:
            import_module(module)
        except ModuleNotFoundError as missing:
            raise ClientFailed(
                f"Azure's SDK is not installed ({missing.name} is missing)",
                code="azure-sdk-missing",
                advice="Install it: pip install 'keyferry[azure]'",
            ) from None
    for name in _ITS_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:  # a level that somebody chose stays
            logger.setLevel(logging.CRITICAL)
