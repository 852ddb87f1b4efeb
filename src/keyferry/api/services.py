"""What the REST door needs of the rest of the house; the composition root puts it together."""

from collections.abc import Callable
from dataclasses import dataclass

from keyferry.config.settings import Settings
from keyferry.custody.custody import Custody
from keyferry.identity.sign_in import Authenticator, SignIn


@dataclass(frozen=True, slots=True)
class Services:
    """
    Args:
        ready: returns when the server can serve; raises a KeyferryError that says why it cannot.
    """

    custody: Custody
    sign_in: SignIn
    authenticator: Authenticator
    settings: Settings
    ready: Callable[[], None]
