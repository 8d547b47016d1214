"""What is packed for COPY is what PostgreSQL then holds, column by column."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from billwright.billing.metering.store.protocol import EventIn, InvalidEvent

from .conftest import Book

AMOUNTS = [
    "0", "-0", "1", "-1", "0.5", "9999", "10000", "10000.0001", "-123456789.987654321", "0.000000000000001",
    "-0.000000000000001", "0.0000000000000005", "-0.0000000000000004", "999999999999999999999999.999999999999999",
    "1e23", "1E-15", "100000000", "0.0001", "0.00001", "12345678901234567890.5",
]  # fmt: skip
MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


def some_events(organization_id: uuid.UUID) -> list[EventIn]:
    rng = random.Random(3)
    words = ["a", "ü🙂", " x ", "", "tab\there", 'quote"d', "back\\slash", "'", "%", "\x7f", "日本"]
    made: list[EventIn] = []
    for number in range(300):
        amount = rng.choice([None, *AMOUNTS, f"{rng.uniform(-1e9, 1e9):.12f}"])
        given: dict[str, Any] = {rng.choice(words): rng.choice([number, None, True, "x", [1, {"y": "é"}]])}
        made.append(
            EventIn(
                organization_id=organization_id,
                transaction_id=f"{rng.choice(words)}{number}",
                code=rng.choice([*words[:3], "code"]) or "c",
                external_subscription_id=rng.choice([None, *words]),
                timestamp=rng.choice([*MOMENTS, MOMENTS[3] + timedelta(microseconds=rng.getrandbits(50))]),
                created_at=rng.choice(MOMENTS),
                properties=rng.choice([given, msgspec.Raw(json.dumps(given, ensure_ascii=False).encode())]),
                precise_total_amount_cents=None if amount is None else Decimal(amount),
                metadata=rng.choice([None, {"user_agent": rng.choice(words), "ip_address": None}]),
                source=rng.choice([None, "api", "kafka:ü"]),
            )
        )
    return made


def read(properties: Any) -> Any:
    return json.loads(bytes(properties)) if isinstance(properties, msgspec.Raw) else properties


async def test_every_column_is_kept(book: Book) -> None:
    events = some_events(book.org)
    results = await book.store.append(events)
    rows = {row["id"]: row for row in await book.pool.fetch("SELECT * FROM events")}
    assert len(rows) == len(events) == len({result.seq for result in results})
    for event, result in zip(events, results, strict=True):
        row = rows[result.id]
        amount = event.precise_total_amount_cents
        assert row["seq"] == result.seq
        assert (row["organization_id"], row["code"], row["transaction_id"], row["external_subscription_id"]) == (
            event.organization_id, event.code, event.transaction_id, event.external_subscription_id,
        )  # fmt: skip
        assert (row["ts"], row["created_at"], row["deleted_at"]) == (event.timestamp, event.created_at, None)
        assert json.loads(row["properties"]) == read(event.properties)
        assert row["source"] == event.source
        assert (None if row["metadata"] is None else json.loads(row["metadata"])) == event.metadata
        stored = row["precise_total_amount_cents"]
        assert (stored is None) == (amount is None)
        if amount is not None:
            assert abs(Fraction(stored) - Fraction(amount)) <= Fraction(1, 2 * 10**15)
            assert stored.as_tuple().exponent == -15


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0.0000000000000005", "1E-15"),
        ("-0.0000000000000005", "-1E-15"),
        ("0.0000000000000004", "0"),
        ("2.5", "2.5"),
        ("999999999999999999999999.99999999999999949", "999999999999999999999999.999999999999999"),
    ],
)
async def test_amounts_round_half_away_from_zero_at_fifteen_places(book: Book, given: str, kept: str) -> None:
    await book.send(book.event("2026-05-01", cents=given))
    assert await book.pool.fetchval("SELECT precise_total_amount_cents FROM events") == Decimal(kept)


async def test_numbers_in_raw_properties_keep_their_digits(book: Book) -> None:
    """As in jsonb: the scale stays, and no binary fraction comes near it (spec 01 §2.4)."""
    raw = b'{"a": 1.50, "b": 0.1, "c": 123456789012345678901234567890.000000000000000001, "d": -7}'
    event = msgspec.structs.replace(book.event("2026-05-01", tx="r"), properties=msgspec.Raw(raw))
    await book.send(event)
    found = await book.pool.fetchrow(
        "SELECT properties->>'a' a, properties->>'b' b, properties->>'c' c, properties->>'d' d FROM events"
    )
    assert tuple(found) == ("1.50", "0.1", "123456789012345678901234567890.000000000000000001", "-7")


def test_amounts_that_would_not_fit_are_refused(book: Book) -> None:
    for text in ("999999999999999999999999.9999999999999995", "1e24", "-1e24"):
        with pytest.raises(InvalidEvent):
            book.event("2026-05-01", cents=text)
