"""The coupons of a customer: what each still takes off, giving one, taking one away (spec 07 §7.7, 05 B2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.ui.views.coupons import caption, left
from billwright.ui.views.customers import tab_page
from billwright.ui.views.money import decimal_text, minor_units, written
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]
FIELDS = {
    "coupon": "coupon",
    "amountCents": "amount",
    "amountCurrency": "currency",
    "percentageRate": "rate",
    "frequency": "frequency",
    "frequencyDuration": "duration",
}
OFTEN = (("once", "Once"), ("recurring", "On several invoices"), ("forever", "On every invoice"))
TEMPLATE = "customers/tabs/coupons.html"


def shown_coupon(item: Data, currency: str | None) -> dict[str, Any]:
    """An application of a coupon; ``elsewhere`` when it reduces only invoices of another currency than ``currency``."""
    given = item["amountCurrency"] if item["percentageRate"] is None else None
    return {
        "id": item["id"],
        "status": item["status"],
        "name": item["coupon"]["name"],
        "code": item["coupon"]["code"],
        "coupon_id": item["coupon"]["id"],
        "caption": caption(item),
        "left": left(item),
        "at": item["createdAt"],
        "ended_at": item["terminatedAt"],
        "elsewhere": given if given and currency and given != currency else None,
    }


async def coupon_tab(view: View) -> Response:
    """``GET /{slug}/customer/{id}/coupons[?coupon=]``: the form of the dialog begins with the coupon named."""
    return await _tab(view, None, {})


async def apply(view: View) -> Response:
    """``POST /{slug}/customer/{id}/coupons``."""
    values = {form: view.posted(form) for form in FIELDS.values()}
    chosen = await _chosen(view, values["coupon"])
    if chosen is None:
        return await _tab(view, values, {"coupon": ["value_is_mandatory"]}, "value_is_mandatory")
    problems: dict[str, list[str]] = {}
    sent: dict[str, Any] = {"frequency": values["frequency"]}
    if chosen["couponType"] == "percentage":
        sent["percentageRate"] = decimal_text(values["rate"])
        if sent["percentageRate"] is None:
            problems["percentageRate"] = ["value_is_not_a_number"]
    else:
        sent |= {"amountCents": minor_units(values["amount"], values["currency"]), "amountCurrency": values["currency"]}
        if sent["amountCents"] is None:
            problems["amountCents"] = ["invalid_value"]
    if values["frequency"] == "recurring":
        duration = values["duration"]
        if duration.isascii() and duration.isdigit() and 0 < int(duration) < 10**6:
            sent["frequencyDuration"] = int(duration)
        else:
            problems["frequencyDuration"] = ["value_is_invalid"]
    elif values["frequency"] not in dict(OFTEN):
        problems["frequency"] = ["value_is_invalid"]
    if problems:
        return await _tab(view, values, problems, "value_is_invalid")
    outcome = await view.change("CreateAppliedCoupon", couponId=chosen["id"], customerId=view.path("customer"), **sent)
    if not outcome.ok:
        return await _tab(view, values, outcome.fields, outcome.code)
    href = f"{view.base}/customer/{view.path('customer')}/coupons"
    return view.redirect(href, ("positive", f"{chosen['name']} applied"))


async def remove(view: View) -> Response:
    """``POST /{slug}/customer/{id}/coupons/{applied}/remove``."""
    outcome = await view.change("TerminateAppliedCoupon", id=view.path("applied"))
    toast = ("positive", "Coupon removed") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{view.base}/customer/{view.path('customer')}/coupons", toast)


async def _coupons(view: View) -> list[Data]:
    return (await view.ask("ApplicableCoupons"))["coupons"]["collection"]


async def _chosen(view: View, coupon: str) -> Data | None:
    return next((item for item in await _coupons(view) if item["id"] == coupon), None)


async def _tab(
    view: View, values: Mapping[str, str] | None, fields: Mapping[str, list[str]], code: str | None = None
) -> Response:
    customer = (await view.ask("CustomerCoupons", id=view.path("customer")))["customer"]
    coupons = await _coupons(view) if view.may("coupons:attach") else []
    chosen = next(
        (item for item in coupons if item["id"] == ((values or {}).get("coupon") or view.query("coupon"))), None
    )
    errors = field_errors(fields)
    content = {
        "applied": [shown_coupon(item, customer["currency"]) for item in customer["appliedCoupons"] or []],
        "may": {"apply": bool(coupons), "remove": view.may("coupons:detach"), "make": view.may("coupons:create")},
        "form": _form(view, customer, coupons, chosen, values),
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    body = {"external_customer_id": customer["externalId"], "coupon_code": "welcome"}
    api = view.api("CustomerCoupons", "POST", "/applied_coupons", {"applied_coupon": body})
    parts = {"coupon-form": "customers/coupon_form.html"}
    return await tab_page(view, "coupons", TEMPLATE, content, api=api, parts=parts, status_code=422 if code else 200)


def _form(
    view: View, customer: Data, coupons: list[Data], chosen: Data | None, values: Mapping[str, str] | None
) -> dict[str, Any]:
    """The dialog's form: the coupon's own values, or what was typed."""
    filled = {"amount": "", "currency": customer["currency"] or "", "rate": "", "frequency": "once", "duration": ""}
    if chosen is not None:
        filled |= {
            "amount": written(chosen["amountCents"], chosen["amountCurrency"]),
            "currency": chosen["amountCurrency"] or filled["currency"],
            "rate": chosen["percentageRate"] or "",
            "frequency": chosen["frequency"],
            "duration": str(chosen["frequencyDuration"] or ""),
        }
    filled |= dict(values or {})
    other = chosen is not None and chosen["couponType"] == "fixed_amount" and filled["currency"] != customer["currency"]
    return {
        "href": f"{view.base}/customer/{customer['id']}/coupons",
        "chosen": chosen,
        "type": chosen["couponType"] if chosen else None,
        "values": {**filled, "coupon": chosen["id"] if chosen else ""},
        "coupons": [{"value": "", "label": "Choose a coupon"}]
        + [{"value": item["id"], "label": f"{item['name']} · {caption(item)}"} for item in coupons],
        "currencies": [{"value": each, "label": each} for each in sorted(CURRENCIES)],
        "often": [{"value": value, "label": label} for value, label in OFTEN],
        "warning": f"{customer['currency']} is the currency of this customer: the coupon reduces only invoices in"
        f" {filled['currency']}."
        if other and customer["currency"]
        else None,
    }
