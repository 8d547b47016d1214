"""Settings in force for a customer: its own value, else the organization's (spec 04 §24). Null inherits, 0 counts."""

from __future__ import annotations

from billwright.billing.access.models import Organization
from billwright.billing.customers.models import Customer


def applicable_timezone(customer: Customer, organization: Organization) -> str:
    """IANA zone that decides periods and local dates (spec 03 §3.1)."""
    return customer.timezone or organization.timezone or "UTC"


def net_payment_term(customer: Customer, organization: Organization) -> int:
    """Days from the issuing date to the due date (spec 04 §5)."""
    return organization.net_payment_term if customer.net_payment_term is None else customer.net_payment_term


def invoice_grace_period(customer: Customer, organization: Organization) -> int:
    """Days for which subscription invoices stay drafts (spec 04 §6)."""
    if customer.invoice_grace_period is None:
        return organization.invoice_grace_period
    return customer.invoice_grace_period


def document_locale(customer: Customer, organization: Organization) -> str:
    """Language of new documents (spec 04 §20)."""
    return customer.document_locale or organization.document_locale


def finalizes_empty_invoices(customer: Customer, organization: Organization) -> bool:
    """Whether an invoice without fees is issued rather than closed (spec 04 §7)."""
    if customer.finalize_zero_amount_invoice == "inherit":
        return organization.finalize_zero_amount_invoice
    return customer.finalize_zero_amount_invoice == "finalize"


def issuing_date_anchor(customer: Customer, organization: Organization) -> str:
    """``next_period_start`` or ``current_period_end`` (spec 04 §5)."""
    return customer.subscription_invoice_issuing_date_anchor or organization.subscription_invoice_issuing_date_anchor


def issuing_date_adjustment(customer: Customer, organization: Organization) -> str:
    """``align_with_finalization_date`` or ``keep_anchor`` (spec 04 §5)."""
    return (
        customer.subscription_invoice_issuing_date_adjustment
        or organization.subscription_invoice_issuing_date_adjustment
    )


def display_name(customer: Customer) -> str | None:
    """``legal_name`` or ``name``, then first and last name, the parts that exist (spec 03 §1.1)."""
    head = customer.legal_name or customer.name
    person = " ".join(part for part in (customer.firstname, customer.lastname) if part)
    return " - ".join(part for part in (head, person) if part) or None
