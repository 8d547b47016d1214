"""Sign-up, invitations, passwords, API keys, webhooks, settings as pages (spec 07 §7.2, §7.9, §7.10)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import redis.asyncio
from sqlalchemy import text

from billwright.billing.access.service import find_user
from billwright.billing.access.sessions import open_session
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.ui import csrf, sessions
from tests.graphql.support import PASSWORD, World
from tests.ui.support import BASE, company, field, ids, make_credit_note, make_delivery, make_invitation, visitor, words


async def run_jobs(world: World) -> None:
    register_all()
    for job_id in await due_jobs(world.runtime.database):
        await run_job(world.runtime, job_id)


async def test_signing_up(world: World) -> None:
    async with visitor(world, None) as nobody:
        assert 'href="/sign-up"' in await nobody.page("/login")
        nobody.token = field(await nobody.page("/sign-up"), csrf.FIELD)
        weak = await nobody.submit("/sign-up", organization="Hooli", email="gavin@hooli.test", password="weak")
        assert weak.status_code == 422
        assert "8 characters or more" in words(weak.text)
        assert field(weak.text, "email") == "gavin@hooli.test"
        assert field(weak.text, "password") == ""
        empty = await nobody.submit("/sign-up", organization="", email="", password="")
        assert words(empty.text).count("This cannot be empty.") == 3, "each field says it"
        taken = await nobody.submit("/sign-up", organization="X", email="admin@acme.example", password=PASSWORD)
        assert "has an account already" in words(taken.text)
        made = await nobody.submit("/sign-up", organization="Hooli", email="gavin@hooli.test", password=PASSWORD)
        assert made.status_code == 303
        assert "Hooli" in await nobody.page("/hooli/customers")
        refused = await nobody.post("/sign-up", data={"organization": "Hooli 2"})
        assert refused.status_code == 403


async def test_signing_up_can_be_closed(world: World) -> None:
    world.app.state.settings = world.settings.model_copy(update={"signup_enabled": False})
    async with visitor(world, None) as nobody:
        assert "/sign-up" not in await nobody.page("/login")
        assert "Signing up is closed" in await nobody.page("/sign-up", 404)


async def test_an_invitation_from_link_to_page(world: World) -> None:
    async with visitor(world) as admin:
        answer = await admin.submit(f"{BASE}/settings/members/invite", email="ann@acme.example", roles="manager")
        assert answer.headers["location"] == f"{BASE}/settings/members"
        page = await admin.page(f"{BASE}/settings/members")
        assert "ann@acme.example is invited" in words(page)
        link = re.search(r'data-copy="([^"]+/invitation/[0-9a-f]{40})"', page)
        assert link is not None
    path = urlsplit(link[1]).path
    async with visitor(world, None) as ann:
        form = await ann.page(path)
        assert "Join Acme Search" in form
        assert "Account manager" in form
        ann.token = field(form, csrf.FIELD)
        weak = await ann.submit(path, password="weak")
        assert weak.status_code == 422
        assert (await ann.submit(path, password=PASSWORD)).status_code == 303
        assert "Acme Search" in await ann.page(f"{BASE}/customers")
        assert "This invitation no longer works" in await ann.page(path, 404)


async def test_a_refused_invitation_says_why_beside_its_field(world: World) -> None:
    async with visitor(world) as admin:
        for sent, sentence in (
            ({"email": "admin@acme.example", "roles": "finance"}, "Somebody with this address is a member already."),
            ({"email": "nonsense", "roles": "finance"}, "Write one address"),
            ({"email": "new@acme.example"}, "Choose at least one role."),
        ):
            refused = await admin.submit(f"{BASE}/settings/members/invite", "invite-form", **sent)
            assert refused.status_code == 422
            assert refused.text.lstrip().startswith('<form id="invite-form"')
            assert sentence in words(refused.text)
            assert field(refused.text, "email") == sent["email"], "what was typed stays"
            assert ('value="finance" checked' in refused.text) is ("roles" in sent)
        whole = await admin.submit(f"{BASE}/settings/members/invite", email="nonsense", roles="finance")
        assert "<html" in whole.text
        assert await admin.submit(f"{BASE}/settings/members/invite", "invite-form", email="n@a.test", roles="finance")


async def test_members_are_searched_and_filtered(world: World) -> None:
    async with visitor(world) as admin:
        address = f"{BASE}/settings/members?search=acme.ex&role=finance"
        part = await admin.part(address, "results")
        assert part.status_code == 200
        assert part.text.strip() in await admin.page(address), "the same whole and in part"
        said = words(part.text)
        assert "finance@acme.example" in said
        assert "manager@acme.example" not in said
        assert f'href="{BASE}/settings/members?search=acme.ex&amp;role=manager"' in part.text, "the search is kept"


async def test_members_are_changed_and_removed(world: World) -> None:
    known = await company(world, 1)
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/settings/members")
        assert "The only admin stays admin" in page
        async with world.runtime.database.reading() as session:
            rows = await session.execute(
                text("select email, m.id from memberships m join users u on u.id = user_id where organization_id = :o"),
                {"o": world.organization.id},
            )
            by_email = {row[0]: str(row[1]) for row in rows}
        await admin.submit(f"{BASE}/settings/members/{by_email['admin@acme.example']}", roles="manager")
        assert "stays admin" in words(await admin.page(f"{BASE}/settings/members"))
        await admin.submit(f"{BASE}/settings/members/{by_email['finance@acme.example']}/revoke")
        assert "finance@acme.example" not in words(await admin.page(f"{BASE}/settings/members"))
        await admin.submit(f"{BASE}/settings/invites/{known['invite']}/revoke")
        assert "guest@acme.example" not in await admin.page(f"{BASE}/settings/members")
    async with visitor(world, "finance") as gone:
        assert "Nothing lives" in await gone.page(f"{BASE}/customers", 404)


async def test_why_a_role_cannot_be_changed_is_told_in_the_list(world: World) -> None:
    """No page about the admin's own permissions; who is gone is not found (spec 07 §7.1)."""
    await make_invitation(world)
    known = await ids(world)
    page, member = f"{BASE}/settings/members", f"{BASE}/settings/members/{known['member']}"
    async with visitor(world) as admin:

        async def told(path: str, **fields: str) -> str:
            assert (await admin.submit(path, **fields)).headers["location"] == page
            return words(await admin.page(page))

        assert "Choose at least one role." in await told(member)
        invite = f"{BASE}/settings/invites/{known['invite']}"
        assert "Choose at least one role." in await told(invite)
        assert "Invitation withdrawn" in await told(f"{invite}/revoke")
        assert "The invitation was withdrawn already." in await told(invite, roles="finance")
        assert (await admin.submit(f"{invite}/revoke")).status_code == 404
        async with world.runtime.database.transaction() as session:
            await session.execute(text("update invites set status = 'accepted'"))
            await session.execute(
                text("update memberships set roles = '[]' from users u where u.id = user_id and email like 'finance@%'")
            )
            gone = await session.scalar(
                text("select m.id from memberships m join users u on u.id = user_id where email like 'manager@%'")
            )
        assert "was accepted already" in await told(invite, roles="finance")
        assert "No role yet" in await told(f"{page}/{gone}/revoke")
        assert (await admin.submit(f"{page}/{gone}", roles="finance")).status_code == 404


