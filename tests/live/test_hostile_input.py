"""Whatever arrives, the answer is a clear 4xx or a correct 2xx, in JSON, and the server goes on (spec 07 §1.4)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.live.server import LiveServer
from tests.support.extent import share

pytestmark = pytest.mark.live
MEGABYTE = 1024 * 1024


class Caller:
    """Sends raw bodies; every answer is checked for what holds for all of them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = await self.http.request(method, f"/api/v1/{path}", content=body, headers=sent)
        assert answer.status_code < 500, (method, path, body[:300], answer.text)
        if answer.content:
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.status_code == 200 or answer.json()["status"] == answer.status_code
        assert "Traceback" not in answer.text
        return answer

    async def post(self, path: str, body: bytes) -> httpx.Response:
        return await self.send("POST", path, body)


@pytest.fixture
async def caller(server: LiveServer) -> AsyncIterator[Caller]:
    key = await server.organization("Hostile", kind="live")
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        yield Caller(http)
    server.check_health()


BODIES: dict[str, tuple[str, bytes]] = {
    "events": ("event", b'{"transaction_id":"t","code":"c","properties":{"a":@}}'),
    "billable_metrics": ("billable_metric", b'{"name":"n","code":"c","aggregation_type":"count_agg","description":@}'),
    "plans": (
        "plan",
        b'{"name":"n","code":"c","interval":"monthly","amount_cents":@,"amount_currency":"EUR","pay_in_advance":false}',
    ),
    "customers": ("customer", b'{"external_id":"x","name":@,"metadata":[{"key":"k","value":@}]}'),
    "subscriptions": ("subscription", b'{"external_customer_id":"x","plan_code":@,"external_id":@}'),
    "taxes": ("tax", b'{"name":"n","code":"c","rate":@}'),
}
PLACES = pytest.mark.parametrize("path", sorted(BODIES))


def body_of(path: str, value: bytes) -> bytes:
    root, template = BODIES[path]
    return b'{"' + root.encode() + b'":' + template.replace(b"@", value) + b"}"


MALFORMED = [
    b"",
    b" ",
    b"{",
    b'{"event"',
    b'{"event":{"a":1,}}',
    b"{'event':{}}",
    b"nul",
    b"NaN",
    b'{"event":{"a":NaN}}',
    b'{"event":{"a":Infinity}}',
    b'{"event":{"a":-Infinity}}',
    b'{"event":{"a":01}}',
    b'{"event":{"a":1.}}',
    b'{"event":{"a":"\x01"}}',
    b'{"event":{"a":"\xff"}}',
    b'{"event":{"a":"\xc0\xaf"}}',
    b'{"event":{"a":"\xed\xa0\x80"}}',
    b"\xff\xfe{\x00}\x00",
    b'{"event":{}} trailing',
    b"event[transaction_id]=1&event[code]=c",
    b"\x1f\x8b\x08\x00",
]


@pytest.mark.parametrize("path", [*sorted(BODIES), "events/batch", "billable_metrics/evaluate_expression"])
async def test_malformed_json(caller: Caller, path: str) -> None:
    for body in MALFORMED:
        answer = await caller.post(path, body)
        assert answer.status_code in (400, 422), (body, answer.text)


VALUES = [
    *'null true 0 -1 1.5 "" "text" " " [] {} [[]] [null] {"a":1} [{"a":[1]}] {"__proto__":{}} {"":""}'.split(),
    *'"\\u0000" "a\\u0000b" "\\ud800" "\\udfff\\ud800" "\\ud83d\\ude00" "\u202e" {"\\u0000":1} {"\\ud800":1}'.split(),
    *'1e5 1e400 -1e400 1e-400 1e99999 1e999999999 1E-999999999 0e99999999 "NaN" "Infinity" "1e400"'.split(),
    *("9" * 30, "-" + "9" * 300, "9" * 5_000, "0." + "0" * 5_000 + "1", '"' + "9" * 5_000 + '"'),
    '"' + "x" * 100_000 + '"',
]


@PLACES
async def test_wrong_types_and_odd_values_everywhere(caller: Caller, path: str) -> None:
    root = BODIES[path][0]
    fields = [*json.loads(body_of(path, b"1"))[root], "unknown", "tax_codes", "charges", "filters", "timestamp"]
    fields += ["precise_total_amount_cents", "trial_period", "billing_configuration", "subscription_at", "timezone"]
    plain = json.loads(body_of(path, b'"1"'))[root]
    for place, value in enumerate(VALUES):
        await caller.post(path, body_of(path, value.encode()))
        await caller.post(path, f'{{"{root}":{value}}}'.encode())
        await caller.post(path, value.encode())
        if len(value) > 100:
            continue
        for field in share(fields[place % 6 :] + fields[: place % 6], 6):
            shown = {**plain, "code": f"c{place}", "external_id": f"x{place}", "transaction_id": f"{place}{field}"}
            shown[field] = 77_777_777
            await caller.post(path, json.dumps({root: shown}).replace("77777777", value).encode())


