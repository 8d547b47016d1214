"""Coupons: list, page, form, ending and deleting (spec 07 §7.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.views.customers import customer_href, load_frame, shown_name
from billwright.ui.views.money import decimal_text, minor_units, written
from billwright.ui.views.support import View
from billwright.ui.views.when import local_instant, local_text
from billwright.ui.views.words import field_errors, in_words, toast_words

STATUSES = ("active", "terminated")
FIELDS = {
    "name": "name",
    "code": "code",
    "description": "description",
    "couponType": "type",
    "amountCents": "amount",
    "amountCurrency": "currency",
    "percentageRate": "rate",
    "frequency": "frequency",
    "frequencyDuration": "duration",
    "expirationAt": "until",
    "plans": "plans",
    "billableMetrics": "metrics",
}


def caption(item: Mapping[str, Any]) -> str:
    """What a coupon gives: ``10 % off during 3 invoices``."""
    if item["couponType"] == "percentage" if "couponType" in item else item["percentageRate"]:
        what = f"{formatting.rate(item['percentageRate'])} off"
    else:
        what = f"{formatting.money_with_currency(item['amountCents'], item['amountCurrency'])} off"
    count = item.get("frequencyDuration")
    often = {"once": "once", "forever": "forever"}.get(
        item["frequency"], f"during {count} invoice{'' if count == 1 else 's'}" if count else "on several invoices"
    )
    return f"{what} {often}"


def until(item: Mapping[str, Any]) -> str | None:
    """When it ends for everybody; a date of a coupon without an end means nothing (spec 05 B1)."""
    return item["expirationAt"] if item["expiration"] == "time_limit" else None


def _href(view: View, coupon: str) -> str:
    return f"{view.base}/coupon/{coupon}"


async def coupon_list(view: View) -> Response:
    """``GET /{slug}/coupons``."""
    status = view.query("status") if view.query("status") in STATUSES else None
    data = await view.ask("CouponList", **view.paging(), searchTerm=view.search or None, status=status)
    found = data["coupons"]
    base = f"{view.base}/coupons"
    content = {
        "title": "Coupons",
        "url": view.url,
        "search": view.query("search"),
        "filtered": bool(view.search or status),
        "quick": [
            {"label": "All", "href": base, "current": status is None, "count": None},
            *(
                {"label": status_of("coupon", each).word, "href": f"{base}?status={each}", "current": status == each,
                 "count": None}
                for each in STATUSES
            ),
        ],
        "coupons": [
            {
                "id": item["id"],
                "href": _href(view, item["id"]),
                "name": item["name"],
                "code": item["code"],
                "caption": caption(item),
                "status": item["status"],
                "customers": item["customersCount"],
                "until": until(item),
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "can": view.may_change("coupons"),
        "api": view.api("CouponList", "POST", "/coupons", {"coupon": {
            "name": "Welcome", "code": "welcome", "coupon_type": "percentage", "percentage_rate": "10",
            "frequency": "recurring", "frequency_duration": 3, "expiration": "no_expiration"}}),
    }  # fmt: skip
    return await view.page("discounts/coupons.html", "coupons", content)


async def coupon_page(view: View) -> Response:
    """``GET /{slug}/coupon/{id}``."""
    item = (await view.ask("CouponPage", id=view.path("coupon")))["coupon"]
    data = await view.ask("CouponCustomers", **view.paging(), code=[item["code"]])
    applied = data["appliedCoupons"]
    limits = [(f"{view.base}/plan/{each['id']}", each["name"]) for each in item["plans"]]
    limits += [(f"{view.base}/billable-metric/{each['id']}", each["name"]) for each in item["billableMetrics"]]
    content = {
        "title": item["name"],
        "url": view.url,
        "coupon": {
            "id": item["id"],
            "href": _href(view, item["id"]),
            "name": item["name"],
            "code": item["code"],
            "description": item["description"],
            "status": item["status"],
            "caption": caption(item),
            "until": until(item),
            "in_force": data["inForce"]["metadata"]["totalCount"],
            "created_at": item["createdAt"],
            "ended_at": item["terminatedAt"],
            "reusable": item["reusable"],
            "limits": [{"href": href, "name": name} for href, name in limits],
        },
        "applied": [
            {
                "id": each["id"],
                "status": each["status"],
                "customer": shown_name(each["customer"]),
                "href": customer_href(view, each["customer"]),
                "caption": caption(each),
                "left": left(each),
                "at": each["createdAt"],
            }
            for each in applied["collection"]
        ],
        "page": view.pager(applied["metadata"]),
        "can": {
            "edit": view.may("coupons:update"),
            "end": view.may("coupons:update") and item["status"] == "active",
            "delete": view.may("coupons:delete"),
            "detach": view.may("coupons:detach"),
        },
        "api": view.api("CouponPage", "GET", f"/coupons/{item['code']}"),
    }
    return await view.page("discounts/coupon.html", "coupons", content)


def left(item: Mapping[str, Any]) -> str:
    """What an application still takes off."""
    if item["status"] != "active":
        return "—"
    if item["amountCentsRemaining"] is not None:
        return formatting.money_with_currency(item["amountCentsRemaining"], item["amountCurrency"])
    count = item["frequencyDurationRemaining"] if item["frequency"] == "recurring" else None
    if count is not None:
        return f"{count} invoice{'' if count == 1 else 's'}"
    return "No end" if item["frequency"] == "forever" else "One invoice"


async def new_coupon(view: View) -> Response:
    """``GET /{slug}/create/coupon``."""
    values = {**dict.fromkeys(FIELDS.values(), ""), "type": "percentage", "frequency": "once", "reusable": "yes"}
    return await _form(view, None, values, {})


async def edit_coupon(view: View) -> Response:
    """``GET /{slug}/coupon/{id}/edit``."""
    item = (await view.ask("CouponPage", id=view.path("coupon")))["coupon"]
    zone = (await load_frame(view))["organization"]["timezone"]
    values = {
        "name": item["name"],
        "code": item["code"],
        "description": item["description"] or "",
        "type": item["couponType"],
        "amount": written(item["amountCents"], item["amountCurrency"]),
        "currency": item["amountCurrency"] or "",
        "rate": item["percentageRate"] or "",
        "frequency": item["frequency"],
        "duration": str(item["frequencyDuration"] or ""),
        "until": local_text(until(item), zone),
        "reusable": "yes" if item["reusable"] else "",
        "plans": "",
        "metrics": "",
    }
    chosen = {each["id"] for each in (*item["plans"], *item["billableMetrics"])}
    return await _form(view, item, values, {}, chosen=chosen)


async def create(view: View) -> Response:
    """``POST /{slug}/create/coupon``."""
    return await _save(view, None)


async def change(view: View) -> Response:
    """``POST /{slug}/coupon/{id}/edit``."""
    return await _save(view, (await view.ask("CouponPage", id=view.path("coupon")))["coupon"])


async def _save(view: View, item: Mapping[str, Any] | None) -> Response:
    values = {name: view.posted(name) for name in (*FIELDS.values(), "reusable")}
    plans = [str(value) for value in view.form.getlist("plan")]
    metrics = [str(value) for value in view.form.getlist("metric")]
    zone = (await load_frame(view))["organization"]["timezone"]
    problems: dict[str, list[str]] = {}
    ends = local_instant(values["until"], zone) if values["until"] else None
    if values["until"] and ends is None:
        problems["expirationAt"] = ["invalid_date"]
    sent: dict[str, Any] = {
        "name": values["name"],
        "description": values["description"] or None,
        "expiration": "time_limit" if ends else "no_expiration",
        "expirationAt": ends,
    }
    locked = item is not None and item["appliedCouponsCount"] > 0
    if not locked:
        fixed = values["type"] == "fixed_amount"
        amount = minor_units(values["amount"], values["currency"]) if fixed else None
        if fixed and amount is None:
            problems["amountCents"] = ["value_is_invalid"]
        recurring = values["frequency"] == "recurring"
        duration = values["duration"]
        if recurring and not (duration.isascii() and duration.isdigit() and 0 < int(duration) < 10**6):
            problems["frequencyDuration"] = ["value_is_invalid"]
        sent |= {
            "code": values["code"],
            "couponType": "fixed_amount" if fixed else "percentage",
            "frequency": values["frequency"] if values["frequency"] in ("once", "recurring", "forever") else "once",
            "amountCents": amount,
            "amountCurrency": values["currency"] if fixed else None,
            "percentageRate": None if fixed else decimal_text(values["rate"]),
            "frequencyDuration": int(duration) if recurring and "frequencyDuration" not in problems else None,
            "reusable": values["reusable"] == "yes",
            "appliesTo": {"planIds": plans, "billableMetricIds": metrics},
        }
        if not fixed and decimal_text(values["rate"]) is None:
            problems["percentageRate"] = ["value_is_invalid"]
    if problems:
        return await _form(view, item, values, problems, "value_is_invalid", chosen={*plans, *metrics})
    outcome = await view.change(*(("CreateCoupon",) if item is None else ("UpdateCoupon",)), **(
        {"id": item["id"]} if item else {}), **sent)  # fmt: skip
    if not outcome.ok:
        return await _form(view, item, values, outcome.fields, outcome.code, chosen={*plans, *metrics})
    made = outcome.data["createCoupon" if item is None else "updateCoupon"]
    return view.redirect(_href(view, made["id"]), ("positive", f"{made['name']} created" if item is None else "Saved"))


def _facts(item: Mapping[str, Any]) -> list[dict[str, str]]:
    """What cannot change any more once a customer has it."""
    limits = ", ".join(each["name"] for each in (*item["plans"], *item["billableMetrics"]))
    facts = [
        ("It gives", caption(item)),
        ("More than once to a customer", "Yes" if item["reusable"] else "No"),
        ("Limited to", limits or "Nothing: it reduces everything"),
    ]
    return [{"label": label, "value": value} for label, value in facts]


async def end(view: View) -> Response:
    """``POST /{slug}/coupon/{id}/terminate``."""
    outcome = await view.change("TerminateCoupon", id=view.path("coupon"))
    toast = ("positive", "Coupon ended") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(_href(view, view.path("coupon")), toast)


async def delete(view: View) -> Response:
    """``POST /{slug}/coupon/{id}/delete``."""
    outcome = await view.change("DestroyCoupon", id=view.path("coupon"))
    if not outcome.ok:
        return view.redirect(_href(view, view.path("coupon")), ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/coupons", ("positive", "Coupon deleted"))


async def detach(view: View) -> Response:
    """``POST /{slug}/coupon/{id}/applied/{applied}/remove``."""
    outcome = await view.change("TerminateAppliedCoupon", id=view.path("applied"))
    toast = ("positive", "Coupon removed") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(_href(view, view.path("coupon")), toast)


async def _form(
    view: View,
    item: Mapping[str, Any] | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    chosen: set[str] | None = None,
) -> Response:
    data = await view.ask("CouponChoices")
    errors = field_errors(fields)
    picked = chosen or set()
    default = values["currency"] or data["organization"]["defaultCurrency"]
    content = {
        "title": f"Edit {item['name']}" if item else "New coupon",
        "url": view.url,
        "heading": f"Edit {item['name']}" if item else "New coupon",
        "action": view.request.url.path,
        "back": _href(view, item["id"]) if item else f"{view.base}/coupons",
        "submit": "Save" if item else "Create coupon",
        "is_new": item is None,
        "locked": item is not None and item["appliedCouponsCount"] > 0,
        "facts": _facts(item) if item else [],
        "values": {**values, "currency": default},
        "currencies": [{"value": each, "label": each} for each in sorted(CURRENCIES)],
        "plans": [{**each, "on": each["id"] in picked} for each in data["plans"]["collection"]],
        "metrics": [{**each, "on": each["id"] in picked} for each in data["billableMetrics"]["collection"]],
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("discounts/coupon_form.html", "coupons", content, status_code=422 if code else 200)
