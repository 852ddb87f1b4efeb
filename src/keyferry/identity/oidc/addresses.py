"""Where browsers come back to, and providers send sign-outs. They are registered there, and compared to the letter."""

from dataclasses import dataclass

from keyferry.errors import Conflict


@dataclass(frozen=True, slots=True)
class Relying:
    """We, as one provider knows us.

    Attributes:
        public_url: the console's address as browsers see it.
        name: the provider's name here: each has addresses of its own, so that none can answer for another.
    """

    public_url: str
    name: str

    @property
    def redirect_uri(self) -> str:
        """Where a browser brings the code."""
        return f"{self.public_url}/sso/{self.name}/callback"

    @property
    def signed_out_uri(self) -> str:
        """Where a browser comes back to once it is signed out there."""
        return f"{self.public_url}/sign-in"

    @property
    def back_channel_uri(self) -> str:
        """Where the provider tells of sign-outs by itself."""
        return f"{self.public_url}/sso/{self.name}/backchannel-logout"


def relying(public_url: str, name: str) -> Relying:
    """
    Raises:
        Conflict: (`provider-incomplete`) nobody has said what the console's address is.
    """
    if not public_url:
        raise Conflict(
            "The setting public_url is empty, so providers cannot be told where to send people back.",
            code="provider-incomplete",
            field="public_url",
            advice="Set public_url to the console's address as browsers see it, and start the server again.",
        )
    return Relying(public_url.rstrip("/"), name)
