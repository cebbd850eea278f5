"""Databases are brought to the newest layout, wholly or not at all, and URLs say what is wrong with them."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from tests.study.planted import always, small_study, take_part

from latentclr import InputError
from latentclr.study.store import Store, database, store
from latentclr.study.store.database import connect

LATER = '''"""A later layout: participants have a colour."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add it."""
    op.add_column("participant", sa.Column("colour", sa.Text(), server_default="grey", nullable=False))
'''


def later(tmp_path: Path, more: str = "") -> Path:
    """Migrations with one more."""
    folder = shutil.copytree(database.MIGRATIONS, tmp_path / "migrations")
    (folder / "versions" / "m0002_colour.py").write_text(LATER + more)
    return folder


def version(url: str) -> str | None:
    engine = connect(url)
    with engine.connect() as connection:
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    engine.dispose()
    return found


def test_the_migrations_make_the_tables_that_the_store_uses(url: str) -> None:
    engine = connect(url)
    found = inspect(engine)
    tables = (store._STUDY, store._PARTICIPANT, store._ANSWER)
    assert set(found.get_table_names()) == {*(table.name for table in tables), "alembic_version"}
    for table in tables:
        assert {column["name"] for column in found.get_columns(table.name)} == {*table.c.keys(), "id"}
    engine.dispose()
    again = connect(url)  # nothing is left to do
    assert version(url) == "0001"
    again.dispose()


def test_an_older_database_is_brought_up_with_its_answers(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path / "study")
    with Store.open(url, study) as store:
        me = take_part(store, always("yes"))
        before = store.answers()
    assert version(url) == "0001"
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", later(tmp_path))
        assert version(url) == "0002"
        with Store.open(url, study) as store:
            assert store.answers() == before
            assert store.join(me.code).number == 1
            with store._engine.connect() as connection:
                assert connection.execute(text("SELECT colour FROM participant")).scalars().all() == ["grey"]
    with pytest.raises(InputError, match="another version of latentclr; use a version as new"):
        connect(url)


def test_a_migration_that_fails_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(url).dispose()
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", later(tmp_path, '    op.execute("SELECT * FROM nowhere")\n'))
        with pytest.raises(InputError, match=r"cannot open the answers in .*nowhere"):
            connect(url)
    engine = connect(url)
    assert "colour" not in {column["name"] for column in inspect(engine).get_columns("participant")}
    engine.dispose()
    assert version(url) == "0001"


def test_many_may_open_a_new_database_at_once(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        for engine in pool.map(lambda _: connect(url), range(6)):
            engine.dispose()
    assert version(url) == "0001"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("answers.sqlite3", "this is no URL of a database; give sqlite:///FILE or postgresql://"),
        ("mysql://me:secret@host/name", "cannot be kept in 'mysql'"),
        ("nothing://me:secret@host/name", "this is no URL|cannot be kept in 'nothing'"),
        ("sqlite://", "answers in the memory would be lost"),
        ("sqlite:///file:x?mode=memory", "answers in the memory would be lost"),
        ("sqlite:////nowhere/at/all/answers.sqlite3", "there is no folder for the answers in /nowhere"),
        ("postgresql://me:secret@127.0.0.1:1/name", r"cannot open the answers in .*me:\*\*\*@127"),
    ],
)
def test_urls_that_are_none(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        connect(given)
    assert "secret" not in str(caught.value)


def test_files_that_are_no_databases(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(InputError, match=r"cannot open the answers in .*file is not a database"):
        connect(f"sqlite:///{tmp_path}/text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="unable to open database file"):
        connect(f"sqlite:///{tmp_path}/folder")


def test_anothers_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mine.sqlite3") as connection:
        connection.execute("CREATE TABLE participant (name TEXT)")
        connection.execute("INSERT INTO participant VALUES ('me')")
    connection.close()
    with pytest.raises(InputError, match="table participant already exists"):
        connect(f"sqlite:///{tmp_path}/mine.sqlite3")
    with sqlite3.connect(tmp_path / "mine.sqlite3") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("participant",)]
    connection.close()
