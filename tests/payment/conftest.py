"""The sandbox card provider and bank as real programs, and the terms of the reference brand."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cadran.policy import queries as policy
from cadran.policy.terms import Terms


@pytest.fixture
def terms() -> Terms:
    return policy.terms("ippi/2018-04")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def program(module: str, *options: str, port: int, **env: str) -> Iterator[str]:
    """The partner's address while it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", str(port), *options],
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", trust_env=False).is_success:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"{module} did not start")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[str]:
    with program(
        "cadran_sandbox.bank", "--dir", str(tmp_path / "bank"), port=free_port(), SANDBOX_BANK_TOKEN="t0ken"
    ) as url:
        yield url
