"""The tenant's applications: what they get to sign in with."""

import re

from keyferry.emulator.directory import new_secret


def test_a_secret_can_be_an_argument_of_a_command() -> None:
    """One in 64 of all random texts in base64url begins with a dash, and `az login --password -...` is refused."""
    secrets = {new_secret() for _ in range(2000)}
    assert len(secrets) == 2000
    assert all(re.fullmatch(r"\w[\w-]{42}", secret, re.ASCII) for secret in secrets)
