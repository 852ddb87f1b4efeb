"""What every refusal of material has in common."""

import pytest

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import read_material
from keyferry.material.secret import Secret


def refusal_of(data: bytes, *, type_name: str | None = None, passphrase: bytes | None = None) -> MaterialRefused:
    """The refusal of `data`: it has advice, names a field, and holds no other error, which might hold the data."""
    with pytest.raises(MaterialRefused) as caught:
        read_material(
            data,
            algorithm=None if type_name is None else ALGORITHMS[type_name],
            passphrase=None if passphrase is None else Secret(passphrase),
        )
    refusal = caught.value
    assert refusal.advice
    assert refusal.field in {"material", "passphrase"}
    assert refusal.__context__ is None
    assert refusal.__cause__ is None
    return refusal
