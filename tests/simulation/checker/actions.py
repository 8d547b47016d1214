"""Applies a recorded history to the books: one function per kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.simulation.checker import books, coupons, credit_notes, wallets, windows
from tests.simulation.checker.books import Clock, Ledger
from tests.simulation.checker.calendar import instant, local_date
from tests.simulation.checker.model import Charge, Customer, Event, Fee, Filter, Invoice, Metric, Plan, Subscription
from tests.simulation.checker.money import cents, exponent, half_up, number, truncated
from tests.simulation.checker.taxes import applicable

Body = Mapping[str, Any]


class Books:
    """``take`` each entry of a history in order, then ``close`` at the final instant."""

    def __init__(self, start: str, prefix: str) -> None:
        self.ledger = Ledger(instant(start), prefix)
        self.clock = Clock(self.ledger)

    def take(self, at: str, kind: str, body: Body) -> None:
        self.clock.advance(instant(at))
        handler: Callable[[Body], None] = getattr(self, f"_{kind}")
        handler(body)
        self.clock.advance(instant(at))

    def close(self, at: str) -> Ledger:
        self.clock.advance(instant(at))
        return self.ledger

    # -- catalogue and settings ----------------------------------------------------------------------------------

    def _organization(self, body: Body) -> None:
        ledger = self.ledger
        ledger.zone = body.get("timezone", ledger.zone)
        ledger.term = body.get("net_payment_term", ledger.term)
        ledger.finalizes_zero = body.get("finalize_zero_amount_invoice", ledger.finalizes_zero)
        ledger.numbering = body.get("document_numbering", ledger.numbering)
        ledger.prefix = body.get("document_number_prefix", ledger.prefix)
        ledger.grace = body.get("billing_configuration", {}).get("invoice_grace_period", ledger.grace)

    def _tax(self, body: Body) -> None:
        self.ledger.tax_rates[body["code"]] = number(body["rate"])
        if body.get("applied_to_organization"):
            self.ledger.default_taxes.append(body["code"])

    def _metric(self, body: Body) -> None:
        self.ledger.metrics[body["code"]] = Metric(
            body["code"], body["aggregation_type"], body.get("field_name"), body.get("recurring", False),
            body.get("rounding_function"), body.get("rounding_precision"),
            {item["key"]: item["values"] for item in body.get("filters", [])},
        )  # fmt: skip

    def _plan(self, body: Body) -> None:
        commitment = body.get("minimum_commitment") or {}
        self.ledger.plans[body["code"]] = Plan(
            body["code"], body["interval"], body["amount_cents"], body["amount_currency"], body["pay_in_advance"],
            number(body.get("trial_period")), body.get("bill_charges_monthly", False),
            [self._charge(item) for item in body["charges"]], body.get("tax_codes", []),
            commitment.get("amount_cents", 0), commitment.get("tax_codes", []),
            [(item["amount_cents"], item["recurring"]) for item in body.get("usage_thresholds", [])],
        )  # fmt: skip

    def _price(self, body: Body) -> None:
        """A plan's price changes for what is billed from now on, drafts included (spec 03 §2.2)."""
        ledger = self.ledger
        plan = ledger.plans[body["code"]]
        plan.amount = body["amount_cents"]
        for item in [item for item in ledger.subscriptions if item.status == "pending" and item.previous]:
            current = item.previous
            assert current is not None
            cheaper = windows.yearly_price(item.plan) < windows.yearly_price(current.plan)
            if current.plan is plan and windows.yearly_price(plan) < windows.yearly_price(item.plan):
                item.status = "canceled"
            elif item.plan is plan and not cheaper:
                ledger.subscriptions.remove(item)
                books.upgrade(ledger, current, item)
        for invoice in ledger.invoices:
            mine = [row.subscription for row in invoice.rows if row.subscription.plan is plan]
            if invoice.status == "draft" and any(item.status == "active" for item in mine):
                ledger.refresh(invoice)

    def _charge(self, body: Body) -> Charge:
        filters = [
            Filter(item["values"], item["properties"], order) for order, item in enumerate(body.get("filters", []))
        ]
        return Charge(
            self.ledger.metrics[body["metric"]], body["charge_model"], body["properties"], filters,
            body.get("pay_in_advance", False), body.get("invoiceable", True), body.get("prorated", False),
            body.get("min_amount_cents", 0), body.get("tax_codes", []), body.get("regroup_paid_fees") == "invoice",
        )  # fmt: skip

    def _customer(self, body: Body) -> None:
        customers = self.ledger.customers
        code = body["external_id"]
        configuration = body.get("billing_configuration", {})
        customers[code] = Customer(
            code, len(customers) + 1, body.get("timezone") or self.ledger.zone, body.get("tax_codes", []),
            body.get("net_payment_term"), configuration.get("invoice_grace_period"),
            body.get("finalize_zero_amount_invoice", "inherit"),
        )  # fmt: skip

    # -- subscriptions -------------------------------------------------------------------------------------------

    def _subscribe(self, body: Body) -> None:
        ledger = self.ledger
        customer, plan = ledger.customers[body["external_customer_id"]], ledger.plans[body["plan_code"]]
        if body.get("plan_overrides"):
            plan = self._overridden(plan, body["plan_overrides"])
        current = next(
            (
                item
                for item in ledger.subscriptions
                if item.external_id == body["external_id"]
                and item.customer is customer
                and (item.status == "active" or (item.status == "pending" and item.previous is None))
            ),
            None,
        )
        if current is None:
            self._create(body, customer, plan)
        elif current.status == "pending":
            current.plan = plan
        elif current.plan is not plan:
            self._change(current, body, plan)

    def _overridden(self, plan: Plan, changes: Body) -> Plan:
        """A child plan with charges of its own (spec 03 §2.5)."""
        commitment = changes.get("minimum_commitment", {}).get("amount_cents", plan.commitment)
        return replace(
            plan, amount=changes.get("amount_cents", plan.amount), commitment=commitment,
            taxes=changes.get("tax_codes", plan.taxes), charges=[replace(charge) for charge in plan.charges],
        )  # fmt: skip

    def _create(self, body: Body, customer: Customer, plan: Plan) -> None:
        ledger = self.ledger
        at = instant(body["subscription_at"]) if body.get("subscription_at") else ledger.now
        made = Subscription(
            body["external_id"], customer, plan, body.get("billing_time", "calendar"), at, ledger.now,
            next(ledger.order), ending_at=instant(body["ending_at"]) if body.get("ending_at") else None,
        )  # fmt: skip
        ledger.subscriptions.append(made)
        day, today = local_date(at, customer.zone), local_date(ledger.now, customer.zone)
        if day == today:
            books.activate(ledger, made, at)
        elif day < today:
            ends = [item.terminated_at for item in ledger.chain(made) if item is not made and item.terminated_at]
            made.status, made.started_at = "active", max([at, *ends])
            end = ledger.trial_end(made)
            if end and end <= ledger.now:
                made.trial_ended_at = end

    def _change(self, current: Subscription, body: Body, plan: Plan) -> None:
        ledger = self.ledger
        made = Subscription(
            current.external_id, current.customer, plan, current.billing_time, current.subscription_at, ledger.now,
            next(ledger.order),
            ending_at=instant(body["ending_at"]) if body.get("ending_at") else current.ending_at,
        )  # fmt: skip
        if windows.yearly_price(plan) >= windows.yearly_price(current.plan):
            books.upgrade(ledger, current, made)
            return
        pending = ledger.successor(current)
        if pending:
            pending.status = "canceled"
        made.previous = current
        ledger.subscriptions.append(made)

    def _active(self, external_id: str) -> Subscription:
        return next(
            item for item in self.ledger.subscriptions if item.external_id == external_id and item.status == "active"
        )

    def _terminate(self, body: Body) -> None:
        books.terminate(
            self.ledger, self._active(body["external_id"]), self.ledger.now,
            body.get("on_termination_credit_note", "credit"), body.get("on_termination_invoice", "generate"),
        )  # fmt: skip

    def _cancel_pending(self, body: Body) -> None:
        pending = next(
            item
            for item in self.ledger.subscriptions
            if item.external_id == body["external_id"] and item.status == "pending"
        )
        pending.status = "canceled"

    # -- usage ---------------------------------------------------------------------------------------------------

    def _events(self, body: Body) -> None:
        made = [
            Event(
                item["transaction_id"], item["code"], item["external_subscription_id"], event_time(item["timestamp"]),
                next(self.ledger.order), item["properties"], number(item.get("precise_total_amount_cents")),
            )
            for item in body["events"]
        ]  # fmt: skip
        for event in made:
            self.ledger.take_event(event)
        for event in made:
            self.ledger.bill_event(event)

    # -- coupons and wallets -------------------------------------------------------------------------------------

    def _coupon(self, body: Body) -> None:
        limits = body.get("applies_to", {})
        self.ledger.coupons[body["code"]] = coupons.Coupon(
            body["code"], limits.get("plan_codes", []), limits.get("billable_metric_codes", [])
        )
        self._coupon_values = {**getattr(self, "_coupon_values", {}), body["code"]: body}

    def _apply_coupon(self, body: Body) -> None:
        ledger = self.ledger
        values = {**self._coupon_values[body["coupon_code"]], **body}
        percentage = values["coupon_type"] == "percentage"
        ledger.applications.append(
            coupons.Application(
                ledger.coupons[body["coupon_code"]], ledger.customers[body["external_customer_id"]],
                next(ledger.order), values["frequency"], number(values["percentage_rate"]) if percentage else None,
                values.get("amount_cents", 0), values.get("amount_currency"), values.get("frequency_duration", 0),
            )
        )  # fmt: skip

    def _delete_coupon(self, body: Body) -> None:
        coupon = self.ledger.coupons[body["code"]]
        coupon.deleted = True
        for application in self.ledger.applications:
            if application.coupon is coupon and application.active:
                application.active = False

    def _wallet(self, body: Body) -> None:
        ledger = self.ledger
        limits = body.get("applies_to", {})
        made = wallets.Wallet(
            body["name"], ledger.customers[body["external_customer_id"]], body["currency"], number(body["rate_amount"]),
            body.get("priority", 50), next(ledger.order), limits.get("fee_types", []),
            limits.get("billable_metric_codes", []),
            instant(body["expiration_at"]) if body.get("expiration_at") else None,
        )  # fmt: skip
        ledger.wallets.append(made)
        self._fill(made, body)

    def _top_up(self, body: Body) -> None:
        self._fill(next(item for item in self.ledger.wallets if item.name == body["wallet"]), body)

    def _fill(self, wallet: wallets.Wallet, body: Body) -> None:
        ledger = self.ledger
        if body.get("paid_credits"):
            amount = wallets.worth(body["paid_credits"], wallet.rate, wallet.currency)
            invoice = ledger.new_invoice("credit", wallet.customer, wallet.currency, ledger.now)
            invoice.purchase = (wallet, amount)
            units = half_up(Fraction(amount, 10 ** exponent(wallet.currency)) / wallet.rate, 5)
            invoice.fees = [Fee("credit", amount, Fraction(amount), units)]
            ledger.invoices.append(invoice)
            ledger.issue(invoice)
        if body.get("granted_credits"):
            wallet.take(
                "granted", wallets.worth(body["granted_credits"], wallet.rate, wallet.currency), next(ledger.order)
            )

    # -- invoices ------------------------------------------------------------------------------------------------

    def _one_off(self, body: Body) -> None:
        ledger = self.ledger
        customer = ledger.customers[body["external_customer_id"]]
        invoice = ledger.new_invoice("one_off", customer, body["currency"], ledger.now)
        for item in body["fees"]:
            exact = number(item["unit_amount_cents"]) * number(item["units"])
            fee = Fee("add_on", cents(exact), exact, number(item["units"]), code=item["add_on_code"])
            own = [code for code in item.get("tax_codes", []) if code in ledger.tax_rates]
            fee.taxes = applicable(fee, customer, ledger.tax_rates, ledger.default_taxes, own)
            invoice.fees.append(fee)
        ledger.invoices.append(invoice)
        ledger.issue(invoice)

    def invoice_at(self, reference: Body) -> Invoice:
        """By number, or a draft by its instant and subscriptions."""
        if reference.get("number"):
            return next(item for item in self.ledger.invoices if item.number == reference["number"])
        return next(
            item
            for item in self.ledger.invoices
            if item.status == "draft" and draft_key(item) == tuple(reference["draft"])
        )

    def _finalize(self, body: Body) -> None:
        self.ledger.finalize(self.invoice_at(body))

    def _refresh(self, body: Body) -> None:
        self.ledger.refresh(self.invoice_at(body))

    def _pay(self, body: Body) -> None:
        invoice = self.invoice_at(body)
        if invoice.payment_status == "succeeded":
            return
        invoice.payment_status = "succeeded"
        if invoice.purchase:
            wallet, amount = invoice.purchase
            wallet.take("purchased", amount, next(self.ledger.order))

    def _void(self, body: Body) -> None:
        invoice = self.invoice_at(body)
        invoice.voided, invoice.status = True, "voided"
        coupons.give_back(invoice)
        for wallet, amount in invoice.wallets_used:
            if wallet.active:
                wallet.take("granted", amount, next(self.ledger.order))

    def _pay_fees(self, body: Body) -> None:
        paid = {tuple(item) for item in body["fees"]}
        for fee in self.ledger.standalone:
            if fee.subscription and (fee.subscription.external_id, fee.transaction_id, fee.code) in paid:
                fee.paid_at = fee.paid_at or self.ledger.now

    def _void_with_note(self, body: Body) -> None:
        """What is asked for becomes a credit note, the rest one that is voided at once (spec 04 §9)."""
        ledger = self.ledger
        invoice = self.invoice_at(body)
        whole = credit_notes.creditable(invoice)
        asked = body["credit_amount"]
        rest = [(fee, fee.amount - fee.credited) for fee in invoice.fees]
        invoice.voided, invoice.status = True, "voided"
        coupons.give_back(invoice)
        if asked:
            items = [(fee, truncated(Fraction(amount) * asked / whole)) for fee, amount in rest if amount]
            ledger.new_note(invoice, items, "other", (asked, 0, 0))
        for fee in invoice.fees:
            fee.credited = half_up(fee.credited)  # the items count in whole cents, so that both notes make the invoice
        left = credit_notes.creditable(invoice)
        if left:
            items = [(fee, fee.amount - fee.credited) for fee, amount in rest if amount]
            note = ledger.new_note(invoice, items, "other", (left, 0, 0))
            note.voided, note.balance = True, 0

    def _credit_note(self, body: Body) -> None:
        invoice = self.invoice_at(body)
        by_key = {fee_key(fee): fee for fee in invoice.fees}
        items = [(by_key[tuple(item["fee"])], Fraction(item["amount_cents"])) for item in body["items"]]
        self.ledger.new_note(
            invoice, items, "other", (body["credit_amount_cents"], 0, body.get("offset_amount_cents", 0))
        )


