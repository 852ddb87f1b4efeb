"""Where a provider finds us: addresses of the console, and what they are called in SAML."""

from dataclasses import dataclass

from keyferry.errors import Conflict


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """What we are to one provider.

    Args:
        public_url: the console's address as browsers see it.
        name: the provider's; it is never used again, so neither are these addresses.
    """

    public_url: str
    name: str

    @property
    def entity_id(self) -> str:
        """What we are called, which is also where our metadata is."""
        return f"{self.public_url}/sso/{self.name}/metadata"

    @property
    def acs_url(self) -> str:
        """Where answers to sign-ins are sent (AssertionConsumerService, HTTP-POST)."""
        return f"{self.public_url}/sso/{self.name}/acs"

    @property
    def slo_url(self) -> str:
        """Where sign-outs are sent (SingleLogoutService, HTTP-Redirect)."""
        return f"{self.public_url}/sso/{self.name}/slo"


def service_provider(public_url: str, name: str) -> ServiceProvider:
    """
    Raises:
        Conflict: (`provider-incomplete`) nobody has said how browsers reach the console.
    """
    if not public_url:
        raise Conflict(
            "The setting public_url is empty, so providers cannot be told where to send people back.",
            code="provider-incomplete",
            field="public_url",
            advice="Set public_url to the console's address as browsers see it, and start the server again.",
        )
    return ServiceProvider(public_url, name)
