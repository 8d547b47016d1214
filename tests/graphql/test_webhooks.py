"""Webhook endpoints and the log of deliveries in the schema (spec 06 §16.5, 07 §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.delivery import deliver_due
from billwright.billing.notifications.event_types import EVENT_TYPES
from billwright.billing.notifications.options import NoAnswer, Reply
from billwright.billing.notifications.service import emit
from tests.graphql.support import World

CREATE = """mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input)
  { id webhookUrl signatureAlgo name eventTypes createdAt } }"""
LOG = """query ($id: ID!, $statuses: [WebhookStatusEnum!], $eventTypes: [String!], $httpStatuses: [String!],
  $fromDate: ISO8601DateTime, $toDate: ISO8601DateTime, $searchTerm: String) {
  webhooks(webhookEndpointId: $id, statuses: $statuses, eventTypes: $eventTypes, httpStatuses: $httpStatuses,
    fromDate: $fromDate, toDate: $toDate, searchTerm: $searchTerm) {
    collection { id webhookType objectType objectId status httpStatus retries response endpoint payload }
    metadata { totalCount } } }"""
RETRY = "mutation ($id: ID!) { retryWebhook(input: {id: $id}) { id status } }"


class _Told:
    """Answers as it is told: a status, or a text for no answer."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise NoAnswer(answer)
        return Reply(answer, b"so it is")


async def make(world: World, url: str, role: str = "admin", **attributes: Any) -> Any:
    return (await world.data(CREATE, role, input={"webhookUrl": url, **attributes}))["createWebhookEndpoint"]


async def deliver(world: World, *answers: Any, event_type: str = "payment_provider.error") -> list[str]:
    """Announce one event for each of ``answers``, which it gets; the ids of their objects."""
    register_all()
    objects = [new_id() for _ in answers]
    runtime = replace(world.runtime, webhooks=replace(world.runtime.webhooks, sender=_Told(*answers), in_flight=2))
    for object_id in objects:
        async with world.runtime.database.transaction() as session:
            ctx = await world.fresh(session)
            await emit(ctx, event_type, "payment_provider_error", object_id, {"n": 1})
        for job_id in await due_jobs(runtime.database):
            assert await run_job(runtime, job_id) == "succeeded"
        await deliver_due(runtime)
    return [str(item) for item in objects]


async def test_life_of_an_endpoint(world: World) -> None:
    made = await make(world, "https://a.example.com", signatureAlgo="hmac", name="A", eventTypes=["fee.created"])
    assert (made["webhookUrl"], made["signatureAlgo"]) == ("https://a.example.com", "hmac")
    assert (made["name"], made["eventTypes"]) == ("A", ["fee.created"])
    other = await make(world, "https://b.example.com")
    assert (other["signatureAlgo"], other["eventTypes"]) == ("jwt", None)
    update = """mutation ($input: UpdateWebhookEndpointInput!) { updateWebhookEndpoint(input: $input)
      { webhookUrl signatureAlgo name eventTypes } }"""
    changed = (await world.data(update, input={"id": made["id"], "eventTypes": None}))["updateWebhookEndpoint"]
    assert changed == {
        "webhookUrl": "https://a.example.com",
        "signatureAlgo": "hmac",
        "name": "A",
        "eventTypes": None,
    }
    listing = """query ($term: String) { webhookEndpoints(searchTerm: $term) { collection { id }
      metadata { totalCount } } }"""
    found = (await world.data(listing))["webhookEndpoints"]
    assert {item["id"] for item in found["collection"]} == {made["id"], other["id"]}
    searched = (await world.data(listing, term="B.EXAMPLE"))["webhookEndpoints"]
    assert [item["id"] for item in searched["collection"]] == [other["id"]]
    one = "query ($id: ID!) { webhookEndpoint(id: $id) { webhookUrl } }"
    assert (await world.data(one, id=made["id"]))["webhookEndpoint"] == {"webhookUrl": "https://a.example.com"}
    destroy = "mutation ($id: ID!) { destroyWebhookEndpoint(input: {id: $id}) { id } }"
    assert (await world.data(destroy, id=made["id"]))["destroyWebhookEndpoint"] == {"id": made["id"]}
    missing = await world.error(one, id=made["id"])
    assert missing["extensions"]["details"] == {"webhookEndpoint": ["not_found"]}


async def test_refusals(world: World) -> None:
    await make(world, "https://a.example.com")
    refused = await world.error(CREATE, input={"webhookUrl": "https://a.example.com"})
    assert refused["extensions"]["details"] == {"webhookUrl": ["value_already_exist"]}
    refused = await world.error(CREATE, input={"webhookUrl": "http://127.0.0.1"})
    assert refused["extensions"]["details"] == {"webhookUrl": ["url_is_invalid"]}
    refused = await world.error(CREATE, input={"webhookUrl": "https://b.example.com", "eventTypes": ["no.such"]})
    assert refused["extensions"]["details"] == {"eventTypes": ["value_is_invalid"]}
    refused = await world.error(CREATE, "finance", input={"webhookUrl": "https://b.example.com"})
    assert refused["extensions"]["requiredPermissions"] == ["developers:manage"]


