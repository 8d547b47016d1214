"""Buying, granting and voiding credits by hand, and what credits are worth while they are typed (spec 05 D2, D3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES, decimal_string, parse_decimal
from billwright.billing.wallets.amounts import fits, inflow_of, read_credits, void_of
from billwright.ui import formatting
from billwright.ui.views.customers import shown_name
from billwright.ui.views.money import decimal_text
from billwright.ui.views.support import View
from billwright.ui.views.wallets import credits_text, rate_text, wallet_href, wallet_name
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
FIELDS = {
    "paidCredits": "paid",
    "grantedCredits": "granted",
    "voidedCredits": "voided",
    "name": "label",
    "priority": "priority",
}
_ORDERS = ("paid", "granted", "voided")


async def top_up_form(view: View) -> Response:
    """``GET /{slug}/wallet/{id}/top-up``."""
    item = await _wallet(view)
    requires = "yes" if item["invoiceRequiresSuccessfulPayment"] else ""
    return await _form(view, item, {**_blank(), "requires": requires})


async def top_up(view: View) -> Response:
    """``POST /{slug}/wallet/{id}/top-up``: buy and grant credits at once."""
    item = await _wallet(view)
    values = {name: view.posted(name) for name in _blank()}
    problems: dict[str, list[str]] = {}
    sent = {key: _credits(values[name], key, problems) for key, name in FIELDS.items() if name in ("paid", "granted")}
    if not problems and not any(Decimal(value or 0) > 0 for value in sent.values()):
        problems["paidCredits"] = ["value_is_mandatory"]
    if problems:
        return await _form(view, item, values, problems, "value_is_invalid")
    outcome = await view.change(
        "CreateCustomerWalletTransaction",
        walletId=item["id"],
        **sent,
        invoiceRequiresSuccessfulPayment=values["requires"] == "yes",
        ignorePaidTopUpLimits=values["beyond"] == "yes",
        name=values["label"] or None,
    )
    if not outcome.ok:
        return await _form(view, item, values, outcome.fields, outcome.code)
    made = outcome.data["createCustomerWalletTransaction"]["collection"]
    return view.redirect(wallet_href(view, item["id"]), ("positive", _done(made, item)))


def _done(made: list[Data], item: Data) -> str:
    totals = {line["transactionStatus"]: line["amountCents"] for line in made}
    words = {
        "purchased": "{} bought; they count once they are paid",
        "granted": "{} granted",
        "voided": "{} voided",
    }
    parts = [
        text.format(formatting.money_with_currency(totals[kind], item["currency"]))
        for kind, text in words.items()
        if kind in totals
    ]
    return ". ".join(reversed(parts))


async def void_form(view: View) -> Response:
    """``GET /{slug}/wallet/{id}/void``."""
    return await _form(view, await _wallet(view), _blank(), void=True)


async def void(view: View) -> Response:
    """``POST /{slug}/wallet/{id}/void``: take credits away for nothing."""
    item = await _wallet(view)
    values = {**_blank(), "voided": view.posted("voided"), "label": view.posted("label")}
    problems: dict[str, list[str]] = {}
    credits = _credits(values["voided"], "voidedCredits", problems)
    if not problems and not Decimal(credits or 0):
        problems["voidedCredits"] = ["value_is_mandatory"]
    if problems:
        return await _form(view, item, values, problems, "value_is_invalid", void=True)
    outcome = await view.change(
        "CreateCustomerWalletTransaction", walletId=item["id"], voidedCredits=credits, name=values["label"] or None
    )
    if not outcome.ok:
        return await _form(view, item, values, outcome.fields, outcome.code, void=True)
    made = outcome.data["createCustomerWalletTransaction"]["collection"]
    return view.redirect(wallet_href(view, item["id"]), ("positive", _done(made, item)))


def _blank() -> dict[str, str]:
    return dict.fromkeys(("paid", "granted", "voided", "label", "requires", "beyond"), "")


def _credits(text: str, key: str, problems: dict[str, list[str]]) -> str | None:
    """Credits as they are sent; ``None`` for none."""
    if not text:
        return None
    value = decimal_text(text)
    if value is None or read_credits(value) is None:
        problems[key] = ["invalid_amount"]
    return value


async def _wallet(view: View) -> Data:
    item: Data = (await view.ask("WalletOne", id=view.path("wallet")))["wallet"]
    return item


async def _form(
    view: View,
    item: Data,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]] | None = None,
    code: str | None = None,
    *,
    void: bool = False,
) -> Response:
    errors = field_errors(fields or {})
    href = wallet_href(view, item["id"])
    least, most = item["paidTopUpMinAmountCents"], item["paidTopUpMaxAmountCents"]
    limits = [
        f"{word} {formatting.money_with_currency(cents, item['currency'])}"
        for word, cents in (("at least", least), ("at most", most))
        if cents is not None
    ]
    heading = f"Void credits of {wallet_name(item)}" if void else f"Top up {wallet_name(item)}"
    content = {
        "title": heading,
        "heading": heading,
        "url": view.url,
        "action": view.request.url.path,
        "back": href,
        "void": void,
        "customer": shown_name(item["customer"]),
        "wallet": {
            "name": wallet_name(item),
            "rate": rate_text(item),
            "balance": formatting.money_with_currency(item["balanceCents"], item["currency"]),
            "credits": credits_text(item["creditsBalance"]),
            "all": decimal_string(Decimal(item["creditsBalance"])),
            "limits": " and ".join(limits),
            "price_href": f"{href}/price",
        },
        "values": values,
        "prices": _prices(item, values),
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("wallets/credits.html", "customers", content, status_code=422 if code else 200)


# --- what credits are worth ----------------------------------------------------------------------------------------


async def price(view: View) -> Response:
    """``GET /{slug}/wallet/{id}/price``: what the credits of the address are worth in the wallet."""
    item = await _wallet(view)
    return await _shown(view, _prices(item, {name: view.query(name) for name in _ORDERS}))


async def price_of_new(view: View) -> Response:
    """``GET /{slug}/wallet-price``: the same for a wallet that is being made, with its ``rate`` and ``currency``."""
    return await _shown(view, prices_of_new({name: view.query(name) for name in ("rate", "currency", *_ORDERS)}))


def prices_of_new(values: Mapping[str, str]) -> list[dict[str, str]]:
    """What the first credits of a wallet are worth; nothing while its rate or currency cannot be."""
    rate, currency = parse_decimal(decimal_text(values["rate"]) or ""), values["currency"].upper()
    if rate is None or rate <= 0 or currency not in CURRENCIES:
        return []
    item = {
        "rateAmount": rate,
        "currency": currency,
        "balanceCents": 0,
        "paidTopUpMinAmountCents": None,
        "paidTopUpMaxAmountCents": None,
    }
    return _prices(item, {name: values[name] for name in ("paid", "granted")})


async def _shown(view: View, prices: list[dict[str, str]]) -> Response:
    return await view.page("wallets/price.html", "customers", {"url": view.url, "prices": prices}, "prices")


def _prices(item: Data, values: Mapping[str, str]) -> list[dict[str, str]]:
    """One line per amount typed, then the balance afterwards. Texts that are no credits give no line."""
    rate, currency = Decimal(item["rateAmount"]), str(item["currency"])
    after = int(item["balanceCents"])
    found: list[dict[str, str]] = []
    for order in _ORDERS:
        credits = read_credits(decimal_text(values.get(order, "")))
        if not credits:
            continue
        worth = (void_of if order == "voided" else inflow_of)(credits, rate, currency)
        if not fits(worth):
            continue
        found.append(_price(order, credits, worth.amount_cents, worth.credits, item))
        after += -min(worth.amount_cents, after) if order == "voided" else worth.amount_cents
    if found:
        label = "Balance afterwards" if not values.get("paid") else "Balance once it is paid"
        found.append({"label": label, "value": formatting.money_with_currency(after, currency), "note": ""})
    return found


def _price(order: str, typed: Decimal, cents: int, credits: Decimal, item: Data) -> dict[str, str]:
    money = formatting.money_with_currency(cents, item["currency"])
    label = {"paid": "The customer pays", "granted": "Granted for nothing", "voided": "Taken away"}[order]
    note = ""
    if not cents:
        note = "Worth less than the smallest coin"
    elif credits != typed:
        note = f"{credits_text(credits)}, rounded to whole {'coins' if order != 'voided' else 'parts'}"
    if order == "paid":
        least, most = item["paidTopUpMinAmountCents"], item["paidTopUpMaxAmountCents"]
        if least is not None and cents < int(least):
            note = f"Below the least, {formatting.money_with_currency(least, item['currency'])}"
        elif most is not None and cents > int(most):
            note = f"Above the most, {formatting.money_with_currency(most, item['currency'])}"
    return {"label": label, "value": money, "note": note}
