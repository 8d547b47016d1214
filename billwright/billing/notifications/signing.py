"""Signatures of webhook payloads (spec 06 §16.3). What is signed are the bytes that are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ALGORITHMS = ("jwt", "hmac")
KEY_BITS = 2048


def hmac_signature(key: str, body: bytes) -> str:
    """Base64 (standard alphabet, padded) of HMAC-SHA256 with the UTF-8 bytes of ``key``."""
    return base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()


def jwt_signature(private_key: str, body: bytes, issuer: str) -> str:
    """A compact RS256 token with the claims ``data`` (``body`` as a string) and ``iss``, no ``exp``, no ``iat``."""
    header = _url_safe(b'{"alg":"RS256","typ":"JWT"}')
    claims = _url_safe(msgspec.json.encode({"data": body.decode(), "iss": issuer}))
    signed = header + b"." + claims
    signature = load_private_key(private_key).sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _url_safe(signature)).decode()


def _url_safe(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@lru_cache(maxsize=4)
def load_private_key(pem: str) -> rsa.RSAPrivateKey:
    """Parse an unencrypted PEM. Raises ``ValueError`` unless it holds an RSA key of at least 2048 bits."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError):
        raise ValueError("not an unencrypted private key in PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise ValueError(f"not an RSA key of at least {KEY_BITS} bits")
    return key


def generate_private_key() -> str:
    """A new RSA key in PEM (PKCS 8)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(private_key: str) -> bytes:
    """The public half: ``BEGIN PUBLIC KEY``."""
    return (
        load_private_key(private_key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
