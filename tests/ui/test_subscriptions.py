"""Subscriptions in the back office: list, pages, forms with what they would do, ending (spec 07 §7.7)."""

from __future__ import annotations

import re
from html import unescape

from sqlalchemy import text

from tests.graphql.support import World, make_customers, make_plan, send_usage
from tests.ui.support import BASE, Visitor, company, field, ids, visitor, words
from tests.ui.test_pages import advance


async def _count(world: World, table: str) -> int:
    async with world.runtime.database.reading() as session:
        return int(await session.scalar(text(f"select count(*) from {table}")) or 0)


async def _outlook(admin: Visitor, path: str, **fields: str) -> str:
    answer = await admin.submit(f"{path}/preview", "outlook", **fields)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div class="outlook" id="outlook"')
    return words(answer.text)


async def test_assigning_a_plan_says_what_will_happen(world: World) -> None:
    plan = await make_plan(world, pay_in_advance=False)
    async with visitor(world) as admin:
        made = await admin.submit(f"{BASE}/create/customer", name="Acme", external_id="a1", timezone="Asia/Tokyo")
        path = f"{made.headers['location']}/assign-plan"
        form = await admin.page(path)
        assert "Scale · €31.00 monthly in arrears" in form
        assert "Choose a plan to see when the first invoice comes" in form
        chosen = words(await admin.page(f"{path}?plan={plan.id}"))
        assert "Starts on Jan 15, 2024, in Asia/Tokyo. Nothing is billed at once." in chosen
        assert "The first invoice comes on Feb 1, 2024: the fee of €17.00 for Jan 15 – Jan 31, 2024" in chosen
        typed = {"plan": str(plan.id), "billing_time": "anniversary", "start": "2024-02-10T09:00", "end": "2024-03-31"}
        seen = await _outlook(admin, path, **typed)
        assert "Starts on Feb 10, 2024 when that day begins, in Asia/Tokyo." in seen
        assert "comes on Mar 10, 2024: the fee of €31.00 for Feb 10 – Mar 9, 2024" in seen
        assert "Ends by itself on Mar 31, 2024, which is the last day that is billed." in seen
        tomorrow = await _outlook(admin, path, plan=str(plan.id), end="2024-01-16")
        assert "Ends by itself on Jan 16, 2024" in tomorrow, "though that day begins on January 15 in UTC"
        early = await _outlook(admin, path, **{**typed, "end": "2024-01-01"})
        assert early == "End cannot stay so: This is not a date that can be used here."
        assert "The date cannot be read yet." in await _outlook(admin, path, plan=str(plan.id), start="tomorrow")
        assert await _count(world, "subscriptions") == 0, "looking stores nothing"
        wrong = await admin.submit(path, "plan-form", label="Kept", plan="", start="tomorrow", end="2024-01-01")
        assert wrong.status_code == 422
        assert "This cannot be empty." in words(wrong.text)
        assert field(wrong.text, "label") == "Kept"
        assert field(wrong.text, "start") == "tomorrow"
        plain = await admin.submit(path, do="preview", **typed)
        assert "comes on Mar 10, 2024" in words(plain.text), "without scripts a button asks"
        done = await admin.submit(path, **typed, external_id="s1", label="Production")
        page = words(await admin.page(done.headers["location"]))
        assert "Subscription scheduled" in page
        assert "Production Pending s1 Scale" in page
        assert "Starts Feb 10, 2024" in page
        again = await admin.submit(path, "plan-form", **{**typed, "external_id": "s1"})
        assert "This external id is taken." in words(again.text)
    async with visitor(world, "finance") as finance:
        assert (await finance.get(path)).status_code == 403


async def test_plans_in_another_currency_are_shown_with_their_reason(world: World) -> None:
    known = await company(world, 1)
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text(
                "insert into plans (id, organization_id, name, code, interval, amount_cents, amount_currency, "
                "pay_in_advance, pending_deletion, created_at, updated_at) select gen_random_uuid(), organization_id, "
                "'Dollar', 'dollar', interval, 100, 'USD', true, false, created_at, updated_at from plans limit 1"
            )
        )
    async with visitor(world) as admin:
        form = await admin.page(f"{BASE}/customer/{known['customer']}/assign-plan")
        option = re.search(r"<option [^>]*>Dollar[^<]*</option>", form)
        assert option is not None
        assert " disabled" in option[0]
        assert "(the customer pays in EUR)" in option[0]