def event_time(timestamp: Any) -> datetime:
    whole, _, fraction = str(timestamp).partition(".")
    found = datetime.fromtimestamp(int(whole), instant("2024-01-01").tzinfo)
    return found.replace(microsecond=int(fraction.ljust(6, "0")[:6]) // 1000 * 1000 if fraction else 0)


def fee_key(fee: Fee) -> tuple[Any, ...]:
    """What tells a fee from the others of its invoice, as REST shows it."""
    return (
        fee.kind,
        fee.subscription.external_id if fee.subscription else None,
        fee.subscription.plan.code if fee.kind in ("subscription", "commitment") and fee.subscription else fee.code,
        _canonical(fee.filter_values),
        tuple(sorted((key, value or "") for key, value in fee.group.items())),
        fee.true_up,
        fee.transaction_id,
    )


def _canonical(values: Mapping[str, Sequence[str]] | None) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    return tuple(sorted((key, tuple(items)) for key, items in values.items())) if values else None


def draft_key(invoice: Invoice) -> tuple[str, ...]:
    """Issuing date expected, and the subscriptions with the reason of their rows."""
    return (
        str(invoice.issuing_date),
        *sorted(f"{row.subscription.external_id} {row.reason}" for row in invoice.rows),
    )


# -- the same keys out of the objects of REST ------------------------------------------------------------------------


def fee_key_of(fee: Mapping[str, Any]) -> tuple[Any, ...]:
    item = fee["item"]
    kind = item["type"]
    return (
        kind,
        fee["external_subscription_id"] if kind in ("subscription", "charge", "commitment") else None,
        item["code"] if kind != "credit" else "",
        _canonical(item["filters"]),
        tuple(sorted(item["grouped_by"].items())),
        fee["lago_true_up_parent_fee_id"] is not None,
        fee.get("event_transaction_id"),
    )


def draft_key_of(invoice: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        invoice["issuing_date"],
        *sorted(
            f"{item['external_subscription_id']} {item['invoicing_reason']}" for item in invoice["billing_periods"]
        ),
    )
