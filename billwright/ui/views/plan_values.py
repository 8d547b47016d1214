"""What a plan's form says besides its charges: settings, fee, commitment, progressive billing (spec 07 §7.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from billwright.billing.catalog.plan_attributes import INTERVALS, MONTHLY_CHARGES
from billwright.billing.kernel.money import CURRENCIES
from billwright.ui.views.money import decimal_text, minor_units, written
from billwright.ui.views.plan_charges import REFUSED_CENTS
from billwright.ui.views.words import in_words

TEXTS = (
    "name",
    "code",
    "description",
    "interval",
    "currency",
    "amount",
    "display_name",
    "timing",
    "trial",
    "commitment",
    "commitment_name",
    "recurring",
    "recurring_name",
    "metadata",
)
_PLACES = {
    "name": "name",
    "code": "code",
    "description": "description",
    "interval": "interval",
    "amount_cents": "amount",
    "amount_currency": "currency",
    "pay_in_advance": "timing",
    "trial_period": "trial",
    "invoice_display_name": "display_name",
    "minimum_commitment.amount_cents": "commitment",
    "usage_thresholds": "thresholds",
}


@dataclass
class PlanDraft:
    """The form's fields as text. ``thresholds``: rows of (amount, name) in the order written; ``recurring`` is the
    amount that repeats after them."""

    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(TEXTS, ""))
    monthly: bool = False
    taxes: list[str] = field(default_factory=list[str])
    commitment_taxes: list[str] = field(default_factory=list[str])
    thresholds: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def currency(self) -> str:
        return self.texts["currency"] if self.texts["currency"] in CURRENCIES else "USD"


def empty(currency: str) -> PlanDraft:
    """A new plan: monthly, in arrears."""
    draft = PlanDraft()
    draft.texts |= {"interval": "monthly", "currency": currency, "timing": "arrears", "amount": "0"}
    return draft


def of_plan(plan: Mapping[str, Any]) -> PlanDraft:
    """The fields of a stored plan."""
    currency = plan["amountCurrency"]
    commitment = plan["minimumCommitment"]
    trial = plan["trialPeriod"]
    draft = PlanDraft(
        monthly=bool(plan["billChargesMonthly"]),
        taxes=[tax["code"] for tax in plan["taxes"]],
        commitment_taxes=[tax["code"] for tax in commitment["taxes"]] if commitment else [],
    )
    draft.texts |= {
        "name": plan["name"],
        "code": plan["code"],
        "description": plan["description"] or "",
        "interval": plan["interval"],
        "currency": currency,
        "amount": written(plan["amountCents"], currency),
        "display_name": plan["invoiceDisplayName"] or "",
        "timing": "advance" if plan["payInAdvance"] else "arrears",
        "trial": trial.removesuffix(".0") if trial and float(trial) else "",
        "metadata": json.dumps(plan["metadata"]) if plan["metadata"] else "",
    }
    if commitment:
        draft.texts["commitment"] = written(commitment["amountCents"], currency)
        draft.texts["commitment_name"] = commitment["invoiceDisplayName"] or ""
    for row in plan["usageThresholds"]:
        amount, name = written(row["amountCents"], currency), row["thresholdDisplayName"] or ""
        if row["recurring"]:
            draft.texts["recurring"], draft.texts["recurring_name"] = amount, name
        else:
            draft.thresholds.append((amount, name))
    return draft


def of_form(form: FormData) -> PlanDraft:
    """The fields that were posted; threshold rows without a text are left out."""

    def all_of(name: str) -> list[str]:
        return [str(value).strip() for value in form.getlist(name)]

    draft = PlanDraft(
        monthly=form.get("monthly") == "yes", taxes=all_of("tax"), commitment_taxes=all_of("commitment_tax")
    )
    draft.texts = {name: (all_of(name) or [""])[0] for name in TEXTS}
    rows = zip(all_of("threshold"), all_of("threshold_name"), strict=False)
    draft.thresholds = [row for row in rows if any(row)]
    return draft


def plan_input(draft: PlanDraft, *, locked: bool = False) -> dict[str, Any]:
    """The fields as GraphQL takes them; ``locked`` leaves out what an attached plan keeps (spec 03 §2.2).

    What is no amount is sent as one that the server refuses, so that all mistakes come back together.
    """
    texts, currency = draft.texts, draft.currency
    commitment = texts["commitment"]
    answer: dict[str, Any] = {
        "name": texts["name"],
        "description": texts["description"] or None,
        "invoiceDisplayName": texts["display_name"] or None,
        "amountCents": _cents(texts["amount"], currency),
        "taxCodes": draft.taxes,
        "minimumCommitment": {
            "amountCents": _cents(commitment, currency),
            "invoiceDisplayName": texts["commitment_name"] or None,
            "taxCodes": draft.commitment_taxes,
        }
        if commitment
        else None,
        "usageThresholds": [
            {"amountCents": _cents(amount, currency), "thresholdDisplayName": name or None, "recurring": recurring}
            for amount, name, recurring in _thresholds(draft)
        ],
    }
    if not locked:
        long = texts["interval"] in MONTHLY_CHARGES
        answer |= {
            "code": texts["code"],
            "interval": texts["interval"] if texts["interval"] in INTERVALS else "monthly",
            "amountCurrency": currency,
            "payInAdvance": texts["timing"] == "advance",
            "billChargesMonthly": draft.monthly if long else None,
            "trialPeriod": (decimal_text(texts["trial"]) or "-1") if texts["trial"] else None,
        }
    return answer


def metadata_of(draft: PlanDraft) -> Any:
    """Keys and values that a copy takes over."""
    try:
        found: Any = json.loads(draft.texts["metadata"] or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _cents(text: str, currency: str) -> str:
    return minor_units(text, currency) or REFUSED_CENTS


def _thresholds(draft: PlanDraft) -> list[tuple[str, str, bool]]:
    rows = [(amount, name, False) for amount, name in draft.thresholds]
    repeated = draft.texts["recurring"], draft.texts["recurring_name"]
    return [*rows, (*repeated, True)] if any(repeated) else rows


def errors_of(places: Mapping[str, Sequence[str]], draft: PlanDraft) -> dict[str, str]:
    """A sentence for each field that was refused; those of charges are not ours."""
    errors: dict[str, str] = {}
    texts, currency = draft.texts, draft.currency
    written_amounts = {"amount": texts["amount"], "commitment": texts["commitment"]}
    rows = _thresholds(draft)
    names = [f"threshold-{index}" for index in range(len(draft.thresholds))] + ["recurring"]
    written_amounts |= {name: row[0] for name, row in zip(names, rows, strict=False) if row[0]}
    if not texts["amount"]:
        errors["amount"] = in_words("value_is_mandatory")
    for name, text in written_amounts.items():
        if text and minor_units(text, currency) is None:
            errors[name] = in_words("invalid_value")
    if texts["trial"] and decimal_text(texts["trial"]) is None:
        errors["trial"] = in_words("value_is_not_a_number")
    for place, codes in places.items():
        words = " ".join(in_words(code) for code in codes)
        first, _, rest = place.partition(".")
        if place in _PLACES:
            errors.setdefault(_PLACES[place], words)
        elif first == "usage_thresholds":
            index = int(rest.partition(".")[0]) if rest.partition(".")[0].isdigit() else 0
            errors.setdefault(names[min(index, len(names) - 1)], words)
        elif first != "charges":
            errors.setdefault("", words)
    return errors
