"""Delivering webhooks over HTTP (spec 06 §16.4, §16.6)."""

from __future__ import annotations

from collections.abc import Mapping

import httpcore
import httpx

from billwright.billing.notifications.options import MAX_RESPONSE_BYTES, AddressRefused, NoAnswer, Reply
from billwright.integrations.outbound import AddressNotAllowed, OutboundHttp


class HttpWebhookSender:
    """The ``WebhookSender`` of servers and workers."""

    def __init__(self, http: OutboundHttp) -> None:
        self._http = http

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """One attempt. Raises ``AddressRefused`` or ``NoAnswer``."""
        try:
            status, answer = await self._http.post(url, headers, body, most=MAX_RESPONSE_BYTES)
        except AddressNotAllowed:
            raise AddressRefused from None
        except httpx.InvalidURL as failure:
            raise NoAnswer(f"the URL cannot be used: {failure}") from None
        except httpcore.TimeoutException as failure:
            raise NoAnswer(_said("timed out", failure)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as failure:
            raise NoAnswer(_said("no answer", failure)) from None
        return Reply(status, answer)

    async def close(self) -> None:
        """Close open connections."""
        await self._http.close()


_KINDS = {
    httpcore.ConnectTimeout: "timed out while connecting",
    httpcore.ReadTimeout: "timed out while waiting for the answer",
    httpcore.WriteTimeout: "timed out while sending",
    httpcore.ConnectError: "could not connect",
    httpcore.ReadError: "the connection broke while waiting for the answer",
    httpcore.WriteError: "the connection broke while sending",
    httpcore.RemoteProtocolError: "no HTTP answer",
}


def _said(otherwise: str, failure: Exception) -> str:
    kind = next((text for kind, text in _KINDS.items() if isinstance(failure, kind)), otherwise)
    detail = str(failure).strip()
    return f"{kind}: {detail}" if detail else kind