@PLACES
async def test_unknown_keys_are_ignored(caller: Caller, path: str) -> None:
    answer = await caller.post(
        path, body_of(path, b'"1"').replace(b'":{', b'":{"__class__":"x","\\"":[],"a b":{"c":1},', 1)
    )
    assert answer.status_code in (200, 404), answer.text


@PLACES
async def test_repeated_keys(caller: Caller, path: str) -> None:
    body = body_of(path, b'"1"')
    assert body.count(b'"code"') <= 1
    await caller.post(path, body.replace(b'":{', b'":{"code":"a","code":"b",', 1))
    await caller.post(path, body[:-1] + b"," + body[1:])


@PLACES
@pytest.mark.parametrize("depth", [99, 101, 500, 5_000, 200_000])
@pytest.mark.parametrize("shape", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_nesting(caller: Caller, path: str, depth: int, shape: tuple[bytes, bytes]) -> None:
    opening, closing = shape
    inner = opening * depth + b"1" + closing * depth
    for body in (body_of(path, inner), inner, opening * depth):
        answer = await caller.post(path, body)
        assert answer.status_code in (200, 400, 404, 422)
    if path == "events" and answer.status_code == 200:
        assert (await caller.send("GET", "events/t")).status_code == 200


@PLACES
async def test_huge_bodies(caller: Caller, path: str) -> None:
    """Sizes of whole bodies, however often the value stands in them."""
    share = MEGABYTE // BODIES[path][1].count(b"@")
    answer = await caller.post(path, body_of(path, b'"' + b"x" * 11 * share + b'"'))
    assert answer.status_code == 413
    answer = await caller.post(path, body_of(path, b'"' + b"x" * 9 * share + b'"'))
    assert answer.status_code in (200, 404, 422)
    answer = await caller.post(path, body_of(path, b"[" + b"1," * 2 * share + b"1]"))
    assert answer.status_code in (200, 404, 422)


async def test_a_property_of_ten_megabytes(caller: Caller) -> None:
    """Just below the limit it is stored and read back; above it is refused."""
    body = body_of("events", b'"' + b"x" * (10 * MEGABYTE - 200) + b'"')
    assert (await caller.post("events", body)).status_code == 200
    read = await caller.send("GET", "events/t")
    assert len(read.json()["event"]["properties"]["a"]) == 10 * MEGABYTE - 200
    assert (await caller.post("events", body_of("events", b'"' + b"x" * 10 * MEGABYTE + b'"'))).status_code == 413


async def test_a_chunked_body_without_length_is_bounded(caller: Caller) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * MEGABYTE

    try:
        answer = await caller.http.post("/api/v1/events", content=endless())
    except httpx.TransportError:
        return
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("timestamp", "status"),
    [
        ("253402300799", 200),
        ("253402300799.999999", 200),
        ("253402300800", 422),
        ("1700000000000", 422),
        ("-62135596800", 200),
        ("-62135596801", 422),
        ("-99999999999999", 422),
        ("1e400", None),
        ('"1e9999"', 422),
        ('"-1e9999"', 422),
        ('"1e-9999"', 200),
        ("1e-300", 200),
        ('"9999-12-31T23:59:59Z"', 422),
        ('"10000-01-01"', 422),
        ('"\\u0000"', 422),
        ("0." + "9" * 390, 200),
    ],
)
async def test_years_at_the_edge(caller: Caller, timestamp: str, status: int | None) -> None:
    body = f'{{"event":{{"transaction_id":"t","code":"c","external_subscription_id":"s","timestamp":{timestamp}}}}}'
    answer = await caller.post("events", body.encode())
    assert answer.status_code == status or (status is None and answer.status_code in (400, 422)), answer.text
    if answer.status_code == 200:
        assert (await caller.send("GET", "events/t")).json()["event"] == {
            **answer.json()["event"],
            "created_at": (await caller.send("GET", "events/t")).json()["event"]["created_at"],
        }
        assert (await caller.send("GET", "events?external_subscription_id=s")).json()["meta"]["total_count"] == 1
    batch = body.replace('{"event":', '{"events":[')[:-1] + "]}"
    await caller.post("events/batch", batch.replace('"t"', '"u"').encode())


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "10000-01-01", "0001-01-01T00:00:00+14:00", "0000-00-00",
     "-0001-01-01", "2024-02-30", "2024-01-01T25:00:00Z", "2024-01-01T00:00:60Z", "\x00", "99999999999", "١٩٩٩-٠١-٠١"],
)  # fmt: skip
async def test_dates_at_the_edge(caller: Caller, text: str) -> None:
    plan = {
        "name": "p",
        "code": "p",
        "interval": "monthly",
        "amount_cents": 1,
        "amount_currency": "EUR",
        "pay_in_advance": False,
    }
    await caller.post("plans", json.dumps({"plan": plan}).encode())
    for name in ("subscription_at", "ending_at"):
        for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
            customer = {"external_id": f"c{zone}", "timezone": zone}
            await caller.post("customers", json.dumps({"customer": customer}).encode())
            body = {"external_customer_id": f"c{zone}", "plan_code": "p", "external_id": f"{name}{zone}", name: text}
            await caller.post("subscriptions", json.dumps({"subscription": body}).encode())
    quoted = httpx.QueryParams({"timestamp_from": text, "timestamp_to": text})
    assert (await caller.send("GET", f"events?{quoted}")).status_code in (200, 422)
    quoted = httpx.QueryParams({"issuing_date_from": text, "issuing_date_to": text})
    assert (await caller.send("GET", f"invoices?{quoted}")).status_code in (200, 422)


