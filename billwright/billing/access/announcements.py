"""E-mails to all admins about what opens the organization (spec 07 §2.2, §3.6). Never a part of a key or token."""

from __future__ import annotations

from collections.abc import Iterable

from billwright.billing.access.context import Context
from billwright.billing.access.members import admins_of
from billwright.billing.access.models import ApiKey, User
from billwright.billing.mailing.service import queue_email

METHOD_NAMES = {"email_password": "e-mail and password", "google_oauth": "Google", "okta": "Okta"}
_KEY_EVENTS = {
    "created": "A new API key was created",
    "rotated": "An API key was rotated: a new one replaces it",
    "deleted": "An API key was deleted and no longer opens anything",
}


async def tell_admins_of_key(ctx: Context, key: ApiKey, event: str) -> None:
    """``event``: ``created``, ``rotated`` or ``deleted``."""
    name = ctx.organization.name
    label = f"Key: {key.name}\n" if key.name else ""
    await queue_email(
        ctx.session,
        f"api_key.{event}",
        subject=f"{name}: API key {event}",
        text=f"{_KEY_EVENTS[event]}.\n\nOrganization: {name}\n{label}{await _by(ctx)}\n"
        "If you did not expect this, look at Developers, API keys, and rotate or delete keys that you do not know.\n",
        bcc=await admins_of(ctx.session, ctx.organization_id),
        organization_id=ctx.organization_id,
    )


async def tell_admins_of_methods(ctx: Context, added: Iterable[str], removed: Iterable[str]) -> None:
    """Which ways to sign in were added and removed."""
    name = ctx.organization.name
    lines = [f"Now allowed: {METHOD_NAMES[method]}" for method in added]
    lines += [f"No longer allowed: {METHOD_NAMES[method]}" for method in removed]
    await queue_email(
        ctx.session,
        "authentication_methods.updated",
        subject=f"{name}: the ways to log in have changed",
        text=f"Organization: {name}\n" + "\n".join(lines) + f"\n{await _by(ctx)}",
        bcc=await admins_of(ctx.session, ctx.organization_id),
        organization_id=ctx.organization_id,
    )


async def _by(ctx: Context) -> str:
    if ctx.actor.kind != "user" or ctx.actor.id is None:
        return ""
    user = await ctx.session.get(User, ctx.actor.id)
    return f"By: {user.email}\n" if user is not None else ""
