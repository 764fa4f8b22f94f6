from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

import papers
from cadran.party.documents import inspection, inspector, rules

D, N = pikepdf.Dictionary, pikepdf.Name
LIMITS = {"max_bytes": rules.MAX_BYTES, "max_pages": rules.MAX_PAGES}


def refused(raw: bytes) -> str:
    with pytest.raises(inspection.Refused) as caught:
        inspection.inspect(raw, **LIMITS)
    return str(caught.value)


@pytest.mark.clause("KRY-4.1-registration")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_becomes_a_jpeg_drawn_afresh(form: str) -> None:
    safe = inspection.inspect(papers.photo(form), **LIMITS)
    assert (safe.media_type, safe.pages) == ("image/jpeg", 1)
    with Image.open(io.BytesIO(safe.content)) as copy:
        assert (copy.format, copy.size) == ("JPEG", (900, 600))


def test_a_photo_loses_place_script_and_comment_and_stands_upright() -> None:
    raw = papers.located_photo()
    assert b"<script>" in raw
    assert b"<?php" in raw
    safe = inspection.inspect(raw, **LIMITS)
    for hidden in (b"<script>", b"<?php", b"Exif", b"GPS"):
        assert hidden not in safe.content
    with Image.open(io.BytesIO(safe.content)) as copy:
        assert copy.size == (600, 900)
        assert not copy.getexif()


def test_a_picture_that_is_also_a_page_an_archive_and_a_program_keeps_its_picture_alone() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../etc/cron.d/evil", "* * * * * root id")
    raw = papers.photo() + b"<html><script>alert(1)</script></html>" + archive.getvalue()
    assert zipfile.is_zipfile(io.BytesIO(raw))
    safe = inspection.inspect(raw, **LIMITS)
    assert not zipfile.is_zipfile(io.BytesIO(safe.content))
    assert b"<script>" not in safe.content
    assert b"PK\x03\x04" not in safe.content


def test_a_transparent_picture_is_laid_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (500, 400), (0, 0, 0, 0)).save(out, "PNG")
    safe = inspection.inspect(out.getvalue(), **LIMITS)
    with Image.open(io.BytesIO(safe.content)) as copy:
        assert copy.getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "empty"),
        (b"GIF89a" + b"\0" * 900, "type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "type"),
        (b"PK\x03\x04" + b"\0" * 900, "type"),
        (b"MZ\x90\0" + b"\0" * 900, "type"),
        (b"\n%PDF-1.7 not at the first byte", "type"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 900, "heic"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 900, "broken"),
        (b"%PDF-1.7\n" + b"A" * 900, "broken"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 ", "broken"),
    ],
)
def test_what_is_no_photo_or_pdf_is_refused_whatever_it_is_called(raw: bytes, rule: str) -> None:
    assert refused(raw) == rule


@pytest.mark.parametrize(
    ("width", "height", "rule"), [(30_000, 30_000, "pixels"), (17_000, 400, "pixels"), (900, 299, "small")]
)
def test_points_are_counted_before_anything_is_unfolded(width: int, height: int, rule: str) -> None:
    assert refused(papers.declared(width, height)) == rule


def test_a_moving_picture_is_refused() -> None:
    out, still = io.BytesIO(), Image.new("RGB", (400, 400), "white")
    still.save(out, "WEBP", save_all=True, append_images=[Image.new("RGB", (400, 400), "black")])
    assert refused(out.getvalue()) == "type"


@pytest.mark.parametrize("more", [0, 1])
def test_a_file_has_at_most_ten_megabytes(more: int) -> None:
    raw = papers.photo() + b"\0" * rules.MAX_BYTES
    raw = raw[: 10 * 1024 * 1024 + more]
    if more:
        assert refused(raw) == "size"
    else:
        assert inspection.inspect(raw, **LIMITS).pages == 1


@pytest.mark.parametrize(("pages", "taken"), [(1, True), (4, True), (5, False)])
def test_a_pdf_has_at_most_four_pages(pages: int, taken: bool) -> None:
    if taken:
        assert inspection.inspect(papers.pdf(pages), **LIMITS).pages == pages
    else:
        assert refused(papers.pdf(pages)) == "pages"


def _script(document: Any) -> None:
    document.Root.OpenAction = D(S=N.JavaScript, JS=pikepdf.String("app.alert(1)"))


def _page_script(document: Any) -> None:
    document.pages[0].obj.AA = D(O=D(S=N.JavaScript, JS=pikepdf.String("app.alert(1)")))


