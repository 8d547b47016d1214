"""``/organizations`` (spec 04 §24)."""

from __future__ import annotations

import re

import pytest

from tests.server.rest.client import RestClient, validation


async def test_defaults(rest: RestClient) -> None:
    shown = (await rest.get("organizations")).json()["organization"]
    assert shown.pop("lago_id") == str(rest.organization.id)
    assert re.fullmatch(r"HOO-[0-9A-F]{4}", shown["document_number_prefix"])
    assert shown.pop("document_number_prefix")[-4:].lower() == str(rest.organization.id)[-4:]
    assert shown.pop("created_at")
    assert shown == {
        "name": "Hooli",
        "webhook_url": None,
        "webhook_urls": [],
        "country": None,
        "default_currency": "USD",
        "address_line1": None,
        "address_line2": None,
        "state": None,
        "zipcode": None,
        "email": None,
        "city": None,
        "legal_name": None,
        "legal_number": None,
        "document_numbering": "per_customer",
        "net_payment_term": 0,
        "tax_identification_number": None,
        "timezone": "UTC",
        "email_settings": [],
        "finalize_zero_amount_invoice": True,
        "subscription_invoice_issuing_date_anchor": "next_period_start",
        "subscription_invoice_issuing_date_adjustment": "align_with_finalization_date",
        "events_store": "postgres",
        "billing_configuration": {"invoice_footer": None, "invoice_grace_period": 0, "document_locale": "en"},
        "taxes": [],
    }


async def test_only_sent_keys_change_and_null_clears(rest: RestClient) -> None:
    sent = {
        "name": "Ignored",
        "legal_name": "Hooli Inc.",
        "country": "fr",
        "default_currency": "eur",
        "timezone": "Europe/Paris",
        "document_number_prefix": "acm",
        "document_numbering": "per_organization",
        "net_payment_term": "30",
        "email": "billing@hooli.test",
        "email_settings": ["credit_note.created", "invoice.finalized"],
        "billing_configuration": {"invoice_grace_period": 3},
    }
    changed = (await rest.put("organizations", {"organization": sent})).json()["organization"]
    assert (changed["name"], changed["country"], changed["default_currency"]) == ("Hooli", "FR", "EUR")
    assert (changed["document_number_prefix"], changed["net_payment_term"]) == ("ACM", 30)
    assert set(changed["email_settings"]) == {"credit_note.created", "invoice.finalized"}
    footer = {"organization": {"billing_configuration": {"invoice_footer": "Thanks", "document_locale": "fr"}}}
    again = (await rest.put("organizations", footer)).json()["organization"]
    assert again["billing_configuration"] == {
        "invoice_footer": "Thanks",
        "invoice_grace_period": 3,
        "document_locale": "fr",
    }
    cleared = (await rest.put("organizations", {"organization": {"country": None, "email": ""}})).json()["organization"]
    assert (cleared["country"], cleared["email"], cleared["legal_name"]) == (None, None, "Hooli Inc.")


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("country", "ZZ", "not_a_valid_country_code"),
        ("email", "not an address", "invalid_email_format"),
        ("timezone", "Mars/Olympus", "invalid_timezone"),
        ("timezone", None, "value_is_mandatory"),
        ("default_currency", "XXX", "value_is_invalid"),
        ("document_numbering", "per_month", "value_is_invalid"),
        ("document_number_prefix", "", "value_is_too_short"),
        ("document_number_prefix", "ABCDEFGHIJK", "value_is_too_long"),
        ("net_payment_term", -1, "value_is_out_of_range"),
        ("net_payment_term", 10**12, "value_is_out_of_range"),
        ("net_payment_term", 1.5, "value_is_invalid"),
        ("email_settings", ["invoice.paid"], "unsupported_value"),
        ("email_settings", "invoice.finalized", "must_be_an_array"),
        ("webhook_url", "ftp://hooli.test", "url_is_invalid"),
        ("finalize_zero_amount_invoice", "maybe", "value_is_invalid"),
        ("legal_name", "a\x00b", "value_is_invalid"),
        ("legal_name", {"a": 1}, "value_is_invalid"),
    ],
)
async def test_validation(rest: RestClient, attribute: str, value: object, code: str) -> None:
    answer = await rest.put("organizations", {"organization": {attribute: value}})
    assert (answer.status_code, answer.json()) == (422, validation(**{attribute: code}))


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("invoice_grace_period", -1, "value_is_out_of_range"),
        ("document_locale", "tlh", "not_a_valid_language_code"),
        ("invoice_footer", "x" * 601, "value_is_too_long"),
    ],
)
async def test_validation_of_the_billing_configuration(
    rest: RestClient, attribute: str, value: object, code: str
) -> None:
    body = {"organization": {"billing_configuration": {attribute: value}, "timezone": "Nowhere"}}
    answer = await rest.put("organizations", body)
    assert answer.json() == validation(**{attribute: code, "timezone": "invalid_timezone"})
    assert (await rest.get("organizations")).json()["organization"]["timezone"] == "UTC"


async def test_a_configuration_that_is_no_object(rest: RestClient) -> None:
    answer = await rest.put("organizations", {"organization": {"billing_configuration": "x"}})
    assert answer.status_code == 422
