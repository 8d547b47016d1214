"""``/subscriptions/{external_id}/alerts`` and ``/customers/{id}/wallets/{code}/alerts`` (spec 07 §9.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from billwright.billing.alerts import service
from billwright.billing.alerts.kinds import TYPES, AlertOwner
from billwright.billing.alerts.models import Alert
from billwright.billing.alerts.presenting import alert_objects
from billwright.billing.alerts.queries import Watched, list_alerts, watched_subscription, watched_wallet
from billwright.billing.alerts.queries import find_alert as find
from billwright.billing.alerts.schemas import AlertInput, AlertOut
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.body import missing_root, refuse_unstorable, refuse_unstorable_items, root_of, without_nulls
from billwright.server.rest.envelope import EMPTY, json_response, many, one
from billwright.server.rest.filters import PAGES, SUBSCRIPTION_STATUS, subscription_status
from billwright.server.rest.operations import Call, operation


async def _subscription(call: Call, external_id: str) -> Watched:
    return await watched_subscription(call.context, external_id, subscription_status(call))


async def _wallet(call: Call, external_customer_id: str, wallet_code: str) -> Watched:
    return await watched_wallet(call.context, external_customer_id, wallet_code)


async def _answer(call: Call, alert: Alert) -> AlertOut:
    return (await alert_objects(call.context, [alert]))[0]


async def _page(call: Call, watched: Watched) -> Page[AlertOut]:
    page = await list_alerts(call.context, watched, call.page)
    return Page(await alert_objects(call.context, page.items), page.total_count, page.request)


async def _create(call: Call, find: Callable[..., Awaitable[Watched]], *address: str) -> AlertOut | Response:
    """One alert under ``alert``, or several under ``alerts``, which are answered as a list.

    The body is read before what is watched is looked for (spec 07 §1.1, order of checks).
    """
    body = call.json
    if isinstance(body, dict) and isinstance(items := body.get("alerts"), list) and not body.get("alert"):
        watched = await find(call, *address)
        refuse_unstorable_items(call.body, items)
        made = await service.create_alerts(call.context, watched, without_nulls(items, deep=True))
        return json_response({"alerts": await alert_objects(call.context, made)})
    received = root_of(body, "alert")
    if not isinstance(received, dict):
        raise missing_root("alert")
    watched = await find(call, *address)
    refuse_unstorable(call.body, received)
    inp = AlertInput.parse(without_nulls(received))
    return await _answer(call, await service.create_alert(call.context, watched, inp))


async def create_subscription_alert(call: Call, external_id: str) -> AlertOut | Response:
    return await _create(call, _subscription, external_id)


async def find_all_subscription_alerts(call: Call, external_id: str) -> Page[AlertOut]:
    return await _page(call, await _subscription(call, external_id))


async def find_subscription_alert(call: Call, external_id: str, code: str) -> AlertOut:
    return await _answer(call, await find(call.context, await _subscription(call, external_id), code))


async def update_subscription_alert(call: Call, external_id: str, code: str, inp: AlertInput) -> AlertOut:
    watched = await _subscription(call, external_id)
    return await _answer(call, await service.update_alert(call.context, watched, code, inp))


async def destroy_subscription_alert(call: Call, external_id: str, code: str) -> AlertOut:
    watched = await _subscription(call, external_id)
    return await _answer(call, await service.delete_alert(call.context, watched, code))


async def destroy_all_subscription_alerts(call: Call, external_id: str) -> None:
    await service.delete_alerts(call.context, await _subscription(call, external_id))


async def create_wallet_alert(call: Call, external_id: str, wallet_code: str) -> AlertOut | Response:
    return await _create(call, _wallet, external_id, wallet_code)


async def find_all_wallet_alerts(call: Call, external_id: str, wallet_code: str) -> Page[AlertOut]:
    return await _page(call, await _wallet(call, external_id, wallet_code))


async def find_wallet_alert(call: Call, external_id: str, wallet_code: str, code: str) -> AlertOut:
    return await _answer(call, await find(call.context, await _wallet(call, external_id, wallet_code), code))


async def update_wallet_alert(call: Call, external_id: str, wallet_code: str, code: str, inp: AlertInput) -> AlertOut:
    watched = await _wallet(call, external_id, wallet_code)
    return await _answer(call, await service.update_alert(call.context, watched, code, inp))


async def destroy_wallet_alert(call: Call, external_id: str, wallet_code: str, code: str) -> AlertOut:
    watched = await _wallet(call, external_id, wallet_code)
    return await _answer(call, await service.delete_alert(call.context, watched, code))


async def destroy_all_wallet_alerts(call: Call, external_id: str, wallet_code: str) -> None:
    await service.delete_alerts(call.context, await _wallet(call, external_id, wallet_code))


async def _subscription_alert_exists(call: Call, external_id: str, code: str) -> None:
    await find(call.context, await _subscription(call, external_id), code)


async def _wallet_alert_exists(call: Call, external_id: str, wallet_code: str, code: str) -> None:
    await find(call.context, await _wallet(call, external_id, wallet_code), code)


_ONE = one("alert", AlertOut)
_THRESHOLDS = [{"code": "warn", "value": "10000"}, {"code": "more", "value": "5000", "recurring": True}]
_EXAMPLES: dict[AlertOwner, dict[str, Any]] = {
    "subscription": {"alert_type": "current_usage_amount", "code": "spend", "name": "Spend", "thresholds": _THRESHOLDS},
    "wallet": {
        "alert_type": "wallet_ongoing_balance_amount",
        "code": "low",
        "name": "Nearly empty",
        "thresholds": [{"code": "warn", "value": "2000"}],
    },
}
_WHEN: dict[AlertOwner, str] = {
    "subscription": "`alert.triggered` is sent when the figure reaches a threshold from below; a recurring one is "
    "reached again with each such step after the last fixed value. Usage of a period starts at 0 again with the next "
    "one, and so do its thresholds. A change of plan keeps the alerts.",
    "wallet": "`alert.triggered` is sent when the figure falls to a threshold from above; a recurring one is reached "
    "again with each such step below the last fixed value.",
}


def _operations(kind: AlertOwner, path: str, handlers: tuple[Any, ...], exists: Any) -> list[Any]:
    create, find_all, find_one, update, destroy, destroy_all = handlers
    whose = "a subscription" if kind == "subscription" else "a wallet"
    chosen = (SUBSCRIPTION_STATUS,) if kind == "subscription" else ()
    types = ", ".join(f"`{name}`" for name in TYPES[kind])
    by_code = path + "/{code:path}"
    return [
        operation(
            "POST",
            path,
            permission="alert:write",
            body=AlertInput,
            body_mode="raw",
            root="alert",
            answer=_ONE,
            summary=f"Create an alert on {whose}",
            description=f"`alert_type` is one of {types}, each once. {_WHEN[kind]} Several alerts under the root "
            "`alerts`, a list, are made all or none, and answered as a list.",
            parameters=chosen,
            example=_EXAMPLES[kind],
        )(create),
        operation(
            "GET",
            path,
            permission="alert:read",
            answer=many("alerts", AlertOut),
            summary=f"List the alerts of {whose}, newest first",
            parameters=(*PAGES, *chosen),
        )(find_all),
        operation(
            "DELETE",
            path,
            permission="alert:write",
            answer=EMPTY,
            summary=f"Remove all alerts of {whose}",
            parameters=chosen,
        )(destroy_all),
        operation(
            "GET",
            by_code,
            permission="alert:read",
            answer=_ONE,
            summary=f"Show an alert of {whose}",
            parameters=chosen,
        )(find_one),
        operation(
            "PUT",
            by_code,
            permission="alert:write",
            body=AlertInput,
            root="alert",
            answer=_ONE,
            exists=exists,
            summary=f"Change an alert of {whose}",
            description="Only the attributes sent change; `thresholds` are replaced. The type stays.",
            parameters=chosen,
            example={"name": "Spend", "thresholds": _THRESHOLDS},
        )(update),
        operation(
            "DELETE",
            by_code,
            permission="alert:write",
            answer=_ONE,
            summary=f"Remove an alert of {whose}",
            parameters=chosen,
        )(destroy),
    ]


OPERATIONS = [
    *_operations(
        "subscription",
        "/subscriptions/{external_id}/alerts",
        (
            create_subscription_alert,
            find_all_subscription_alerts,
            find_subscription_alert,
            update_subscription_alert,
            destroy_subscription_alert,
            destroy_all_subscription_alerts,
        ),
        _subscription_alert_exists,
    ),
    *_operations(
        "wallet",
        "/customers/{external_id}/wallets/{wallet_code}/alerts",
        (
            create_wallet_alert,
            find_all_wallet_alerts,
            find_wallet_alert,
            update_wallet_alert,
            destroy_wallet_alert,
            destroy_all_wallet_alerts,
        ),
        _wallet_alert_exists,
    ),
]