def _named_script(document: Any) -> None:
    action = document.make_indirect(D(S=N.JavaScript, JS=pikepdf.String("app.alert(1)")))
    document.Root.Names = D(JavaScript=D(Names=pikepdf.Array([pikepdf.String("a"), action])))


def _launch(document: Any) -> None:
    link = D(Type=N.Annot, Subtype=N.Link, Rect=[0, 0, 9, 9], A=D(S=N.Launch, F=pikepdf.String("cmd.exe")))
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(link)])


def _attachment(document: Any) -> None:
    document.attachments["../../evil.exe"] = b"MZ"


def _form(document: Any) -> None:
    document.Root.AcroForm = D(Fields=pikepdf.Array([]), XFA=document.make_stream(b"<xdp/>"))


def _unreached_script(document: Any) -> None:
    document.pages[1].obj.Unseen = D(Kids=pikepdf.Array([D(A=D(S=N.JavaScript, JS=pikepdf.String("x")))]))


@pytest.mark.parametrize(
    "change",
    [_script, _page_script, _named_script, _launch, _attachment, _form, _unreached_script],
    ids=lambda f: f.__name__,
)
def test_a_pdf_that_does_something_is_refused(change: Callable[[Any], None]) -> None:
    assert refused(papers.pdf(change=change)) == "active"


@pytest.mark.parametrize("password", ["", "secret"])
def test_a_locked_pdf_is_refused_even_with_an_empty_password(password: str) -> None:
    raw = papers.pdf(encryption=pikepdf.Encryption(owner="owner", user=password))
    assert refused(raw) == "locked"


def test_a_pdf_is_rebuilt_from_its_pages_without_title_metadata_and_tail() -> None:
    def change(document: Any) -> None:
        document.docinfo["/Author"] = "Mallory"
        with document.open_metadata() as metadata:
            metadata["dc:title"] = "tracked"

    raw = papers.pdf(change=change, static_id=True) + b"\n<script>alert(1)</script>"
    safe = inspection.inspect(raw, **LIMITS)
    assert (safe.media_type, safe.pages) == ("application/pdf", 2)
    for hidden in (b"Mallory", b"tracked", b"<script>"):
        assert hidden not in safe.content
    with pikepdf.open(io.BytesIO(safe.content)) as copy:
        assert "/Metadata" not in copy.Root


def test_a_pdf_that_unfolds_to_a_gigabyte_is_refused() -> None:
    def change(document: Any) -> None:
        bomb = document.make_stream(b"\0" * (1 << 27))
        document.pages[0].obj.Resources = D(XObject=D(X=bomb))

    raw = papers.pdf(change=change, compress_streams=True, recompress_flate=True)
    assert len(raw) < 1_000_000
    assert refused(raw) == "pixels"


def test_a_picture_of_a_pdf_has_bounded_points() -> None:
    def change(document: Any) -> None:
        image = document.make_stream(b"\0", Type=N.XObject, Subtype=N.Image, Width=90_000, Height=90_000)
        document.pages[0].obj.Resources = D(XObject=D(X=image))

    assert refused(papers.pdf(change=change)) == "pixels"


def test_files_are_inspected_in_a_process_that_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    run = subprocess.run

    def watched(argv: list[str], **options: Any) -> Any:
        seen.update(options["env"])
        return run(argv, **options)

    monkeypatch.setenv("CADRAN_SECRET_DOCUMENTS", "hidden")
    monkeypatch.setattr(subprocess, "run", watched)
    assert inspector.inspected(papers.photo()).media_type == "image/jpeg"
    assert not any(name.startswith("CADRAN") for name in seen)


def test_an_inspection_that_takes_too_much_memory_is_a_refused_file(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; from cadran.party.documents import inspection as i; i.inspect = lambda *a, **k: bytearray(3 << 30); i.main()"
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda argv, **o: run([sys.executable, "-c", code, *argv[3:]], **o))
    with pytest.raises(inspector.FileRefused) as caught:
        inspector.inspected(papers.photo())
    assert caught.value.details["rule"] == "broken"


def test_the_child_writes_no_file(tmp_path: Path) -> None:
    code = (
        "import sys; from cadran.party.documents import inspection as i\n"
        f"i.inspect = lambda *a, **k: open({str(tmp_path / 'x')!r}, 'wb').write(b'x' * 10)\ni.main()"
    )
    source = str(Path(inspection.__file__).parents[3])
    env = {"PYTHONPATH": source, "PATH": os.defpath}
    argv = [sys.executable, "-c", code, "10", "4"]
    done = subprocess.run(argv, input=b"x", capture_output=True, env=env, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "x").exists() or not (tmp_path / "x").read_bytes()
