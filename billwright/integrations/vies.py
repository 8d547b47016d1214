"""VIES, the European Commission's register of VAT numbers: operation ``checkVat`` over SOAP 1.1 (spec 08 A13).

Every answer is one of three: the number exists, it does not, or nobody knows. An outage never looks like "invalid".
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from billwright.billing.taxes.vat_checks import ErrorType, Invalid, Outcome, Unavailable, Valid
from billwright.billing.taxes.vat_numbers import VatNumber, iso_country, vies_prefix
from billwright.integrations.trust import trusted

DEFAULT_URL = "https://ec.europa.eu/taxation_customs/vies/services"
SERVICE, TEST_SERVICE = "checkVatService", "checkVatTestService"
CALLS_AT_ONCE = 5
"""Calls under way to one member state from one process; the register refuses who asks for more."""
MAX_ANSWER_BYTES = 64 * 1024

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<checkVat xmlns="urn:ec.europa.eu:taxud:vies:services:checkVat:types">'
    "<countryCode>{country}</countryCode><vatNumber>{number}</vatNumber>"
    "</checkVat></soapenv:Body></soapenv:Envelope>"
)
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml", "SOAPAction": '""'}
_FAULT_CODE = re.compile(r"[A-Z][A-Z_]{3,}[A-Z]")
_FAULTS: dict[str, ErrorType] = {
    "MS_MAX_CONCURRENT_REQ": "rate_limit",
    "MS_MAX_CONCURRENT_REQ_TIME": "rate_limit",
    "GLOBAL_MAX_CONCURRENT_REQ": "rate_limit",
    "GLOBAL_MAX_CONCURRENT_REQ_TIME": "rate_limit",
    "TIMEOUT": "timeout",
    "VAT_BLOCKED": "blocked",
    "IP_BLOCKED": "blocked",
    "INVALID_REQUESTER_INFO": "invalid_requester",
    "MS_UNAVAILABLE": "member_state_unavailable",
    "SERVICE_UNAVAILABLE": "service_unavailable",
}
_UNDISCLOSED = ("", "---")


class ViesClient:
    """The ``VatChecker`` of servers and workers.

    ``url`` is the folder of the service, or the service itself. At ``checkVatTestService`` numbers are sent whatever
    their syntax: it answers fixed ones such as ``100``. ``timeout``: seconds for one call in all.
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = 10.0) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith((f"/{SERVICE}", f"/{TEST_SERVICE}")) else f"{base}/{SERVICE}"
        self._sends_anything = base.endswith(f"/{TEST_SERVICE}")
        self._seconds = timeout
        self._http = httpx.AsyncClient(timeout=timeout, follow_redirects=False, verify=trusted())
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    async def check(self, vat_number: str) -> Outcome:
        """One call, or none for a number that cannot exist; no retries."""
        asked = VatNumber.read(vat_number)
        if not asked.is_known_country or not asked.number:
            return Invalid(valid_format=False)
        if not asked.is_well_formed and not self._sends_anything:
            return Invalid(valid_format=False)
        country = vies_prefix(asked.country)
        body = _ENVELOPE.format(country=escape(country), number=escape(asked.number)).encode()
        async with self._turns[country]:
            try:
                async with asyncio.timeout(self._seconds):
                    status, answer = await self._post(body)
            except (TimeoutError, httpx.TimeoutException):
                return Unavailable("timeout", f"VIES did not answer within {self._seconds:g} seconds")
            except httpx.HTTPError as failure:
                return Unavailable("service_unavailable", f"VIES cannot be reached: {_said(failure)}")
        return _read(status, answer)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        received = bytearray()
        async with self._http.stream("POST", self._url, content=body, headers=_HEADERS) as response:
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > MAX_ANSWER_BYTES:
                    break
            return response.status_code, bytes(received[:MAX_ANSWER_BYTES])

    async def close(self) -> None:
        """Close open connections."""
        await self._http.aclose()


def _said(failure: Exception) -> str:
    return str(failure).strip() or type(failure).__name__


def _read(status: int, answer: bytes) -> Outcome:
    """A fault counts whatever the status; without one, any status but 200 is an outage."""
    envelope = _parsed(answer)
    fault = _first(envelope, "Fault")
    if fault is not None:
        return _fault(_text(fault, "faultstring") or _text(fault, "Text") or "")
    if status != 200:
        return Unavailable("service_unavailable", f"VIES answered HTTP {status}")
    found = _first(envelope, "checkVatResponse")
    valid = _text(found, "valid")
    if found is None or valid not in ("true", "false", "1", "0"):
        return Unavailable("unknown", "VIES answered something that is no answer to checkVat")
    if valid in ("false", "0"):
        return Invalid(valid_format=True)
    return Valid(
        country_code=iso_country((_text(found, "countryCode") or "").upper()),
        vat_number=_text(found, "vatNumber") or "",
        request_date=(_text(found, "requestDate") or "")[:10],
        name=_disclosed(_text(found, "name")),
        address=_disclosed(_text(found, "address")),
    )


def _parsed(answer: bytes) -> Element | None:
    try:
        return fromstring(answer)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def _first(element: Element | None, name: str) -> Element | None:
    """The first descendant of that local name; VIES has changed its namespace prefixes before."""
    if element is None:
        return None
    return next((item for item in element.iter() if str(item.tag).rpartition("}")[2] == name), None)


def _text(element: Element | None, name: str) -> str | None:
    found = _first(element, name)
    return None if found is None or found.text is None else found.text.strip()


def _disclosed(value: str | None) -> str | None:
    return None if value is None or value in _UNDISCLOSED else value


def _fault(text: str) -> Outcome:
    found = _FAULT_CODE.search(text)
    code = found.group() if found else text.strip()
    if code == "INVALID_INPUT":
        return Invalid(valid_format=True)
    shown = code or "a fault without a name"
    return Unavailable(_FAULTS.get(code, "unknown"), f"VIES answered {shown[:200]}")