SEGMENTS = [
    *"%00 a%00b %FF %C0%AF %ED%A0%80 % %zz .. %2e%2e . %2F a%2Fb%2Fc + %20 é '%20OR%201=1-- null undefined -1".split(),
    *"00000000-0000-0000-0000-000000000000 %F0%9F%98%80 a;b".split(),
    "x" * 5_000,
]


async def test_path_segments(caller: Caller) -> None:
    for segment in SEGMENTS:
        for path in ("events", "billable_metrics", "plans", "customers", "subscriptions", "invoices", "fees", "taxes"):
            answer = await caller.send("GET", f"{path}/{segment}")
            assert answer.status_code in (200, 400, 404, 414, 422), (path, segment)
        for path in ("current_usage", "past_usage", "subscriptions", "invoices"):
            await caller.send("GET", f"customers/{segment}/{path}?external_subscription_id={segment}")


async def test_query_strings(caller: Caller) -> None:
    await caller.post("customers", b'{"customer":{"external_id":"c"}}')
    values = [
        "",
        "%00",
        "%FF",
        "%ED%A0%80",
        "-1",
        "0",
        "1e9",
        "9" * 50,
        "true",
        "[]",
        "a[b]",
        "x" * 5_000,
        "2024-13-45",
    ]
    names = (
        "page per_page code external_subscription_id timestamp_from timestamp_to timestamp_from_started_at status "
        "status[] metadata[a] group[a] filter_by_group currency amount_from charge_id apply_taxes full_usage "
        "skip_grouping periods_count search_term [] [ a[ %00 lago_id plan_code invoice_type[] issuing_date_to fee_type"
    ).split()
    for path in ("events", "invoices", "fees", "plans", "customers", "subscriptions", "customers/c/current_usage",
                 "customers/c/past_usage"):  # fmt: skip
        for place, name in enumerate(names):
            for value in share(values[place % 6 :] + values[: place % 6], 3 if path in ("events", "invoices") else 6):
                await caller.send("GET", f"{path}?external_subscription_id=s&{name}={value}")
        await caller.send("GET", f"{path}?" + "&".join(f"a[]={number}" for number in range(5_000)))


async def test_group_filters_of_any_shape(caller: Caller) -> None:
    await caller.post("customers", b'{"customer":{"external_id":"c"}}')
    await caller.post(
        "plans",
        b'{"plan":{"name":"p","code":"p","interval":"monthly","amount_cents":1,"amount_currency":"EUR","pay_in_advance":false}}',
    )
    await caller.post(
        "subscriptions", b'{"subscription":{"external_customer_id":"c","plan_code":"p","external_id":"s"}}'
    )
    for text in (
        "{}",
        "[]",
        "1",
        "{",
        '{"a":null}',
        '{"a":[1]}',
        '{"a":"\\u0000"}',
        '{"\\ud800":1}',
        "[" * 5_000,
        "9" * 5_000,
    ):
        query = httpx.QueryParams({"external_subscription_id": "s", "filter_by_group": text})
        answer = await caller.send("GET", f"customers/c/current_usage?{query}")
        assert answer.status_code in (200, 422), answer.text


