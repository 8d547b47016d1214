"""Every REST route: its permission, each scope of keys, no key at all, and another organization's objects."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from billwright.billing.access.api_keys import digest_of
from billwright.billing.access.models import ApiKey
from billwright.billing.kernel.ids import new_id
from billwright.server.rest.application import registry
from tests.access.conftest import Street
from tests.access.furnishing import Home, Rest, books, crossings
from tests.access.matrix import API_RESOURCES, READ_ONLY, mode_of, resource_of
from tests.graphql.support import CLOCK

UNKNOWN = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"
KINDS = (
    (r"^/activity_logs/{}", "activity"),
    (r"^/api_logs/{}", "api_request"),
    (r"^/add_ons/{}", "add_on"),
    (r"^/billable_metrics/{}", "metric"),
    (r"^/billing_entities/{}", "billing_entity"),
    (r"^/coupons/{}", "coupon"),
    (r"^/customers/{}", "customer"),
    (r"/applied_coupons/{}", "applied"),
    (r"^/credit_notes/{}", "credit_note"),
    (r"^/events/{}", "event"),
    (r"^/fees/{}", "fee"),
    (r"^/invoices/{}", "invoice"),
    (r"^/payments/{}", "payment"),
    (r"^/plans/{}", "plan"),
    (r"/charges/{}", "charge"),
    (r"/filters/{}", "filter"),
    (r"^/features/{}", "feature"),
    (r"/entitlements/{}", "feature"),
    (r"/privileges/{}", "privilege"),
    (r"^/subscriptions/{}", "subscription"),
    (r"^/taxes/{}", "tax"),
    (r"/wallets/{}", "wallet"),
    (r"/alerts/{}", "alert"),
    (r"^/wallet_transactions/{}", "wallet_transaction"),
    (r"^/webhook_endpoints/{}", "endpoint"),
    (r"/metadata/{}", "key"),
)
"""End of an address -> kind of the object that its last parameter names."""


def test_every_route_declares_the_permission_of_the_spec() -> None:
    """Spec 07 §2.4."""
    declared = {f"{known.method} {known.path}": (known.resource, known.mode) for known in registry()}
    expected = {name: (resource_of(name.split()[1]), mode_of(name.split()[0])) for name in declared}
    assert declared == expected
    assert len(declared) > 140
    assert [name for name, (resource, mode) in declared.items() if mode == "write" and resource in READ_ONLY] == []


def _with(path: str, *values: str) -> str:
    """``path`` with its parameters replaced, in order."""
    left = list(values)
    return re.sub(r"\{[^}]*\}", lambda _: left.pop(0), path)


def _parameters(path: str) -> list[str]:
    """The kinds of objects that a path's parameters name, in order."""
    plain = re.sub(r"\{[^}]*\}", "{}", path)
    found: list[str] = []
    for match in re.finditer(r"\{\}", plain):
        head = plain[: match.end()]
        kinds = [kind for pattern, kind in KINDS if re.search(pattern.replace("{}", r"\{\}") + "$", head)]
        assert kinds, f"{path}: say in KINDS what {head} is"
        found.append(kinds[0])
    return found


def _value(home: Home, path: str, kind: str) -> str:
    """How the address names the organization's object of this kind."""
    internal = (kind == "wallet" and path.startswith("/wallets")) or kind not in home.codes or kind == "filter"
    return home.ids[kind] if internal else home.codes[kind]


@pytest.fixture
async def keys(street: Street) -> dict[str, str]:
    """``only plan:read``, ``all but plan:read`` and so on -> a key with that scope."""
    scopes: dict[str, dict[str, list[str]]] = {}
    every = {(resource, mode) for resource in API_RESOURCES for mode in ("read", "write")}
    for resource, mode in every:
        scopes[f"only {resource}:{mode}"] = {resource: [mode]}
        scopes[f"all but {resource}:{mode}"] = {
            name: [other for other in ("read", "write") if (name, other) != (resource, mode)] for name in API_RESOURCES
        }
    async with street.world.runtime.database.transaction() as session:
        session.add_all(
            ApiKey(
                id=new_id(), organization_id=street.mine.organization.id, digest=digest_of(name), hint="key",
                permissions=granted, created_at=CLOCK, updated_at=CLOCK,
            )
            for name, granted in scopes.items()
        )  # fmt: skip
    return {name: name for name in scopes}


