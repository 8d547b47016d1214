"""Making and changing wallets with their top-up rule (spec 07 §7.7, 05 D1, D7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.billing.wallets.service import MAX_ACTIVE
from billwright.ui.views.customers import customer_href, present, shown_name
from billwright.ui.views.money import decimal_text, minor_units, written
from billwright.ui.views.support import View, load_frame
from billwright.ui.views.wallet_credits import prices_of_new
from billwright.ui.views.wallet_rules import RULE_NAMES, read_rule, rule_values
from billwright.ui.views.wallets import EVERY, FEE_TYPES, rate_text, wallet_href, wallet_name
from billwright.ui.views.when import local_instant, local_text
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
FIELDS = {
    "name": "name",
    "code": "code",
    "currency": "currency",
    "rateAmount": "rate",
    "priority": "priority",
    "expirationAt": "expires",
    "paidCredits": "paid",
    "grantedCredits": "granted",
    "transactionName": "label",
    "paidTopUpMinAmountCents": "least",
    "paidTopUpMaxAmountCents": "most",
    "appliesTo": "scope",
    "allowedFeeTypes": "scope",
    "billableMetrics": "scope",
    "recurringTransactionRules": "rule",
    **{name: name for name in RULE_NAMES},
}
"""Names of the server's fields -> names in the form; those of the rule's own fields are the form's."""
NAMES = (*dict.fromkeys(FIELDS.values()), "requires", "beyond")


async def new_wallet(view: View) -> Response:
    """``GET /{slug}/customer/{id}/wallet/create``."""
    customer = await _customer(view)
    organization = (await load_frame(view))["organization"]
    values = {
        **dict.fromkeys(NAMES, ""),
        "currency": customer["currency"] or organization["defaultCurrency"],
        "rate": "1",
        "priority": "50",
        **rule_values(None, customer["applicableTimezone"]),
    }
    return await _form(view, customer, None, values, {}, chosen=set())


async def edit_wallet(view: View) -> Response:
    """``GET /{slug}/wallet/{id}/edit``."""
    item = await _wallet(view)
    scope = item["appliesTo"]
    chosen = {*scope["feeTypes"], *(metric["id"] for metric in scope["billableMetrics"])}
    return await _form(view, item["customer"], item, _values(item), {}, chosen=chosen)


def _values(item: Data) -> dict[str, str]:
    """What the form of an existing wallet begins with."""
    zone, rules = item["customer"]["applicableTimezone"], item["recurringTransactionRules"]
    return {
        **dict.fromkeys(NAMES, ""),
        "name": item["name"] or "",
        "code": item["code"],
        "currency": item["currency"],
        "priority": str(item["priority"]),
        "expires": local_text(item["expirationAt"], zone),
        "least": written(item["paidTopUpMinAmountCents"], item["currency"]),
        "most": written(item["paidTopUpMaxAmountCents"], item["currency"]),
        "requires": "yes" if item["invoiceRequiresSuccessfulPayment"] else "",
        **rule_values(rules[0] if rules else None, zone),
    }


async def create(view: View) -> Response:
    """``POST /{slug}/customer/{id}/wallet/create``."""
    customer = await _customer(view)
    values = {name: view.posted(name) for name in NAMES}
    problems: dict[str, list[str]] = {}
    sent = _common(view, values, customer["applicableTimezone"], None, problems)
    sent |= {
        "customerId": customer["id"],
        "currency": values["currency"],
        "ignorePaidTopUpLimitsOnCreation": values["beyond"] == "yes",
        "transactionName": values["label"] or None,
    }
    for key, name, default in (("rateAmount", "rate", None), ("paidCredits", "paid", "0"),
                               ("grantedCredits", "granted", "0")):  # fmt: skip
        sent[key] = decimal_text(values[name]) if values[name] else default
        if sent[key] is None:
            problems[key] = ["value_is_not_a_number" if values[name] else "value_is_mandatory"]
    sent["recurringTransactionRules"] = await _rules(
        view, values, customer["applicableTimezone"], None, values["rate"], problems
    )
    if problems:
        return await _again(view, customer, None, values, problems, "value_is_invalid")
    outcome = await view.change("CreateCustomerWallet", **sent)
    if not outcome.ok:
        return await _again(view, customer, None, values, outcome.fields, outcome.code)
    made = outcome.data["createCustomerWallet"]
    return view.redirect(wallet_href(view, made["id"]), ("positive", "Wallet created"))


async def change(view: View) -> Response:
    """``POST /{slug}/wallet/{id}/edit``: currency, rate and credits stay."""
    item = await _wallet(view)
    zone = item["customer"]["applicableTimezone"]
    values = {**{name: view.posted(name) for name in NAMES}, "currency": item["currency"]}
    problems: dict[str, list[str]] = {}
    sent = _common(view, values, zone, item, problems)
    sent["recurringTransactionRules"] = await _rules(view, values, zone, item, item["rateAmount"], problems)
    if problems:
        return await _again(view, item["customer"], item, values, problems, "value_is_invalid")
    outcome = await view.change("UpdateCustomerWallet", id=item["id"], **sent)
    if not outcome.ok:
        return await _again(view, item["customer"], item, values, outcome.fields, outcome.code)
    return view.redirect(wallet_href(view, item["id"]), ("positive", "Saved"))