async def test_headers(caller: Caller) -> None:
    for value in (
        "",
        "Bearer",
        "Basic x",
        "Bearer " + "x" * 10_000,
        "bearer\tx",
        "Bearer a b",
    ):
        answer = await caller.send("GET", "plans", Authorization=value)
        assert answer.status_code == 401, value
    odd = {
        "X_Request_Id": "x" * 500,
        "Accept": "text/html",
        "Content_Type": "text/plain",
        "User_Agent": "x" * 3_000,
        "Content_Encoding": "gzip",
        "X_Forwarded_For": "not, an address",
    }
    for name, value in odd.items():
        answer = await caller.send("POST", "events", body_of("events", b"1"), **{name: value})
        assert answer.status_code in (200, 415, 422), (name, answer.text)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{",
        b"GET /api/v1/plans?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x00" * 1000,
    ],
    ids=range(8),
)
def test_bytes_that_are_no_request(server: LiveServer, raw: bytes) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=5) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := line.recv(65536):
                answer += piece
        except (ConnectionResetError, TimeoutError):
            pass
    assert b" 500 " not in answer[:50]
    server.check_health()


def exchange(server: LiveServer, *pieces: bytes) -> bytes:
    """What comes back for raw bytes; the server may close before it has taken all of them."""
    address = urlsplit(server.url)
    answer = b""
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=20) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            while piece := line.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
    return answer


START = b"GET /api/v1/plans HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
END = b"\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [START, *(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(5_000)), END],
        [START, b"X: ", *[b"x" * 65_536] * 40],
        [START, b"X" * 200_000, b": x\r\n", END],
        [b"GET /api/v1/plans?", *[b"a" * 65_536] * 40],
        [START, b"Cookie: " + b"a=b; " * 15_000 + b"\r\n", END],
    ],
    ids=["many headers", "an endless value", "a long name", "an endless address", "cookies"],
)
def test_floods_of_headers(server: LiveServer, pieces: list[bytes]) -> None:
    """Refused at 64 KB, whatever more would come; the connection ends (it may be reset before the answer is read)."""
    before = psutil.Process(server.process.pid).memory_info().rss
    for _ in range(5):
        answer = exchange(server, *pieces)
        assert answer[:13] in (b"HTTP/1.1 431 ", b"HTTP/1.1 400 ", b"")
    assert psutil.Process(server.process.pid).memory_info().rss - before < 50 * MEGABYTE
    server.check_health()


@pytest.mark.parametrize(
    "value", [b"Bearer ", b"Bearer  ", b" ", b"Bearer\t", b"Bearer \xff\xfe", b"Bearer ,", b"\x01", b"Bearer \x7f"]
)
def test_authorizations_that_no_client_sends(server: LiveServer, value: bytes) -> None:
    answer = exchange(server, START, b"Authorization: " + value + b"\r\n", END)
    assert answer[:13] in (b"HTTP/1.1 401 ", b"HTTP/1.1 400 ")


def test_as_many_headers_as_fit_are_fine(server: LiveServer) -> None:
    answer = exchange(server, START, *(b"X-%d: %s\r\n" % (number, b"x" * 90) for number in range(500)), END)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_nothing_is_lost_beside_hostile_requests(caller: Caller) -> None:
    """Sound events that share the process, and its transactions, with poison are all stored, once."""
    poison = [
        *(body_of("events", value.encode()) for value in VALUES if len(value) < 10_000),
        *MALFORMED,
        b'{"event":{"transaction_id":"sound-1","code":"c"}}',
        b'{"event":{"transaction_id":"\\u0000","code":"c"}}',
        b'{"event":{"transaction_id":"' + b"x" * 801 + b'","code":"c"}}',
        b'{"event":{"transaction_id":"p","code":"c","precise_total_amount_cents":"1e23"}}',
    ]

    async def hostile() -> None:
        for body in poison * 2:
            await caller.post("events", body)
            await caller.post("events/batch", body.replace(b'{"event":', b'{"events":[')[:-1] + b"]}")

    async def sound(first: int) -> None:
        for number in range(first, first + 40):
            event = {"transaction_id": f"sound-{number}", "code": "c", "external_subscription_id": "s"}
            answer = await caller.post("events", json.dumps({"event": event}).encode())
            assert answer.status_code == 200, answer.text

    await asyncio.gather(hostile(), hostile(), *(sound(first) for first in range(0, 400, 40)))
    listed: list[str] = []
    for page in (1, 2, 3, 4):
        answer = await caller.send("GET", f"events?external_subscription_id=s&page={page}")
        listed += [event["transaction_id"] for event in answer.json()["events"]]
    assert sorted(listed) == sorted(f"sound-{number}" for number in range(400))


async def test_failures_are_never_logged_as_unhandled(caller: Caller, server: LiveServer) -> None:
    """Runs last: none of the above reached the handler of last resort."""
    assert "request_failed" not in server.log.read_text()