async def test_a_forgotten_password(world: World) -> None:
    async with visitor(world, None) as nobody:
        nobody.token = field(await nobody.page("/forgot-password"), csrf.FIELD)
        for address in ("manager@acme.example", "nobody@acme.example"):
            done = await nobody.submit("/forgot-password", email=address)
            assert f"If {address} has an account here" in words(done.text)
        await run_jobs(world)
        async with visitor(world) as admin:
            outbox = await admin.page(f"{BASE}/developers/emails")
        link = re.search(r"/reset-password/[0-9a-f]{40}", outbox)
        assert link is not None
        form = await nobody.page(link[0])
        assert field(form, "email") == "manager@acme.example"
        weak = await nobody.submit(link[0], password="weak")
        assert weak.status_code == 422
        answer = await nobody.submit(link[0], password="Brand-new-pass-1")
        assert answer.status_code == 303
        assert await nobody.page(f"{BASE}/customers")
        gone = await nobody.page(link[0], 404)
        assert "This link no longer works" in gone
        assert 'href="/forgot-password"' in gone
    async with visitor(world, "manager") as old:
        assert (await old.get(f"{BASE}/customers")).headers["location"].startswith("/login")


_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


async def _another_session(world: World) -> str:
    """Of the admin, in another browser."""
    async with world.runtime.database.transaction() as session:
        found = await find_user(session, "admin@acme.example")
        assert found is not None
        return sessions.issue_token(world.settings, (await open_session(session, found, "email_password")).id)


