"""Wallets as pages: the customer's tab, a wallet and its ledger, forms, credits by hand (spec 07 §7.7, 05 D)."""

from __future__ import annotations

import re

import pytest

from billwright.ui.views.money import decimal_text, minor_units
from billwright.ui.views.wallet_rules import read_rule, rule_values
from tests.graphql.support import World, make_customers, make_plan
from tests.graphql.test_wallets import run_jobs
from tests.ui.support import BASE, Visitor, field, ids, make_wallet, visitor, words

FIELDS = {"name": "Prepaid", "rate": "0.5", "currency": "EUR", "priority": "50"}
PAY = "mutation($input: CreatePaymentInput!) { createPayment(input: $input) { id } }"


async def customer(world: World) -> str:
    await make_customers(world, await make_plan(world), 1)
    return (await ids(world))["customer"]


async def created(admin: Visitor, who: str, **fields: str) -> str:
    """The address of a wallet made with the form."""
    made = await admin.submit(f"{BASE}/customer/{who}/wallet/create", **{**FIELDS, **fields})
    assert made.status_code == 303, words(made.text)
    return made.headers["location"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("12,5", "12.5"), ("12.5", "12.5"), ("0,125", "0.125"), ("1,000", None), ("1 000", "1000"), ("1,000.5", None)],
)
def test_a_comma_that_may_mean_two_things_is_refused(text: str, number: str | None) -> None:
    assert decimal_text(text) == number
    assert minor_units("1,000", "USD") is None
    assert minor_units("1,00", "USD") == "100"


async def test_a_wallet_from_form_to_end(world: World) -> None:
    who = await customer(world)
    async with visitor(world, "manager") as manager:
        assert "No wallets yet" in await manager.page(f"{BASE}/customer/{who}/wallets")
        form = await manager.page(f"{BASE}/customer/{who}/wallet/create")
        assert field(form, "rate") == "1"
        address = await created(manager, who, granted="40", paid="20", label="Welcome", expires="2030-01-01T12:00")
        await run_jobs(world)
        page = await manager.page(address)
        said = words(page)
        assert "1 credit = €0.50" in said
        assert "€20.00" in said
        assert "40 credits" in said
        assert "Ends Jan 1, 2030, 12:00" in said
        assert "Granted · Welcome By hand +40 +€20.00 Settled" in said
        assert "Purchased · Welcome By hand +20 +€10.00 Pending" in said
        assert re.search(rf'href="{BASE}/invoice/[0-9a-f-]{{36}}"', page), "the invoice of the purchase"
        assert "40 credits worth €20.00 are lost" in said
        assert "1 purchase is not paid yet, €10.00" in said
        assert words(await manager.page(f"{address}?kind=granted")).count("By hand") == 1
        assert words(await manager.page(f"{address}?status=pending")).count("By hand") == 1
        assert "No transactions match" in words(await manager.page(f"{address}?kind=voided"))
        tab = words(await manager.page(f"{BASE}/customer/{who}/wallets"))
        assert "Prepaid 1 credit = €0.50 Active €20.00 40 credits" in tab
        assert "Wallets 1" in tab, "the number beside the tab's label"
        ended = await manager.submit(f"{address}/terminate")
        said = words(await manager.page(ended.headers["location"]))
        assert "Wallet ended" in said
        assert "Terminated" in said
        assert "/top-up" not in await manager.page(address)
        assert "Ended Their credits are lost" in words(await manager.page(f"{BASE}/customer/{who}/wallets"))


async def test_a_purchase_counts_once_it_is_paid(world: World) -> None:
    who = await customer(world)
    async with visitor(world) as admin:
        address = await created(admin, who)
        await admin.submit(f"{address}/top-up", paid="100")
        await run_jobs(world)
        page = await admin.page(address)
        assert "€0.00" in words(page)
        invoice = re.search(r"/invoice/([0-9a-f-]{36})", page)
        assert invoice is not None
        paid = {"invoiceId": invoice[1], "amountCents": "5000", "reference": "x", "createdAt": "2024-01-15"}
        await world.data(PAY, input=paid)
        await run_jobs(world)
        said = words(await admin.page(address))
        assert "Balance €50.00 100 credits" in said
        assert "+100 +€50.00 Settled" in said
        hidden = await admin.submit(f"{address}/top-up", paid="10", requires="yes")
        assert hidden.status_code == 303
        await run_jobs(world)
        assert "Once it is paid" in words(await admin.page(address)), "an open invoice is shown nowhere"