async def test_a_scheduled_start_is_edited_started_and_ended(world: World) -> None:
    plan = await make_plan(world, pay_in_advance=False)
    await make_customers(world, plan, 1)
    known = await ids(world)
    async with visitor(world) as admin:
        path = f"{BASE}/customer/{known['customer']}/assign-plan"
        done = await admin.submit(path, plan=str(plan.id), external_id="later", start="2024-02-10T00:00")
        href = done.headers["location"]
        page = words(await admin.page(f"{href}/usage"))
        assert "Usage is shown as soon as the subscription has started." in page
        form = await admin.page(f"{href}/edit")
        assert field(form, "start") == "2024-02-10T00:00"
        moved = {"label": "Moved", "start": "2024-01-20T00:00", "end": ""}
        assert "Jan 20" in await _outlook(admin, f"{href}/edit", **moved)
        saved = await admin.submit(f"{href}/edit", **moved)
        assert saved.headers["location"] == href
        assert "Moved Pending" in words(await admin.page(href))
        await advance(world, "2024-02-10T00:00:00Z")
        page = words(await admin.page(href))
        assert "Moved Active" in page
        assert "Why Fee for Usage of Total" in page
        assert 'name="start"' not in await admin.page(f"{href}/edit"), "it has started"
        dialog = await admin.part(f"{href}/terminate", "terminate-form")
        assert dialog.text.lstrip().startswith('<form id="terminate-form"')
        assert "Unused part" not in dialog.text, "in arrears there is none"
        figures = words(dialog.text)
        assert "It ends now: today is billed, events of later are not." in figures
        assert "The final invoice is €10.69." in figures, "10 of 29 days of 31.00"
        skipped = await admin.part(f"{href}/terminate?invoice=skip", "outlook")
        assert "There is no final invoice" in words(skipped.text)
        ended = await admin.submit(f"{href}/terminate", invoice="generate")
        assert ended.headers["location"] == href
        page = words(await admin.page(href))
        assert "Subscription ended" in page
        assert "Moved Terminated" in page
        for gone in ("terminate", "edit", "change-plan"):
            assert f'href="{href}/{gone}"' not in await admin.page(href)
        assert (await admin.get(f"{href}/terminate")).status_code == 404
        assert (await admin.submit(f"{href}/terminate")).status_code == 404


async def test_an_upgrade_and_a_downgrade(world: World) -> None:
    small = await make_plan(world, code="small", amount_cents=3100)
    large = await make_plan(world, code="large", amount_cents=31000)
    await make_customers(world, small, 1)
    known = await ids(world)
    href = f"{BASE}/subscription/{known['subscription']}"
    async with visitor(world) as admin:
        form = await admin.page(f"{href}/change-plan")
        assert re.search(r"<option [^>]*disabled[^>]*>Small[^<]*\(the present plan\)", form)
        typed = {"plan": str(large.id), "label": "", "end": "", "billing_time": "calendar"}
        seen = await _outlook(admin, f"{href}/change-plan", **typed)
        assert "The change to Large takes effect now: a year of it costs as much as before, or more." in seen
        assert "The unused days are credited with €17.00, taxes included." in seen
        assert "An invoice of €153.00 is made at once." in seen
        assert "Jan 15 – Jan 31, 2024, 17 days €170.00" in seen
        assert "Credit notes −€17.00" in seen or "Credit notes €−17.00" in seen
        done = await admin.submit(f"{href}/change-plan", **typed)
        upgraded = done.headers["location"]
        assert upgraded != href
        assert "Now on Large" in words(await admin.page(upgraded))
        assert "Went on as Large." in words(await admin.page(href))
        down = {**typed, "plan": str(small.id)}
        seen = await _outlook(admin, f"{upgraded}/change-plan", **down)
        assert "The change to Small takes effect on Feb 1, 2024, when the running period has ended" in seen
        done = await admin.submit(f"{upgraded}/change-plan", **down)
        assert done.headers["location"] == upgraded
        page = await admin.page(upgraded)
        assert "Changes to Small when the period ends" in words(page), "the toast"
        assert "Changes to Small (€31.00) on Feb 1, 2024, when its period has ended." in words(page)
        waiting = re.search(rf'href="({BASE}/subscription/[^"]+)">See it', page)
        assert waiting is not None
        pending = await admin.page(waiting[1])
        assert "Takes over from Large when that period has ended." in words(pending)
        assert "change-plan" not in pending, "the running one changes its plan"
        listed = words(await admin.page(f"{BASE}/subscriptions"))
        assert "→ Small from Feb 1, 2024" in listed
        again = words(await admin.page(f"{upgraded}/change-plan?plan={small.id}"))
        assert "A change to Small waits for the end of the period." in again
        stale = await admin.submit(f"{href}/change-plan", **typed)
        assert stale.status_code == 404
        canceled = await admin.submit(f"{waiting[1]}/terminate")
        assert "Subscription canceled" in words(await admin.page(canceled.headers["location"]))
        assert "Changes to Small" not in words(await admin.page(upgraded))


