"""The checker's books against what REST serves: a list of differences, each a line of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.simulation.checker.actions import draft_key, fee_key, fee_key_of
from tests.simulation.checker.books import Ledger
from tests.simulation.checker.credit_notes import CreditNote
from tests.simulation.checker.model import Fee, Invoice
from tests.simulation.checker.money import exponent
from tests.simulation.checker.wallets import Wallet


def differences(ledger: Ledger, found: dict[str, Any]) -> list[str]:
    """Empty when both agree."""
    lines: list[str] = []
    visible = [invoice for invoice in ledger.invoices if invoice.status in ("finalized", "voided", "draft")]
    _pair(lines, "invoice", visible, reversed(found["invoices"]), _invoice_key, _invoice_key_of, _compare_invoices)
    _pair(lines, "standalone fee", ledger.standalone, found["standalone"], fee_key, fee_key_of, _compare_fees)
    notes = [note for note in ledger.notes if not note.draft]
    _pair(
        lines, "credit note", notes, found["credit_notes"],
        lambda note: note.number, lambda note: note["number"], _compare_notes,
    )  # fmt: skip
    _pair(
        lines, "wallet", ledger.wallets, found["wallets"],
        lambda wallet: wallet.name, lambda wallet: wallet["name"], _compare_wallets,
    )  # fmt: skip
    return lines


def _pair(
    lines: list[str],
    what: str,
    expected: Iterable[Any],
    found: Iterable[Any],
    key: Callable[[Any], Any],
    key_of: Callable[[Any], Any],
    compare: Callable[[list[str], str, Any, Any], None],
) -> None:
    ours: dict[Any, list[Any]] = {}
    for item in expected:
        ours.setdefault(key(item), []).append(item)
    for item in found:
        waiting = ours.get(key_of(item))
        if waiting:
            compare(lines, f"{what} {key_of(item)}", waiting.pop(0), item)
        else:
            lines.append(f"{what} {key_of(item)}: not expected: {_brief_of(item)}")
    for identity, rest in ours.items():
        lines += [f"{what} {identity}: missing: {_brief(item)}" for item in rest]


def _check(lines: list[str], what: str, expected: Any, found: Any) -> None:
    if expected != found:
        lines.append(f"{what}: expected {expected}, found {found}")


def _near(lines: list[str], what: str, expected: Fraction, found: Any, places: int) -> None:
    exact = found if isinstance(found, Fraction) else Fraction(Decimal(str(found)))
    if abs(expected - exact) > Fraction(11, 10 ** (places + 1)):
        lines.append(f"{what}: expected {float(expected):.{places}f}, found {float(exact)}")


def _invoice_key(invoice: Invoice) -> Any:
    return draft_key(invoice) if invoice.status == "draft" else invoice.number


def _invoice_key_of(invoice: Any) -> Any:
    return invoice.get("key") or invoice["number"]


def _compare_invoices(lines: list[str], what: str, ours: Invoice, theirs: Any) -> None:
    what = f"{what} of {ours.customer.external_id} at {ours.t:%Y-%m-%dT%H:%M:%SZ}"
    figures = {
        "status": ours.status,
        "invoice_type": ours.kind,
        "issuing_date": str(ours.issuing_date),
        "payment_due_date": str(ours.due_date),
        "currency": ours.currency,
        "fees_amount_cents": ours.fees_amount,
        "coupons_amount_cents": ours.coupons_amount,
        "progressive_billing_credit_amount_cents": ours.progressive_amount,
        "sub_total_excluding_taxes_amount_cents": ours.subtotal,
        "taxes_amount_cents": ours.taxes_amount,
        "sub_total_including_taxes_amount_cents": ours.subtotal + ours.taxes_amount,
        "credit_notes_amount_cents": ours.notes_amount,
        "prepaid_credit_amount_cents": ours.prepaid_amount,
        "prepaid_granted_credit_amount_cents": ours.prepaid_granted or None,
        "prepaid_purchased_credit_amount_cents": ours.prepaid_purchased or None,
        "total_amount_cents": ours.total,
        "total_due_amount_cents": 0 if ours.voided else ours.total - ours.paid - ours.offset,
        "payment_status": ours.payment_status,
    }
    for name, value in figures.items():
        _check(lines, f"{what} {name}", value, theirs[name])
    taxes = {item["tax_code"]: (item["fees_amount_cents"], item["amount_cents"]) for item in theirs["applied_taxes"]}
    _check(lines, f"{what} applied_taxes", ours.applied_taxes, taxes)
    # Which zero fee stands as the parent of a true-up is not said where the default bucket has groups.
    expected = [fee for fee in ours.fees if fee.kind != "charge" or fee.units or fee.amount or fee.events]
    found = [fee for fee in theirs["fees"] if fee["item"]["type"] != "charge" or _counts(fee)]
    _pair(lines, f"{what} fee", expected, found, fee_key, fee_key_of, _compare_fees)
    if theirs.get("details"):
        _compare_details(lines, what, ours, theirs["details"])


def _counts(fee: Any) -> bool:
    return Decimal(fee["units"]) != 0 or fee["amount_cents"] != 0 or fee["events_count"] != 0


def _compare_details(lines: list[str], what: str, ours: Invoice, theirs: Any) -> None:
    _near(lines, f"{what} taxes_rate", ours.taxes_rate, theirs.get("taxes_rate", float(ours.taxes_rate)), 5)
    used = [("coupon", application.coupon.code, amount) for application, amount in ours.coupons]
    used += [("credit_note", note.number, amount) for note, amount in ours.notes_used]
    used += [("invoice", source.number, amount) for source, amount in ours.credited]
    credits = [(item["item"]["type"], item["item"]["code"], item["amount_cents"]) for item in theirs["credits"]]
    _check(lines, f"{what} credits", sorted(used), sorted(credits))
    if ours.rows:
        periods = sorted(
            (
                row.reason,
                row.subscription.external_id,
                *(_instant(moment) for moment in (row.charge_window or (None, None))),
            )
            for row in ours.rows
        )
        found = sorted(
            (
                item["invoicing_reason"],
                item["external_subscription_id"],
                *(
                    (item["charges_from_datetime"], item["charges_to_datetime"])
                    if item["charges_from_datetime"] != item["charges_to_datetime"]
                    else ("", "")
                ),
            )
            for item in theirs["billing_periods"]
        )
        starts = {"subscription_starting"}
        _check(
            lines, f"{what} billing_periods",
            [period for period in periods if period[0] not in starts],
            [period for period in found if period[0] not in starts],
        )  # fmt: skip


def _instant(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def _compare_fees(lines: list[str], what: str, ours: Fee, theirs: Any) -> None:
    _check(lines, f"{what} amount_cents", ours.amount, theirs["amount_cents"])
    _check(lines, f"{what} taxes_amount_cents", ours.tax, theirs["taxes_amount_cents"])
    _near(lines, f"{what} units", ours.units, theirs["units"], 12)
    _near(lines, f"{what} precise_coupons", ours.discount, theirs["precise_coupons_amount_cents"], 4)
    if ours.kind == "charge":
        _check(lines, f"{what} events_count", ours.events, theirs["events_count"])
    if ours.days:
        shown = (theirs["from_date"][:10], theirs["to_date"][:10])
        _check(lines, f"{what} period", tuple(map(str, ours.days)), shown)
    if ours.kind == "charge" and ours.units and not ours.true_up:
        scale = 10 ** exponent(theirs["amount_currency"])
        _near(lines, f"{what} precise_amount_cents", ours.precise, Fraction(theirs["precise_amount"]) * scale, 8)


def _compare_notes(lines: list[str], what: str, ours: CreditNote, theirs: Any) -> None:
    figures = {
        "issuing_date": str(ours.issuing_date),
        "reason": ours.reason,
        "total_amount_cents": ours.total,
        "taxes_amount_cents": ours.taxes,
        "sub_total_excluding_taxes_amount_cents": ours.subtotal,
        "coupons_adjustment_amount_cents": ours.coupons,
        "credit_amount_cents": ours.credit,
        "refund_amount_cents": ours.refund,
        "offset_amount_cents": ours.offset,
        "balance_amount_cents": ours.balance,
    }
    for name, value in figures.items():
        _check(lines, f"{what} {name}", value, theirs[name])


def _compare_wallets(lines: list[str], what: str, ours: Wallet, theirs: Any) -> None:
    _check(lines, f"{what} balance_cents", ours.balance, theirs["balance_cents"])
    _check(lines, f"{what} status", "active" if ours.active else "terminated", theirs["status"])


def _brief(item: Any) -> str:
    if isinstance(item, Invoice):
        return f"{item.kind} of {item.customer.external_id} at {item.t}, fees {item.fees_amount}, total {item.total}"
    if isinstance(item, Fee):
        return f"units {float(item.units)}, amount {item.amount}"
    return f"total {item.total}" if isinstance(item, CreditNote) else item.name


def _brief_of(item: Any) -> str:
    names = (
        "invoice_type", "issuing_date", "created_at", "units", "amount_cents", "fees_amount_cents",
        "total_amount_cents", "events_count", "status",
    )  # fmt: skip
    return ", ".join(f"{name} {item[name]}" for name in names if name in item)
