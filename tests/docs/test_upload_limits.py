"""What the docs say of the size of files is what the code takes."""

from __future__ import annotations

from pathlib import Path

from cadran.party.documents import rules
from cadran.web import uploads
from cadran.web.office.desk import decks

DOCS = Path(__file__).parents[2] / "docs"
MB = 1024 * 1024


def test_the_sizes_of_uploads_in_the_docs_are_those_of_the_code() -> None:
    documents = (DOCS / "how-to" / "identity-documents.md").read_text()
    assert f"at most four files of {uploads.MOST_BYTES // MB} MB each" in documents
    assert uploads.MOST_FILES == 4
    assert f"{rules.MAX_BYTES // MB} MB a file" in documents
    assert f"({decks.MAX_UPLOAD_BYTES // MB} MB where a page sends it)" in (DOCS / "reference" / "decks.md").read_text()
    assert decks.MAX_UPLOAD_BYTES <= uploads.MOST_BYTES, "beyond that a form gets no content"
