"""Where a request came from."""

from typing import Final

from starlette.requests import HTTPConnection

#: where a request came from when the server cannot say; on no account's list of networks
UNKNOWN_ADDRESS: Final = "unknown"


def address_of(request: HTTPConnection) -> str:
    """The address of the connection. Headers that claim another are not believed."""
    return UNKNOWN_ADDRESS if request.client is None else request.client.host
