"""The one family of errors that services raise. Adapters translate them (REST: spec 07 §1.4, GraphQL: 07 §6.1)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

Details = dict[str, list[str]]


class BillingError(Exception):
    """Base of everything a caller can be told about. ``status`` is the HTTP status of its REST form."""

    status: int = 500
    error: str = "Internal Server Error"
    code: str | None = "internal_error"


class BadRequest(BillingError):
    """The request cannot be read: missing root key, invalid JSON (400)."""

    status, error, code = 400, "BadRequest", None

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Unauthorized(BillingError):
    """No, unknown or expired credentials (401)."""

    status, error, code = 401, "Unauthorized", None


class Forbidden(BillingError):
    """Missing permission or refused by policy (403)."""

    status, error = 403, "Forbidden"

    def __init__(self, code: str, required_permissions: Iterable[str] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.required_permissions = list(required_permissions)


class NotFound(BillingError):
    """``resource`` does not exist in this organization (404 ``<resource>_not_found``)."""

    status, error = 404, "Not Found"

    def __init__(self, resource: str) -> None:
        super().__init__(f"{resource}_not_found")
        self.resource = resource
        self.code = f"{resource}_not_found"


class NotAllowed(BillingError):
    """The object's state forbids the action (405 with a state code)."""

    status, error = 405, "Method Not Allowed"

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ValidationFailed(BillingError):
    """Input refused (422 ``validation_errors``); ``details`` maps field -> list of codes.

    ``places`` are the same mistakes by the whole path of the field, where somebody noted it (``Problems.inside``).
    """

    status, error, code = 422, "Unprocessable Entity", "validation_errors"
    places: Mapping[str, list[str]] = {}

    def __init__(self, details: Mapping[str, Any] | str | None = None, **fields: str | list[str]) -> None:
        merged: Any = details if isinstance(details, str) else {**(details or {})}
        if not isinstance(merged, str):
            merged.update({name: [codes] if isinstance(codes, str) else codes for name, codes in fields.items()})
        super().__init__(str(merged))
        self.details: Any = merged


class Unprocessable(BillingError):
    """A 422 with a code of its own instead of ``validation_errors`` (locks, providers, aggregation failures)."""

    status, error = 422, "Unprocessable Entity"

    def __init__(self, code: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = dict(details or {})


class RateLimited(BillingError):
    """Too many requests (429)."""

    status, error, code = 429, "Too Many Requests", "rate_limited"


class Stopping(BillingError):
    """This process is asked to end; what it had begun goes on in another one (503)."""

    status, error, code = 503, "Service Unavailable", "server_is_stopping"


class Problems:
    """Collects validation codes per field, each code once, and raises them together.

    ``places`` holds the same codes by the path of each field (``charges.1.properties.rate``), for those who show a
    mistake where it was made.
    """

    def __init__(self) -> None:
        self.details: Details = {}
        self.places: Details = {}
        self._path: tuple[str, ...] = ()

    def add(self, field: str, code: str, *, at: str | None = None) -> None:
        """Note ``code`` on ``field``; ``at`` says more exactly where in it, when that is known."""
        for found, name in ((self.details, field), (self.places, ".".join((*self._path, field if at is None else at)))):
            codes = found.setdefault(name, [])
            if code not in codes:
                codes.append(code)

    @contextmanager
    def inside(self, *path: str | int) -> Generator[None, None, None]:
        """What is noted meanwhile lies in this part of the input."""
        before = self._path
        self._path = (*before, *map(str, path))
        try:
            yield
        finally:
            self._path = before

    def __bool__(self) -> bool:
        return bool(self.details)

    def raise_if_any(self) -> None:
        if self.details:
            failure = ValidationFailed(self.details)
            failure.places = self.places
            raise failure
