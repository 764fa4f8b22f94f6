from __future__ import annotations

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from cadran_sandbox.mailbox.pages import linked
from cadran_sandbox.mailbox.store import Store


def send(mailbox: Any, raw: bytes | EmailMessage, to: str = "claire@example.org") -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=10) as client:
        if isinstance(raw, EmailMessage):
            client.send_message(raw, "service@cadran.local", [to])
        else:
            client.sendmail("service@cadran.local", [to], raw)


def message(subject: str = "Bonjour", text: str = "Suivez http://127.0.0.1:8000/a?b=1&c=2 merci") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "service@cadran.local", "claire@example.org", subject
    made.set_content(text)
    return made


def test_a_mail_is_shown_in_the_browser_and_as_json(mailbox: Any) -> None:
    send(mailbox, message("Confirmez votre adresse é€"))
    found = httpx.get(f"{mailbox.url}/mails", params={"to": "CLAIRE@example.org"}).json()
    assert [mail["subject"] for mail in found] == ["Confirmez votre adresse é€"]
    assert found[0]["to"] == ["claire@example.org"]
    assert "http://127.0.0.1:8000/a?b=1&c=2" in found[0]["text"]
    assert "Confirmez votre adresse é€" in httpx.get(mailbox.url).text
    page = httpx.get(f"{mailbox.url}/mail/{found[0]['id']}").text
    assert '<a href="http://127.0.0.1:8000/a?b=1&amp;c=2" rel="noopener noreferrer">' in page


def test_only_the_mails_of_the_address_asked_for_are_listed(mailbox: Any) -> None:
    send(mailbox, message(), "claire@example.org")
    send(mailbox, message("autre"), "bob@example.org")
    found = httpx.get(f"{mailbox.url}/mails", params={"to": "bob@example.org"}).json()
    assert [mail["subject"] for mail in found] == ["autre"]


def test_a_mail_that_was_accepted_survives_a_killed_mailbox(start: Callable[[], Any]) -> None:
    first = start()
    send(first, message("gardé"))
    first.process.kill()
    first.process.wait(10)
    again = start()
    assert [mail["subject"] for mail in httpx.get(f"{again.url}/mails").json()] == ["gardé"]


HOSTILE = [
    b"Subject: <script>alert(1)</script>\r\nTo: a@b.c\r\n\r\n<script>alert(2)</script> javascript:alert(3)",
    b"Subject: =?utf-8?B?PGltZyBzcmM9eCBvbmVycm9yPWFsZXJ0KDEpPg==?=\r\nContent-Type: text/html\r\n\r\n<img src=x onerror=a()>seen",
    b"Subject: x\r\nContent-Type: multipart/mixed; boundary=\r\n\r\nno part",
    b"Subject: x\r\nContent-Type: text/plain; charset=no-such-charset\r\n\r\n\xff\xfe\x00",
    b'From: "\x00" <<<>>\r\nSubject: =?utf-8?Q?=ZZ?=\r\nDate: never\r\nMessage-ID: <a<b>\r\n\r\n\x00\x01',
    b"no headers at all",
    b"",
    b'Subject: x\r\nX-Envelope-To: evil@example.org\r\n\r\nhttp://"onmouseover=alert(1)',
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_hostile_mail_is_kept_and_shown_as_text(mailbox: Any, raw: bytes) -> None:
    send(mailbox, raw)
    (found,) = httpx.get(f"{mailbox.url}/mails", params={"to": "claire@example.org"}).json()
    for page in (httpx.get(mailbox.url), httpx.get(f"{mailbox.url}/mail/{found['id']}")):
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert 'href="javascript' not in page.text
        assert 'onmouseover=alert(1)"' not in page.text.replace("&quot;", "")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_mail_of_more_than_five_megabytes_is_refused_and_the_next_one_taken(mailbox: Any) -> None:
    with pytest.raises(smtplib.SMTPResponseException):
        send(mailbox, b"Subject: big\r\n\r\n" + b"x" * 80 + b"\r\n" * 1 + (b"y" * 70 + b"\r\n") * 80_000)
    send(mailbox, message("suivant"))
    assert [mail["subject"] for mail in httpx.get(f"{mailbox.url}/mails").json()] == ["suivant"]


def test_a_mail_for_too_many_people_is_taken_for_the_first_fifty(mailbox: Any) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port, timeout=10) as client:
        refused = client.send_message(message(), "a@b.c", [f"n{n}@example.org" for n in range(60)])
    assert len(refused) == 10


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "x", "%00", "*", "a" * 4000])
def test_an_id_that_names_no_mail_is_not_found(mailbox: Any, name: str) -> None:
    assert httpx.get(f"{mailbox.url}/mail/{name}").status_code == 404


def test_the_oldest_mails_go_when_there_are_too_many(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=3)
    for number in range(5):
        store.keep(sender="a@b.c", recipients=["c@d.e"], content=f"Subject: {number}\r\n\r\nx".encode())
    assert [mail.subject for mail in store.mails()] == ["4", "3", "2"]


