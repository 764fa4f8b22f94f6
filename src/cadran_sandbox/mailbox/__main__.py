"""Run the sandbox mailbox: `python -m cadran_sandbox.mailbox --smtp-port 8004 --port 8003`."""

from __future__ import annotations

import argparse
import os
from email.errors import MessageError
from pathlib import Path

import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cadran_sandbox.mailbox.pages import application
from cadran_sandbox.mailbox.store import Store

MAX_BYTES = 5_000_000
MAX_RECIPIENTS = 50


class Postman:
    """Answers 250 only once the mail is on disk."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        try:
            name = self.store.keep(
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                content=content if isinstance(content, bytes) else content.encode(),
            )
        except (OSError, MessageError) as error:
            return f"451 not kept: {type(error).__name__}"
        return f"250 kept as {name}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="cadran_sandbox.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8003, help="of the pages and the JSON at /mails?to=ADDRESS")
    parser.add_argument("--smtp-port", type=int, default=8004)
    default = Path(os.environ.get("CADRAN_VAR", "var")) / "sandbox" / "mailbox"
    parser.add_argument("--dir", type=Path, default=default, help="where the mails lie")
    options = parser.parse_args()
    store = Store(options.dir)
    postman = Controller(
        Postman(store), hostname=options.host, port=options.smtp_port, data_size_limit=MAX_BYTES, ready_timeout=10
    )
    postman.start()
    try:
        uvicorn.run(
            application(store),
            host=options.host,
            port=options.port,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    finally:
        postman.stop()


if __name__ == "__main__":
    main()
