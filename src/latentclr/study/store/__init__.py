"""Where answers are kept: the tables, the database, and the store over both."""

from latentclr.web.extras import needs

needs("study", "sqlalchemy", "alembic")

from latentclr.study.store.store import Store  # noqa: E402  (says first which extra is missing)

__all__ = ["Store"]
