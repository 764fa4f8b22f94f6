"""What a file really is, and a harmless copy of it: photos drawn afresh without metadata, PDFs rebuilt from their pages.

Everything in the file is hostile until shown otherwise: its name is not looked at, its declared type neither. `python -m` of this
module does it in a process of its own whose memory and time are bounded (see `inspector`), reading the file from its input.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf
    from PIL import Image

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
MEMORY_BYTES = 1 << 30
CPU_S = 20
# A JPEG is reduced while it is read; the others are held whole.
MOST_PIXELS = {JPEG: 64_000_000, PNG: 24_000_000, WEBP: 24_000_000}
LONGEST_SIDE, SHORTEST_SIDE = 16_000, 300
KEPT_SIDE = 2600  # of the copy: the small print of a card is readable from 1500 on
QUALITY = 88
MOST_OBJECTS = 4000
MOST_DECODED = 96 * 1024 * 1024
MOST_PDF_PIXELS = 64_000_000

_FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP"}
_ACTIVE = frozenset(
    {
        *("/JS", "/JavaScript", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/EF", "/RichMedia", "/XFA", "/AA"),
        *("/OpenAction", "/SubmitForm", "/ImportData", "/GoToR", "/GoToE", "/Sound", "/Movie", "/Rendition", "/3D"),
    }
)
_DECODED_BY = frozenset(
    {"/FlateDecode", "/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode", "/ASCII85Decode"}
)


class Refused(Exception):
    """The file is not taken; the argument is a rule of `inspector.FileRefused`."""


@dataclass(frozen=True, slots=True)
class Safe:
    """A copy that is safe to keep and to show: its type, its pages (a photo is one) and its content."""

    media_type: str
    pages: int
    content: bytes


def inspect(raw: bytes, *, max_bytes: int, max_pages: int) -> Safe:
    """The harmless copy. Raises Refused with `empty`, `size`, `type`, `heic`, `broken`, `pixels`, `small`, `pages`, `locked`
    or `active`."""
    if not raw:
        raise Refused("empty")
    if len(raw) > max_bytes:
        raise Refused("size")
    kind = real_type(raw)
    try:
        return _pdf(raw, max_pages) if kind == PDF else _photo(raw, kind)
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("pixels") from error
    except Exception as error:  # an edge: whatever a parser makes of hostile bytes
        raise Refused("broken") from error


def real_type(raw: bytes) -> str:
    """The type that the content says, at its very first byte. Raises Refused."""
    if raw[:3] == b"\xff\xd8\xff":
        return JPEG
    if raw[:8] == b"\x89PNG\r\n\x1a\n":
        return PNG
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return WEBP
    if raw[:5] == b"%PDF-":
        return PDF
    if raw[4:8] == b"ftyp" and raw[8:12] in {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"}:
        raise Refused("heic")
    raise Refused("type")


def _photo(raw: bytes, kind: str) -> Safe:
    """The picture drawn afresh: upright, in colours of a screen, without anything that came beside the pixels."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # bounded below, before anything is decoded
    warnings.simplefilter("ignore")
    with Image.open(io.BytesIO(raw), formats=[_FORMATS[kind]]) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS[kind] or max(width, height) > LONGEST_SIDE:
            raise Refused("pixels")
        if min(width, height) < SHORTEST_SIDE:
            raise Refused("small")
        if getattr(picture, "n_frames", 1) != 1 and kind != JPEG:
            raise Refused("type")
        if kind == JPEG:
            picture.draft("RGB", (KEPT_SIDE, KEPT_SIDE))
        upright = ImageOps.exif_transpose(picture)
        drawn = _on_white(upright)
    drawn.thumbnail((KEPT_SIDE, KEPT_SIDE))
    out = io.BytesIO()
    Image.frombytes("RGB", drawn.size, drawn.tobytes()).save(out, "JPEG", quality=QUALITY, optimize=True)
    return Safe(JPEG, 1, out.getvalue())


