"""What reading a certificate, or a request for one, can fail with."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, InvalidVersion

#: The library raises the last two beside `ValueError`: for an extension that stands there twice, and a version of X.509
#: that does not exist.
UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, DuplicateExtension, InvalidVersion)
