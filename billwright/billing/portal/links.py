"""Links to the customer portal: signed, expiring, stored nowhere (spec 07 §5.1).

All lifetimes run on the system clock: a sandbox whose time stands still must not keep a stolen link alive.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from itsdangerous import BadSignature, TimestampSigner

from billwright.billing.kernel.clock import system_now

LIFETIME = timedelta(hours=12)
"""Of a link; what was exchanged for it ends with it."""
FILE_LIFETIME = timedelta(minutes=10)
"""Of the address of a document."""
_LONGEST = 300


class _Signer(TimestampSigner):
    """HMAC-SHA-256 with the system clock of the kernel."""

    default_digest_method = staticmethod(hashlib.sha256)

    def get_timestamp(self) -> int:
        return int(system_now().timestamp())


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link that is valid now: whose portal it opens, and when it ends."""

    customer_id: UUID
    expires_at: datetime


def logo_url(app_url: str, organization_id: UUID, logo: bytes | None) -> str | None:
    """The public address of a supplier's logo, another one for another picture; ``None`` without one."""
    if logo is None:
        return None
    return f"{app_url}/customer-portal/logos/{organization_id}?v={hashlib.sha256(logo).hexdigest()[:12]}"


class PortalLinks:
    """Makes and reads what the portal signs. Each purpose has a key of its own, so that no token can stand for another,
    and none for a session of the back office; another ``secret`` ends all of them."""

    def __init__(self, secret: str, app_url: str) -> None:
        self._secret = secret
        self._app_url = app_url

    def url(self, customer_id: UUID) -> str:
        """The address to send a customer to; each call gives a new one, valid for 12 hours."""
        return f"{self._app_url}/customer-portal/{self.issue(customer_id)}"

    def issue(self, customer_id: UUID) -> str:
        """The token of a link: URL-safe text, another one each time."""
        return self.sign("link", customer_id.hex + secrets.token_hex(6))

    def read(self, token: str) -> PortalLink | None:
        """The link of ``token``; ``None`` for anything forged, changed or expired."""
        found = self.unsign("link", token, LIFETIME)
        try:
            return PortalLink(UUID(hex=found[0][:32]), found[1] + LIFETIME) if found else None
        except ValueError:
            return None

    def file_url(self, file_id: UUID) -> str:
        """An address of a stored file for the next ten minutes."""
        return f"{self._app_url}/customer-portal/documents/{self.sign('file', file_id.hex)}"

    def read_file(self, token: str) -> UUID | None:
        """The file of an address; ``None`` for anything forged, changed or expired."""
        found = self.unsign("file", token, FILE_LIFETIME)
        return UUID(hex=found[0]) if found else None

    def logo_url(self, organization_id: UUID, logo: bytes | None) -> str | None:
        """As the function of that name."""
        return logo_url(self._app_url, organization_id, logo)

    def sign(self, purpose: str, text: str) -> str:
        """``text`` (without dots) with its instant and signature, for one purpose."""
        return self._signer(purpose).sign(text).decode("ascii")

    def unsign(self, purpose: str, token: str, lifetime: timedelta) -> tuple[str, datetime] | None:
        """What was signed for this purpose, and when; ``None`` if it is forged or older than ``lifetime``."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        signer = self._signer(purpose)
        signed, _, signature = token.rpartition(".")
        if not secrets.compare_digest(signer.get_signature(signed).decode("ascii"), signature):
            return None  # Base64 writes the same signature in several ways; one of them is ours.
        try:
            text, signed_at = signer.unsign(token, max_age=int(lifetime.total_seconds()), return_timestamp=True)
        except BadSignature:
            return None
        return text.decode("ascii"), signed_at

    def _signer(self, purpose: str) -> _Signer:
        return _Signer(self._secret, salt=f"billwright.portal.{purpose}")