def _on_white(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if "A" in picture.getbands() or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGB", clear.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return picture.convert("RGB")


def _pdf(raw: bytes, max_pages: int) -> Safe:
    """The pages in a new PDF: no scripts, attachments, forms, links or metadata go with them, nor what follows the file's end."""
    import pikepdf

    try:
        source = pikepdf.open(io.BytesIO(raw))
    except pikepdf.PasswordError as error:
        raise Refused("locked") from error
    with source, pikepdf.new() as copy:
        if source.is_encrypted:
            raise Refused("locked")
        if len(source.objects) > MOST_OBJECTS:
            raise Refused("broken")
        if not 1 <= len(source.pages) <= max_pages:
            raise Refused("pages")
        _check_objects(source)
        for page in source.pages:
            copy.pages.append(page)
        for page in copy.pages:
            for name in ("/AA", "/Annots", "/Metadata", "/PieceInfo", "/Thumb", "/B", "/StructParents", "/AF"):
                if name in page.obj:
                    del page.obj[name]
        pages, out = len(copy.pages), io.BytesIO()
        copy.remove_unreferenced_resources()
        copy.save(out, deterministic_id=True, fix_metadata_version=False, compress_streams=True)
    return Safe(PDF, pages, out.getvalue())


def _check_objects(source: pikepdf.Pdf) -> None:
    """No active content anywhere, streams of known coding that unfold to a bounded size, pictures of bounded pixels."""
    import pikepdf

    decoded = 0
    for item in source.objects:
        _check_names(item, depth=0)
        if not isinstance(item, pikepdf.Stream):
            continue
        filters = _filters(item)
        if filters - _DECODED_BY or len(filters) > 2:
            raise Refused("broken")
        points = int(item.get("/Width", 0)) * int(item.get("/Height", 0))
        if item.get("/Subtype") == "/Image" and points > MOST_PDF_PIXELS:
            raise Refused("pixels")
        if "/FlateDecode" in filters:
            if len(filters) > 1 and filters != {"/FlateDecode", "/DCTDecode"}:
                raise Refused("broken")
            decoded += _unfolded(item.read_raw_bytes(), MOST_DECODED - decoded)


def _filters(stream: Any) -> set[str]:
    found = stream.get("/Filter")
    if found is None:
        return set()
    names = [str(found)] if str(found).startswith("/") else [str(one) for one in found]
    if len(names) != len(set(names)):
        raise Refused("broken")
    return set(names)


def _check_names(item: Any, depth: int) -> None:
    import pikepdf

    if depth > 30:
        raise Refused("broken")
    if isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
        for name, value in item.items():
            if name in _ACTIVE or (name in {"/S", "/Subtype", "/Type"} and str(value) in _ACTIVE):
                if name == "/OpenAction" and isinstance(value, pikepdf.Array):
                    continue  # where the reader opens the document, not an action
                raise Refused("active")
            if not getattr(value, "is_indirect", False):
                _check_names(value, depth + 1)
    elif isinstance(item, pikepdf.Array):
        for value in item:
            if not getattr(value, "is_indirect", False):
                _check_names(value, depth + 1)


def _unfolded(raw: bytes, most: int) -> int:
    """How many bytes a deflated stream holds, read a piece at a time. Raises Refused above `most`."""
    reader, total, rest = zlib.decompressobj(), 0, raw
    while rest and not reader.eof:
        try:
            total += len(reader.decompress(rest, 1 << 20))
        except zlib.error:
            break  # a broken stream shows nothing
        rest = reader.unconsumed_tail
        if total > most:
            raise Refused("pixels")
    return total


def main() -> None:
    """One file from the standard input to the standard output: a line of JSON, then the copy."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    max_bytes, max_pages = int(sys.argv[1]), int(sys.argv[2])
    try:
        safe = inspect(sys.stdin.buffer.read(max_bytes + 1), max_bytes=max_bytes, max_pages=max_pages)
        head, content = {"media_type": safe.media_type, "pages": safe.pages}, safe.content
    except Refused as refusal:
        head, content = {"refused": str(refusal)}, b""
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + content)


if __name__ == "__main__":
    main()
