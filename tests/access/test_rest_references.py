"""Bodies and queries of an organization that refer to another organization's objects: as if there were none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.access.conftest import Street
from tests.access.furnishing import Home, Rest, books, crossings

FINE = 200
"""The reference is a word of one's own: it is stored, or ignored, and reaches nobody."""


def references(mine: Home, theirs: Home) -> Iterator[tuple[str, str, Any, int | str]]:
    """Method, path, body, and the code or key of the refusal, or the status of an answer that is fine."""
    charge = {"billable_metric_id": mine.ids["metric"], "charge_model": "standard", "properties": {"amount": "1"}}
    plan = {"name": "P", "code": "p", "interval": "monthly", "amount_cents": 1, "amount_currency": "EUR",
            "pay_in_advance": False}  # fmt: skip
    foreign_metric = {**charge, "billable_metric_id": theirs.ids["metric"]}
    tax_codes = [theirs.codes["tax"]]
    yield "POST", "/plans", {"plan": {**plan, "charges": [foreign_metric]}}, "billable_metrics_not_found"
    yield "POST", "/plans", {"plan": {**plan, "charges": [], "tax_codes": tax_codes}}, "tax_not_found"
    yield "POST", "/plans", {"plan": {**plan, "charges": [{**charge, "tax_codes": tax_codes}]}}, "tax_not_found"
    committed = {**plan, "charges": [], "minimum_commitment": {"amount_cents": 5, "tax_codes": tax_codes}}
    yield "POST", "/plans", {"plan": committed}, "tax_not_found"
    own = f"/plans/{mine.codes['plan']}"
    yield "PUT", own, {"plan": {"charges": [{**charge, "id": theirs.ids["charge"]}]}}, FINE
    yield "PUT", own, {"plan": {"charges": [{**foreign_metric}]}}, "billable_metrics_not_found"
    yield "PUT", own, {"plan": {"tax_codes": tax_codes}}, "tax_not_found"
    yield "POST", f"{own}/charges", {"charge": {**foreign_metric, "code": "c"}}, "billable_metric_not_found"
    yield "POST", f"{own}/charges", {"charge": {**charge, "code": "c", "tax_codes": tax_codes}}, "tax_not_found"

    granted = {"entitlements": {theirs.codes["feature"]: {}}}
    for kind in ("plan", "subscription"):
        yield "PATCH", f"/{kind}s/{mine.codes[kind]}/entitlements", granted, "feature_not_found"

    coupon = {"name": "C", "code": "c", "coupon_type": "percentage", "percentage_rate": "1", "frequency": "once",
              "expiration": "no_expiration"}  # fmt: skip
    to_plan, to_metric = {"plan_codes": [theirs.codes["plan"]]}, {"billable_metric_codes": [theirs.codes["metric"]]}
    yield "POST", "/coupons", {"coupon": {**coupon, "applies_to": to_plan}}, "plans_not_found"
    yield "POST", "/coupons", {"coupon": {**coupon, "applies_to": to_metric}}, "billable_metrics_not_found"
    applied = {"external_customer_id": mine.codes["customer"], "coupon_code": mine.codes["coupon"]}
    foreign = {**applied, "external_customer_id": theirs.codes["customer"]}
    yield "POST", "/applied_coupons", {"applied_coupon": foreign}, "customer_not_found"
    foreign = {**applied, "coupon_code": theirs.codes["coupon"]}
    yield "POST", "/applied_coupons", {"applied_coupon": foreign}, "coupon_not_found"

    wanted = {"external_customer_id": mine.codes["customer"], "plan_code": mine.codes["plan"], "external_id": "s"}
    foreign = {**wanted, "plan_code": theirs.codes["plan"]}
    yield "POST", "/subscriptions", {"subscription": foreign}, "plan_not_found"
    overrides = {"charges": [{"id": theirs.ids["charge"], "properties": {"amount": "9"}}]}
    yield "POST", "/subscriptions", {"subscription": {**wanted, "plan_overrides": overrides}}, FINE
    overrides = {"tax_codes": tax_codes}
    foreign = {**wanted, "external_id": "s2", "plan_overrides": overrides}
    yield "POST", "/subscriptions", {"subscription": foreign}, "tax_not_found"
    yield "POST", "/customers", {"customer": {"external_id": "new", "tax_codes": tax_codes}}, "tax_not_found"
    yield (
        "POST",
        "/add_ons",
        {"add_on": {"name": "A", "code": "a", "amount_cents": 1, "amount_currency": "EUR", "tax_codes": tax_codes}},
        "tax_not_found",
    )
    entity = f"/billing_entities/{mine.codes['billing_entity']}"
    yield "PUT", entity, {"billing_entity": {"tax_codes": tax_codes}}, "tax_not_found"

    sold = {"external_customer_id": mine.codes["customer"], "currency": "EUR",
            "fees": [{"add_on_code": mine.codes["add_on"]}]}  # fmt: skip
    foreign_sale = {**sold, "external_customer_id": theirs.codes["customer"]}
    yield "POST", "/invoices", {"invoice": foreign_sale}, "customer_not_found"
    foreign_sale = {**sold, "fees": [{"add_on_code": theirs.codes["add_on"]}]}
    yield "POST", "/invoices", {"invoice": foreign_sale}, "add_on_not_found"
    previewed = {"customer": {"external_id": mine.codes["customer"]}, "plan_code": mine.codes["plan"]}
    preview = "/invoices/preview"
    yield "POST", preview, {**previewed, "customer": {"external_id": theirs.codes["customer"]}}, "customer_not_found"
    yield "POST", preview, {**previewed, "plan_code": theirs.codes["plan"]}, "plan_not_found"
    running = {"external_ids": [theirs.codes["subscription"]]}
    yield "POST", preview, {"customer": previewed["customer"], "subscriptions": running}, "subscription_not_found"

    item = {"fee_id": mine.ids["fee"], "amount_cents": 10}
    note = {"invoice_id": mine.ids["invoice"], "reason": "other", "credit_amount_cents": 10, "items": [item]}
    for path in ("/credit_notes", "/credit_notes/estimate"):
        foreign_note = {**note, "invoice_id": theirs.ids["invoice"]}
        yield "POST", path, {"credit_note": foreign_note}, "invoice_not_found"
        foreign_note = {**note, "items": [{**item, "fee_id": theirs.ids["fee"]}]}
        yield "POST", path, {"credit_note": foreign_note}, "fee_not_found"
    paid = {"invoice_id": theirs.ids["invoice"], "amount_cents": 1, "reference": "r"}
    yield "POST", "/payments", {"payment": paid}, "invoice_not_found"

    wallet = {"external_customer_id": mine.codes["customer"], "rate_amount": "1", "currency": "EUR", "name": "w"}
    foreign = {**wallet, "external_customer_id": theirs.codes["customer"]}
    yield "POST", "/wallets", {"wallet": foreign}, "customer_not_found"
    limited = {**wallet, "applies_to": {"billable_metric_codes": [theirs.codes["metric"]]}}
    yield "POST", "/wallets", {"wallet": limited}, "invalid_limitations"
    topped = {"wallet_id": theirs.ids["wallet"], "granted_credits": "1"}
    yield "POST", "/wallet_transactions", {"wallet_transaction": topped}, "wallet_not_found"

    used = {"transaction_id": "mine", "external_subscription_id": theirs.codes["subscription"],
            "code": theirs.codes["metric"], "properties": {"n": 1}}  # fmt: skip
    yield "POST", "/events", {"event": used}, FINE
    yield "POST", "/events/estimate_fees", {"event": used}, "not_found"
    yield "POST", "/events/estimate_instant_fees", {"event": used}, "not_found"
    usage = f"/customers/{mine.codes['customer']}/current_usage"
    of = theirs.codes["subscription"]
    yield "GET", f"{usage}?external_subscription_id={of}", None, "no_active_subscription"
    usage = usage.replace("current", "projected")
    yield "GET", f"{usage}?external_subscription_id={of}", None, "no_active_subscription"


async def test_what_is_another_s_cannot_be_referred_to(street: Street) -> None:
    before = await books(street.world, street.theirs)
    rest = Rest(street.world, street.mine.api_key)
    wrong: list[str] = []
    for method, path, body, expected in references(street.mine, street.theirs):
        answer = await rest.send(method, path, body)
        if expected == FINE:
            fine = answer.status_code == FINE
        else:
            fine = answer.status_code in (404, 405, 422) and str(expected) in answer.text
            fine = fine and not any(word in answer.text for word in street.theirs.secrets)
        if not fine:
            wrong.append(f"{method} {path} {body}: {answer.status_code} {answer.text}, expected {expected}")
    assert not wrong, "\n".join(wrong)
    assert await books(street.world, street.theirs) == before
    assert await crossings(street.world) == []
