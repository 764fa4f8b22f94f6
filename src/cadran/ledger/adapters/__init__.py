"""The books behind their port: SQLite today."""
