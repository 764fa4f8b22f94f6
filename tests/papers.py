"""Photos and PDFs, honest and hostile, made on the spot."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import pikepdf
from PIL import Image, ImageDraw


def photo(form: str = "JPEG", size: tuple[int, int] = (900, 600), **options: Any) -> bytes:
    """A picture with something on it."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).rectangle((40, 40, size[0] - 40, size[1] - 40), outline="navy", width=9)
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def located_photo() -> bytes:
    """A JPEG that says where it was taken, with a script in its metadata, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "<script>alert('exif')</script>"
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 24.0), 3: "E", 4: (2.0, 21.0, 3.0)}
    return photo(exif=exif, comment=b"<?php system($_GET['c']); ?>")


def declared(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that unfolds to so many points."""
    rows = zlib.compress(b"\0" * min(width * height, 1_000_000))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pdf(pages: int = 2, change: Any = None, **save: Any) -> bytes:
    """A PDF of blank pages; `change` receives it before it is written."""
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page(page_size=(300, 200))
        if change is not None:
            change(document)
        out = io.BytesIO()
        document.save(out, **save)
    return out.getvalue()


def pdf_text(page: pikepdf.Page) -> str:
    """What a page of a PDF says, in the order in which it is drawn, by the fonts' own tables to Unicode."""
    said, glyphs = [], dict[str, str]()
    fonts = {str(name): _to_unicode(font) for name, font in page.Resources.Font.items()}
    for operands, operator in pikepdf.parse_content_stream(page):
        if str(operator) == "Tf":
            glyphs = fonts[str(operands[0])]
        elif str(operator) in ("Tj", "TJ"):
            parts = operands[0] if str(operator) == "TJ" else operands
            for part in parts:
                if isinstance(part, pikepdf.String):
                    codes = bytes(part).hex()
                    said.append("".join(glyphs.get(codes[at : at + 4], "?") for at in range(0, len(codes), 4)))
            said.append("\n")
    return "".join(said)


def _to_unicode(font: pikepdf.Object) -> dict[str, str]:
    """Glyphs (four hexadecimal digits) and the text that each stands for."""
    table, found = font.ToUnicode.read_bytes().decode("latin-1"), {}
    for code, text in re.findall(r"<([0-9a-fA-F]{4})>\s*<([0-9a-fA-F]+)>", table):
        found[code.lower()] = bytes.fromhex(text).decode("utf-16-be")
    return found
