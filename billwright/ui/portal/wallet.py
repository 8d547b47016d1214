"""Buying credits: how many, what they cost, yes; a form buys once however often it is sent (spec 07 §5.3, §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.billing.wallets.amounts import fits, inflow_of, read_credits
from billwright.ui.portal.door import FORM_FIELD
from billwright.ui.portal.visit import Visit
from billwright.ui.views.support import Outcome

ERRORS = {
    "amount_rounds_to_zero": "error_rounds_to_zero",
    "wallet_is_terminated": "error_wallet",
    "wallet_not_found": "error_wallet",
    "rate_limited": "error_rate_limited",
}


async def show_wallet(visit: Visit) -> Response:
    """``GET /customer-portal/{token}/wallet/{wallet}``: the number of credits; with ``credits``, its price; with
    ``review``, the question whether to buy them."""
    return _page(visit, await _wallet(visit), visit.query("credits"), review="review" in visit.request.query_params)


async def buy(visit: Visit) -> Response:
    """``POST /customer-portal/{token}/wallet/{wallet}``: the answer to that question."""
    wallet = await _wallet(visit)
    credits = visit.posted("credits")
    outcome = await visit.change(
        "PortalTopUp", walletId=wallet["id"], paidCredits=credits, formToken=visit.posted(FORM_FIELD)
    )
    if outcome.ok:
        return visit.home("bought", credits=outcome.data["createCustomerPortalWalletTransaction"]["creditAmount"])
    return _page(visit, wallet, credits, error=_refusal(visit, wallet, outcome))


async def _wallet(visit: Visit) -> Mapping[str, Any]:
    return (await visit.ask("PortalWallet", id=visit.path("wallet")))["customerPortalWallet"]


def _refusal(visit: Visit, wallet: Mapping[str, Any], outcome: Outcome) -> str:
    code = next((codes[0] for codes in outcome.fields.values() if codes), None) or outcome.code or ""
    return _limit(visit, wallet, code) or visit.words.t(ERRORS.get(code, "error_amount"))


def _limit(visit: Visit, wallet: Mapping[str, Any], code: str) -> str | None:
    """The limit that an amount breaks, in words."""
    for wanted, text, name in (
        ("amount_below_minimum", "least", "paidTopUpMinAmountCents"),
        ("amount_above_maximum", "most", "paidTopUpMaxAmountCents"),
    ):
        if code == wanted and wallet[name] is not None:
            return visit.words.t(text, amount=visit.words.money(wallet[name], wallet["currency"]))
    return None


def _page(
    visit: Visit, wallet: Mapping[str, Any], credits: str, *, review: bool = False, error: str | None = None
) -> Response:
    words, currency = visit.words, wallet["currency"]
    price, problem = _price(visit, wallet, credits)
    active = wallet["status"] == "active"
    error = error or (None if active else words.t("error_wallet")) or (problem if review else None)
    limits = [
        visit.words.t(text, amount=words.money(wallet[name], currency))
        for text, name in (("least", "paidTopUpMinAmountCents"), ("most", "paidTopUpMaxAmountCents"))
        if wallet[name] is not None
    ]
    name = wallet["name"] or words.t("wallet")
    content = {
        "title": words.t("top_up_of", name=name),
        "action": f"{visit.base}/wallet/{wallet['id']}",
        "wallet": {
            "name": name,
            "active": active,
            "balance": words.money(wallet["ongoingBalanceCents"], currency),
            "credits": words.t("credits", count=words.number(wallet["creditsOngoingBalance"])),
            "credit_price": words.t("price_of_credit", price=words.unit_price(wallet["rateAmount"], currency)),
        },
        "limits": limits,
        "credits": credits,
        "price": words.money(price, currency) if price is not None else None,
        "bought": words.t("credits", count=words.number(credits)) if price is not None else None,
        "review": review and error is None,
        "error": error,
        "form_token": visit.door.new_form_token(),
    }
    return visit.show("wallet", content, status_code=422 if error else 200)


def _price(visit: Visit, wallet: Mapping[str, Any], text: str) -> tuple[int | None, str | None]:
    """What the credits cost in minor units, as the purchase computes it, or why they cannot be bought."""
    credits = read_credits(text)
    if not credits:
        return None, visit.words.t("error_amount")
    worth = inflow_of(credits, Decimal(wallet["rateAmount"]), wallet["currency"])
    if not fits(worth):
        return None, visit.words.t("error_amount")
    if not worth.amount_cents:
        return None, visit.words.t("error_rounds_to_zero")
    least, most = wallet["paidTopUpMinAmountCents"], wallet["paidTopUpMaxAmountCents"]
    if least is not None and worth.amount_cents < int(least):
        return worth.amount_cents, _limit(visit, wallet, "amount_below_minimum")
    if most is not None and worth.amount_cents > int(most):
        return worth.amount_cents, _limit(visit, wallet, "amount_above_maximum")
    return worth.amount_cents, None