async def test_the_top_up_form(world: World) -> None:
    who = await customer(world)
    async with visitor(world) as admin:
        address = await created(admin, who, least="1", most="100")
        form = await admin.page(f"{address}/top-up")
        assert "A purchase is at least €1.00 and at most €100.00." in words(form)
        for fields, reason in (
            ({}, "This cannot be empty."),
            ({"paid": "0", "granted": ""}, "This cannot be empty."),
            ({"paid": "many"}, "Write credits as a number"),
            ({"paid": "1,000"}, "Write credits as a number"),
            ({"granted": "-1"}, "Write credits as a number"),
            ({"paid": "1"}, "less than the wallet lets buy"),
            ({"paid": "201"}, "more than the wallet lets buy"),
            ({"granted": "0.001"}, "less than the smallest coin"),
        ):
            refused = await admin.submit(f"{address}/top-up", "credits-form", **fields)
            assert refused.status_code == 422, fields
            assert refused.text.lstrip().startswith("<form"), fields
            assert reason in words(refused.text), fields
            assert words(refused.text).count("Write credits as a number") <= 1
            assert all(f'value="{value}"' in refused.text for value in fields.values() if value), "what was typed stays"
        assert "Nothing has moved yet" in await admin.page(address)
        done = await admin.submit(f"{address}/top-up", paid="1000", granted="4,5", beyond="yes", label="Deal")
        said = words(await admin.page(done.headers["location"]))
        assert "€2.25 granted. €500.00 bought; they count once they are paid" in said
        assert "Granted · Deal By hand +4.5 +€2.25 Settled" in said


async def test_prices_stand_beside_credits_while_they_are_typed(world: World) -> None:
    """The examples of spec 05 D2, as the form says them."""
    who = await customer(world)
    async with visitor(world) as admin:
        address = await created(admin, who, granted="100", most="100")
        await run_jobs(world)
        part = await admin.part(f"{address}/price?paid=10.333&granted=4&voided=", "prices")
        assert part.text.lstrip().startswith('<div id="prices"')
        said = words(part.text)
        assert "The customer pays 10.34 credits, rounded to whole coins €5.17" in said
        assert "Granted for nothing €2.00" in said
        assert "Balance once it is paid €57.17" in said
        assert "Above the most, €100.00" in words((await admin.part(f"{address}/price?paid=300", "prices")).text)
        assert words((await admin.part(f"{address}/price?paid=&granted=x", "prices")).text) == ""
        voided = words((await admin.part(f"{address}/price?voided=1.23456789", "prices")).text)
        assert "Taken away 1.23456 credits, rounded to whole parts €0.62" in voided
        assert "Balance afterwards €49.38" in voided
        new = f"{BASE}/wallet-price?currency={{}}&rate={{}}&paid={{}}&granted="
        for rate, currency, credits, money in (
            ("1", "EUR", "20", "€20.00"),
            ("1.5", "EUR", "3.333", "3.33333 credits, rounded to whole coins €5.00"),
            ("1.375", "EUR", "10.34567", "10.34909 credits, rounded to whole coins €14.23"),
            ("0.01", "EUR", "4.399999", "4 credits, rounded to whole coins €0.04"),
            ("1", "JPY", "4.6", "5 credits, rounded to whole coins ¥5"),
            ("0.01", "EUR", "0.4", "Worth less than the smallest coin €0.00"),
        ):
            part = await admin.part(new.format(currency, rate, credits), "prices")
            assert f"The customer pays {money}" in words(part.text), (rate, currency, credits)
        assert words((await admin.part(new.format("EUR", "0", "1"), "prices")).text) == ""
        assert words((await admin.part(new.format("???", "1", "1"), "prices")).text) == ""


async def test_voiding(world: World) -> None:
    """Credits are exact, money is rounded (spec 05 D2): 14.28444999 of 100 at 1 are 14.28."""
    who = await customer(world)
    async with visitor(world) as admin:
        address = await created(admin, who, rate="1", granted="100")
        await run_jobs(world)
        assert 'data-text="100' in await admin.page(f"{address}/void")
        for text, reason in (("", "This cannot be empty."), ("101", "does not hold so many"), ("x", "as a number")):
            refused = await admin.submit(f"{address}/void", "credits-form", voided=text)
            assert refused.status_code == 422
            assert reason in words(refused.text)
        await admin.submit(f"{address}/void", voided="14.28444999", label="Mistake")
        said = words(await admin.page(address))
        assert "Voided · Mistake By hand −14.28444 −€14.28 Settled" in said
        assert "Balance €85.72 85.71556 credits" in said