async def test_a_key_is_shown_at_once_where_nothing_keeps_it(world: World) -> None:
    """Redis is away: better a key that a reload makes twice than one that nobody has seen."""
    async with visitor(world) as admin:
        await admin.page(f"{BASE}/developers/keys")
        dead = world.app.state.redis = redis.asyncio.Redis.from_url("redis://127.0.0.1:1/0")
        made = await admin.submit(f"{BASE}/developers/keys", name="CI", permission="event:write")
        assert re.search(rf"{_UUID}(?=</pre>)", made.text)
        await admin.page(f"{BASE}/developers/keys?made={(await ids(world))['key']}")
    await dead.aclose()


async def test_a_key_is_shown_once(world: World) -> None:
    async with visitor(world) as admin:
        made = await admin.submit(f"{BASE}/developers/keys", name="CI", permission="event:write")
        assert made.status_code == 303, "a reload makes no second key"
        address = made.headers["location"]
        async with visitor(world) as elsewhere:
            elsewhere.cookies.set(sessions.COOKIE, await _another_session(world), domain="billwright.test")
            assert "It is not shown again" not in words(await elsewhere.page(address))
        await admin.head(address)
        assert "It is not shown again" not in words(await admin.page(f"{BASE}/developers/keys"))
        shown = await admin.get(address)
        assert shown.headers["cache-control"] == "no-store"
        value = re.search(rf"{_UUID}(?=</pre>)", shown.text)
        assert value is not None
        assert "Copy CI now." in words(shown.text)
        for path in (address, f"{BASE}/developers/keys"):
            assert not re.search(rf"{_UUID}(?=</pre>)", await admin.page(path))
        listed = await admin.page(f"{BASE}/developers/keys")
        assert value[0][-3:] in listed
        assert "1 resource" in words(listed)
        nothing = await admin.submit(f"{BASE}/developers/keys", name="Nothing")
        assert nothing.status_code == 422
        assert "Allow at least one thing." in words(nothing.text)
        known = await ids(world)
        rotated = await admin.submit(f"{BASE}/developers/keys/{known['key']}/rotate", overlap="24h")
        assert "It is not shown again" in words(await admin.page(rotated.headers["location"]))
        said = words(await admin.page(f"{BASE}/developers/keys"))
        assert "The old one was never used. When is it to stop working?" in said
        assert re.search(r" Ends \w{3} \d+, \d{4}, \d\d:\d\d ", said), "the old key, in a day"
        assert f"Id of this organization: ••••••••{str(world.organization.id)[-3:]}" in said
        assert f'data-copy="{world.organization.id}"' in await admin.page(f"{BASE}/developers/keys")
        async with world.runtime.database.transaction() as session:
            await session.execute(
                text("update api_keys set last_used_at = '2024-01-15T10:00:00Z' where id = :id"), {"id": known["key"]}
            )
        assert "Last used on Jan 15, 2024, 10:00" in words(await admin.page(f"{BASE}/developers/keys/{known['key']}"))
        assert "The old one was last used on Jan 15, 2024, 10:00" in words(await admin.page(f"{BASE}/developers/keys"))
        changed = await admin.submit(f"{BASE}/developers/keys/{known['key']}", name="Old", permission="plan:read")
        assert changed.status_code == 303
        assert "Reads 1 resource" in words(await admin.page(f"{BASE}/developers/keys"))
        await admin.submit(f"{BASE}/developers/keys/{known['key']}/delete")
        assert "Key deleted" in words(await admin.page(f"{BASE}/developers/keys"))


