"""schemathesis makes requests from the server's own OpenAPI document, sound ones and broken ones: none ends in a 5xx.

Paths name known objects every second time, so that bodies and queries get past the 404. The number of examples is
bounded and the draws are the same each time; ``FUZZ_EXAMPLES=500 pytest tests/live/test_schema_fuzz.py`` looks further.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from billwright.server.rest.application import PREFIX, registry
from tests.live.server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
KNOWN = "known"
ORDER = {"POST": 0, "PUT": 1, "PATCH": 2, "GET": 3, "DELETE": 4}
OPERATIONS = [
    pytest.param(
        operation.method,
        PREFIX + operation.template.openapi_path,
        mode,
        id=f"{operation.method} {operation.path} {mode.value}",
    )
    for operation in sorted(registry(), key=lambda operation: ORDER[operation.method])
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.takes_body or operation.parameters  # else nothing can be broken
]


class Fuzzed:
    """The loaded document, a session with an API key, and the ids of what exists."""

    def __init__(self, server: LiveServer, api_key: str) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {api_key}"
        self.schema = schemathesis.openapi.from_url(f"{server.url}{PREFIX}/openapi.json")
        self.schema.config.generation.update(with_security_parameters=False)
        self.ids: dict[str, str] = {}
        self._found()

    def operation(self, method: str, path: str) -> Any:
        return self.schema[path][method]

    def known(self, path: str, parameter: str) -> str:
        """A value of a path parameter that names something: ids by the resource, everything else is called known."""
        resource = path.removeprefix(PREFIX + "/").partition("/")[0]
        return self.ids.get(f"{resource}/{parameter}", self.ids.get(parameter, KNOWN))

    def _found(self) -> None:
        with httpx.Client(base_url=f"{self.url}{PREFIX}", headers=dict(self.session.headers), timeout=60) as http:

            def create(path: str, root: str, **values: Any) -> Any:
                answer = http.post(path, json={root: values})
                assert answer.status_code == 200, answer.text
                return answer.json()[root]

            create("/taxes", "tax", name="T", code=KNOWN, rate=20)
            values = [{"key": "region", "values": ["eu", "us"]}]
            metric = create(
                "/billable_metrics", "billable_metric",
                name="M", code=KNOWN, aggregation_type="sum_agg", field_name="n", filters=values,
            )  # fmt: skip
            create("/add_ons", "add_on", name="A", code=KNOWN, amount_cents=100, amount_currency="EUR")
            create(
                "/coupons", "coupon",
                name="C", code=KNOWN, coupon_type="percentage", percentage_rate=10, frequency="once",
                expiration="no_expiration",
            )  # fmt: skip
            filters = [{"properties": {"amount": "2"}, "values": {"region": ["eu"]}}]
            charge = {
                "billable_metric_id": metric["lago_id"], "code": KNOWN, "charge_model": "standard",
                "properties": {"amount": "1"}, "filters": filters,
            }  # fmt: skip
            plan = create(
                "/plans", "plan",
                name="P", code=KNOWN, interval="monthly", amount_cents=100, amount_currency="EUR", pay_in_advance=True,
                charges=[charge],
            )  # fmt: skip
            create("/customers", "customer", external_id=KNOWN, name="C", currency="EUR")
            create("/subscriptions", "subscription", external_customer_id=KNOWN, external_id=KNOWN, plan_code=KNOWN)
            create(
                "/events",
                "event",
                transaction_id=KNOWN,
                code=KNOWN,
                external_subscription_id=KNOWN,
                properties={"n": 1},
            )
            endpoint = create("/webhook_endpoints", "webhook_endpoint", webhook_url="https://example.com/hook")
            invoice = create(
                "/invoices", "invoice", external_customer_id=KNOWN, fees=[{"add_on_code": KNOWN, "units": 2}]
            )
            applied = create("/applied_coupons", "applied_coupon", external_customer_id=KNOWN, coupon_code=KNOWN)
            note = create(
                "/credit_notes", "credit_note",
                invoice_id=invoice["lago_id"], reason="other", credit_amount_cents=0, refund_amount_cents=0,
                offset_amount_cents=50, items=[{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": 50}],
            ) if invoice["fees"] else {"lago_id": KNOWN}  # fmt: skip
            [charge_filter] = http.get(f"/plans/{KNOWN}/charges/{KNOWN}/filters").json()["filters"]
            self.ids = {
                "invoices/lago_id": invoice["lago_id"],
                "fees/lago_id": invoice["fees"][0]["lago_id"],
                "webhook_endpoints/lago_id": endpoint["lago_id"],
                "credit_notes/lago_id": note["lago_id"],
                "applied_coupon_id": applied["lago_id"],
                "filter_id": charge_filter["lago_id"],
                "plans/lago_id": plan["lago_id"],
            }


@pytest.fixture(scope="module")
async def fuzzed(server: LiveServer) -> Fuzzed:
    """On a live organization: the clock of a sandbox could be sent through nine thousand years."""
    return Fuzzed(server, await server.organization("Fuzzed", kind="live"))


@pytest.fixture(autouse=True)
def healthy(server: LiveServer) -> Iterator[None]:
    yield
    assert server.process.poll() is None


@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
def test_no_request_ends_in_a_server_error(fuzzed: Fuzzed, method: str, path: str, mode: GenerationMode) -> None:
    cases = fuzzed.operation(method, path).as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases, known=st.booleans())
    def check(case: Any, known: bool) -> None:
        if known:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = fuzzed.known(path, name)
        answer = case.call(session=fuzzed.session, timeout=60)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        if answer.content and answer.status_code != 200:
            [content_type] = answer.headers["content-type"]
            assert content_type.startswith(("application/json", "text/plain")), answer.text
        assert "Traceback" not in answer.text

    check()


def test_nothing_reached_the_handler_of_last_resort(server: LiveServer) -> None:
    """Runs last."""
    assert "request_failed" not in server.log.read_text()
