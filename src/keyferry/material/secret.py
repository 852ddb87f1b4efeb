"""A value that never prints."""

from typing import Final


class Secret:
    """Bytes that must not be shown: printing, formatting, logging and pickling reveal only the length.

    `reveal()` is the one way to the bytes, so that a search for it finds every place where a secret is used.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"Secret(…{len(self._value)} bytes…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")

    def __eq__(self, other: object) -> bool:
        raise TypeError("compare secrets with hmac.compare_digest on what reveal() returns")

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key