async def test_mistakes_stand_at_their_fields(world: World) -> None:
    who = await customer(world)
    path = f"{BASE}/customer/{who}/wallet/create"
    rule = {"rule": "threshold", "threshold": "20", "method": "fixed", "rule_paid": "30"}
    async with visitor(world) as admin:
        for fields, name, reason in (
            ({"rate": ""}, "rate", "cannot be empty"),
            ({"rate": "0"}, "rate", "worth more than 0"),
            ({"rate": "abc"}, "rate", "not a number"),
            ({"priority": "51"}, "priority", "from 1 to 50"),
            ({"priority": "first"}, "priority", "from 1 to 50"),
            ({"expires": "2020-01-01T00:00"}, "expires", "still to come"),
            ({"paid": "0.001"}, "paid", "smallest coin"),
            ({"least": "5", "most": "4"}, "most", "below the least"),
            ({"least": "much"}, "least", "not an amount"),
            ({**rule, "threshold": ""}, "threshold", "cannot be empty"),
            ({**rule, "rule_paid": ""}, "rule_paid", "cannot be empty"),
            ({**rule, "rule_paid": "30", "most": "10"}, "rule_paid", "more than the wallet lets buy"),
            ({**rule, "method": "target", "target": "10"}, "target", "not below the threshold"),
            ({**rule, "rule_until": "2024-01-01T00:00"}, "rule_until", "not a date that can be used"),
            ({**rule, "rule": "interval", "interval": "monthly", "started": "soon"}, "started", "not a date"),
        ):  # fmt: skip
            refused = await admin.submit(path, "wallet-form", **{**FIELDS, **fields})
            assert refused.status_code == 422, fields
            wrong = re.findall(
                r'name="([^"]+)"[^>]*aria-invalid="true"|aria-invalid="true"[^>]*name="([^"]+)"', refused.text
            )
            assert {first or second for first, second in wrong} == {name}, fields
            assert reason in words(refused.text), fields
        await created(admin, who, code="main")
        refused = await admin.submit(path, "wallet-form", **FIELDS, code="main")
        assert "This is taken already." in words(refused.text)
        for _ in range(5):
            await created(admin, who)
        assert "as many active wallets as there may be" in words(await admin.page(path))
        assert 'aria-disabled="true" title="As many are active' in await admin.page(f"{BASE}/customer/{who}")
        refused = await admin.submit(path, "wallet-form", **FIELDS)
        assert "as many active wallets as there may be" in words(refused.text)
        assert "6 wallets are active, the most there may be" in words(
            await admin.page(f"{BASE}/customer/{who}/wallets")
        )


async def test_rules_are_made_changed_and_ended(world: World) -> None:
    who = await customer(world)
    known = await ids(world)
    async with visitor(world) as admin:
        rule = {"rule": "threshold", "threshold": "20", "method": "fixed", "rule_paid": "30", "rule_granted": "5"}
        address = await created(admin, who, **rule, fee_type="charge", metric=known["metric"])
        said = words(await admin.page(address))
        assert "When the ongoing balance is at 20 credits or below" in said
        assert "Buys 30 credits and grants 5 credits" in said
        assert "Pays Usage, API calls" in said
        form = await admin.page(f"{address}/edit")
        assert field(form, "threshold") == "20"
        assert field(form, "rule_paid") == "30"
        before = (await world.data("query($id: ID!) { wallet(id: $id) { recurringTransactionRules { id } } }",
                                   id=address.rpartition("/")[2]))["wallet"]["recurringTransactionRules"]  # fmt: skip
        change = {"name": "Renamed", "code": "prepaid", "priority": "3", "rule": "threshold", "threshold": "20",
                  "method": "target", "target": "200", "grants": "yes"}  # fmt: skip
        await admin.submit(f"{address}/edit", **change)
        said = words(await admin.page(address))
        assert "Renamed" in said
        assert "Tops up to 200 credits; what is missing is granted" in said
        assert "Pays Everything" in said, "boxes that are not ticked are cleared"
        after = (await world.data("query($id: ID!) { wallet(id: $id) { recurringTransactionRules { id } } }",
                                  id=address.rpartition("/")[2]))["wallet"]["recurringTransactionRules"]  # fmt: skip
        assert after == before, "the rule is changed, not replaced"
        interval = {"rule": "interval", "interval": "quarterly", "started": "2024-02-29", "method": "fixed",
                    "rule_granted": "7", "rule_until": "2024-12-31T00:00"}  # fmt: skip
        await admin.submit(f"{address}/edit", **{**change, **interval, "grants": ""})
        said = words(await admin.page(address))
        assert "Every quarter, counted from Feb 29, 2024" in said
        assert "Grants 7 credits" in said
        assert "Until Dec 31, 2024, 00:00" in said
        assert field(await admin.page(f"{address}/edit"), "started") == "2024-02-29"
        await admin.submit(f"{address}/edit", **{**change, "rule": ""})
        assert "None: credits are bought and granted by hand." in words(await admin.page(address))


