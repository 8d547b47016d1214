"""E-mails to all admins about what opens the organization (spec 07 §2.2, §3.6). Never a part of a key or token."""

from __future__ import annotations

from collections.abc import Iterable

from billwright.billing.access.context import Context
from billwright.billing.access.members import admins_of
from billwright.billing.access.models import ApiKey, User
from billwright.billing.documents.locales import load_locale
from billwright.billing.mailing.service import queue_email

METHOD_NAMES = {"google_oauth": "Google", "okta": "Okta"}
"""Ways to log in whose name is the same in every language."""
_KEY_EVENTS = {
    "created": "A new API key was created",
    "rotated": "An API key was rotated: a new one replaces it",
    "deleted": "An API key was deleted and no longer opens anything",
}


async def tell_admins_of_key(ctx: Context, key: ApiKey, event: str) -> None:
    """``event``: ``created``, ``rotated`` or ``deleted``."""
    name, by = ctx.organization.name, await _by(ctx)
    label = f"Key: {key.name}\n" if key.name else ""
    label += f"By: {by}\n" if by else ""
    await queue_email(
        ctx.session,
        f"api_key.{event}",
        subject=f"{name}: API key {event}",
        text=f"{_KEY_EVENTS[event]}.\n\nOrganization: {name}\n{label}\n"
        "If you did not expect this, look at Developers, API keys, and rotate or delete keys that you do not know.\n",
        bcc=await admins_of(ctx.session, ctx.organization_id),
        organization_id=ctx.organization_id,
    )


async def tell_admins_of_methods(ctx: Context, added: Iterable[str], removed: Iterable[str]) -> None:
    """Which ways to sign in were added and removed, in the organization's document language."""
    name, by, locale = ctx.organization.name, await _by(ctx), load_locale(ctx.organization.document_locale)
    names = {"email_password": locale.text("login_by_password"), **METHOD_NAMES}
    lines = [
        locale.text("email_logins_organization", organization=name),
        *(locale.text("email_logins_added", method=names[method]) for method in added),
        *(locale.text("email_logins_removed", method=names[method]) for method in removed),
        *([locale.text("email_logins_by", email=by)] if by else []),
    ]
    await queue_email(
        ctx.session,
        "authentication_methods.updated",
        subject=locale.text("email_logins_subject", organization=name),
        text="\n".join([*lines, ""]),
        bcc=await admins_of(ctx.session, ctx.organization_id),
        organization_id=ctx.organization_id,
    )


async def _by(ctx: Context) -> str | None:
    if ctx.actor.kind != "user" or ctx.actor.id is None:
        return None
    user = await ctx.session.get(User, ctx.actor.id)
    return user.email if user is not None else None
