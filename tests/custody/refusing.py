"""What every refusal by custody has in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from keyferry.errors import KeyferryError


@dataclass
class Refusal:
    """The error, once the block has ended."""

    caught: list[KeyferryError] = field(default_factory=list)

    @property
    def error(self) -> KeyferryError:
        return self.caught[0]


@contextmanager
def refused(code: str, field_name: str | None = None) -> Iterator[Refusal]:
    """The block ends in a refusal with this code (and field); it says what to do."""
    refusal = Refusal()
    with pytest.raises(KeyferryError) as caught:
        yield refusal
    error = caught.value
    assert error.code == code, repr(error)
    assert error.detail
    assert error.advice, f"{error!r} does not say what to do"
    if field_name is not None:
        assert error.field == field_name, repr(error)
    refusal.caught.append(error)
