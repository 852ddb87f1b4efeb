"""Alembic's entry: runs migrations on the connection that `keyferry.store.migrating` hands over."""

from alembic import context

from keyferry.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transaction_per_migration=False,
)
context.run_migrations()
