"""A VIES on 127.0.0.1: checks every request to the letter, answers as it is told.

    async with fake_vies() as vies:
        vies.know("FR40303265045", name="ACME", address="1 RUE\\nPARIS")
        vies.fail("MS_UNAVAILABLE", times=2, status=500)     # then as it knows
        client = ViesClient(vies.url)

``checkVatTestService`` answers the fixed numbers of the real one. What is wrong about a request is noted in
``complaints`` and answered with a fault; ``calls`` holds what was asked, as ``("FR", "40303265045")``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from defusedxml.ElementTree import fromstring
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.serving import served

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_TYPES = "{urn:ec.europa.eu:taxud:vies:services:checkVat:types}"
_PREFIXES = set("AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split())
_FIXED = {
    "300": "SERVICE_UNAVAILABLE",
    "301": "MS_UNAVAILABLE",
    "302": "TIMEOUT",
    "500": "GLOBAL_MAX_CONCURRENT_REQ",
    "600": "MS_MAX_CONCURRENT_REQ",
}

HTML = "html"
"""An error page instead of an answer."""
SLOW = "slow"
"""An answer after a second."""
GARBAGE = "garbage"
"""Something that is no XML."""


@dataclass
class FakeVies:
    """See the module. ``waiting`` counts the calls being answered, ``most_waiting`` how many there were at once."""

    url: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    delay: float = 0.0
    waiting: int = 0
    most_waiting: int = 0
    _known: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _faults: list[tuple[str, int]] = field(default_factory=list)

    def know(self, vat_number: str, *, name: str = "---", address: str = "---") -> None:
        """Such a number exists; with the prefix of VIES (``EL`` for Greece)."""
        self._known[vat_number[:2], vat_number[2:]] = {"name": name, "address": address}

    def forget(self, vat_number: str) -> None:
        self._known.pop((vat_number[:2], vat_number[2:]), None)

    def fail(self, fault: str, *, times: int = 1, status: int = 200) -> None:
        """Answer the next calls with a fault, or with ``HTML``, ``SLOW``, ``GARBAGE``."""
        self._faults += [(fault, status)] * times

    def recover(self) -> None:
        """Answer from now on."""
        self._faults.clear()

    async def answer(self, request: Request) -> Response:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            return await self._answer(request)
        finally:
            self.waiting -= 1

    async def _answer(self, request: Request) -> Response:
        country, number = self._read(request, await request.body())
        self.calls.append((country, number))
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.complaints:
            return _fault("INVALID_REQUEST", 400)
        if self._faults:
            fault, status = self._faults.pop(0)
            if fault == HTML:
                return Response("<html><body>Bad Gateway</body></html>", status, media_type="text/html")
            if fault == GARBAGE:
                return Response(b"<not & xml", status, media_type="text/xml")
            if fault != SLOW:
                return _fault(fault, status)
            await asyncio.sleep(1)
        if request.url.path.endswith("/checkVatTestService"):
            if number in _FIXED:
                return _fault(_FIXED[number], 200)
            found = {"name": "John Doe", "address": "123 Main St"} if number == "100" else None
        else:
            found = self._known.get((country, number))
        return _answer(country, number, found)

    def _read(self, request: Request, body: bytes) -> tuple[str, str]:
        def complain(unless: Any, what: str) -> None:
            if not unless:
                self.complaints.append(what)

        kind = request.headers.get("content-type", "").replace(" ", "").lower()
        complain(kind == "text/xml;charset=utf-8", f"content type {kind!r}")
        complain("soapaction" in request.headers, "no SOAPAction")
        envelope: Any = fromstring(body)
        complain(envelope.tag == f"{_SOAP}Envelope", f"root {envelope.tag}")
        operations = list(envelope.find(f"{_SOAP}Body") or [])
        complain([item.tag for item in operations] == [f"{_TYPES}checkVat"], "not one checkVat in the body")
        values = {item.tag: item.text or "" for item in operations[0]} if operations else {}
        complain(list(values) == [f"{_TYPES}countryCode", f"{_TYPES}vatNumber"], f"elements {list(values)}")
        country, number = values.get(f"{_TYPES}countryCode", ""), values.get(f"{_TYPES}vatNumber", "")
        complain(country in _PREFIXES, f"country {country!r}")
        complain(number and not set(number) & set(" .-") and number == number.upper(), f"number {number!r}")
        return country, number


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _envelope(inner: str, status: int = 200) -> Response:
    text = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Header/><env:Body>'
        f"{inner}</env:Body></env:Envelope>"
    )
    return Response(text.encode(), status, media_type="text/xml;charset=UTF-8")


def _fault(name: str, status: int) -> Response:
    inner = f"<env:Fault><faultcode>env:Server</faultcode><faultstring>{name}</faultstring></env:Fault>"
    return _envelope(inner, status)


def _answer(country: str, number: str, found: dict[str, str] | None) -> Response:
    shown = found or {"name": "---", "address": "---"}
    return _envelope(
        '<ns2:checkVatResponse xmlns:ns2="urn:ec.europa.eu:taxud:vies:services:checkVat:types">'
        f"<ns2:countryCode>{country}</ns2:countryCode><ns2:vatNumber>{number}</ns2:vatNumber>"
        f"<ns2:requestDate>2025-01-15+01:00</ns2:requestDate><ns2:valid>{str(found is not None).lower()}</ns2:valid>"
        f"<ns2:name>{_escaped(shown['name'])}</ns2:name><ns2:address>{_escaped(shown['address'])}</ns2:address>"
        "</ns2:checkVatResponse>"
    )


@asynccontextmanager
async def fake_vies() -> AsyncIterator[FakeVies]:
    """A running fake; at the end no request may have been wrong."""
    fake = FakeVies()

    async def calls(_: Request) -> Response:
        return JSONResponse(fake.calls)

    async def fault(request: Request) -> Response:
        told = await request.json()
        fake.fail(told["fault"], times=told.get("times", 1), status=told.get("status", 200))
        return JSONResponse({})

    app = Starlette(
        routes=[
            Route("/services/checkVatService", fake.answer, methods=["POST"]),
            Route("/services/checkVatTestService", fake.answer, methods=["POST"]),
            Route("/__calls", calls),
            Route("/__fault", fault, methods=["POST"]),
        ]
    )
    async with served(app) as address:
        fake.url = f"{address}/services"
        yield fake
    assert not fake.complaints, fake.complaints