def _common(
    view: View, values: Mapping[str, str], zone: str, item: Data | None, problems: dict[str, list[str]]
) -> dict[str, Any]:
    """What both forms send; texts that cannot be sent are noted as problems."""
    sent: dict[str, Any] = {
        "name": values["name"] or None,
        "code": values["code"] or None,
        "invoiceRequiresSuccessfulPayment": values["requires"] == "yes",
        "appliesTo": {"feeTypes": [name for name in FEE_TYPES if name in view.form.getlist("fee_type")]},
    }
    if view.may("billable_metrics:view"):
        sent["appliesTo"]["billableMetricIds"] = [str(value) for value in view.form.getlist("metric")]
    priority = values["priority"] or "50"
    if priority.isascii() and priority.isdigit() and len(priority) < 4:
        sent["priority"] = int(priority)
    else:
        problems["priority"] = ["value_is_invalid"]
    for key, name in (("paidTopUpMinAmountCents", "least"), ("paidTopUpMaxAmountCents", "most")):
        sent[key] = minor_units(values[name], values["currency"]) if values[name] else None
        if values[name] and sent[key] is None:
            problems[key] = ["invalid_value"]
    before = item["expirationAt"] if item else None
    if values["expires"] != local_text(before, zone):
        sent["expirationAt"] = local_instant(values["expires"], zone) if values["expires"] else None
        if values["expires"] and sent["expirationAt"] is None:
            problems["expirationAt"] = ["invalid_date"]
    return sent


async def _rules(
    view: View, values: Mapping[str, str], zone: str, item: Data | None, rate: str, problems: dict[str, list[str]]
) -> list[dict[str, Any]]:
    if values["rule"] not in ("interval", "threshold"):
        return []
    limits = [minor_units(values[name], values["currency"]) for name in ("least", "most")]
    rules: list[Data] = item["recurringTransactionRules"] if item else []
    return [
        read_rule(
            values,
            zone,
            rules[0] if rules else None,
            problems,
            rate=decimal_text(rate),
            currency=values["currency"],
            limits=(limits[0], limits[1]),
            now=present(view, await load_frame(view)),
        )
    ]


async def _customer(view: View) -> Data:
    found: Data = (await view.ask("WalletOwner", id=view.path("customer")))["customer"]
    return found


async def _wallet(view: View) -> Data:
    found: Data = (await view.ask("WalletOne", id=view.path("wallet")))["wallet"]
    return found


async def _again(
    view: View,
    customer: Data,
    item: Data | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None,
) -> Response:
    chosen = {str(value) for name in ("fee_type", "metric") for value in view.form.getlist(name)}
    return await _form(view, customer, item, values, fields, code, chosen=chosen)


async def _form(
    view: View,
    customer: Data,
    item: Data | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    chosen: set[str],
) -> Response:
    metrics = (
        (await view.ask("WalletMetrics"))["billableMetrics"]["collection"] if view.may("billable_metrics:view") else []
    )
    errors: dict[str, str | None] = dict.fromkeys(FIELDS.values())
    for name, text in field_errors(fields).items():
        if name in FIELDS:
            errors[FIELDS[name]] = text
    full = item is None and customer["activeWalletsCount"] >= MAX_ACTIVE
    error = next((text for name, text in field_errors(fields).items() if name not in FIELDS), None)
    heading = f"Edit {wallet_name(item)}" if item else "New wallet"
    content = {
        "title": heading,
        "heading": heading,
        "url": view.url,
        "action": view.request.url.path,
        "back": wallet_href(view, item["id"]) if item else f"{customer_href(view, customer)}/wallets",
        "back_to": wallet_name(item) if item else shown_name(customer),
        "submit": "Save" if item else "Create wallet",
        "is_new": item is None,
        "customer": shown_name(customer),
        "rate": rate_text(item) if item else None,
        "zone": customer["applicableTimezone"],
        "values": values,
        "prices": [] if item else prices_of_new(values),
        "currencies": [{"value": each, "label": each} for each in sorted(CURRENCIES)],
        "fee_types": [{"value": key, "label": label, "on": key in chosen} for key, label in FEE_TYPES.items()],
        "metrics": [{**each, "on": each["id"] in chosen} for each in metrics],
        "intervals": [{"value": key, "label": f"Every {word}"} for key, word in EVERY.items()],
        "errors": errors,
        "error": error
        or (in_words(code) if code and not fields else None)
        or (in_words("wallet_limit_reached", "customer") if full else None),
    }
    return await view.page("wallets/form.html", "customers", content, status_code=422 if code else 200)