async def test_terminating_in_advance_shows_each_choice_in_figures(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/subscription/{known['subscription']}"
    await advance(world, "2024-01-20T10:00:00Z")
    async with visitor(world) as admin:
        page = await admin.page(href)
        assert f'hx-get="{href}/terminate" hx-trigger="intersect once"' in page
        whole = words(await admin.page(f"{href}/terminate"))
        assert "The unused days are worth €11.00, taxes included: €11.00 goes to the customer's credit." in whole
        assert "The final invoice is €0.00 after €0.60 of credit." in whole
        nothing = await admin.part(f"{href}/terminate?credit_note=skip&invoice=generate", "outlook")
        assert "The final invoice is €0.60." in words(nothing.text)
        offset = await admin.part(f"{href}/terminate?credit_note=offset&invoice=skip", "outlook")
        assert "€11.00 is taken off what is still due" in words(offset.text)
        await admin.submit(f"{href}/terminate", credit_note="offset", invoice="skip")
        async with world.runtime.database.reading() as session:
            stored = text("select offset_amount_cents from credit_notes")
            assert await session.scalar(stored) == 1100
    async with visitor(world, "finance") as finance:
        assert (await finance.get(f"{href}/terminate")).status_code == 403
        assert "Terminate…" not in await finance.page(href)


async def test_usage_now_and_in_past_periods(world: World) -> None:
    await make_customers(world, await make_plan(world, pay_in_advance=False), 1)
    known = await ids(world)
    await send_usage(world, "sub_c0", 12)
    href = f"{BASE}/subscription/{known['subscription']}"
    async with visitor(world) as admin:
        page = words(await admin.page(f"{href}/usage"))
        assert "€0.60 so far, without taxes" in page
        assert "Past periods" not in page
        await advance(world, "2024-01-24T00:00:00Z")
        page = words(await admin.page(f"{href}/usage"))
        assert re.search(r"Standard · about €1\.\d\d by the period's end", page), "9 of 17 days are over"
        await advance(world, "2024-02-01T01:00:00Z")
        page = words(await admin.page(f"{href}/usage"))
        assert "Past periods As they were invoiced, without taxes" in page
        assert "Jan 15, 2024 – Jan 31, 2024 €0.60" in page
        assert "API calls 12 0.60" in page
        live = await admin.part(f"{href}/usage", "usage")
        assert live.text.lstrip().startswith('<div id="usage"')
        assert "Past periods" not in live.text
        tab = await admin.part(href, "tab")
        assert tab.text.lstrip().startswith('<div id="tab"')
        overview = words(tab.text)
        assert "Prices As the plan has them Fee €31.00" in overview
        assert "API calls Standard · in arrears Each unit €0.05" in overview


async def test_the_list_is_filtered(world: World) -> None:
    assert (await company(world, 3))["subscription"]

    async def listed(admin: Visitor, query: str) -> list[str]:
        page = await admin.page(f"{BASE}/subscriptions?{query}")
        return re.findall(r'class="row-name clip"[^>]*>(sub_c\d)<', page)

    async with visitor(world) as admin:
        assert sorted(await listed(admin, "")) == ["sub_c0", "sub_c1", "sub_c2"]
        for query, found in (
            ("customer=c1", ["sub_c1"]),
            ("external_id=sub_c2", ["sub_c2"]),
            ("plan=other", []),
            ("overridden=yes", []),
            ("overridden=no&customer=c0", ["sub_c0"]),
            ("status=terminated", []),
            ("search=Customer+c2", ["sub_c2"]),
        ):
            assert await listed(admin, query) == found, query
        empty = words(await admin.page(f"{BASE}/subscriptions?plan=other"))
        assert "No subscriptions match" in empty
        assert "Plan code other" in empty
        page = await admin.page(f"{BASE}/subscriptions?search=Customer+c2&page=1")
        ended = "?search=Customer+c2&amp;status=terminated&amp;status=canceled"
        assert f'href="{BASE}/subscriptions{ended}"' in page, "quick filters keep what was searched"
        current = r'<a href="([^"]*)"[^>]*aria-current="true">(\w+)<'
        assert re.findall(current, page)[0] == (f"{BASE}/subscriptions?search=Customer+c2", "Current")
        assert "Ended" in re.findall(current, await admin.page(f"{BASE}/subscriptions{unescape(ended)}"))[0]


async def test_prices_of_its_own(world: World) -> None:
    """Only what differs is sent; mistakes stand at their fields; nothing typed is lost (spec 03 §2.5)."""
    plan = await make_plan(world, pay_in_advance=False)
    await make_customers(world, plan, 1)
    known = await ids(world)
    path = f"{BASE}/customer/{known['customer']}/assign-plan"
    chosen = {"plan": str(plan.id), "billing_time": "calendar", "external_id": "own", "own": "yes", "do": "refresh"}
    async with visitor(world) as admin:
        form = (await admin.submit(path, "plan-form", **chosen)).text
        assert field(form, "amount") == "31.00"
        assert field(form, "c1-p-amount") == "0.05"
        assert 'name="c1-model" value="standard"' in form, "the model stays"
        assert "Remove this charge" not in form
        typed = {
            **chosen,
            "do": "save",
            "own_plan": str(plan.id),
            "amount": "62",
            "name": "Scale",
            "trial": "3",
            "charge": "c1",
            "c1-metric": field(form, "c1-metric"),
            "c1-id": field(form, "c1-id"),
            "c1-model": "standard",
            "c1-p-amount": "0.04",
            "c1-minimum": "9",
            "recurring": "10",
        }
        seen = (await admin.submit(f"{path}/preview", "outlook", **typed)).text
        assert "The fee is free until the trial ends on Jan 18, 2024" in words(seen)
        assert 'id="example-c1-p"' in seen, "the example follows"
        assert "1,000 units = €40.00" in words(seen)
        wrong = await admin.submit(path, "plan-form", **{**typed, "amount": "a lot", "c1-p-amount": "cheap"})
        assert wrong.status_code == 422
        assert "Nothing was saved: some prices need mending." in words(wrong.text)
        assert field(wrong.text, "amount") == "a lot"
        assert field(wrong.text, "c1-p-amount") == "cheap"
        assert 'id="field-amount-error"' in wrong.text
        assert 'id="c1-p-amount-error"' in wrong.text
        more = await admin.submit(path, "plan-form", **{**typed, "do": "add-threshold"})
        assert more.status_code == 200
        assert 'id="threshold-0"' in more.text
        assert field(more.text, "amount") == "62"
        done = await admin.submit(path, **typed)
        page = await admin.page(done.headers["location"])
        shown = words(page)
        assert "Prices Own prices beside the plan's" in shown
        assert "Fee Own plan: €31.00 → €62.00" in shown
        assert "Free trial Own plan: none → 3 days" in shown
        assert (
            "at least €9.00 Own Each unit €0.04 What the plan asks of others Standard · in arrears Each unit €0.05"
            in shown
        )
        assert "Then each time every €10.00" in shown
        href = done.headers["location"]
        stored = await world.data(
            f'{{ subscription(id: "{href[-36:]}") {{ plan {{ isOverridden parent {{ id }} }} }} }}'
        )
        assert stored["subscription"]["plan"] == {"isOverridden": True, "parent": {"id": str(plan.id)}}
        form = await admin.page(f"{href}/edit")
        assert field(form, "amount") == "62.00"
        assert field(form, "c1-p-amount") == "0.04"
        assert 'name="trial"' not in form, "the trial of a copy is fixed"
        same = {
            "label": "",
            "end": "",
            "own": "yes",
            "own_plan": field(form, "own_plan"),
            "amount": "62.00",
            "name": "Scale",
            "charge": "c1",
            "c1-metric": field(form, "c1-metric"),
            "c1-id": field(form, "c1-id"),
            "c1-model": "standard",
            "c1-p-amount": "0.04",
            "c1-minimum": "9.00",
            "recurring": "10.00",
        }
        async with world.runtime.database.reading() as session:
            before = await session.scalar(text("select catalog_revision from organizations where slug = 'acme-search'"))
        await admin.submit(f"{href}/edit", **same)
        async with world.runtime.database.reading() as session:
            after = await session.scalar(text("select catalog_revision from organizations where slug = 'acme-search'"))
        assert after == before, "nothing differs, so no price was sent"
        await admin.submit(f"{href}/edit", **{**same, "amount": "31", "commitment": "50", "whole": "yes"})
        shown = words(await admin.page(href))
        assert "Fee €31.00" in shown
        assert "Minimum commitment Own plan: none → €50.00" in shown
        assert "Thresholds Turned off" in shown


async def test_an_upgrade_with_a_price_of_its_own(world: World) -> None:
    small = await make_plan(world, code="small", amount_cents=3100)
    large = await make_plan(world, code="large", amount_cents=31000)
    await make_customers(world, small, 1)
    known = await ids(world)
    href = f"{BASE}/subscription/{known['subscription']}"
    async with visitor(world) as admin:
        cheaper = {"plan": str(large.id), "own": "yes", "own_plan": str(large.id), "amount": "9.30", "name": "Large"}
        seen = await _outlook(admin, f"{href}/change-plan", **cheaper)
        assert "The change to Large takes effect on Feb 1, 2024" in seen, "compared with its own price, 03 §6.3"
        done = await admin.submit(f"{href}/change-plan", **{**cheaper, "amount": "62"})
        shown = words(await admin.page(done.headers["location"]))
        assert "Now on Large" in shown
        assert "Fee Own plan: €310.00 → €62.00" in shown
