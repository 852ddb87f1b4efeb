"""Typed settings, one table (`settings.py`); an unknown setting is refused.

values.py     one reader a kind of value: text or a TOML value in, a typed value out
settings.py   the table, and the rules between settings
sources.py    the environment and keyferry.toml: read, merged, written
"""

from keyferry.config.settings import Settings
from keyferry.config.sources import load_settings, read_database_url, resolve_home, write_settings
from keyferry.config.values import Listen

__all__ = ["Listen", "Settings", "load_settings", "read_database_url", "resolve_home", "write_settings"]
