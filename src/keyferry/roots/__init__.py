"""Roots of trust: what the store's data keys are wrapped by. One file a root, chosen by a URI's scheme (`opening.py`).

    file:PATH         a random key in a file that only its owner may read
    passphrase:PATH   a random key in a file, itself encrypted under a passphrase (Argon2id)

A relative PATH is relative to the home.
"""

from keyferry.roots.base import Root
from keyferry.roots.opening import create_root, open_root
from keyferry.roots.passphrase_source import PassphraseSource

__all__ = ["PassphraseSource", "Root", "create_root", "open_root"]
