"""The table of EU rates and territories (spec 05 A5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billwright.billing.taxes.eu_rates import (
    DEFAULT_FILE,
    EU_COUNTRIES,
    EuRates,
    configure_eu_rates,
    eu_rates,
    is_eu,
    normal_postal_code,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STANDARD = """AT 20 BE 21 BG 20 CY 19 CZ 21 DE 19 DK 25 EE 24 ES 21 FI 25.5 FR 20 GR 24 HR 25 HU 27 IE 23 IT 22 LT 21
LU 17 LV 21 MT 18 NL 21 PL 23 PT 23 RO 21 SE 25 SI 22 SK 23""".split()
EXCEPTIONS = {
    "es_exception_canary_islands": "0",
    "es_exception_ceuta": "0",
    "es_exception_melilla": "0",
    "fr_exception_guadeloupe": "8.5",
    "fr_exception_martinique": "8.5",
    "fr_exception_guyane": "0",
    "fr_exception_reunion": "8.5",
    "fr_exception_mayotte": "0",
    "de_exception_busingen_am_hochrhein": "0",
    "de_exception_heligoland": "0",
    "it_exception_livigno": "0",
    "it_exception_campione_d_italia": "0",
    "pt_exception_madeira": "22",
    "pt_exception_azores": "18",
    "at_exception_jungholz": "19",
    "at_exception_mittelberg": "19",
    "gr_exception_mount_athos": "0",
    "fi_exception_aland_islands": "0",
}


@pytest.fixture(autouse=True)
def shipped_rates() -> Iterator[None]:
    yield
    configure_eu_rates(None)


def test_all_47_taxes() -> None:
    taxes = {tax.code.removeprefix("lago_eu_"): tax.rate for tax in eu_rates().taxes_at(NOW)}
    expected = {f"{code.lower()}_standard": rate for code, rate in zip(STANDARD[::2], STANDARD[1::2], strict=True)}
    expected |= EXCEPTIONS | {"reverse_charge": "0", "tax_exempt": "0"}
    assert taxes == {code: Decimal(rate) for code, rate in expected.items()}
    assert len(taxes) == 47


def test_names() -> None:
    names = {tax.code: tax.name for tax in eu_rates().taxes_at(NOW)}
    assert names["lago_eu_fr_standard"] == "FR Standard"
    assert names["lago_eu_de_exception_busingen_am_hochrhein"] == "DE Büsingen am Hochrhein Standard"
    assert names["lago_eu_reverse_charge"] == "Reverse Charge"
    assert names["lago_eu_tax_exempt"] == "Tax Exempt"


@pytest.mark.parametrize(
    ("country", "change", "before", "after"),
    [
        ("fi", datetime(2024, 9, 1, tzinfo=UTC), "24", "25.5"),
        ("sk", datetime(2025, 1, 1, tzinfo=UTC), "20", "23"),
        ("ee", datetime(2024, 1, 1, tzinfo=UTC), "20", "22"),
        ("ee", datetime(2025, 7, 1, tzinfo=UTC), "22", "24"),
        ("ro", datetime(2025, 8, 1, tzinfo=UTC), "19", "21"),
        ("lu", datetime(2024, 1, 1, tzinfo=UTC), "16", "17"),
        ("lu", datetime(2023, 1, 1, tzinfo=UTC), "17", "16"),
    ],
)
def test_the_latest_period_that_has_begun_counts(country: str, change: datetime, before: str, after: str) -> None:
    def rate(instant: datetime) -> Decimal:
        found = {tax.code: tax.rate for tax in eu_rates().taxes_at(instant)}
        return found[f"lago_eu_{country}_standard"]

    assert rate(change - timedelta(microseconds=1)) == Decimal(before)
    assert rate(change) == Decimal(after)


def test_before_the_first_period_the_first_one_counts() -> None:
    found = {tax.code: tax.rate for tax in eu_rates().taxes_at(datetime(1970, 1, 1, tzinfo=UTC))}
    assert found["lago_eu_fi_standard"] == Decimal(24)


def test_the_next_change() -> None:
    rates = eu_rates()
    assert rates.next_change(datetime(2024, 1, 1, tzinfo=UTC)) == datetime(2024, 9, 1, tzinfo=UTC)
    assert rates.next_change(datetime(2024, 9, 1, tzinfo=UTC) - timedelta(microseconds=1)) == datetime(
        2024, 9, 1, tzinfo=UTC
    )
    assert rates.next_change(datetime(2025, 7, 1, tzinfo=UTC)) == datetime(2025, 8, 1, tzinfo=UTC)
    assert rates.next_change(datetime(2025, 8, 1, tzinfo=UTC)) is None


TERRITORIES = [
    ("ES", "35001", "canary_islands"),
    ("ES", " 35 001 ", "canary_islands"),
    ("ES", "ES-38999", "canary_islands"),
    ("ES", "36001", None),
    ("ES", "350011", None),
    ("ES", "51001", "ceuta"),
    ("ES", "51005", "ceuta"),
    ("ES", "51006", None),
    ("ES", "51070", "ceuta"),
    ("ES", "51081", "ceuta"),
    ("ES", "51082", None),
    ("ES", "52000", "melilla"),
    ("ES", "52006", "melilla"),
    ("ES", "52007", None),
    ("ES", "52071", "melilla"),
    ("ES", "52081", "melilla"),
    ("FR", "97100", "guadeloupe"),
    ("FR", "97200", "martinique"),
    ("FR", "97300", "guyane"),
    ("FR", "97412", "reunion"),
    ("FR", "97600", "mayotte"),
    ("FR", "75018", None),
    ("FR", "197412", None),
    ("DE", "78266", "busingen_am_hochrhein"),
    ("DE", "27498", "heligoland"),
    ("IT", "23041", "livigno"),
    ("IT", "22061", "campione_d_italia"),
    ("IT", "22060", None),
    ("PT", "9000-123", "madeira"),
    ("PT", "pt 9499 999", "madeira"),
    ("PT", "9500-001", "azores"),
    ("PT", "1900000", None),
    ("AT", "6691", "jungholz"),
    ("AT", "6992", "mittelberg"),
    ("AT", "6994", None),
    ("GR", "63086", "mount_athos"),
    ("FI", "22100", "aland_islands"),
    ("FI", "AX-22100", "aland_islands"),
    ("FI", "00100", None),
    ("GB", "35001", None),
    (None, "35001", None),
    ("ES", "", None),
    ("ES", None, None),
]


@pytest.mark.parametrize(("country", "postal_code", "slug"), TERRITORIES)
def test_territories(country: str | None, postal_code: str | None, slug: str | None) -> None:
    assert eu_rates().territory(country, postal_code, NOW) == slug


def test_normal_postal_codes() -> None:
    assert normal_postal_code("pt-9000 – 123") == "9000123"
    assert normal_postal_code("vlt 1117") == "VLT1117"


def test_members() -> None:
    assert len(EU_COUNTRIES) == 27
    assert [is_eu(country) for country in ("GR", "EL", "GB", None)] == [True, False, False, False]


def _shipped() -> Any:
    return json.loads(DEFAULT_FILE.read_text())


def test_an_operator_corrects_a_rate(tmp_path: Path) -> None:
    data = _shipped()
    [period] = data["countries"]["PT"]
    changed = {**period, "effective_from": "2026-07-01", "standard": "24"}
    data["countries"]["PT"].append(changed)
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(data))
    configure_eu_rates(path)
    assert eu_rates().next_change(NOW) == datetime(2026, 7, 1, tzinfo=UTC)
    after = {tax.code: tax.rate for tax in eu_rates().taxes_at(datetime(2026, 7, 1, tzinfo=UTC))}
    assert after["lago_eu_pt_standard"] == Decimal(24)


def _without(country: str) -> Any:
    data = _shipped()
    del data["countries"][country]
    return data


def _changed(country: str, **values: Any) -> Any:
    data = _shipped()
    data["countries"][country][0].update(values)
    return data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (_without("FR"), "FR"),
        (_changed("FR", standard="120"), "percentages"),
        (_changed("FR", standard="-1"), "percentages"),
        (_changed("FR", effective_from="yesterday"), "date"),
        (_changed("FI", effective_from="2025-01-01"), "one after the other"),
        (_changed("FR", exceptions=[{"slug": "a b", "name": "A", "postal_code": "1", "rate": "1"}]), "slugs"),
        (_changed("FR", exceptions=[{"slug": "a", "name": "A", "postal_code": "(", "rate": "1"}]), r"'\('"),
        (_changed("FR", reduced="5"), "reduced"),
        ({}, "version"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: Any, complaint: str) -> None:
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=complaint):
        EuRates.read(path)
