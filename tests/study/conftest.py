"""Studies, databases (SQLite always, PostgreSQL where there is one), codes that are always the same."""

import os
import random
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from tests.study.planted import small_study

from latentclr.study.answers import ALPHABET, CODE
from latentclr.study.plan import Study

POSTGRES = "LATENTCLR_TEST_POSTGRES"
"""Environment variable: URL of a database in which tests may make schemas of their own."""


@pytest.fixture(scope="session")
def study_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    """`small_study`, made once for all tests that ask for the same; nothing in its folder may be changed."""

    @cache
    def made(*sizes: int, **options: Any) -> Study:
        return small_study(tmp_path_factory.mktemp("study") / "study", *sizes, **options)

    return made


@pytest.fixture
def known_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """New participants have the same codes in every run.

    The order of their items is drawn by the code, so that dice fall the same way only for the same codes.
    """
    rng = random.Random(0)
    monkeypatch.setattr(
        "latentclr.study.store.store.new_code", lambda: "".join(rng.choices(ALPHABET, k=CODE))
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/answers.sqlite3"
        return
    place = os.environ.get(POSTGRES)
    if place is None:
        pytest.skip(f"needs a PostgreSQL: set {POSTGRES} to its URL")
    schema = f"test_{uuid.uuid4().hex}"
    given = make_url(place).set(drivername="postgresql+psycopg")
    engine = create_engine(given)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        ours = given.update_query_dict({"options": f"-csearch_path={schema}"})
        yield ours.set(drivername="postgresql").render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()
