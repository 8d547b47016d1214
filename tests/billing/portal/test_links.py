"""Links to the portal (spec 07 §5.1): signed, expiring on the system clock, of one purpose each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.portal import links
from billwright.billing.portal.links import FILE_LIFETIME, LIFETIME, PortalLinks

LINKS = PortalLinks("a secret of forty characters, at the least", "https://billing.example.com")
WHO = new_id()
TOKEN = LINKS.issue(WHO)


def test_the_address_names_the_customer_and_ends_after_twelve_hours() -> None:
    url = LINKS.url(WHO)
    head, _, token = url.rpartition("/")
    assert head == "https://billing.example.com/customer-portal"
    found = LINKS.read(token)
    assert found is not None
    assert found.customer_id == WHO
    assert timedelta(hours=11, minutes=59) < found.expires_at - system_now() <= LIFETIME == timedelta(hours=12)


def test_older_links_stay_valid_beside_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    now = system_now()
    monkeypatch.setattr(links, "system_now", lambda: now - timedelta(hours=11))
    older = LINKS.issue(WHO)
    monkeypatch.setattr(links, "system_now", lambda: now)
    newer = LINKS.issue(WHO)
    assert len({older, newer, LINKS.issue(WHO)}) == 3
    for token in (older, newer):
        found = LINKS.read(token)
        assert found is not None
        assert found.customer_id == WHO


@pytest.mark.parametrize(("passed", "opens"), [(-5, False), (0, True), (12 * 3600, True), (12 * 3600 + 2, False)])
def test_a_link_opens_for_twelve_hours_and_not_from_the_future(
    monkeypatch: pytest.MonkeyPatch, passed: int, opens: bool
) -> None:
    now = system_now()
    monkeypatch.setattr(links, "system_now", lambda: now)
    token = LINKS.issue(WHO)
    monkeypatch.setattr(links, "system_now", lambda: now + timedelta(seconds=passed))
    assert (LINKS.read(token) is not None) is opens


def test_each_purpose_has_a_key_of_its_own() -> None:
    file = LINKS.file_url(WHO).rpartition("/")[2]
    assert LINKS.read_file(file) == WHO
    assert timedelta(minutes=10) == FILE_LIFETIME
    assert LINKS.read(file) is None
    assert LINKS.read_file(TOKEN) is None
    assert LINKS.read(LINKS.sign("session", WHO.hex)) is None
    assert LINKS.unsign("form", LINKS.sign("session", "x"), LIFETIME) is None


def test_another_secret_ends_all_links() -> None:
    assert PortalLinks("another secret of forty characters, or so", "").read(TOKEN) is None


def test_a_signed_text_that_names_nobody_opens_nothing() -> None:
    assert LINKS.read(LINKS.sign("link", "nobody")) is None


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert LINKS.read(text) is None
    assert LINKS.read_file(text) is None


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_a_changed_character_closes_the_link(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert (LINKS.read(changed) is not None) is (changed == TOKEN)


def test_a_signature_is_written_in_one_way() -> None:
    """Base64 reads ``/`` as ``_`` and looks at four bits of the last character only."""
    while "_" not in (token := LINKS.issue(WHO)).rpartition(".")[2]:
        pass
    head, _, signature = token.rpartition(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters.index(signature[-1])
    alike = [signature[:-1] + letters[last ^ bits] for bits in (1, 2, 3)]
    for other in (signature.replace("_", "/"), signature + "=", signature + "==", *alike):
        assert LINKS.read(f"{head}.{other}") is None, other
    assert LINKS.read(token) is not None
