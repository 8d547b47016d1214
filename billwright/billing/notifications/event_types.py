"""Every type of event that may be announced to webhook endpoints (spec 06 §16.7)."""

from __future__ import annotations

from collections.abc import Iterable

EVERYTHING = "*"

EVENT_TYPES: tuple[str, ...] = tuple(
    """
    alert.triggered
    billable_metric.created billable_metric.updated billable_metric.deleted
    credit_note.created credit_note.generated credit_note.refund_failure
    customer.created customer.updated customer.payment_provider_created customer.payment_provider_error
    customer.checkout_url_generated customer.accounting_provider_created customer.accounting_provider_error
    customer.crm_provider_created customer.crm_provider_error customer.tax_provider_error customer.vies_check
    dunning_campaign.finished
    event.error events.errors
    feature.created feature.updated feature.deleted
    fee.created fee.tax_provider_error
    integration.provider_error
    invoice.drafted invoice.ready_to_finalize invoice.created invoice.one_off_created invoice.add_on_added
    invoice.paid_credit_added invoice.generated invoice.voided invoice.deleted invoice.payment_status_updated
    invoice.payment_failure invoice.payment_overdue invoice.payment_dispute_lost invoice.resynced
    payment.succeeded payment.requires_action payment_provider.error
    payment_receipt.created payment_receipt.generated
    payment_request.created payment_request.payment_failure payment_request.payment_status_updated
    plan.created plan.updated plan.deleted
    subscription.started subscription.terminated subscription.updated subscription.canceled subscription.incomplete
    subscription.termination_alert subscription.trial_ended subscription.usage_threshold_reached
    wallet.created wallet.updated wallet.terminated wallet.depleted_ongoing_balance
    wallet_transaction.created wallet_transaction.updated wallet_transaction.payment_failure
    """.split()
)

_ALIASES = {"credit_note.provider_refund_failure": "credit_note.refund_failure"}
ACCEPTED: frozenset[str] = frozenset(EVENT_TYPES) | _ALIASES.keys()
"""What an endpoint may list; filter lists of clients know one type under another name than the wire's."""


def wire_type(name: str) -> str:
    """The ``webhook_type`` that a listed name stands for."""
    return _ALIASES.get(name, name)


def is_wanted(event_type: str, listed: Iterable[str] | None) -> bool:
    """Whether an endpoint with these ``event_types`` gets ``event_type``; null is everything."""
    return listed is None or any(wire_type(name) == event_type for name in listed)


def wanted_by_any(lists: Iterable[list[str] | None]) -> list[str]:
    """The types that at least one of several endpoints wants, sorted; ``["*"]`` for everything."""
    found: set[str] = set()
    for listed in lists:
        if listed is None:
            return [EVERYTHING]
        found.update(wire_type(name) for name in listed)
    return sorted(found)


def is_wanted_by_any(event_type: str, wanted: Iterable[str]) -> bool:
    """Whether ``wanted_by_any``, as it is kept with an organization, holds ``event_type``."""
    return any(name in (event_type, EVERYTHING) for name in wanted)
