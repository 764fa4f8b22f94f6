"""Says in PostgreSQL's words what the statements say in SQLite's: no hints to a planner, JSON by other names, whole sums."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.backends.postgresql import base
from psycopg.types.numeric import NumericLoader

_WORDS = (
    (re.compile(r" INDEXED BY \w+"), ""),
    (re.compile(r"json_group_array\((\w+)\)"), r"json_agg(\1)::text"),
    (re.compile(r"\binstr\("), "strpos("),
    (re.compile(r"json_extract\((\w+), '\$\.(\w+)'\)"), r"(\1::json ->> '\2')"),
)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend that `settings.DATABASES` names for the money, where it lies in PostgreSQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_reworded)

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.adapters.register_loader("numeric", _Whole)
        return connection


class _Whole(NumericLoader):
    """The sum of whole numbers is a whole number."""

    def load(self, data: Any) -> Any:
        found = super().load(data)
        return int(found) if isinstance(found, Decimal) and found == found.to_integral_value() else found


def _reworded(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    if isinstance(sql, str):
        for pattern, word in _WORDS:
            sql = pattern.sub(word, sql)
    return execute(sql, params, many, context)
