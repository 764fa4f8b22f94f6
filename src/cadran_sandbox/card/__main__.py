"""Run the sandbox card provider: `python -m cadran_sandbox.card --webhook-url URL`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from cadran_sandbox.card.provider import Provider
from cadran_sandbox.card.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="cadran_sandbox.card", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--dir", type=Path, default=Path("var/sandbox/card"), help="where its state lies")
    parser.add_argument("--webhook-url", default="http://127.0.0.1:8000/payments/webhooks/card")
    options = parser.parse_args()
    provider = Provider(
        store=Store(options.dir / "card.db"),
        public_url=f"http://{options.host}:{options.port}",
        api_key=os.environ.get("SANDBOX_CARD_API_KEY", "sk_test_sandbox"),
        webhook_url=options.webhook_url,
        webhook_secret=os.environ.get("SANDBOX_CARD_WEBHOOK_SECRET", "whsec_sandbox"),
    )
    uvicorn.run(provider.app(), host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
