"""Bringing a store's tables to the form that this release works with.

Every start of a server asks at which revision the store is, and nearly always it is at the newest. So that is found
without Alembic, which is loaded where there is something to migrate.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from keyferry.errors import CannotStart

if TYPE_CHECKING:  # see above
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Run the migrations that are missing up to `revision`, all in one transaction; answers the revision reached."""
    from alembic import command

    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)
    return present(engine) or ""


def newest() -> str:
    """The revision that this release works with."""
    return _revisions()[-1]


def is_known(revision: str) -> bool:
    """Whether this release knows a revision, and so the way from it to the newest."""
    return revision in _revisions()


def present(engine: Engine) -> str | None:
    """The revision that the store is at; None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


@cache
def _revisions() -> tuple[str, ...]:
    """Every revision in order: a migration's file is called by its revision, and then by what it does."""
    return tuple(sorted(file.name.partition("_")[0] for file in SCRIPTS.glob("versions/[0-9]*_*.py")))


def require_newest(engine: Engine) -> None:
    """
    Raises:
        CannotStart: the store is empty, or at another revision than this release works with.
    """
    found, wanted = present(engine), newest()
    if found is None:
        raise CannotStart(
            "This store is not initialised.", code="not-initialised", advice="Run `keyferry init --home DIR` first."
        )
    if found != wanted:
        raise CannotStart(
            f"The store is at schema revision {found}; this release works with {wanted}.",
            code="schema-version",
            advice="Take a backup, then run `keyferry upgrade`; or install the release that the store belongs to.",
        )


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
