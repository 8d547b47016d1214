"""What a change of a subscription would do, in sentences and figures (spec 07 §7.7).

Reads the GraphQL type ``SubscriptionOutlook``. Days are the customer's: they begin and end in the customer's zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from billwright.ui import formatting

Data = Mapping[str, Any]
_FEES = {"subscription": "Subscription fee", "commitment": "Minimum commitment"}


def shown_outlook(outlook: Data) -> dict[str, Any]:
    """``{sentences, documents}`` as ``subscriptions/outlook.html`` shows them. The first sentence leads."""
    say = {
        "started": _started,
        "scheduled": _scheduled,
        "rescheduled": _rescheduled,
        "upgraded": _upgraded,
        "downgraded": _downgraded,
        "updated": _updated,
        "unchanged": lambda _: ["It is on this plan already: nothing changes."],
        "terminated": _terminated,
        "canceled": lambda _: ["It never starts, and nothing is billed."],
    }[outlook["outcome"]]
    documents = [_credit_note(note) for note in outlook["creditNotes"]]
    documents += [_invoice("Invoice at once", invoice, outlook) for invoice in outlook["invoices"]]
    if outlook["nextInvoice"]:
        documents.append(_invoice("Next invoice", outlook["nextInvoice"], outlook, ahead=True))
    return {"sentences": say(outlook), "documents": documents}


def shown_next_invoice(title: str, invoice: Data, timezone: str) -> dict[str, Any]:
    """An invoice that comes by itself, as ``subscriptions/outlook_document.html`` shows it."""
    return _invoice(title, invoice, {"timezone": timezone}, ahead=True)


def _day(instant: str, outlook: Data) -> str:
    return formatting.local_date(instant, outlook["timezone"])


def _span(first: str, last: str) -> str:
    """``Jan 15 – Jan 31, 2024``, one day as itself."""
    begin, end = formatting.plain_date(first), formatting.plain_date(last)
    if begin == end:
        return begin
    if begin[-4:] == end[-4:]:
        begin = begin.rpartition(",")[0]
    return f"{begin} – {end}"


def _money(cents: int | str, currency: str) -> str:
    return formatting.money_with_currency(cents, currency)


def _started(outlook: Data) -> list[str]:
    at_once: Sequence[Data] = outlook["invoices"]
    begins = _day(outlook["takesEffectAt"], outlook)
    said = [f"Starts on {begins}, {_zone(outlook)}."]
    if at_once:
        said.append(f"{_fee_words(at_once[0])} is billed at once.")
    elif outlook["payInAdvance"] and not outlook["trialEndsAt"]:
        said.append("It starts in the past: what has passed counts as paid, and the running period too.")
    else:
        said.append("Nothing is billed at once.")
    return [*said, *_trial(outlook), *_next(outlook), *_ending(outlook)]


def _scheduled(outlook: Data) -> list[str]:
    begins = _day(outlook["takesEffectAt"], outlook)
    said = [f"Starts on {begins} when that day begins, {_zone(outlook)}. Until then nothing is billed or counted."]
    return [*said, *_trial(outlook), *_next(outlook), *_ending(outlook)]


def _rescheduled(outlook: Data) -> list[str]:
    begins = _day(outlook["takesEffectAt"], outlook)
    said = [f"It has not started: it is put on {outlook['planName']} at once and starts on {begins} as planned."]
    return [*said, *_trial(outlook), *_next(outlook), *_ending(outlook)]


def _upgraded(outlook: Data) -> list[str]:
    said = [
        f"The change to {outlook['planName']} takes effect now: a year of it costs as much as before, or more. "
        "Today belongs to the new plan."
    ]
    notes: Sequence[Data] = outlook["creditNotes"]
    if notes:
        total = sum(int(note["totalAmountCents"]) for note in notes)
        said.append(f"The unused days are credited with {_money(total, notes[0]['currency'])}, taxes included.")
    said += [
        f"An invoice of {_money(each['totalAmountCents'], each['currency'])} is made at once."
        for each in outlook["invoices"]
    ]
    return [*said, *_trial(outlook), *_next(outlook), *_ending(outlook)]


def _downgraded(outlook: Data) -> list[str]:
    switch = _day(outlook["takesEffectAt"], outlook)
    said = [
        f"The change to {outlook['planName']} takes effect on {switch}, when the running period has ended: a year of "
        "it costs less. Until then everything stays as it is, and nothing is billed or credited now."
    ]
    return [*said, *_trial(outlook), *_next(outlook), *_ending(outlook)]


def _updated(outlook: Data) -> list[str]:
    return [*(_next(outlook) or ["Nothing will be billed."]), *_trial(outlook), *_ending(outlook)]


def _terminated(outlook: Data) -> list[str]:
    said = ["It ends now: today is billed, events of later are not."]
    currency = next((each["currency"] for each in (*outlook["creditNotes"], *outlook["invoices"])), None)
    for note in outlook["creditNotes"]:
        parts = [
            words.format(_money(note[name], currency or ""))
            for name, words in (
                ("creditAmountCents", "{} goes to the customer's credit"),
                ("refundAmountCents", "{} is paid back"),
                ("offsetAmountCents", "{} is taken off what is still due"),
            )
            if int(note[name])
        ]
        said.append(f"The unused days are worth {_money(note['totalAmountCents'], currency or '')}, taxes included: "
                    f"{' and '.join(parts)}.")  # fmt: skip
    for invoice in outlook["invoices"]:
        words = f"The final invoice is {_money(invoice['totalAmountCents'], invoice['currency'])}"
        credited = int(invoice["creditNotesAmountCents"])
        said.append(f"{words} after {_money(credited, invoice['currency'])} of credit." if credited else f"{words}.")
    if not outlook["invoices"]:
        said.append("There is no final invoice: what was used in this period is not billed.")
    return said


def _zone(outlook: Data) -> str:
    return f"in {outlook['timezone'].replace('_', ' ')}"


def _trial(outlook: Data) -> list[str]:
    if not outlook["trialEndsAt"]:
        return []
    return [f"The fee is free until the trial ends on {_day(outlook['trialEndsAt'], outlook)}; usage is not."]


def _ending(outlook: Data) -> list[str]:
    if not outlook["endsAt"]:
        return []
    return [f"Ends by itself on {_day(outlook['endsAt'], outlook)}, which is the last day that is billed."]


def _next(outlook: Data) -> list[str]:
    invoice: Data | None = outlook["nextInvoice"]
    if invoice is None:
        return []
    first = "next" if outlook["invoices"] or outlook["outcome"] in ("updated", "downgraded") else "first"
    day, words = _day(invoice["at"], outlook), _fee_words(invoice)
    return [f"The {first} invoice comes on {day}: {words[0].lower()}{words[1:]}, and the usage until then."]


def _fee_words(invoice: Data) -> str:
    """``The fee of €17.00 for Jan 15 – Jan 31, 2024``."""
    fees: list[Data] = [fee for fee in invoice["fees"] if fee["feeType"] == "subscription"]
    if not fees:
        return "No fee"
    parts = [
        f"{_money(fee['amountCents'], invoice['currency'])} for {_span(fee['firstOn'], fee['lastOn'])}" for fee in fees
    ]
    return f"The fee of {' and '.join(parts)}"


def _credit_note(note: Data) -> dict[str, Any]:
    currency = note["currency"]
    rows = [
        {"label": label, "days": None, "amount_cents": int(note[name])}
        for name, label in (
            ("creditAmountCents", "To the customer's credit"),
            ("refundAmountCents", "Paid back"),
            ("offsetAmountCents", "Off what is due"),
        )
        if int(note[name])
    ]
    return {
        "title": "Credit note at once",
        "at": None,
        "currency": currency,
        "rows": rows,
        "sums": [],
        "total": {"label": "Credited, taxes included", "amount_cents": int(note["totalAmountCents"])},
    }


def _invoice(title: str, invoice: Data, outlook: Data, *, ahead: bool = False) -> dict[str, Any]:
    used: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for fee in invoice["fees"]:
        if fee["feeType"] == "charge":
            used[fee["name"]] = used.get(fee["name"], 0) + int(fee["amountCents"])
        else:
            label = _FEES.get(fee["feeType"], fee["name"])
            days = _days(fee)
            rows.append({"label": label, "days": days, "amount_cents": int(fee["amountCents"])})
    used = {name: cents for name, cents in used.items() if cents}
    if used or len(rows) > 1:
        rows = [row for row in rows if row["amount_cents"]]
    rows += [
        {"label": name, "days": "usage so far" if ahead else "usage", "amount_cents": cents}
        for name, cents in used.items()
    ]
    sums = [
        {"label": label, "amount_cents": sign * int(invoice[name])}
        for name, label, sign in (
            ("couponsAmountCents", "Coupons", -1),
            ("taxesAmountCents", "Taxes", 1),
            ("creditNotesAmountCents", "Credit notes", -1),
            ("prepaidCreditAmountCents", "Prepaid credits", -1),
        )
        if int(invoice[name])
    ]
    return {
        "title": title,
        "at": _day(invoice["at"], outlook) if ahead else None,
        "currency": invoice["currency"],
        "rows": rows,
        "sums": sums,
        "total": {"label": "Total as of now" if ahead else "Total", "amount_cents": int(invoice["totalAmountCents"])},
    }


def _days(fee: Data) -> str | None:
    if not fee["firstOn"] or not fee["lastOn"]:
        return None
    count = (date.fromisoformat(fee["lastOn"]) - date.fromisoformat(fee["firstOn"])).days + 1
    return f"{_span(fee['firstOn'], fee['lastOn'])}, {count} day{'' if count == 1 else 's'}"
