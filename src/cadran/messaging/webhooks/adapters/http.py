"""Webhooks over HTTP. The name is looked up once, every result must be public, and the connection goes to the very address checked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from cadran.messaging.webhooks import rules
from cadran.messaging.webhooks.ports import Parcel, Reply

TIMEOUT_S = 10.0
CONNECT_S = 4.0
MOST_READ = 2_000


class HttpSender:
    """Sends side by side; each parcel has TIMEOUT_S in all, however slowly the receiver drips. `lax`, in a sandbox, allows http and
    addresses of this machine."""

    def __init__(self, *, lax: bool, timeout_s: float = TIMEOUT_S) -> None:
        self.lax, self.timeout_s = lax, timeout_s

    def send(self, parcels: Sequence[Parcel]) -> Sequence[Reply]:
        return asyncio.run(self._all(parcels))

    async def _all(self, parcels: Sequence[Parcel]) -> list[Reply]:
        return list(await asyncio.gather(*(self._one(parcel) for parcel in parcels)))

    async def _one(self, parcel: Parcel) -> Reply:
        start = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout_s):
                status, answer = await self._carried(parcel)
        except TimeoutError:
            found = Reply(status=0, error="timeout")
        except rules.AddressRefused:
            found = Reply(status=0, error="refused-address")
        except (ssl.SSLError, httpx.ConnectError) as error:
            found = Reply(status=0, error="tls" if "SSL" in str(error) or "certificate" in str(error) else "connection")
        except httpx.TimeoutException:
            found = Reply(status=0, error="timeout")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError):
            found = Reply(status=0, error="connection")
        else:
            found = Reply(status=status, answer=answer)
        took_ms = int((time.monotonic() - start) * 1000)
        return Reply(status=found.status, error=found.error, answer=found.answer, took_ms=took_ms)

    async def _carried(self, parcel: Parcel) -> tuple[int, str]:
        url = rules.checked_url(parcel.url, lax=self.lax)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = await self._address(host, port)
        pinned = httpx.URL(url).copy_with(host=address)
        headers = {**parcel.headers, "host": parts.netloc.lower()}
        timeout = httpx.Timeout(self.timeout_s, connect=CONNECT_S)
        # trust_env: neither proxies nor credentials of the machine; the certificate is checked against the host's name.
        async with (
            httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", pinned, content=parcel.body, headers=headers, extensions={"sni_hostname": host}
            ) as response,
        ):
            read = b""
            with contextlib.suppress(httpx.HTTPError):
                async for chunk in response.aiter_raw():
                    read += chunk
                    if len(read) >= MOST_READ:
                        break
            return response.status_code, read[:MOST_READ].decode("utf-8", "replace")

    async def _address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        addresses = [str(info[4][0]) for info in found]
        if not addresses or not (self.lax or all(rules.public(address) for address in addresses)):
            raise rules.AddressRefused("the name leads to an address that is not public")
        return addresses[0]
