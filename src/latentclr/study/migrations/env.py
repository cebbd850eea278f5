"""Run by alembic: migrates over the connection, and in its transaction, that `database.upgrade` gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
