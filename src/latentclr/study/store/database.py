"""The database of answers: SQLite in a file, or PostgreSQL by URL, at the newest layout of the tables."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, OperationalError

from latentclr.errors import InputError

PATIENCE = 60
"""Seconds that a writer waits for other writers."""
POOL: Mapping[str, Any] = {"pool_size": 8, "max_overflow": 32, "pool_timeout": PATIENCE}
SQLITE, POSTGRESQL = "sqlite", "postgresql"
LOCK = 0x1A7E47C1
"""Number of the advisory lock of PostgreSQL that migrations hold."""
MIGRATIONS = Path(__file__).parents[1] / "migrations"


def connect(url: str) -> Engine:
    """Open a database at its newest layout; it is created if it is not there.

    SQLite: write-ahead log, flushed to the disk at every commit (synchronous=FULL), foreign keys enforced,
    transactions that write begin as writers (BEGIN IMMEDIATE), so that they wait and never fail half-way.

    Args:
        url: "sqlite:///FILE" or "postgresql://USER:PASSWORD@HOST/NAME".

    Raises:
        InputError: another kind of URL, no such database, or one of a newer version of this package.
    """
    place = _place(url)
    engine = _sqlite(place) if place.get_backend_name() == SQLITE else _postgresql(place)
    shown = place.render_as_string(hide_password=True)
    try:
        with _one_at_a_time(place):
            if place.get_backend_name() == SQLITE:
                _write_ahead(str(place.database))
            with engine.begin() as connection:
                if place.get_backend_name() == POSTGRESQL:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK})
                upgrade(connection)
    except CommandError as error:
        engine.dispose()
        raise InputError(
            f"the answers in {shown} were written by another version of latentclr; use a version as new."
        ) from error
    except (DBAPIError, sqlite3.Error, OSError) as error:
        engine.dispose()
        raise InputError(f"cannot open the answers in {shown}: {reason(error)}.") from error
    return engine


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest layout, in the transaction of the connection: wholly or not at all."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and waits for no writer in SQLite."""
    with engine.connect().execution_options(latentclr_reads=True) as connection:
        yield connection


def healthy(engine: Engine) -> bool:
    """Whether SQLite finds no fault in the database (PostgreSQL is not asked)."""
    if engine.dialect.name != SQLITE:
        return True
    try:
        with reading(engine) as connection:
            found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            return found == ["ok"] and not connection.execute(text("PRAGMA foreign_key_check")).all()
    except OperationalError:  # it cannot be asked
        raise
    except DatabaseError:  # "malformed"
        return False


def _place(url: str) -> URL:
    allowed = "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        place = make_url(url)
        backend = place.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        # The URL may hold a password: it is not shown.
        raise InputError(f"this is no URL of a database; {allowed}.") from error
    if backend == POSTGRESQL:
        return place.set(drivername="postgresql+psycopg")
    if backend != SQLITE:
        raise InputError(f"answers cannot be kept in {backend!r}; {allowed}.")
    if place.database in (None, "", ":memory:") or str(place.database).startswith("file:"):
        raise InputError(f"answers in the memory would be lost; {allowed}.")
    if not Path(str(place.database)).absolute().parent.is_dir():
        raise InputError(f"there is no folder for the answers in {place.database}; make it first.")
    return place.set(drivername="sqlite+pysqlite", query={})


@contextmanager
def _one_at_a_time(place: URL) -> Iterator[None]:
    """SQLite cannot switch to write-ahead while another process reads; PostgreSQL has a lock of its own."""
    if place.get_backend_name() != SQLITE:
        yield
        return
    path = Path(str(place.database)).absolute()
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
        yield


def _write_ahead(path: str) -> None:
    """Switch a file to a write-ahead log for good, outside of any transaction."""
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise InputError(
            f"answers cannot be kept in {path}: its disk allows no write-ahead log; choose another."
        )


def _sqlite(place: URL) -> Engine:
    engine = create_engine(place, **POOL, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not when the driver thinks so
        for pragma in ("foreign_keys=ON", "synchronous=FULL", f"busy_timeout={1000 * PATIENCE}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reads = connection.get_execution_options().get("latentclr_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql(place: URL) -> Engine:
    options = f"{place.query.get('options', '')} -c synchronous_commit=on".strip()
    try:
        return create_engine(
            place,
            **POOL,
            pool_pre_ping=True,
            connect_args={"options": options, "connect_timeout": 10},
        )
    except ImportError as error:
        raise InputError(
            "PostgreSQL needs the extra `postgres` (pip install 'latentclr[postgres]')."
        ) from error


def reason(error: Exception) -> str:
    """The message of the database's driver, in one line without a full stop."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