async def test_the_log_and_its_filters(world: World) -> None:
    endpoint = await make(world, "https://a.example.com")
    objects = await deliver(world, 200, 404, 503, "timed out while connecting")
    await deliver(world, 200, event_type="dunning_campaign.finished")

    async def found(**filters: Any) -> set[str]:
        page = (await world.data(LOG, id=endpoint["id"], **filters))["webhooks"]
        assert page["metadata"]["totalCount"] == len(page["collection"])
        return {item["objectId"] for item in page["collection"] if item["objectId"] in objects}

    ok, missing, broken, silent = objects
    assert await found() == set(objects)
    assert await found(statuses=["succeeded"]) == {ok}
    assert await found(statuses=["retrying", "succeeded"]) == set(objects)
    assert await found(statuses=["failed"]) == set()
    assert await found(eventTypes=["dunning_campaign.finished"]) == set()
    assert await found(eventTypes=["payment_provider.error"]) == set(objects)
    assert await found(httpStatuses=["404"]) == {missing}
    assert await found(httpStatuses=["5xx"]) == {broken}
    assert await found(httpStatuses=["4xx", "5XX"]) == {missing, broken}
    assert await found(httpStatuses=["200-404"]) == {ok, missing}
    assert await found(httpStatuses=["timeout"]) == {silent}
    assert await found(searchTerm=broken.upper()) == {broken}
    assert await found(searchTerm="nothing") == set()
    assert await found(fromDate="2000-01-01") == set(objects)
    assert await found(toDate="2000-01-01") == set()
    refused = await world.error(LOG, id=endpoint["id"], httpStatuses=["often"])
    assert refused["extensions"]["details"] == {"httpStatuses": ["value_is_invalid"]}
    shown = (await world.data(LOG, id=endpoint["id"], searchTerm=silent))["webhooks"]["collection"][0]
    assert shown == {
        "id": shown["id"],
        "webhookType": "payment_provider.error",
        "objectType": "payment_provider_error",
        "objectId": silent,
        "status": "retrying",
        "httpStatus": None,
        "retries": 1,
        "response": "timed out while connecting",
        "endpoint": "https://a.example.com",
        "payload": (
            '{"webhook_type":"payment_provider.error","object_type":"payment_provider_error",'
            f'"organization_id":"{world.organization.id}","payment_provider_error":{{"n":1}}}}'
        ),
    }
    assert await found(searchTerm=shown["id"]) == {silent}
    one = "query ($id: ID!) { webhook(id: $id) { id nextAttemptAt lastRetriedAt } }"
    detail = (await world.data(one, id=shown["id"]))["webhook"]
    assert detail["nextAttemptAt"] > detail["lastRetriedAt"]


async def test_sending_again(world: World) -> None:
    endpoint = await make(world, "https://a.example.com")
    await deliver(world, 200, 500)
    rows = (await world.data(LOG, id=endpoint["id"]))["webhooks"]["collection"]
    ids = {item["status"]: item["id"] for item in rows}
    assert (await world.data(RETRY, id=ids["retrying"]))["retryWebhook"] == {"id": ids["retrying"], "status": "pending"}
    refused = await world.error(RETRY, id=ids["succeeded"])
    assert (refused["extensions"]["status"], refused["extensions"]["code"]) == (405, "is_succeeded")
    assert (await world.error(RETRY, id="nonsense"))["extensions"]["code"] == "not_found"


async def test_other_organizations_and_roles_see_nothing(world: World) -> None:
    endpoint = await make(world, "https://a.example.com")
    await deliver(world, 500)
    row = (await world.data(LOG, id=endpoint["id"]))["webhooks"]["collection"][0]
    async with world.client("stranger", world.other.id) as client:
        for query, variables in (
            (LOG, {"id": endpoint["id"]}),
            (RETRY, {"id": row["id"]}),
            ("query ($id: ID!) { webhook(id: $id) { id } }", {"id": row["id"]}),
            ("mutation ($id: ID!) { destroyWebhookEndpoint(input: {id: $id}) { id } }", {"id": endpoint["id"]}),
        ):
            answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
            assert answer["errors"][0]["extensions"]["code"] == "not_found"
    refused = await world.error(RETRY, "finance", id=row["id"])
    assert refused["extensions"]["requiredPermissions"] == ["developers:manage"]


async def test_event_types(world: World) -> None:
    found = (await world.data("{ eventTypes { name category } }"))["eventTypes"]
    assert [item["name"] for item in found] == list(EVENT_TYPES)
    assert {"name": "wallet_transaction.created", "category": "wallet_transaction"} in found


@pytest.mark.parametrize(("role", "shown"), [("admin", True), ("finance", False)])
async def test_the_organizations_url_and_key(world: World, role: str, shown: bool) -> None:
    """spec 07 §6.1: null without developers:manage."""
    await make(world, "https://a.example.com")
    found = (await world.data("{ organization { webhookUrl hmacKey } }", role))["organization"]
    if not shown:
        assert found == {"webhookUrl": None, "hmacKey": None}
        return
    assert found["webhookUrl"] == "https://a.example.com"
    assert (await world.data("{ organization { hmacKey } }"))["organization"]["hmacKey"] == found["hmacKey"]
    async with world.runtime.database.reading() as session:
        key = await world.runtime.webhooks.keys.hmac_key(session, world.organization.id)
    assert found["hmacKey"] == key
