"""Which automatic tax a customer gets (spec 05 A6), and the syntax of VAT numbers (A7, 08 A13)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billwright.billing.taxes.eu_choice import Buyer, choose_after_check, choose_at_once
from billwright.billing.taxes.vat_checks import Invalid, Valid
from billwright.billing.taxes.vat_numbers import VatNumber

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHECK = None


def code(short: str | None) -> str | None:
    return short and f"lago_eu_{short}"


AT_ONCE = [
    ("US, no TIN", Buyer("US", None, None), "tax_exempt"),
    ("US, TIN not of the EU", Buyer("US", None, "US-111"), CHECK),
    ("nothing known", Buyer(None, None, None), "fr_standard"),
    ("FR 75018, no TIN", Buyer("FR", "75018", None), "fr_standard"),
    ("FR 75018, TIN", Buyer("FR", "75018", "FR40303265045"), CHECK),
    ("FR 97412, no TIN: B2C overseas", Buyer("FR", "97412", None), "fr_standard"),
    ("FR 97412, well-formed FR number", Buyer("FR", "97412", "FR12345678901"), "fr_exception_reunion"),
    ("FR 97412, well-formed DE number", Buyer("FR", "97412", "DE123456789"), "fr_exception_reunion"),
    ("FR 97100, malformed", Buyer("FR", "97100", "INVALID123"), CHECK),
    ("IT, no TIN", Buyer("IT", None, None), "it_standard"),
    ("IT, malformed TIN", Buyer("IT", None, "IT123"), CHECK),
    ("ES 35001, no TIN", Buyer("ES", "35001", None), "es_exception_canary_islands"),
    ("ES 35001, TIN", Buyer("ES", "35001", "ESA12345678"), "es_exception_canary_islands"),
    ("ES 35 001", Buyer("ES", " 35 001 ", None), "es_exception_canary_islands"),
    ("no country, zip 35001", Buyer(None, "35001", None), "fr_standard"),
    ("GB, TIN", Buyer("GB", None, "GB123456789"), CHECK),
]


@pytest.mark.parametrize(("case", "buyer", "expected"), AT_ONCE)
def test_at_once(case: str, buyer: Buyer, expected: str | None) -> None:
    assert choose_at_once("FR", buyer, NOW) == code(expected)


def valid(country: str) -> Valid:
    return Valid(country, "1", "2026-01-01")


MALFORMED, UNKNOWN = Invalid(valid_format=False), Invalid(valid_format=True)

AFTER = [
    ("US, TIN US-111", Buyer("US", None, "US-111"), MALFORMED, "tax_exempt"),
    ("FR 75018, valid FR TIN", Buyer("FR", "75018", "FR40303265045"), valid("FR"), "fr_standard"),
    ("FR 97100, malformed", Buyer("FR", "97100", "INVALID123"), MALFORMED, "fr_standard"),
    ("IT, malformed", Buyer("IT", None, "IT123"), MALFORMED, "it_standard"),
    ("IT, valid IT TIN", Buyer("IT", None, "IT12345678901"), valid("IT"), "reverse_charge"),
    ("IT, IT TIN that does not exist", Buyer("IT", None, "IT12345678901"), UNKNOWN, "it_standard"),
    ("DE, valid FR TIN: the number's country decides", Buyer("DE", None, "FR1"), valid("FR"), "fr_standard"),
    ("FR, valid DE TIN", Buyer("FR", None, "DE123456789"), valid("DE"), "reverse_charge"),
    ("GB TIN", Buyer("GB", None, "GB123456789"), MALFORMED, "tax_exempt"),
    ("no country, invalid", Buyer(None, None, "XX"), MALFORMED, "fr_standard"),
    ("no country, zip of Reunion, valid FR TIN", Buyer(None, "97412", "FR1"), valid("FR"), "fr_exception_reunion"),
    ("Northern Ireland", Buyer("GB", None, "XI123456789"), valid("XI"), "reverse_charge"),
]


@pytest.mark.parametrize(("case", "buyer", "outcome", "expected"), AFTER)
def test_after_the_check(case: str, buyer: Buyer, outcome: Valid | Invalid, expected: str) -> None:
    assert choose_after_check("FR", buyer, outcome, NOW) == code(expected)


def test_a_greek_seller_knows_its_own_numbers() -> None:
    buyer = Buyer("GR", "63086", "EL094259216")
    assert choose_at_once("GR", buyer, NOW) == code("gr_exception_mount_athos")
    assert choose_after_check("GR", Buyer("GR", "10431", "EL094259216"), valid("GR"), NOW) == code("gr_standard")


WELL_FORMED = """ATU12345678 BE0123456789 BG123456789 BG1234567890 CY12345678X CZ12345678 CZ1234567890 DE123456789
DK12345678 EE123456789 EL123456789 GR123456789 ESA1234567B ES12345678Z ESX12345678 FI12345678 FR12345678901
FRK7399859412 HR12345678901 HU12345678 IE1234567A IE1234567FA IE1A23456A IT12345678901 LT123456789 LT123456789012
LU12345678 LV12345678901 MT12345678 NL123456789B01 PL1234567890 PT123456789 RO12 RO1234567890 SE123456789012
SI12345678 SK1234567890 XI123456789 XI123456789012 XIGD123""".split()
MALFORMED_NUMBERS = """AT12345678 BE2123456789 BE123456789 CY123456789 DE12345678 DE1234567890 ES123456789 FRI1345678901
GB123456789 US111 EL12345678 IE12345678 IT123 NL123456789A01 RO1 SE12345678901 INVALID123 FR 1""".split()


@pytest.mark.parametrize("text", WELL_FORMED)
def test_well_formed(text: str) -> None:
    assert VatNumber.read(text).is_well_formed


@pytest.mark.parametrize("text", [*MALFORMED_NUMBERS, "", "FR", "FR12345678901\n1", "DE１23456789"])
def test_malformed(text: str) -> None:
    assert not VatNumber.read(text).is_well_formed


def test_normal_form() -> None:
    assert VatNumber.read(" el-094.259 216") == VatNumber("GR", "094259216")
    assert VatNumber.read(None) == VatNumber("", "")
