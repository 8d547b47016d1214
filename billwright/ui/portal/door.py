"""The door of the portal: a link's token, the cookie that it is exchanged for, tokens of forms (spec 07 §5.1).

The token stands in the address, so a forged request would have to know it. It is exchanged for a cookie below that
address, which browsers keep apart for each site that shows the portal in a frame; a browser that keeps no cookies
there is let in by the token alone. A form must carry a token of this link.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from billwright.billing.kernel.clock import system_now
from billwright.billing.portal.links import LIFETIME, PortalLink, PortalLinks
from billwright.server.settings import Settings

COOKIE = "billwright_portal"
FORM_FIELD = "form_token"
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True, slots=True)
class Door:
    """A link that opens: its token, and what it says."""

    links: PortalLinks
    token: str
    link: PortalLink

    @property
    def base(self) -> str:
        """Address of the portal's home page."""
        return f"/customer-portal/{self.token}"

    def new_form_token(self) -> str:
        """A token for one form; sent twice, a purchase is made once."""
        return self.links.sign("form", f"{self._mark}-{secrets.token_hex(16)}")

    def accepts_form(self, request: Request, token: str) -> bool:
        """Whether the form was made for this link, by a browser that holds this link's cookie if it holds any."""
        found = self.links.unsign("form", token, LIFETIME)
        cookie = request.cookies.get(COOKIE)
        return found is not None and found[0].startswith(f"{self._mark}-") and (cookie is None or self._knows(cookie))

    def exchange(self, request: Request, response: Response) -> None:
        """Give the cookie to a browser that does not hold it yet; it ends with the link."""
        if self._knows(request.cookies.get(COOKIE, "")):
            return
        left = int((self.link.expires_at - system_now()).total_seconds())
        value = self.links.sign("session", self._mark)
        response.headers.append(
            "set-cookie",
            f"{COOKIE}={value}; Path={self.base}; Max-Age={left}; HttpOnly; Secure; SameSite=None; Partitioned",
        )

    def _knows(self, cookie: str) -> bool:
        found = self.links.unsign("session", cookie, LIFETIME)
        return found is not None and found[0] == self._mark

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()[:32]


def open_door(request: Request, settings: Settings) -> Door | None:
    """The door of the token in the address; ``None`` for anything forged, changed or expired."""
    token = str(request.path_params["token"])
    links = settings.portal_links
    link = links.read(token)
    return Door(links, token, link) if link is not None else None


def guarded(response: Response, settings: Settings) -> Response:
    """With the headers of every answer of the portal: the address, which opens it, goes nowhere and is kept nowhere."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Content-Security-Policy"] = _POLICY.format(ancestors=settings.portal_frame_ancestors)
    return response