async def test_webhooks_are_made_changed_and_read(world: World) -> None:
    await make_delivery(world)
    async with visitor(world) as admin:
        bad = await admin.submit(f"{BASE}/developers/webhooks", url="nowhere", all="yes")
        assert bad.status_code == 422
        made = await admin.submit(f"{BASE}/developers/webhooks", url="https://b.example/h", type="invoice.created")
        page = await admin.page(made.headers["location"])
        assert "1 type" in words(page)
        assert "Nothing was sent yet" in words(page)
        known = await ids(world)
        log = f"{BASE}/developers/webhooks/{known['endpoint']}"
        assert "customer.created" in await admin.page(f"{log}?status=failed")
        assert "No deliveries match" in words(await admin.page(f"{log}?status=succeeded"))
        for asked, found in (
            ("answer=5xx", True), ("answer=404,503", True), ("answer=500-502", False), ("answer=timeout", False),
            ("answer=nonsense", False), ("type=customer.created", True), ("type=invoice.created", False),
            ("day_from=2024-01-15&day_to=2024-01-15", True), ("day_to=2024-01-14", False),
        ):  # fmt: skip
            shown = await admin.page(f"{log}?status=failed&{asked}")
            assert (f"/log/{known['delivery']}" in shown) is found, asked
            assert "filter-chip" in shown, asked
        assert f'href="{log}?answer=5xx&amp;status=retrying"' in await admin.page(f"{log}?answer=5xx")
        hmac = await world.data("{ organization { hmacKey } }")
        listed = await admin.page(f"{BASE}/developers/webhooks")
        assert f'data-copy="{hmac["organization"]["hmacKey"]}"' in listed
        assert f"HMAC key of this organization: ••••••••{hmac['organization']['hmacKey'][-3:]}" in words(listed)
        delivery = await admin.page(f"{log}/log/{known['delivery']}")
        assert "&#34;name&#34;: &#34;Hooli&#34;" in delivery
        assert "busy" in delivery
        await admin.submit(f"{log}/log/{known['delivery']}/retry")
        assert "It is sent again" in words(await admin.page(f"{log}/log/{known['delivery']}"))
        await admin.submit(f"{log}/delete")
        assert "hooks.example" not in await admin.page(f"{BASE}/developers/webhooks")


async def test_settings_are_saved(world: World) -> None:
    async with visitor(world) as admin:
        form = await admin.page(f"{BASE}/settings/general")
        assert field(form, "slug") == "acme-search"
        bad = await admin.submit(f"{BASE}/settings/general", name="", slug="login", timezone="UTC")
        assert bad.status_code == 422
        assert "This cannot be empty." in words(bad.text)
        saved = await admin.submit(
            f"{BASE}/settings/general", name="Acme", slug="acme", timezone="UTC", country="FR", city="Paris"
        )
        assert saved.headers["location"] == "/acme/settings/general"
        page = await admin.page("/acme/settings/general")
        assert 'value="FR" selected' in page
        assert field(page, "city") == "Paris"
        invoices = {
            "currency": "EUR",
            "locale": "fr",
            "grace_period": "3",
            "term": "30",
            "numbering": "per_organization",
            "prefix": "ACM",
            "empty_invoices": "no",
            "footer": "Merci",
        }
        assert (await admin.submit("/acme/settings/invoices", **{**invoices, "term": "soon"})).status_code == 422
        await admin.submit("/acme/settings/invoices", **invoices)
        page = await admin.page("/acme/settings/invoices")
        assert "ACM-202401-001" in page
        async with world.runtime.database.transaction() as session:
            await session.execute(
                text("update organizations set clock_now = '2024-12-31T23:30:00Z', timezone = 'Asia/Tokyo'")
            )
        assert "ACM-202501-001" in await admin.page("/acme/settings/invoices"), "the present month, where it is"
        assert "Merci" in page
        assert field(page, "term") == "30"
        await admin.submit("/acme/settings/emails", choice="invoice.finalized")
        assert 'value="invoice.finalized" checked' in await admin.page("/acme/settings/emails")
        await admin.submit("/acme/settings/authentication")
        assert "At least one way" in words(await admin.page("/acme/settings/authentication"))
        asked = await admin.submit("/acme/settings/authentication", choice="google_oauth")
        assert "Disable E-mail and password? Nobody logs in by it any more." in words(asked.text)
        assert "Nobody could log in to this organization any more" in words(asked.text), "there is no Google here"
        assert await admin.page("/acme/customers"), "nothing is disabled before that is confirmed"
        await admin.submit("/acme/settings/authentication", choice="google_oauth", confirmed="yes")
        assert "You cannot open this organization" in words(await admin.page("/acme/customers", 403))
    async with world.runtime.database.reading() as session:
        kept = await session.scalar(text("select authentication_methods from organizations where slug = 'acme'"))
    assert kept == ["google_oauth"]


