"""How the emulator refuses on the wire: in the service's own shape, on every plane."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class AzureFailure(Exception):
    """A refusal, raised anywhere below a request and answered as JSON by `app.py`. It never holds a secret.

    Args:
        status: the HTTP status.
        code: `error.code`, such as BadParameter.
        message: `error.message`, a sentence for the person who called.
        inner: `error.innererror.code`, where the service gives one.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner
        self.headers = dict(headers)

    def document(self) -> dict[str, Any]:
        """The body of the answer: `{"error": {"code", "message", "innererror": {"code"}}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner is not None:
            error["innererror"] = {"code": self.inner}
        return {"error": error}

    def __repr__(self) -> str:
        return f"AzureFailure({self.status} {self.code}: {self.message})"
