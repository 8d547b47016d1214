"""Buying credits: how many, what they cost, yes; a form buys once however often it is sent (spec 07 §5.3, §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.billing.wallets.amounts import Worth, fits, inflow_of, read_credits
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
    ``review``, the question whether to buy them. The number is written as the customer's language writes numbers."""
    typed = visit.query("credits")
    credits = visit.words.read_number(typed)
    return _page(visit, await _wallet(visit), credits, typed, review="review" in visit.request.query_params)


async def buy(visit: Visit) -> Response:
    """``POST /customer-portal/{token}/wallet/{wallet}``: the answer to that question, which
    holds the number as plain decimal text."""
    wallet = await _wallet(visit)
    credits = visit.posted("credits")
    outcome = await visit.change(
        "PortalTopUp", walletId=wallet["id"], paidCredits=credits, formToken=visit.posted(FORM_FIELD)
    )
    if outcome.ok:
        return visit.home("bought", credits=outcome.data["createCustomerPortalWalletTransaction"]["creditAmount"])
    number = read_credits(credits)
    typed = visit.words.number(number) if number else credits
    return _page(visit, wallet, credits, typed, error=_refusal(visit, wallet, outcome))


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
    visit: Visit,
    wallet: Mapping[str, Any],
    credits: str,
    typed: str,
    *,
    review: bool = False,
    error: str | None = None,
) -> Response:
    """``credits``: plain decimal text, or whatever else was sent; ``typed``: what the field shows."""
    words, currency = visit.words, wallet["currency"]
    worth, problem = _worth(visit, wallet, credits)
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
            "credits": words.counted("credits", wallet["creditsOngoingBalance"]),
            "credit_price": words.t("price_of_credit", price=words.unit_price(wallet["rateAmount"], currency)),
        },
        "limits": limits,
        "credits": credits,
        "typed": typed,
        "price": words.money(worth.amount_cents, currency) if worth else None,
        "bought": words.counted("credits", worth.credits) if worth else None,
        "review": review and error is None,
        "error": error,
        "form_token": visit.door.new_form_token(),
    }
    return visit.show("wallet", content, status_code=422 if error else 200)


def _worth(visit: Visit, wallet: Mapping[str, Any], text: str) -> tuple[Worth | None, str | None]:
    """What is bought and what it costs, as the purchase computes it, and why it cannot be bought."""
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
        return worth, _limit(visit, wallet, "amount_below_minimum")
    if most is not None and worth.amount_cents > int(most):
        return worth, _limit(visit, wallet, "amount_above_maximum")
    return worth, None
