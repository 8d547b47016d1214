"""The table of late and future events (spec 01 §2.9, §12 trap 21), line by line, for every kind that carries units."""

from __future__ import annotations

import pytest

from tests.billing.metering.company import Company, at, charge

RECURRING = {"carried": "sum_agg", "seats": "unique_count_agg", "level": "weighted_sum_agg"}
VALUES = {"metered": 5, "carried": 5, "seats": "a", "level": 30}
JULY_BILLS = {"carried": 500, "seats": 100, "level": 3000}


async def sell(company: Company, *, grace: int = 0) -> None:
    """A charge of 1.00 a unit on each metric, from 1 June on."""
    await company.metric("metered", "sum_agg", field_name="v")
    for code, aggregation in RECURRING.items():
        await company.metric(code, aggregation, field_name="v", recurring=True)
    await company.plan(*[charge(code, amount="1") for code in VALUES])
    customer = {"external_id": "c1", "billing_configuration": {"invoice_grace_period": grace}}
    assert (await company.rest.post("customers", {"customer": customer})).status_code == 200
    await company.subscribe()


async def use(company: Company, when: str) -> None:
    for code, value in VALUES.items():
        await company.send((at(when), {"v": value}), code=code)


async def seen(company: Company) -> list[str]:
    """Units that current usage shows, in the order of ``VALUES``."""
    entries = (await company.usage())["charges_usage"]
    units = {entry["billable_metric"]["code"]: entry["units"] for entry in entries}
    return [units[code].removesuffix(".0") for code in VALUES]


async def bills(company: Company) -> list[dict[str, int]]:
    """Charge fees of every invoice, oldest first."""
    listed = (await company.rest.get("invoices")).json()["invoices"]
    found: list[dict[str, int]] = []
    for item in sorted(listed, key=lambda item: item["created_at"]):
        fees = (await company.rest.get(f"invoices/{item['lago_id']}")).json()["invoice"]["fees"]
        found.append({fee["item"]["code"]: fee["amount_cents"] for fee in fees if fee["item"]["type"] == "charge"})
    return found


@pytest.mark.parametrize(
    ("sent", "when", "grace", "shown", "june", "july"),
    [
        pytest.param(
            "2024-06-10",
            "2024-06-06",
            0,
            ["5", "5", "1", "25"],
            {"metered": 500, "carried": 500, "seats": 100, "level": 2500},
            JULY_BILLS,
            id="running",
        ),
        pytest.param(
            "2024-07-10",
            "2024-06-06",
            15,
            ["0", "5", "1", "30"],
            {"metered": 500, "carried": 500, "seats": 100, "level": 2500},
            JULY_BILLS,
            id="closed-draft",
        ),
        pytest.param("2024-07-10", "2024-06-06", 0, ["0", "5", "1", "30"], {}, JULY_BILLS, id="closed-final"),
        pytest.param("2024-06-10", "2024-05-20", 0, ["0", "5", "1", "30"], JULY_BILLS, JULY_BILLS, id="before"),
        pytest.param(
            "2024-06-10",
            "2024-06-26",
            0,
            ["5", "5", "1", "5"],
            {"metered": 500, "carried": 500, "seats": 100, "level": 500},
            JULY_BILLS,
            id="future-within",
        ),
        pytest.param(
            "2024-06-10",
            "2024-07-15",
            0,
            ["0", "0", "0", "0"],
            {},
            {"metered": 500, "carried": 500, "seats": 100, "level": 1645},
            id="future-beyond",
        ),
    ],
)
async def test_01_2_9_table(
    company: Company, sent: str, when: str, grace: int, shown: list[str], june: dict[str, int], july: dict[str, int]
) -> None:
    """Metered, then recurring sum, unique count and weighted sum: units shown at once, and the bills of two months."""
    await sell(company, grace=grace)
    await company.to(sent)
    await use(company, when)
    assert await seen(company) == shown
    await company.to("2024-08-20")
    assert await bills(company) == [june, july]


@pytest.mark.parametrize("sent", ["2024-06-10", "2024-06-22"])
async def test_01_2_9_table_after_the_end(company: Company, sent: str) -> None:
    """Never, also when the end comes after a future event was accepted, and was already shown."""
    await sell(company)
    for day in sorted([sent, "2024-06-20"]):
        await company.to(day)
        if day == sent:
            await use(company, "2024-06-26")
        else:
            await company.terminate()
    await company.to("2024-08-20")
    assert await bills(company) == [{}]
