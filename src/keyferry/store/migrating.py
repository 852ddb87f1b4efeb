"""Bringing a store's tables to the form that this release works with."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from keyferry.errors import CannotStart

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Run the migrations that are missing up to `revision`, all in one transaction; answers the revision reached."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)
    return present(engine) or ""


def newest() -> str:
    """The revision that this release works with."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Whether this release knows a revision, and so the way from it to the newest."""
    return any(script.revision == revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions())


def present(engine: Engine) -> str | None:
    """The revision that the store is at; None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


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


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
