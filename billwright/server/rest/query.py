"""Query strings as the API reads them (spec 07 §1.1, §1.2)."""

from __future__ import annotations

import re
from datetime import date, datetime
from urllib.parse import parse_qsl
from uuid import UUID

from billwright.billing.kernel.clock import parse_date, parse_instant
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import PageRequest

_OBJECT_KEY = re.compile(r"^([^\[\]]+)\[([^\[\]]+)\]$")
_MAX_PARAMETERS = 2000


def _with_plus(value: str) -> str:
    """An offset's plus sign arrives as a blank from callers that do not encode it."""
    head, _, offset = value.strip().rpartition(" ")
    return f"{head}+{offset}"


class Query:
    """Parameters by name. Arrays: ``key[]=a&key[]=b`` or ``key=a&key=b``; objects: ``key[sub]=v``."""

    def __init__(self, query_string: bytes = b"") -> None:
        self._values: dict[str, list[str]] = {}
        self._objects: dict[str, dict[str, str]] = {}
        try:
            pairs = parse_qsl(
                query_string.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=_MAX_PARAMETERS
            )
        except ValueError:
            raise ValidationFailed(base="value_is_too_long") from None
        for name, value in pairs:
            if name.endswith("[]"):
                self._values.setdefault(name[:-2], []).append(value)
            elif matched := _OBJECT_KEY.match(name):
                self._objects.setdefault(matched[1], {})[matched[2]] = value
            else:
                self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str | None:
        """The last value of ``name``; blank counts as absent."""
        values = self._values.get(name)
        return (self._readable(name, values[-1]) or None) if values else None

    def texts(self, name: str) -> list[str] | None:
        """All values that are not blank; ``None`` when there is none."""
        return [self._readable(name, value) for value in self._values.get(name, ()) if value] or None

    def boolean(self, name: str) -> bool | None:
        """``true``/``false``/``1``/``0`` in any case; anything else counts as absent."""
        return {"true": True, "1": True, "false": False, "0": False}.get((self.text(name) or "").lower())

    def integer(self, name: str) -> int | None:
        """A 64-bit integer; 422 ``value_is_invalid`` for anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
            raise ValidationFailed({name: ["value_is_invalid"]})
        return int(value)

    def instant(self, name: str) -> datetime | None:
        """ISO 8601 instant, a date alone being 00:00 UTC; 422 ``invalid_date`` if unparsable."""
        value = self.text(name)
        if value is None:
            return None
        parsed = parse_instant(value.strip()) or parse_instant(_with_plus(value))
        if parsed is None:
            raise ValidationFailed({name: ["invalid_date"]})
        return parsed

    def date(self, name: str) -> date | None:
        """``YYYY-MM-DD``; 422 ``invalid_date`` if unparsable."""
        value = self.text(name)
        if value is None:
            return None
        parsed = parse_date(value.strip()) or parse_date(_with_plus(value))
        if parsed is None:
            raise ValidationFailed({name: ["invalid_date"]})
        return parsed

    def id(self, name: str) -> UUID | None:
        """A UUID; text that is none becomes the nil UUID, which no row has, so that a filter finds nothing."""
        value = self.text(name)
        return (parse_id(value) or UUID(int=0)) if value is not None else None

    def mapping(self, name: str) -> dict[str, str]:
        """``name[sub]=value`` pairs; blanks are kept."""
        return {
            self._readable(name, sub): self._readable(name, value) for sub, value in self._objects.get(name, {}).items()
        }

    def page(self, default: int = 100) -> PageRequest:
        """``page`` and ``per_page`` (spec 07 §1.3)."""
        return PageRequest.of(self._last("page"), self._last("per_page"), default)

    def _last(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[-1][:20] if values else None

    @staticmethod
    def _readable(name: str, value: str) -> str:
        if "\x00" in value:
            raise ValidationFailed({name: ["value_is_invalid"]})
        return value
