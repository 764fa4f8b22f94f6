"""Rows that are written once, for every room that keeps some."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class AppendOnly(models.Model):
    """A row that is written once. The database refuses changes as well, by a trigger of the room's migrations."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            self._refuse()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is append-only: write a further row instead")
