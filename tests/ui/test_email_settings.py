"""Settings of e-mails to customers and their preview (spec 07 §7.10, 04 §22)."""

from __future__ import annotations

import re
from html import unescape

from tests.graphql.support import World
from tests.ui.support import BASE, visitor, words


async def test_a_preview_by_scenario_language_and_device(world: World) -> None:
    async with visitor(world) as admin:
        await admin.submit(
            f"{BASE}/settings/general",
            name="Acme <Search>",
            slug="acme-search",
            timezone="UTC",
            email="office@acme.test",
        )
        page = await admin.page(f"{BASE}/settings/emails")
        assert "Your invoice from Acme <Search> #ACM-" in words(page)
        assert 'class="mail-frame desktop"' in page
        address = f"{BASE}/settings/emails?scenario=credit_note.created&locale=fr&device=phone"
        page = await admin.page(address)
        part = await admin.part(address, "preview-part")
        assert part.text.strip() in page, "the same whole and in part"
        assert 'class="mail-frame phone"' in page
        assert "Votre avoir de Acme <Search> #ACM-" in words(page)
        frame = re.search(r'<iframe src="([^"]+)"', page)
        assert frame is not None
        mail = await admin.get(unescape(frame[1]))
        assert 'lang="fr"' in mail.text
        assert "Crédité sur le solde du client le 5 janv. 2025" in mail.text
        assert "Acme &lt;Search&gt;" in mail.text
        assert "office@acme.test" in mail.text
        assert "<img" not in mail.text
        policy = mail.headers["content-security-policy"]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'"
        nonsense = await admin.page(f"{BASE}/settings/emails?scenario=x&locale=xx&device=y")
        assert 'class="mail-frame desktop"' in nonsense
    async with visitor(world, "finance") as finance:
        assert (await finance.get(f"{BASE}/settings/emails/preview")).status_code == 403
