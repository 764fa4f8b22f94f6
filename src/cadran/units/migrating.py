"""A migration's SQL for the database that it runs on."""

from __future__ import annotations

from typing import Any

from django.db import migrations


class SqlByDatabase(migrations.RunSQL):
    """Statements for SQLite, and one text of SQL for PostgreSQL (empty where there is nothing to do); not reversed."""

    def __init__(self, sqlite: list[str] | str, postgresql: str = "", state_operations: Any = None) -> None:
        super().__init__(
            [*sqlite] if isinstance(sqlite, list) else sqlite,
            reverse_sql=migrations.RunSQL.noop,
            state_operations=state_operations,
        )
        self.postgresql = postgresql

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif self.postgresql:
            schema_editor.execute(self.postgresql, params=None)
