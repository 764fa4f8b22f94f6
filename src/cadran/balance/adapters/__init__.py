"""Where buckets of credit are kept: SQLite today."""