def test_a_half_written_mail_of_a_crash_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "1.tmp").write_bytes(b"half")
    assert Store(tmp_path).mails() == []
    assert not list(tmp_path.glob("*.tmp"))


def test_recipients_with_line_breaks_cannot_add_headers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(sender="a@b.c\r\nX-Evil: 1", recipients=["c@d.e\r\n\r\nbody"], content=b"Subject: s\r\n\r\nreal")
    (mail,) = store.mails()
    assert mail.text.strip() == "real"
    assert mail.subject == "s"


def test_only_web_addresses_become_links() -> None:
    assert "<a" not in linked("javascript:alert(1) ftp://x file:///etc")
    assert (
        linked('<b> http://x/"><i>')
        == '&lt;b&gt; <a href="http://x/" rel="noopener noreferrer">http://x/</a>&quot;&gt;&lt;i&gt;'
    )


def test_mails_can_be_thrown_away(mailbox: Any) -> None:
    send(mailbox, message())
    assert httpx.delete(f"{mailbox.url}/mails").json() == {"deleted": 1}
    assert httpx.get(f"{mailbox.url}/mails").json() == []


def formatted() -> EmailMessage:
    made = message("Votre reçu", "texte")
    made.add_alternative('<p>Bonjour <a href="http://x.example/">ici</a></p><script>alert(1)</script>', subtype="html")
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="IPPI-2026-000001.pdf")
    made.add_attachment(b"<script>alert(1)</script>", maintype="text", subtype="html", filename='../a"b.html')
    return made


def test_the_html_of_a_mail_is_framed_where_no_script_runs_and_nothing_is_fetched(mailbox: Any) -> None:
    send(mailbox, formatted())
    (found,) = httpx.get(f"{mailbox.url}/mails").json()
    page = httpx.get(f"{mailbox.url}/mail/{found['id']}")
    assert found["html"] is True
    assert f'src="/mail/{found["id"]}/html"' in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "allow-scripts" not in page.text
    frame = httpx.get(f"{mailbox.url}/mail/{found['id']}/html")
    rule = frame.headers["Content-Security-Policy"]
    assert rule.startswith("sandbox allow-popups")
    for part in ("default-src 'none'", "form-action 'none'", "img-src data:"):
        assert part in rule
    assert "script-src" not in rule
    assert "allow-scripts" not in rule
    assert "allow-same-origin" not in rule


def test_attachments_are_saved_and_never_shown(mailbox: Any) -> None:
    send(mailbox, formatted())
    (found,) = httpx.get(f"{mailbox.url}/mails").json()
    assert found["attachments"] == ["IPPI-2026-000001.pdf", ".._a_b.html"]
    for number, content in enumerate((b"%PDF-1.7", b"<script>alert(1)</script>")):
        answer = httpx.get(f"{mailbox.url}/mail/{found['id']}/files/{number}")
        assert answer.content.strip() == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert httpx.get(f"{mailbox.url}/mail/{found['id']}/files/2").status_code == 404
    assert httpx.get(f"{mailbox.url}/mail/{found['id']}/files/-1").status_code == 404


def test_the_source_is_what_came_over_the_wire(mailbox: Any) -> None:
    sent = formatted().as_bytes().replace(b"\n", b"\r\n")
    send(mailbox, sent)
    (found,) = httpx.get(f"{mailbox.url}/mails").json()
    raw = httpx.get(f"{mailbox.url}/mail/{found['id']}/raw")
    assert raw.content.rstrip() == sent.rstrip()
    shown = httpx.get(f"{mailbox.url}/mail/{found['id']}", params={"view": "raw"}).text
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown


def test_mails_are_found_by_any_of_their_words(mailbox: Any) -> None:
    send(mailbox, message("Votre reçu", "dix euros"))
    send(mailbox, message("Bonjour", "autre chose"), "bob@example.org")
    for words, subjects in (
        ("REÇU", ["Votre reçu"]),
        ("bob", ["Bonjour"]),
        ("euros reçu", ["Votre reçu"]),
        ("rien", []),
    ):
        found = httpx.get(f"{mailbox.url}/mails", params={"q": words}).json()
        assert [mail["subject"] for mail in found] == subjects
    page = httpx.get(mailbox.url, params={"q": '"><script>x'}).text
    assert "<script" not in page


@pytest.mark.parametrize(
    ("accepted", "chosen", "word"),
    [
        ("fr-FR,en", "", "Boîte aux lettres"),
        ("en-GB,fr", "", "Sandbox mailbox"),
        ("de", "", "Boîte aux lettres"),
        ("fr", "en", "Sandbox mailbox"),
    ],
)
def test_the_mailbox_speaks_the_browsers_language_or_the_one_chosen(
    mailbox: Any, accepted: str, chosen: str, word: str
) -> None:
    page = httpx.get(mailbox.url, params={"lang": chosen}, headers={"Accept-Language": accepted}).text
    assert f"<h1>{word}" in page
