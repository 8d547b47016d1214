"""Every type of activity that is logged, for filters (spec 07 §9.1)."""

from __future__ import annotations

from billwright.billing.notifications.event_types import EVENT_TYPES

_UNLOGGED = frozenset(
    """alert.triggered dunning_campaign.finished event.error events.errors fee.created fee.tax_provider_error
    integration.provider_error invoice.add_on_added payment_provider.error customer.payment_provider_error
    customer.checkout_url_generated customer.accounting_provider_error customer.crm_provider_error
    customer.tax_provider_error""".split()
)
"""Announcements that tell of no change of a business object."""
_UNANNOUNCED = """
    customer.deleted invoice.failed payment.recorded email.sent
    coupon.created coupon.updated coupon.deleted applied_coupon.created applied_coupon.deleted
    billing_entities.created billing_entities.updated
    add_on.created add_on.updated add_on.deleted api_key.created api_key.updated api_key.deleted
    authentication_method.created authentication_method.updated authentication_method.deleted
    invite.created invite.updated invite.deleted member.updated member.deleted tax.created tax.updated tax.deleted
    webhook_endpoint.created webhook_endpoint.updated webhook_endpoint.deleted
""".split()
ACTIVITY_TYPES: tuple[str, ...] = tuple(sorted({*EVENT_TYPES, *_UNANNOUNCED} - _UNLOGGED))
