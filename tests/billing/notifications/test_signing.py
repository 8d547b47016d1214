"""Signatures: the vectors of spec 06 §16.3, and what a customer's code does to check them."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.billing.notifications.signing import (
    generate_private_key,
    hmac_signature,
    jwt_signature,
    load_private_key,
    public_pem,
)

KEY = generate_private_key()
BODY = (
    b'{"webhook_type":"invoice.payment_overdue","object_type":"invoice",'
    b'"organization_id":"11111111-1111-4111-8111-111111111111",'
    b'"invoice":{"lago_id":"22222222-2222-4222-8222-222222222222"}}'
)


def test_the_vector_of_the_hmac_signature() -> None:
    """spec 06 §16.3"""
    assert len(BODY) == 184
    signature = hmac_signature("33333333-3333-4333-8333-333333333333", BODY)
    assert signature == "h8a4/L/mpm4NX7Y8C4NFnEJ1AfgcwBGm0/3PHZVjDHY="


def test_the_claims_of_the_jwt_signature() -> None:
    """spec 06 §16.3: ``data`` is the body as a string, ``iss`` the API's address; neither ``exp`` nor ``iat``."""
    token = jwt_signature(KEY, BODY, "https://api.example.com")
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    claims = jwt.decode(token, public_pem(KEY), algorithms=["RS256"], issuer="https://api.example.com")
    assert claims == {"data": BODY.decode(), "iss": "https://api.example.com"}


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_in_the_token(text: str) -> None:
    body = json.dumps({"name": text}, ensure_ascii=False).encode()
    claims = jwt.decode(jwt_signature(KEY, body, "i"), public_pem(KEY), algorithms=["RS256"])
    assert claims["data"].encode() == body


def test_another_body_or_another_key_does_not_verify() -> None:
    token = jwt_signature(KEY, BODY, "i")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, public_pem(generate_private_key()), algorithms=["RS256"])
    head, _, signature = token.split(".")
    forged = base64.urlsafe_b64encode(b'{"data":"{}","iss":"i"}').rstrip(b"=").decode()
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{forged}.{signature}", public_pem(KEY), algorithms=["RS256"])


def test_the_public_key_is_a_pem_of_its_kind() -> None:
    assert public_pem(KEY).startswith(b"-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize("text", ["", "no key", public_pem(KEY).decode()])
def test_what_is_not_a_private_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an"):
        load_private_key(text)
