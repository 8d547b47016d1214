"""The organization's billing settings as its default billing entity: other names for the same data (spec 07 §9.6)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Self

from typing_extensions import TypedDict

from billwright.billing.access.logos import read_logo
from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.access.schemas import OrganizationBillingConfiguration, OrganizationUpdate
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Text, as_mapping
from billwright.billing.kernel.outputs import Id, Instant

_NUMBERING = {"per_customer": "per_customer", "per_billing_entity": "per_organization"}
ISSUING_DATES = ("subscription_invoice_issuing_date_anchor", "subscription_invoice_issuing_date_adjustment")
"""Settings that stand below ``billing_configuration`` outside, and beside the others inside."""


class EntityBillingConfiguration(OrganizationBillingConfiguration):
    """Settings of documents, drafts and issuing dates; absent ones stay."""

    subscription_invoice_issuing_date_anchor: Literal["next_period_start", "current_period_end"] = "next_period_start"
    subscription_invoice_issuing_date_adjustment: Literal["align_with_finalization_date", "keep_anchor"] = (
        "align_with_finalization_date"
    )


class AdministeredOrganizationUpdate(OrganizationUpdate):
    """What members may change besides. ``logo``: a data URI of a PNG or JPEG, null removes it."""

    eu_tax_management: bool = False
    logo: Text | None = None

    def settings(self) -> dict[str, Any]:
        """The sent values by attribute of ``Organization``. Raises ``ValidationFailed`` for the logo."""
        sent = super().settings()
        if "logo" in sent:
            logo = read_logo(self.logo) if self.logo else None
            sent["logo"] = logo.content if logo else None
            sent["logo_content_type"] = logo.content_type if logo else None
        return sent


class BillingEntityUpdate(AdministeredOrganizationUpdate):
    """Changes of the entity's settings; absent ones stay, null clears what may be null. The code stays. ``name`` is the
    organization's as well; it is no setting (see ``access.service.rename``).

    ``tax_codes``: the default taxes, the whole set.
    """

    name: Text | None = None
    document_numbering: Literal["per_customer", "per_billing_entity"] = "per_customer"  # pyright: ignore[reportIncompatibleVariableOverride]
    billing_configuration: EntityBillingConfiguration | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    tax_codes: list[Text] | None = None
    invoice_custom_section_codes: list[Text] | None = None

    @classmethod
    def parse(cls, raw: Any) -> Self:
        """With or without the root key: the contract leaves it out, clients send it. The settings of dates are read
        where the contract has them, below ``billing_configuration``."""
        given = as_mapping(raw)
        if given is None:
            return super().parse(raw)
        given = as_mapping(given.get("billing_entity")) or given
        flat = {name: value for name, value in given.items() if name != "webhook_url"}
        nested = as_mapping(flat.get("billing_configuration")) or {}
        flat.update({name: nested[name] for name in ISSUING_DATES if name in nested})
        return super().parse(flat)

    def settings(self) -> dict[str, Any]:
        """As above, without what is not stored there."""
        sent = super().settings()
        for name in ("name", "tax_codes", "invoice_custom_section_codes"):
            sent.pop(name, None)
        if "document_numbering" in sent:
            sent["document_numbering"] = _NUMBERING[self.document_numbering]
        return sent


class BillingEntityCreate(Input):
    """What a further entity would begin with; there is only the default one yet."""

    code: Text | None = None
    name: Text | None = None


class BillingEntityOut(TypedDict):
    """A billing entity. ``invoice_grace_period`` and ``net_payment_term`` in days. Without a country the key is left
    out: the contract knows no null there.
    """

    lago_id: Id
    code: str
    name: str
    default_currency: str
    document_locale: str
    document_numbering: str
    document_number_prefix: str
    finalize_zero_amount_invoice: bool
    invoice_footer: str | None
    invoice_grace_period: int
    subscription_invoice_issuing_date_anchor: str
    subscription_invoice_issuing_date_adjustment: str
    is_default: bool
    net_payment_term: int
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    country: NotRequired[str]
    zipcode: str | None
    email: str | None
    legal_name: str | None
    legal_number: str | None
    tax_identification_number: str | None
    timezone: str
    email_settings: list[str]
    eu_tax_management: bool
    logo_url: str | None
    created_at: Instant | None
    updated_at: Instant | None


def entity_numbering(organization: Organization) -> str:
    """``per_customer`` or ``per_billing_entity``."""
    return "per_customer" if organization.document_numbering == "per_customer" else "per_billing_entity"


def billing_entity_object(organization: Organization) -> BillingEntityOut:
    """The wire form without taxes."""
    shown: BillingEntityOut = {
        "lago_id": organization.id,
        "code": billing_entity_code(organization),
        "name": organization.name,
        "default_currency": organization.default_currency,
        "document_locale": organization.document_locale,
        "document_numbering": entity_numbering(organization),
        "document_number_prefix": organization.document_number_prefix,
        "finalize_zero_amount_invoice": organization.finalize_zero_amount_invoice,
        "invoice_footer": organization.invoice_footer,
        "invoice_grace_period": organization.invoice_grace_period,
        "subscription_invoice_issuing_date_anchor": organization.subscription_invoice_issuing_date_anchor,
        "subscription_invoice_issuing_date_adjustment": organization.subscription_invoice_issuing_date_adjustment,
        "is_default": True,
        "net_payment_term": organization.net_payment_term,
        "address_line1": organization.address_line1,
        "address_line2": organization.address_line2,
        "city": organization.city,
        "state": organization.state,
        "zipcode": organization.zipcode,
        "email": organization.email,
        "legal_name": organization.legal_name,
        "legal_number": organization.legal_number,
        "tax_identification_number": organization.tax_identification_number,
        "timezone": organization.timezone,
        "email_settings": list(organization.email_settings),
        "eu_tax_management": organization.eu_tax_management,
        "logo_url": None,
        "created_at": iso(organization.created_at),
        "updated_at": iso(organization.updated_at),
    }
    if organization.country is not None:
        shown["country"] = organization.country
    return shown
