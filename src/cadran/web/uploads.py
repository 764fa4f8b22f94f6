"""Files that visitors send: held in memory within bounds, never written in clear to the disk, and told when they are too large."""

from __future__ import annotations

import io
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

MOST_BYTES = 12 * 1024 * 1024  # of one file; more is counted and dropped
MOST_REQUEST = 64 * 1024 * 1024  # of all that one request sends
MOST_FILES = 4


class TooLarge(InMemoryUploadedFile):
    """A file of more than MOST_BYTES: its size is right, its content is gone."""


class BoundedMemory(FileUploadHandler):
    """Keeps each file in memory, at most MOST_FILES of MOST_BYTES. Raises RequestDataTooBig beyond."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._files = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        if content_length > MOST_REQUEST:
            raise RequestDataTooBig(f"a request has at most {MOST_REQUEST} bytes")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._files += 1
        if self._files > MOST_FILES:
            raise RequestDataTooBig(f"a request has at most {MOST_FILES} files")
        self._held, self._size = io.BytesIO(), 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > MOST_BYTES:
            self._held = io.BytesIO()
        else:
            self._held.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        kind = TooLarge if self._size > MOST_BYTES else InMemoryUploadedFile
        self._held.seek(0)
        return kind(
            file=self._held,
            field_name=self.field_name or "",
            name=self.file_name or "",
            content_type=self.content_type or "",
            size=self._size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
