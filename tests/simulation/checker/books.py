"""The checker's own organization: a clock that visits due instants, and the invoices that follow (spec 03 §8, 04)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from tests.simulation.checker import coupons, credit_notes, progressive, wallets, windows
from tests.simulation.checker.calendar import local_date, start_of_day
from tests.simulation.checker.credit_notes import CreditNote
from tests.simulation.checker.fees import charge_fees, commitment_fee, subscription_fee
from tests.simulation.checker.in_advance import State, event_fee, triggers
from tests.simulation.checker.model import (
    Customer,
    Event,
    Fee,
    Invoice,
    Metric,
    Plan,
    Row,
    Subscription,
)
from tests.simulation.checker.money import ZERO
from tests.simulation.checker.taxes import applicable, tax_fee, tax_invoice, tax_regrouped
from tests.simulation.checker.wallets import Wallet

_DAY = timedelta(days=1)


class Ledger:
    """Everything the organization has, and how its invoices are made."""

    def __init__(self, now: datetime, prefix: str) -> None:
        self.now = now
        self.prefix = prefix
        self.numbering = "per_customer"
        self.zone = "UTC"
        self.term = 0
        self.grace = 0
        self.finalizes_zero = True
        self.tax_rates: dict[str, Fraction] = {}
        self.default_taxes: list[str] = []
        self.metrics: dict[str, Metric] = {}
        self.plans: dict[str, Plan] = {}
        self.customers: dict[str, Customer] = {}
        self.subscriptions: list[Subscription] = []
        self.events: dict[str, list[Event]] = {}
        self.invoices: list[Invoice] = []
        self.standalone: list[Fee] = []
        self.coupons: dict[str, coupons.Coupon] = {}
        self.applications: list[coupons.Application] = []
        self.wallets: list[Wallet] = []
        self.notes: list[CreditNote] = []
        self.states: dict[tuple, State] = {}
        self.order = count(1)

    # -- subscriptions of one external id ------------------------------------------------------------------------

    def chain(self, subscription: Subscription) -> list[Subscription]:
        return [
            item
            for item in self.subscriptions
            if item.external_id == subscription.external_id and item.customer is subscription.customer
        ]

    def trial_end(self, subscription: Subscription) -> datetime | None:
        return windows.trial_end(subscription, self.chain(subscription))

    def in_trial(self, subscription: Subscription, t: datetime) -> bool:
        end = self.trial_end(subscription)
        return subscription.trial_ended_at is None and end is not None and end > t

    def successor(self, subscription: Subscription) -> Subscription | None:
        return next(
            (item for item in self.subscriptions if item.previous is subscription and item.status == "pending"), None
        )

    def has_invoice(self, subscription: Subscription) -> bool:
        return any(row.subscription is subscription for invoice in self.invoices for row in invoice.rows)

    def fees_of(self, subscription: Subscription) -> list[Fee]:
        """Of invoices that are not voided, and without an invoice."""
        billing = [item for item in self.invoices if not item.voided and item.kind != progressive.KIND]
        invoiced = [fee for invoice in billing for fee in invoice.fees]
        return [fee for fee in [*invoiced, *self.standalone] if fee.subscription is subscription]

    # -- invoices ------------------------------------------------------------------------------------------------

    def bill(self, rows: Sequence[Row], t: datetime) -> Invoice:
        """A subscription invoice: a draft in the grace period, else issued."""
        customer = rows[0].subscription.customer
        invoice = self.new_invoice("subscription", customer, rows[0].subscription.plan.currency, t)
        invoice.rows = list(rows)
        for row in rows:
            row.subscription.billed_until = max(
                row.subscription.billed_until or date.min,
                local_date(t, customer.zone) if row.reason == "subscription_periodic" else date.min,
            )
        self.invoices.append(invoice)
        for row in rows:
            renewals = charge_fees(row, self.events.get(row.subscription.external_id, ()), standalone=True)
            for fee in renewals:
                fee.taxes = applicable(fee, customer, self.tax_rates, self.default_taxes)
                tax_fee(fee)
            self.standalone += renewals
        self.compute(invoice)
        grace = self.grace if customer.grace is None else customer.grace
        if grace:
            invoice.status = "draft"
            invoice.issuing_date += timedelta(days=grace)
            invoice.expected_finalization = invoice.issuing_date
            invoice.due_date = invoice.issuing_date + timedelta(days=self.term_of(customer))
            self.total(invoice, final=False)
        else:
            self.issue(invoice)
        return invoice

    def new_invoice(self, kind: str, customer: Customer, currency: str, t: datetime) -> Invoice:
        return Invoice(kind, customer, currency, t, local_date(t, customer.zone), next(self.order))

    def term_of(self, customer: Customer) -> int:
        return self.term if customer.term is None else customer.term

    def compute(self, invoice: Invoice) -> None:
        """All fees anew, from the events sent so far."""
        invoice.fees = []
        for row in invoice.rows:
            subscription = row.subscription
            if row.bills_fee and self.owes_fee(invoice, row):
                invoice.fees.append(subscription_fee(row, self.trial_end(subscription)))
            invoice.fees += charge_fees(row, self.events.get(subscription.external_id, ()))
            commitment = commitment_fee(row, self.fees_of(subscription))
            if commitment:
                invoice.fees.append(commitment)
        for fee in invoice.fees:
            fee.taxes = applicable(fee, invoice.customer, self.tax_rates, self.default_taxes)

    def owes_fee(self, invoice: Invoice, row: Row) -> bool:
        """Spec 03 §4.2."""
        subscription = row.subscription
        zone = windows.zone_of(subscription)
        day = local_date(row.t, zone)
        end = self.trial_end(subscription)
        if end and end > row.t and local_date(end, zone) != day:
            return False
        if not subscription.plan.in_advance:
            return True
        return not any(
            fee.kind == "subscription" and fee.subscription is subscription
            for other in self.invoices
            if other is not invoice and not other.voided
            for twin in other.rows
            if twin.subscription is subscription and local_date(twin.t, zone) == day
            for fee in other.fees
        )

    def total(self, invoice: Invoice, *, final: bool) -> None:
        """Spec 04 §3.1."""
        reduced = final and invoice.kind in ("subscription", progressive.KIND)
        invoice.fees_amount = invoice.subtotal = sum(fee.amount for fee in invoice.fees)
        if reduced:
            for made in self._billed_before(invoice):
                progressive.credit(invoice, made, self.invoices)
            coupons.apply(invoice, self.applications)
        if invoice.kind == "advance_charges":
            tax_regrouped(invoice)
        else:
            tax_invoice(invoice)
        invoice.total = invoice.subtotal + invoice.taxes_amount
        if reduced:
            credit_notes.use(invoice, self.notes)
            wallets.use(invoice, self.wallets)
        invoice.payment_status = "pending" if invoice.total else "succeeded"

    def _billed_before(self, invoice: Invoice) -> list[list[Invoice]]:
        """The progressive invoices of the windows that the invoice bills."""
        windows_billed = [(row.subscription, row.charge_period) for row in invoice.rows if row.charge_window]
        if invoice.billed:
            windows_billed.append(invoice.billed)
        found = [progressive.invoices_of(self.invoices, *window) for window in windows_billed]
        return [made for made in found if made]

    def bill_progressively(self) -> None:
        """Invoice the usage of subscriptions that have passed a step (spec 02 §13)."""
        for subscription in sorted(self.subscriptions, key=lambda item: item.order):
            plan = subscription.plan
            if subscription.status != "active" or not plan.thresholds:
                continue
            row = windows.running(subscription, self.now)
            sent = self.events.get(subscription.external_id, ())
            fees = [fee for fee in charge_fees(row, sent) if progressive.counted(fee) and not fee.true_up]
            made = progressive.invoices_of(self.invoices, subscription, row.charge_period)
            chain = [item for item in self.chain(subscription) if item.subscription_at == subscription.subscription_at]
            before, billed = progressive.lifetime(self.invoices, chain), made[-1].fees_amount if made else 0
            if not progressive.passes(plan.thresholds, before, sum(fee.amount for fee in fees), billed):
                continue
            invoice = self.new_invoice(progressive.KIND, subscription.customer, plan.currency, self.now)
            invoice.billed, invoice.fees = (subscription, row.charge_period), fees
            for fee in fees:
                fee.taxes = applicable(fee, subscription.customer, self.tax_rates, self.default_taxes)
            self.invoices.append(invoice)
            self.issue(invoice)

    def _give_excess_back(self, invoice: Invoice) -> None:
        """Credit notes for what progressive invoices billed more than the closing one can take off (spec 02 §13.5)."""
        for made, excess in invoice.excesses:
            left = excess
            for source in reversed(made):
                items = progressive.excess_items(source, left) if left > 0 else []
                if items:
                    note = self.new_note(source, items, "other", None)
                    note.excess_of = made[-1]
                    left -= note.subtotal

    def issue(self, invoice: Invoice) -> None:
        self.total(invoice, final=True)
        invoice.due_date = invoice.issuing_date + timedelta(days=self.term_of(invoice.customer))
        customer = invoice.customer
        finalizes = self.finalizes_zero if customer.zero_invoices == "inherit" else customer.zero_invoices == "finalize"
        if not invoice.fees_amount and not finalizes and invoice.kind != "credit":
            invoice.status = "closed"
            return
        invoice.status = "finalized"
        customer.invoices_finalized += 1
        if self.numbering == "per_organization":
            everything = sum(1 for item in self.invoices if item.status in ("finalized", "voided"))
            month = self.now_local(self.zone)
            invoice.number = f"{self.prefix}-{month:%Y%m}-{everything:03d}"
        else:
            invoice.number = f"{self.prefix}-{customer.sequence:03d}-{customer.invoices_finalized:03d}"
        self._give_excess_back(invoice)

    def now_local(self, zone: str) -> date:
        return local_date(self.now, zone)

    def finalize(self, invoice: Invoice) -> None:
        """A draft becomes an issued invoice, dated today; its draft credit notes follow it."""
        before = {_identity(fee): fee for fee in invoice.fees}
        self.compute(invoice)
        invoice.issuing_date = self.now_local(invoice.customer.zone)
        self.issue(invoice)
        after = {_identity(fee): fee for fee in invoice.fees}
        for note in invoice.credit_notes:
            if note.draft:
                self._finalize_note(note, before, after)

    def refresh(self, invoice: Invoice) -> None:
        before = {_identity(fee): fee for fee in invoice.fees}
        self.compute(invoice)
        self.total(invoice, final=False)
        after = {_identity(fee): fee for fee in invoice.fees}
        for note in invoice.credit_notes:
            note.items = [_moved(fee, item, after) for fee, item in note.items]
        del before

    def _finalize_note(self, note: CreditNote, before: dict, after: dict) -> None:
        note.items = [_moved(fee, item, after) for fee, item in note.items]
        note.draft = False
        note.issuing_date = self.now_local(note.invoice.customer.zone)
        earlier = [item for item in note.invoice.credit_notes if item is not note and not item.draft]
        note.number = f"{note.invoice.number}-CN{len(earlier) + 1:03d}"
        credit_notes.settle(note, None, earlier)

    def regroup(self, subscriptions: Sequence[Subscription], t: datetime, *, ending: bool) -> None:
        """An invoice of paid fees in advance that have none yet (spec 02 §10.5)."""
        names = {item.external_id for item in subscriptions}
        fees = [
            fee
            for fee in self.standalone
            if fee.charge
            and fee.charge.regroups
            and fee.subscription
            and fee.subscription.external_id in names
            and fee.paid_at
            and fee.paid_at <= t
            and fee.usage_end
            and (ending or fee.usage_end <= t)
        ]
        if not fees:
            return
        self.standalone = [fee for fee in self.standalone if fee not in fees]
        first = subscriptions[0]
        invoice = self.new_invoice("advance_charges", first.customer, first.plan.currency, t)
        invoice.fees = fees
        self.invoices.append(invoice)
        self.issue(invoice)
        invoice.payment_status, invoice.paid = "succeeded", invoice.total

    # -- credit notes --------------------------------------------------------------------------------------------

    def new_note(
        self, invoice: Invoice, items: list[tuple[Fee, Fraction]], reason: str, parts: tuple[int, int, int] | None
    ) -> CreditNote:
        note = CreditNote(invoice, items, reason, self.now_local(invoice.customer.zone), next(self.order))
        for fee, item in items:
            fee.credited += item
        earlier = [item for item in invoice.credit_notes if not item.draft]
        invoice.credit_notes.append(note)
        self.notes.append(note)
        if invoice.status == "draft":
            note.draft = True
            return note
        note.number = f"{invoice.number}-CN{len(earlier) + 1:03d}"
        credit_notes.settle(note, parts, earlier)
        invoice.offset += note.offset
        if note.offset and invoice.total - invoice.paid - invoice.offset <= 0:
            invoice.payment_status = "succeeded"
        return note

    def credit_unused(self, subscription: Subscription, *, upgrade: bool, option: str) -> None:
        """The automatic credit note of a plan in advance (spec 03 §6.7)."""
        if not subscription.plan.in_advance or option == "skip":
            return
        found = [
            (invoice, fee)
            for invoice in self.invoices
            for fee in invoice.fees
            if fee.kind == "subscription" and fee.subscription is subscription
        ]
        if not found:
            return
        invoice, fee = found[-1]
        if invoice.voided or not fee.amount or invoice.status == "closed":
            return
        end = self.trial_end(subscription)
        ends = local_date(end, windows.zone_of(subscription)) if end else None
        item = credit_notes.unused_item(subscription, fee, upgrade=upgrade, trial_ends=ends)
        if item <= 0 or (invoice.status != "draft" and credit_notes.amounts([(fee, item)]).total <= 0):
            return
        parts = None
        if option in ("refund", "offset") and invoice.status != "draft":
            total = credit_notes.amounts([(fee, item)]).total
            refund = 0  # nothing is ever paid through a provider here
            rest = total - refund
            parts = (rest, refund, 0) if option == "refund" else (0, refund, rest)
        self.new_note(invoice, [(fee, item)], "order_cancellation", parts)

    # -- events --------------------------------------------------------------------------------------------------

    def owner(self, event: Event) -> Subscription | None:
        """Whose event it is (spec 01 §2.8)."""
        found = [
            item
            for item in self.subscriptions
            if item.external_id == event.subscription
            and item.started_at
            and item.started_at <= event.at
            and (
                item.terminated_at is None
                or (event.at < item.terminated_at if item.replaced_by else event.at <= item.terminated_at)
            )
        ]
        return max(found, key=lambda item: item.started_at or self.now) if found else None

    def take_event(self, event: Event) -> None:
        self.events.setdefault(event.subscription, []).append(event)

    def bill_event(self, event: Event) -> None:
        subscription = self.owner(event)
        if subscription is None:
            return
        sent = self.events[event.subscription]
        for charge in subscription.plan.charges:
            if not triggers(charge, event):
                continue
            fee = event_fee(subscription, charge, event, sent, self.states)
            fee.taxes = applicable(fee, subscription.customer, self.tax_rates, self.default_taxes)
            if not charge.invoiceable:
                tax_fee(fee)
                self.standalone.append(fee)
                continue
            invoice = self.new_invoice("subscription", subscription.customer, subscription.plan.currency, event.at)
            invoice.fees = [fee]
            self.invoices.append(invoice)
            self.issue(invoice)


def _identity(fee: Fee) -> tuple:
    return (
        fee.kind, id(fee.subscription), id(fee.charge), repr(fee.filter_values), tuple(fee.group.items()), fee.true_up
    )  # fmt: skip


def _moved(fee: Fee, item: Fraction, after: dict[tuple, Fee]) -> tuple[Fee, Fraction]:
    """An item of a draft's credit note on the fee that replaced its own, in proportion."""
    new = after.get(_identity(fee))
    if new is None:
        return fee, item
    moved = item * new.amount / fee.amount if fee.amount else ZERO
    new.credited += moved
    return new, moved


