"""A database that cannot be opened: said plainly, with advice, and without the password in its URL."""

from pathlib import Path

import pytest
from tests.conftest import PostgreSql

from keyferry.config.sources import load_settings
from keyferry.errors import CannotStart
from keyferry.installation import initialise, open_installation, upgrade_store
from keyferry.material.secret import Secret
from keyferry.store.engine import open_engine
from keyferry.testing import ADMINISTRATOR, CHEAP, PASSWORD

#: nobody listens on the first port
NOBODY = "127.0.0.1:1"


def write_url(directory: Path, url: str) -> Path:
    file = directory / "database-url"
    file.write_text(url)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://kf:s3cret@{NOBODY}/kf",
        f"postgresql://kf:s3cret%40@{NOBODY}/kf",
        f"postgresql://kf:not@s3cret@{NOBODY}/kf",  # an @ that should have been written %40
        f"postgresql://kf:not/s3cret@{NOBODY}/kf",
        "postgresql://kf:s3cret@127.0.0.1:port/kf",
        "postgresql://kf:s3cret@keys.invalid/kf",
        "postgresql://kf:s3cret",
        f"postgresql://kf@{NOBODY}/kf?password=s3cret&colour=s3cret",
    ],
)
def test_it_is_said_without_the_password(tmp_path: Path, url: str) -> None:
    file = write_url(tmp_path, url)
    home = tmp_path / "home"
    settings = load_settings(home, given={"database_file": file}, environ={})
    for attempt in (
        lambda: initialise(
            home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), database_file=file, cost=CHEAP
        ),
        lambda: open_installation(settings, cost=CHEAP),
        lambda: upgrade_store(settings),
    ):
        with pytest.raises(CannotStart) as caught:
            attempt()
        error = caught.value
        assert error.field == "database_file"
        assert error.advice
        assert "s3cret" not in f"{error!r} {error.advice}"
        assert error.__suppress_context__, "a traceback stops here"
    assert not home.exists()


def test_a_database_that_is_another_programs_is_left_alone(tmp_path: Path, postgresql: PostgreSql) -> None:
    url = postgresql.migrated()
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'another'")
    engine.dispose()
    file = write_url(tmp_path, url)
    with pytest.raises(CannotStart) as caught:
        initialise(
            tmp_path / "home", admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), database_file=file, cost=CHEAP
        )
    assert caught.value.code == "already-initialised"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    home = tmp_path / "home"
    initialise(home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), cost=CHEAP)
    for path in home.glob("keyferry.db*"):
        path.unlink()
    (home / "keyferry.db").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(CannotStart, match="cannot be opened"):
        open_installation(load_settings(home, environ={}), cost=CHEAP)


def test_an_init_that_comes_second_takes_nothing_from_the_first(
    tmp_path: Path, database_file: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once: both found the home empty."""
    home = tmp_path / "home"
    initialise(home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), database_file=database_file, cost=CHEAP)
    monkeypatch.setattr("keyferry.installation._require_unused", lambda _: None)
    with pytest.raises(CannotStart) as caught:
        initialise(
            home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), database_file=database_file, cost=CHEAP
        )
    assert caught.value.code == "already-initialised"
    open_installation(load_settings(home, environ={}), cost=CHEAP).close()
