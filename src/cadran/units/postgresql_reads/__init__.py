"""Django's PostgreSQL backend for tables that are read by the same statements on SQLite."""
