"""Names derived from an organization's name: slug, document prefix, code of its billing entity."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from billwright.billing.access.models import Organization
from billwright.billing.kernel.errors import ValidationFailed

RESERVED_SLUGS: frozenset[str] = frozenset(
    """account accounts admin analytics api app assets auth callback customer-portal dashboard docs favicon-ico files
    forgot-password graphql health help invitation invitations invite login logout metrics new oauth okta
    organizations portal ready register reset-password robots-txt settings sign-in sign-up signup sso static status
    support users webhooks www""".split()
)
_SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$")
_MAX_SLUG = 40


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def slug_base(name: str) -> str:
    """A slug from ``name``, without regard to which are taken: 3-40 of ``[a-z0-9-]`` (spec 07 §3.1)."""
    base = re.sub(r"[^a-z0-9]+", "-", _ascii(name).lower()).strip("-")[:_MAX_SLUG].strip("-")
    if len(base) < 3:
        base = f"org-{base}".strip("-")
    return f"{base}-org"[:_MAX_SLUG] if base in RESERVED_SLUGS else base


def numbered_slug(base: str, number: int) -> str:
    """``base`` for the first, ``base-2`` for the second organization of a name, still within 40 characters."""
    if number <= 1:
        return base
    suffix = f"-{number}"
    return base[: _MAX_SLUG - len(suffix)].rstrip("-") + suffix


def check_slug(slug: str) -> str:
    """``slug`` if it may be used: ``value_is_invalid`` for its form, ``value_is_reserved`` for the names of routes."""
    if not _SLUG.match(slug):
        raise ValidationFailed(slug="value_is_invalid")
    if slug in RESERVED_SLUGS:
        raise ValidationFailed(slug="value_is_reserved")
    return slug


def document_prefix(name: str, organization_id: UUID) -> str:
    """First three letters of the name and last four characters of the id: ``HOO-A1B2`` (spec 04 §4)."""
    plain = _ascii(name)
    letters = [c for c in plain if c.isalpha()] or [c for c in plain if c.isalnum()] or list("ORG")
    return f"{''.join(letters[:3])}-{str(organization_id)[-4:]}".upper()


def billing_entity_code(organization: Organization) -> str:
    """Code of the default billing entity: the organization's first name in lower case, other characters as ``_`` (spec
    07 §9.6)."""
    if organization.entity_code is not None:
        return organization.entity_code
    return re.sub(r"[^a-z0-9]+", "_", _ascii(organization.name).lower()).strip("_") or "default"
