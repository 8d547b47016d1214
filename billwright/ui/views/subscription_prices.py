"""Prices of one subscription in its form: what of the plan differs for it (spec 03 §2.5, 07 §7.7).

The fields are those of a plan's form, restricted to what a subscription may have of its own; only what differs from the
plan is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from billwright.ui.views import plan_cards, plan_charges, plan_examples, plan_values
from billwright.ui.views.money import decimal_text
from billwright.ui.views.plan_charges import OVERRIDE, REFUSED_CENTS, ChargeDraft
from billwright.ui.views.plan_values import PlanDraft
from billwright.ui.views.support import View

Data = Mapping[str, Any]


@dataclass
class OwnPrices:
    """The part of the form. ``plan``: the plan whose prices it begins with, the subscription's own copy if it has one;
    ``thresholds``: those that apply now. ``copied``: it has a copy already, whose trial is fixed."""

    plan: Data
    thresholds: Sequence[Data]
    draft: PlanDraft
    cards: list[ChargeDraft]
    copied: bool
    errors: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def currency(self) -> str:
        return str(self.plan["amountCurrency"])

    def press(self, do: str) -> None:
        """Do what a button of this part asks for; anything else is none of its buttons."""
        if plan_charges.press(self.cards, do):
            return
        if do == "add-threshold":
            self.draft.thresholds.append(("", ""))
        elif do.startswith("remove-threshold:") and do.partition(":")[2].isdigit():
            index = int(do.partition(":")[2])
            del self.draft.thresholds[index : index + 1]

    def sent(self) -> dict[str, Any]:
        """What differs, as attributes of the mutation's input; none where nothing does."""
        stored, typed = _values(_of_plan(self.plan, self.thresholds)), _values(self.draft)
        answer: dict[str, Any] = {}
        if typed["usageThresholds"] != stored["usageThresholds"]:
            answer["usageThresholds"] = typed["usageThresholds"]
        own = {name: typed[name] for name in typed if typed[name] != stored[name] and name != "usageThresholds"}
        if own.get("minimumCommitment", ...) is None:
            own["minimumCommitment"] = {}
        charges = [plan_charges.override_input(card, self.currency) for card in self.differing()]
        if charges:
            own["charges"] = charges
        if own:
            answer["planOverrides"] = own
        return answer

    def differing(self) -> list[ChargeDraft]:
        """The cards that say something else than the plan, in the order in which they are sent."""
        stored = {
            card.id: plan_charges.override_input(card, self.currency)
            for card in plan_charges.of_plan(self.plan["charges"], self.currency)
        }
        return [card for card in self.cards if plan_charges.override_input(card, self.currency) != stored.get(card.id)]

    def refused(self, places: Mapping[str, Sequence[str]]) -> None:
        """Take the places of the server's mistakes that are this part's."""
        sent = self.differing()
        self.errors |= plan_values.errors_of(places, self.draft) | plan_charges.errors_of(places, sent, self.currency)
        self.errors.pop("", None)


def _values(draft: PlanDraft) -> dict[str, Any]:
    values = plan_values.plan_input(draft, locked=True)
    trial = draft.texts["trial"]
    values["trialPeriod"] = (decimal_text(trial) or REFUSED_CENTS) if trial else None
    return values


def _of_plan(plan: Data, thresholds: Sequence[Data]) -> PlanDraft:
    return plan_values.of_plan({**plan, "usageThresholds": thresholds})


async def read_prices(
    view: View, plan_id: str, thresholds: Sequence[Data] | None, *, copied: bool, posted: bool
) -> OwnPrices:
    """The part for the plan: what was posted for this very plan, else its prices as they are. ``thresholds``: those
    that apply to the subscription, the plan's own without any."""
    plan = (await view.ask("PlanForm", id=plan_id))["plan"]
    applied = plan["usageThresholds"] if thresholds is None else thresholds
    if posted and view.posted("own_plan") == plan_id:
        stored = _of_plan(plan, applied)
        draft = plan_values.of_form(view.form)
        kept = ("code", "interval", "currency", "timing", "metadata", *(("trial",) if copied else ()))
        draft.texts |= {name: stored.texts[name] for name in kept}
        cards, known = plan_charges.of_form(view.form), {item["id"] for item in plan["charges"]}
        return OwnPrices(plan, applied, draft, [card for card in cards if card.id in known], copied)
    cards = plan_charges.of_plan(plan["charges"], plan["amountCurrency"])
    return OwnPrices(plan, applied, _of_plan(plan, applied), cards, copied)


async def shown_prices(view: View, own: OwnPrices, url: str) -> dict[str, Any]:
    """What ``subscriptions/own_prices.html`` shows; ``url`` is where the form posts."""
    draft, currency = own.draft, own.currency
    taxes = (await view.ask("PlanChoices"))["taxes"]["collection"]
    examples = await plan_examples.examples_of(view, own.cards, currency)
    return {
        "plan": own.plan["id"],
        "values": draft.texts,
        "currency": currency,
        "copied": own.copied,
        "taxes": [{**tax, "on": tax["code"] in draft.taxes} for tax in taxes],
        "commitment_taxes": [{**tax, "on": tax["code"] in draft.commitment_taxes} for tax in taxes],
        "thresholds": [
            {"index": index, "amount": amount, "name": name} for index, (amount, name) in enumerate(draft.thresholds)
        ],
        "cards": plan_cards.shown(own.cards, own.errors, examples, taxes, currency, mode=OVERRIDE),
        "form": {"url": url, "target": "plan-form", "focus": ""},
        "errors": own.errors,
    }
