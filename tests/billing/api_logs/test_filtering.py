"""What the log of API requests keeps of a body (spec 07 §9.2)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.api_logs.filtering import FILTERED, MOST_BYTES, kept_body, names_secret
from billwright.billing.kernel.db import encoded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "key",
    "password new_password smtpPassword secret secret_key client_secret api_key apiKey api_key_id hmac_key private_key "
    "rsaPrivateKey authorization access_token token signature webhook_signature credentials access_code".split(),
)
def test_secrets_are_recognized_by_their_key(key: str) -> None:
    assert names_secret(key)
    body = {"outer": [{key: {"deep": "s3cret"}, "name": "n"}]}
    assert kept_body(msgspec.json.encode(body)) == {"outer": [{key: FILTERED, "name": "n"}]}


@pytest.mark.parametrize("key", "signature_algo tokens code external_id name key keyword".split())
def test_what_names_no_secret_stays(key: str) -> None:
    assert kept_body(msgspec.json.encode({key: "x"})) == {key: "x"}


def test_an_absent_secret_reads_null_and_the_user_of_an_address_is_hidden() -> None:
    body = b'{"secret_key": null, "webhook_url": "https://ann:pw@example.com/a@b", "email": "a@b.example"}'
    assert kept_body(body) == {
        "secret_key": None,
        "webhook_url": f"https://{FILTERED}@example.com/a@b",
        "email": "a@b.example",
    }


def test_numbers_keep_every_digit_and_keys_their_order() -> None:
    kept = kept_body(b'{"z": 12345678901234567890123, "a": 1.10}')
    assert kept == {"z": 12345678901234567890123, "a": Decimal("1.10")}
    assert encoded(kept) == '{"z":12345678901234567890123,"a":1.10}'


def test_what_is_no_object() -> None:
    assert kept_body(b"") == {}
    assert kept_body(b" \n") == {}
    assert kept_body(b'[{"token": "t"}]') == {"value": [{"token": FILTERED}]}
    assert kept_body(b'{"password": "p"') == {"unreadable": "16 bytes"}
    assert kept_body(b'{"a": "\\ud800"}') == {"unreadable": "15 bytes"}
    assert kept_body(b"[" * 3000 + b"]" * 3000) == {"unreadable": "6000 bytes"}
    assert kept_body(b"\xff\xfe") == {"unreadable": "2 bytes"}


def test_a_body_is_cut_at_64_kib_after_its_secrets_are_gone() -> None:
    fits = {"note": "x" * (MOST_BYTES - len('{"note":""}'))}
    assert kept_body(msgspec.json.encode(fits)) == fits
    long = {"password": "p" * 10, "note": "é" * MOST_BYTES}
    kept = kept_body(msgspec.json.encode(long))
    assert list(kept) == ["truncated"]
    assert kept["truncated"].startswith('{"password":"[FILTERED]","note":"éé')
    assert MOST_BYTES - 2 < len(kept["truncated"].encode()) <= MOST_BYTES


@given(JSON)
def test_any_json_gives_an_object_that_json_can_hold(value: object) -> None:
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return
    kept = kept_body(body)
    assert isinstance(kept, dict)
    assert msgspec.json.decode(encoded(kept)) is not None
