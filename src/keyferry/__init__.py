"""Keyferry: a key management server. See `docs/architecture.md`."""

__version__ = "0.1.0"