class Clock:
    """Visits the due instants of a ledger in the order of spec 03 §8.1."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def advance(self, to: datetime) -> None:
        while True:
            due = min(self._due(), key=lambda item: item[:2], default=None)
            if due is None or due[0] > self.ledger.now:
                self.ledger.bill_progressively()
                due = min(self._due(), key=lambda item: item[:2], default=None)
            if due is None or due[0] > to:
                break
            at, _, run = due
            self.ledger.now = max(self.ledger.now, at)
            run(at)
        self.ledger.now = to

    def _due(self) -> Iterable[tuple[datetime, int, Any]]:
        ledger = self.ledger
        for item in ledger.subscriptions:
            zone = windows.zone_of(item)
            if item.status == "pending" and item.previous is None:
                yield start_of_day(local_date(item.subscription_at, zone), zone), 1, self._activate
            if item.status != "active":
                continue
            day = windows.next_billing_day(item)
            if item.ending_at:
                yield start_of_day(local_date(item.ending_at, zone), zone), 2, self._end
            if not item.ending_at or local_date(item.ending_at, zone) > day:
                yield start_of_day(day, zone), 3, self._periodic
            trial = ledger.trial_end(item)
            if trial and item.trial_ended_at is None:
                yield max(trial, item.started_at or trial), 4, self._trial
        for invoice in ledger.invoices:
            if invoice.status == "draft":
                assert invoice.expected_finalization is not None
                yield datetime.combine(invoice.expected_finalization, time(0, 20), UTC), 7, self._finalize
        for wallet in ledger.wallets:
            if wallet.active and wallet.expires:
                yield _slot(wallet.expires, 45), 10, self._expire

    def _activate(self, at: datetime) -> None:
        ledger = self.ledger
        for item in sorted(ledger.subscriptions, key=lambda item: item.order):
            zone = windows.zone_of(item)
            if item.status == "pending" and item.previous is None:
                start = start_of_day(local_date(item.subscription_at, zone), zone)
                if start <= at:
                    activate(ledger, item, start)

    def _end(self, at: datetime) -> None:
        for item in sorted(self.ledger.subscriptions, key=lambda item: item.order):
            zone = windows.zone_of(item)
            if item.status == "active" and item.ending_at:
                end = start_of_day(local_date(item.ending_at, zone), zone)
                if end <= at:
                    terminate(self.ledger, item, end)

    def _periodic(self, at: datetime) -> None:
        ledger = self.ledger
        for customer in ledger.customers.values():
            due = [
                item
                for item in sorted(ledger.subscriptions, key=lambda item: item.order)
                if item.customer is customer
                and item.status == "active"
                and start_of_day(windows.next_billing_day(item), customer.zone) <= at
                and not (item.ending_at and local_date(item.ending_at, customer.zone) <= windows.next_billing_day(item))
            ]
            day = local_date(at, customer.zone)
            switching = [item for item in due if ledger.successor(item) and windows.plan_period(item, day).start == day]
            together = [item for item in due if item not in switching]
            if together:
                ledger.bill([windows.periodic(item, at, has_invoice=ledger.has_invoice(item)) for item in together], at)
            for item in switching:
                switch(ledger, item, at)
            if due:
                ledger.regroup(due, at, ending=bool(switching))

    def _trial(self, at: datetime) -> None:
        ledger = self.ledger
        for item in sorted(ledger.subscriptions, key=lambda item: item.order):
            trial = ledger.trial_end(item)
            if item.status != "active" or item.trial_ended_at or trial is None or trial > at:
                continue
            assert item.started_at is not None
            zone = windows.zone_of(item)
            period = windows.plan_period(item, local_date(trial, zone))
            billed = any(
                fee.kind == "subscription" and fee.subscription is item and fee.fee_period == period
                for invoice in ledger.invoices
                if not invoice.voided
                for fee in invoice.fees
            )
            if item.plan.in_advance and trial > item.started_at and not billed:
                ledger.bill([windows.starting(item, trial)], trial)
            item.trial_ended_at = trial

    def _finalize(self, at: datetime) -> None:
        due = [
            invoice
            for invoice in self.ledger.invoices
            if invoice.status == "draft"
            and invoice.expected_finalization
            and datetime.combine(invoice.expected_finalization, time(0, 20), UTC) <= at
        ]
        for invoice in sorted(due, key=lambda item: (item.expected_finalization, item.order)):
            self.ledger.finalize(invoice)

    def _expire(self, at: datetime) -> None:
        for wallet in self.ledger.wallets:
            if wallet.expires and _slot(wallet.expires, 45) <= at:
                wallet.active = False


def _slot(moment: datetime, minute: int) -> datetime:
    found = moment.replace(minute=minute, second=0, microsecond=0)
    return found if found >= moment else found + timedelta(hours=1)


# -- life cycle (spec 03 §6) -------------------------------------------------------------------------------------------


def activate(ledger: Ledger, subscription: Subscription, at: datetime) -> None:
    """It starts at ``at``, which is today: a plan in advance is invoiced."""
    subscription.status, subscription.started_at = "active", at
    if subscription.plan.in_advance and not ledger.in_trial(subscription, ledger.now):
        ledger.bill([windows.starting(subscription, at)], at)


def _last_row(ledger: Ledger, subscription: Subscription, t: datetime, *, upgrade: bool) -> Row:
    zone = windows.zone_of(subscription)
    day = local_date(t, zone)
    assert subscription.started_at is not None
    midnight = start_of_day(day, zone)
    old = subscription.started_at < midnight and subscription.created_at < midnight
    unbilled = old and (subscription.billed_until is None or subscription.billed_until < day)
    return windows.terminating(
        subscription, t, upgrade=upgrade,
        fee_unbilled=unbilled and windows.plan_period(subscription, day).start == day,
        usage_unbilled=unbilled and windows.charge_period(subscription, day).start == day,
        has_invoice=ledger.has_invoice(subscription),
    )  # fmt: skip


def terminate(
    ledger: Ledger, subscription: Subscription, at: datetime, option: str = "credit", invoice: str = "generate"
) -> None:
    subscription.status, subscription.terminated_at = "terminated", at
    pending = ledger.successor(subscription)
    if pending:
        pending.status = "canceled"
    ledger.credit_unused(subscription, upgrade=False, option=option)
    if invoice == "generate":
        ledger.bill([_last_row(ledger, subscription, at, upgrade=False)], at)
    ledger.regroup([subscription], at, ending=True)


def upgrade(ledger: Ledger, old: Subscription, new: Subscription) -> None:
    at = ledger.now
    pending = ledger.successor(old)
    if pending:
        pending.status = "canceled"
    old.status, old.terminated_at, old.upgraded, old.replaced_by = "terminated", at, True, new
    new.status, new.started_at, new.previous = "active", at, old
    ledger.subscriptions.append(new)
    ledger.credit_unused(old, upgrade=True, option="credit")
    rows = [_last_row(ledger, old, at, upgrade=True)]
    if new.plan.in_advance and not ledger.in_trial(new, at):
        rows.append(windows.starting(new, at))
    ledger.bill(rows, at)
    ledger.regroup([old], at, ending=True)


def switch(ledger: Ledger, old: Subscription, at: datetime) -> None:
    """A downgrade comes into force."""
    new = ledger.successor(old)
    assert new is not None
    has_invoice = ledger.has_invoice(old)
    old.status, old.terminated_at, old.replaced_by = "terminated", at, new
    new.status, new.started_at = "active", at
    rows = [windows.downgrading(old, at, has_invoice=has_invoice)]
    if new.plan.in_advance and not ledger.in_trial(new, at):
        rows.append(windows.starting(new, at))
    ledger.bill(rows, at)