async def test_a_manager_keeps_the_metrics_that_only_admins_choose(world: World) -> None:
    who = await customer(world)
    known = await ids(world)
    async with visitor(world) as admin, visitor(world, "manager") as manager:
        address = await created(admin, who, metric=known["metric"])
        assert "Usage of API calls" not in words(await manager.page(f"{address}/edit"))
        await manager.submit(f"{address}/edit", name="Mine", code="prepaid", priority="50", rule="")
        said = words(await admin.page(address))
        assert "Mine" in said
        assert "Pays API calls" in said


async def test_the_pace_of_use(world: World) -> None:
    """Invoices took 31.00 in a life of 17 days; 19.00 are left."""
    who = await customer(world)
    wallet = await make_wallet(world, granted_credits="100")
    await run_jobs(world)
    async with visitor(world) as admin:
        assert "No invoice took of it" in words(await admin.page(f"{BASE}/wallet/{wallet}"))
        advance = "mutation($now: ISO8601DateTime!) { advanceTestClock(input: {now: $now}) { now } }"
        await world.data(advance, now="2024-02-01T10:00:00Z")
        said = words(await admin.page(f"{BASE}/wallet/{wallet}"))
        assert "Used by invoices, 30 days €31.00 Lasts about 10 days at this pace" in said
        assert "Used By an invoice −62 −€31.00 Settled" in said
        assert "Balance €19.00" in words(await admin.page(f"{BASE}/customer/{who}/overview"))


async def test_who_may_do_what(world: World) -> None:
    who = await customer(world)
    wallet = await make_wallet(world)
    async with visitor(world, "finance") as finance:
        page = await finance.page(f"{BASE}/wallet/{wallet}")
        for action in ("/top-up", "/edit", "/void", "/terminate"):
            assert f"{wallet}{action}" not in page
        assert "/wallet/create" not in await finance.page(f"{BASE}/customer/{who}/wallets")
        for path in ("top-up", "void", "edit", "terminate"):
            assert (await finance.submit(f"{BASE}/wallet/{wallet}/{path}", granted="1")).status_code == 403
        assert "Nothing has moved yet" in await finance.page(f"{BASE}/wallet/{wallet}")
    async with visitor(world) as admin:
        await admin.page(f"{BASE}/wallet/nonsense", 404)
        await admin.submit(f"{BASE}/wallet/{wallet}/terminate")
        late = await admin.submit(f"{BASE}/wallet/{wallet}/top-up", "credits-form", granted="1")
        assert "The wallet has ended." in words(late.text)


def test_an_anchor_that_is_taken_away_replaces_the_rule() -> None:
    """An update cannot clear ``started_at`` (a null leaves it), a new rule begins without."""
    active = {
        "id": "r1", "trigger": "interval", "method": "fixed", "interval": "monthly", "thresholdCredits": None,
        "paidCredits": "0", "grantedCredits": "5.00000", "targetOngoingBalance": None,
        "startedAt": "2024-02-28T23:00:00.000Z", "expirationAt": "2024-06-01T00:00:30.123Z",
        "invoiceRequiresSuccessfulPayment": False, "ignorePaidTopUpLimits": False, "grantsTargetTopUp": None,
        "transactionName": None,
    }  # fmt: skip
    typed = rule_values(active, "Europe/Paris")
    assert (typed["started"], typed["rule_until"], typed["rule_granted"]) == ("2024-02-29", "2024-06-01T02:00", "5")

    def read(values: dict[str, str]) -> dict[str, object]:
        problems: dict[str, list[str]] = {}
        sent = read_rule(values, "Europe/Paris", active, problems, rate="1", currency="EUR", limits=(None, None),
                         now="2024-03-01T00:00:00.000Z")  # fmt: skip
        assert problems == {}
        return sent

    kept = read(typed)
    assert kept["lagoId"] == "r1"
    assert "startedAt" not in kept, "unchanged instants are not sent: the form knows minutes only"
    assert "expirationAt" not in kept
    replaced = read({**typed, "started": ""})
    assert "lagoId" not in replaced
    assert replaced["startedAt"] is None
