"""One-off invoices in the back office: the form with its totals, lines that come and go (spec 07 §7.8, 04 §14)."""

from __future__ import annotations

import re

from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor, words


async def opened(world: World) -> tuple[dict[str, str], str]:
    known = await company(world, 1)
    return known, f"{BASE}/customer/{known['customer']}/one-off"


async def test_totals_lines_and_the_invoice(world: World) -> None:
    """Spec 04 §14: 2.5 units at 3.33 are 8.33; taxes per line, else the organization's."""
    known, href = await opened(world)
    tax = 'name: "VAT", code: "vat", rate: "20", appliedToOrganization: true'
    await world.data(f"mutation {{ createTax(input: {{{tax}}}) {{ id }} }}")
    async with visitor(world, "finance") as finance:
        assert f'href="{href}"' in await finance.page(f"{BASE}/customer/{known['customer']}")
        form = await finance.page(href)
        assert "Kit · €500.00" in words(form)
        assert 'value="EUR" selected' in form
        line = {"lines": "1", "currency": "EUR", "add_on-0": known["add_on"], "units-0": "1"}
        chosen = await finance.submit(f"{href}/lines", "one-off-form", **line)
        assert chosen.text.lstrip().startswith("<form")
        assert 'placeholder="500.00"' in chosen.text
        summed = await finance.submit(f"{href}/estimate", "one-off-sum", **line)
        assert summed.text.lstrip().startswith('<div id="one-off-sum"')
        said = words(summed.text)
        assert "Kit 500.00 Subtotal, excl. tax €500.00 VAT (20% on €500.00) 100.00 Total €600.00" in said
        more = await finance.submit(f"{href}/lines", "one-off-form", more="1", **line)
        assert 'name="lines" value="2"' in more.text
        two = {**line, "lines": "2", "units-0": "2,5", "price-0": "3.33", "name-0": "Visit", "description-0": "In May",
               "from-0": "2024-01-01", "to-0": "2024-01-02", "tax-0": "reduced-2024", "add_on-1": known["add_on"],
               "units-1": "1"}  # fmt: skip
        said = words((await finance.submit(f"{href}/estimate", "one-off-sum", **two)).text)
        assert "Visit 8.33 Kit 500.00 Subtotal, excl. tax €508.33" in said
        assert "VAT (20% on €500.00) 100.00 Reduced (5% on €8.33) 0.42 Total €608.75" in said
        fewer = await finance.submit(f"{href}/lines", "one-off-form", without="1", **two)
        assert 'name="lines" value="1"' in fewer.text
        assert 'value="Visit"' in fewer.text
        whole = await finance.submit(f"{href}/lines", more="1", **line)
        assert "<html" in whole.text, "it works without scripts"
        made = await finance.submit(href, **two)
        page = await finance.page(made.headers["location"])
        assert "issued: €608.75" in words(page)
        assert "Visit" in page
        assert "One-off" in words(page)
        assert "Visit In May From Jan 1, 2024 to Jan 2, 2024" in words(page)


async def test_what_is_refused(world: World) -> None:
    known, href = await opened(world)
    async with visitor(world) as admin:
        line = {"lines": "1", "currency": "EUR", "add_on-0": known["add_on"], "units-0": "1"}
        for change, sentence in (
            ({"add_on-0": ""}, "This cannot be empty."),
            ({"units-0": "x"}, "This is not a number."),
            ({"units-0": "-1"}, "This is not a number."),
            ({"price-0": "1.234"}, "This is not an amount of this currency."),
            ({"from-0": "2024-01-02"}, "A line has both dates or none, and ends after it begins."),
            (
                {"from-0": "2024-01-02", "to-0": "2024-01-01"},
                "A line has both dates or none, and ends after it begins.",
            ),
            ({"units-0": "1e29"}, "more than"),
        ):
            refused = await admin.submit(href, "one-off-form", **{**line, **change})
            assert refused.status_code == 422, change
            assert refused.text.lstrip().startswith("<form")
            assert sentence in words(refused.text), change
        listed = await admin.page(f"{BASE}/invoices?type=one_off")
        assert re.findall(r"<tr data-href", listed) == []