async def test_each_scope_opens_its_routes_alone(street: Street, keys: dict[str, str]) -> None:
    """No key: 401. A key with everything but this: 403 by name. A key with this alone: anything but those two."""
    anonymous, unknown = Rest(street.world, None), Rest(street.world, UNKNOWN)
    clients = {name: Rest(street.world, value) for name, value in keys.items()}
    for known in registry():
        resource, mode = resource_of(known.path), mode_of(known.method)
        path = _with(known.path, *[UNKNOWN] * known.path.count("{"))
        where = f"{known.method} {known.path}"
        for nobody in (anonymous, unknown):
            answer = await nobody.send(known.method, path)
            assert (answer.status_code, answer.json()) == (401, {"status": 401, "error": "Unauthorized"}), where
        answer = await clients[f"all but {resource}:{mode}"].send(known.method, path)
        refusal = {"status": 403, "error": "Forbidden", "code": f"{mode}_action_not_allowed_for_{resource}"}
        assert (answer.status_code, answer.json()) == (403, refusal), where
        answer = await clients[f"only {resource}:{mode}"].send(known.method, path)
        assert answer.status_code in (200, 400, 404, 422) or _refused_by_policy(answer), (where, answer.text)


def _refused_by_policy(answer: httpx.Response) -> bool:
    """``POST /billing_entities`` is closed to everybody (spec 07 §9.6)."""
    return answer.status_code == 403 and answer.json()["code"] == "feature_unavailable"


async def test_nobody_else_s_objects_are_found_by_their_address(street: Street) -> None:
    """With every parameter theirs, and with one of them theirs below an object of our own: 404, and nothing changed."""
    before = await books(street.world, street.theirs)
    rest = Rest(street.world, street.mine.api_key)
    asked = 0
    for known in registry():
        kinds = _parameters(known.path)
        theirs = [_value(street.theirs, known.path, kind) for kind in kinds]
        mine = [_value(street.mine, known.path, kind) for kind in kinds]
        addresses = [theirs] if kinds else []
        addresses += [[*mine[:place], theirs[place], *mine[place + 1 :]] for place in range(len(kinds))[1:]]
        for values in addresses:
            asked += 1
            body = ({known.root: known.example} if known.root else known.example) if known.takes_body else None
            query = {"external_subscription_id": street.mine.codes["subscription"]} if "usage" in known.path else {}
            answer = await rest.send(known.method, _with(known.path, *values), body, **query)
            if known.path.endswith("/past_usage"):  # of an unknown customer: empty (spec 01 §10.5)
                assert answer.json()["meta"]["total_count"] == 0
            elif known.path == "/customers/{external_id}/wallets" and known.method == "POST":  # spec 05 D1
                assert answer.json()["error_details"] == {"customer": ["customer_not_found"]}
            else:
                assert answer.status_code == 404, (known.method, known.path, values, answer.text)
            assert not [word for word in street.theirs.secrets if word in answer.text], answer.text
    assert asked > 100
    assert await books(street.world, street.theirs) == before
    assert await crossings(street.world) == []


async def test_no_list_shows_another_organization_s_objects(street: Street) -> None:
    """Also when it is filtered by their ids and codes."""
    rest = Rest(street.world, street.mine.api_key)
    theirs = {**street.theirs.codes, **street.theirs.ids}
    asked = 0
    for known in registry():
        if known.method != "GET" or "{" in known.path or known.path == "/api_logs":
            continue  # the log of requests shows what its own key asked for, which may be anything
        filters: list[dict[str, Any]] = [{}]
        for parameter in known.parameters:
            if parameter.kind in ("string", "uuid", "array"):
                name = f"{parameter.name}[]" if parameter.kind == "array" else parameter.name
                values = [*street.theirs.codes.values()] if parameter.kind != "uuid" else []
                values += [theirs[kind] for kind in ("invoice", "customer", "wallet", "endpoint")]
                filters += [{name: value} for value in values]
        for chosen in filters:
            asked += 1
            answer = await rest.send("GET", known.path, **chosen)
            assert answer.status_code in (200, 404, 422), (known.path, chosen, answer.text)
            assert not [word for word in street.theirs.secrets if word in answer.text], (known.path, chosen)
    assert asked > 200