async def test_okta_may_stay_the_only_way_to_log_in(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        methods = '["email_password", "google_oauth", "okta"]'
        change = text("update organizations set authentication_methods = cast(:methods as jsonb) where slug = :slug")
        await session.execute(change, {"methods": methods, "slug": BASE[1:]})
    async with visitor(world) as admin:
        asked = await admin.submit(f"{BASE}/settings/authentication")
        assert "Disable E-mail and password and Google? Nobody logs in by them any more." in words(asked.text)


async def test_the_logo_is_uploaded_shown_and_removed(world: World) -> None:
    """Spec 07 §7.10: PNG or JPEG, at most 800 KB; spec 04 §24."""
    known = await company(world, 1)
    image = b"\x89PNG\r\n\x1a\n" + bytes(40)
    async with visitor(world) as admin:

        async def upload(content: bytes, **headers: str) -> httpx.Response:
            files = {"logo": ("logo.png", content, "image/png")}
            return await admin.post(
                f"{BASE}/settings/logo", data={csrf.FIELD: admin.token}, files=files, headers=headers
            )

        assert "<img" not in await admin.page(f"{BASE}/settings/general")
        for wrong, sentence in (
            (b"GIF89a", "Choose a PNG or JPEG image."),
            (b"", "Choose a PNG or JPEG image."),
            (image + bytes(800 * 1024), "The image is larger than 800 KB."),
        ):
            refused = await upload(wrong, **{"hx-request": "true", "hx-target": "logo-form"})
            assert refused.status_code == 422
            assert refused.text.lstrip().startswith('<section class="section" id="logo-form"')
            assert sentence in words(refused.text)
        assert (await upload(image)).headers["location"] == f"{BASE}/settings/general"
        page = await admin.page(f"{BASE}/settings/general")
        shown = re.findall(r'<img class="logo" src="([^"]+)"', page)
        assert len(shown) == 2, "in the frame and in the settings"
        assert (await admin.get(shown[0])).content == image
        for place in (f"invoice/{known['invoice']}", f"credit-note/{await make_credit_note(world)}"):
            assert (await admin.page(f"{BASE}/{place}")).count(shown[0]) == 2, place
        assert f'<img src="{shown[0]}"' in await admin.page(f"{BASE}/settings/emails/preview")
        await admin.submit(f"{BASE}/settings/logo", remove="yes")
        assert "<img" not in await admin.page(f"{BASE}/settings/general")
    async with visitor(world, "manager") as manager:
        assert (await manager.submit(f"{BASE}/settings/logo", remove="yes")).status_code == 403


async def test_finance_sees_its_settings_only(world: World) -> None:
    await make_invitation(world)
    async with visitor(world, "finance") as finance:
        page = await finance.page(f"{BASE}/settings/general")
        assert "Members" not in words(page)
        assert "Authentication" not in words(page)
        await finance.page(f"{BASE}/settings/members", 403)
        await finance.page(f"{BASE}/developers/keys", 403)
    async with visitor(world, "manager") as manager:
        await manager.page(f"{BASE}/settings", 403)
        assert '/settings"' not in await manager.page(f"{BASE}/customers")


async def test_sessions_of_cookies_are_not_given_to_forms_of_others(world: World) -> None:
    """A visitor's token does not open a member's forms, nor the other way round."""
    async with visitor(world) as admin:
        admin.token = csrf.token_for(world.settings, "x")
        assert (await admin.submit(f"{BASE}/developers/keys", name="x")).status_code == 403
        assert sessions.COOKIE in admin.cookies
        assert (await admin.submit("/forgot-password", email="a@b.c")).status_code == 403
