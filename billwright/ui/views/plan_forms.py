"""The form of a plan: new, from a template, copied, edited (spec 07 §7.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.ui import formatting
from billwright.ui.views import plan_cards, plan_charges, plan_examples, plan_values
from billwright.ui.views.money import minor_units
from billwright.ui.views.plan_charges import FULL, LOCKED, ChargeDraft
from billwright.ui.views.plan_values import PlanDraft
from billwright.ui.views.support import Refused, View
from billwright.ui.views.usage import INTERVALS
from billwright.ui.views.words import toast_words

FORM = "plan-form"


@dataclass
class FormState:
    """What the form stands for: the stored plan, if there is one, and what was typed."""

    plan: Mapping[str, Any] | None
    draft: PlanDraft
    cards: list[ChargeDraft]
    template: str = ""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    typed: bool = False
    term: str = ""
    focus: str = ""
    cascade: str = ""

    @property
    def locked(self) -> bool:
        return self.plan is not None and self.plan["subscriptionsCount"] > 0

    @property
    def asks_cascade(self) -> bool:
        return self.plan is not None and self.plan["overridesCount"] > 0


def href(view: View, plan: str) -> str:
    """The page of a plan."""
    return f"{view.base}/plan/{plan}"


async def new_plan(view: View) -> Response:
    """``GET /{slug}/create/plan``; ``?copy=`` begins with another plan, ``?template=`` with a template."""
    if view.query("copy"):
        plan = await _stored(view, view.query("copy"))
        draft = plan_values.of_plan(plan)
        draft.texts["name"] = draft.texts["code"] = ""
        return await _form(
            view, FormState(None, draft, plan_charges.of_plan(plan["charges"], draft.currency, copied=True))
        )
    if view.query("template"):
        return await _form(view, await _from_template(view, view.query("template")))
    currency = (await view.ask("PlanChoices"))["organization"]["defaultCurrency"]
    return await _form(view, FormState(None, plan_values.empty(currency), []))


async def _from_template(view: View, code: str) -> FormState:
    """A form filled with a template; its metrics have no id until it is saved."""
    found = (await view.ask("PlanTemplates"))["planTemplates"]
    template = next((item for item in found if item["code"] == code), None)
    if template is None:
        raise Refused(404, "plan_template_not_found")
    metrics = {metric["code"]: metric for metric in template["metrics"]}
    plan = template["plan"]
    charges = [
        {
            "chargeModel": item["charge_model"],
            "invoiceDisplayName": item.get("invoice_display_name"),
            "payInAdvance": item.get("pay_in_advance", False),
            "invoiceable": item.get("invoiceable", True),
            "regroupPaidFees": item.get("regroup_paid_fees"),
            "prorated": item.get("prorated", False),
            "minAmountCents": item.get("min_amount_cents", 0),
            "properties": item["properties"],
            "taxes": [],
            "filters": [],
            "billableMetric": {
                "id": "",
                "code": item["billable_metric_code"],
                "name": metrics[item["billable_metric_code"]]["name"],
                "aggregationType": metrics[item["billable_metric_code"]]["aggregation_type"],
                "recurring": metrics[item["billable_metric_code"]].get("recurring", False),
                "filters": metrics[item["billable_metric_code"]].get("filters", []),
            },
        }
        for item in plan["charges"]
    ]
    stored = {
        "name": plan["name"],
        "code": plan["code"],
        "description": template["description"],
        "interval": plan["interval"],
        "amountCents": plan["amount_cents"],
        "amountCurrency": plan["amount_currency"],
        "payInAdvance": plan["pay_in_advance"],
        "invoiceDisplayName": None,
        "billChargesMonthly": plan.get("bill_charges_monthly"),
        "trialPeriod": None,
        "metadata": None,
        "minimumCommitment": None,
        "taxes": [],
        "usageThresholds": [],
    }
    cards = plan_charges.of_plan(charges, plan["amount_currency"])
    for card in cards:
        card.open, card.units = True, "37500" if code == "pay_as_you_go" else card.units
    return FormState(None, plan_values.of_plan(stored), cards, template=code)


async def edit_plan(view: View) -> Response:
    """``GET /{slug}/plan/{id}/edit``."""
    plan = await _editable(view)
    draft = plan_values.of_plan(plan)
    return await _form(view, FormState(plan, draft, plan_charges.of_plan(plan["charges"], draft.currency)))


async def _stored(view: View, plan: str) -> Mapping[str, Any]:
    return (await view.ask("PlanForm", id=plan))["plan"]


async def _editable(view: View) -> Mapping[str, Any]:
    """The plan of the address. A copy with one subscription's prices is changed with its subscription."""
    plan = await _stored(view, view.path("plan"))
    if plan["isOverridden"]:
        raise Refused(404, "plan_not_found")
    return plan


async def create(view: View) -> Response:
    """``POST /{slug}/create/plan``."""
    return await _posted(view, None)


async def change(view: View) -> Response:
    """``POST /{slug}/plan/{id}/edit``."""
    return await _posted(view, await _editable(view))


def _state(view: View, plan: Mapping[str, Any] | None) -> FormState:
    draft = plan_values.of_form(view.form)
    if plan is not None and plan["subscriptionsCount"]:
        kept = plan_values.of_plan(plan)
        draft.texts |= {name: kept.texts[name] for name in ("code", "interval", "currency", "timing", "trial")}
        draft.monthly = kept.monthly
    return FormState(
        plan,
        draft,
        plan_charges.of_form(view.form),
        template=view.posted("template"),
        typed=True,
        cascade=view.posted("cascade") if view.posted("cascade") in ("yes", "no") else "",
    )


async def _posted(view: View, plan: Mapping[str, Any] | None) -> Response:
    state = _state(view, plan)
    do = view.posted("do")
    if do == "preview":
        return await _preview(view, state)
    if plan_charges.press(state.cards, do):
        state.focus = do.partition(":")[2].partition("-")[0] if do.startswith("show:") else ""
        return await _form(view, state)
    if do == "add-charge":
        await _add_charge(view, state)
        return await _form(view, state)
    if do == "add-threshold":
        state.draft.thresholds.append(("", ""))
        return await _form(view, state)
    if do.startswith("remove-threshold:") and do.partition(":")[2].isdigit():
        index = int(do.partition(":")[2])
        del state.draft.thresholds[index : index + 1]
        return await _form(view, state)
    if do != "save":
        return await _form(view, state)
    return await _save(view, state)


async def _add_charge(view: View, state: FormState) -> None:
    """A card for the metric that was named, by code or name; the search finds it by a part of either."""
    term = state.term = view.posted("add-metric")
    found = (await view.ask("ChooseMetric", term=term))["billableMetrics"]["collection"] if term else []
    wanted = term.casefold()
    exact = [item for item in found if wanted in (item["code"].casefold(), item["name"].casefold())]
    chosen = exact[:1] or (found if len(found) == 1 else [])
    if not chosen:
        many = f"{len(found)} metrics are called like this. Write the code of one." if found else ""
        state.errors["add-metric"] = many or ("No metric is called like this." if term else "Choose a metric.")
        return
    card = plan_charges.of_metric(state.cards, chosen[0])
    state.cards.append(card)
    state.term, state.focus = "", card.key


async def _save(view: View, state: FormState) -> Response:
    plan, draft, cards = state.plan, state.draft, state.cards
    sent = plan_values.plan_input(draft, locked=state.locked)
    kept = plan_charges.sent(cards)
    sent["charges"] = [plan_charges.plan_input(card, draft.currency, locked=state.locked) for card in kept]
    state.errors |= plan_charges.broken_json(cards)
    if state.asks_cascade and not state.cascade:
        state.errors["cascade"] = "Choose one."
    if plan is None:
        sent["metadata"] = plan_values.metadata_of(draft)
        if state.template:
            sent["template"] = state.template
    else:
        sent |= {"id": plan["id"], "cascadeUpdates": state.cascade == "yes"}
    if state.errors:
        # Nothing may be stored, and still everything else that is wrong is told: an amount that is always refused.
        sent["amountCents"] = plan_charges.REFUSED_CENTS
    outcome = await view.change("CreatePlan" if plan is None else "UpdatePlan", **sent)
    if not outcome.ok:
        own = plan_values.errors_of(outcome.places, draft)
        if state.errors and minor_units(draft.texts["amount"], draft.currency) is not None:
            own.pop("amount", None)
        state.errors |= own | plan_charges.errors_of(outcome.places, cards, draft.currency)
        conflict = next((place for place in outcome.places if place.startswith("metrics.")), None)
        if conflict:
            state.errors[""] = f"A billable metric {conflict.split('.')[1]} exists already and counts in another way."
        if not state.errors:
            state.errors[""] = toast_words(outcome.code, outcome.fields)
        return await _form(view, state, status_code=422)
    made = outcome.data["createPlan" if plan is None else "updatePlan"]
    words = f"{made['name']} created" if plan is None else "Saved"
    return view.redirect(href(view, made["id"]), ("positive", words))


async def _preview(view: View, state: FormState) -> Response:
    """The summary and the examples for what is typed at this moment."""
    examples = await plan_examples.examples_of(view, state.cards, state.draft.currency)
    shown = plan_cards.shown(state.cards, {}, examples, (), state.draft.currency)
    content = {"title": "", "summary": _summary(state.draft, shown), "cards": shown, "live": True, "errors": {}}
    return await view.page("catalogue/plan_form.html", "plans", content, "plan_summary")


def _summary(draft: PlanDraft, cards: list[dict[str, Any]]) -> dict[str, Any]:
    """The plan as it stands, in words and figures."""
    texts, currency = draft.texts, draft.currency

    def money(text: str) -> str | None:
        cents = minor_units(text, currency) if text else None
        return formatting.money_with_currency(cents, currency) if cents is not None else None

    fee = money(texts["amount"])
    known = [card for card in cards if not card["removed"] and card["price"]["example"]["figure"]]
    total = sum(card["price"]["example"]["cents"] for card in known) + int(minor_units(texts["amount"], currency) or 0)
    return {
        "name": texts["name"] or "New plan",
        "interval": INTERVALS.get(texts["interval"], ""),
        "fee": fee,
        "timing": "in advance" if texts["timing"] == "advance" else "in arrears",
        "monthly": draft.monthly and texts["interval"] in plan_values.MONTHLY_CHARGES,
        "trial": texts["trial"],
        "charges": [plan_cards.summary_line(card) for card in cards],
        "commitment": money(texts["commitment"]),
        "thresholds": [shown for amount, _ in draft.thresholds if (shown := money(amount))],
        "recurring": money(texts["recurring"]),
        "total": formatting.money_with_currency(total, currency) if known and fee else None,
    }


async def _form(view: View, state: FormState, *, status_code: int = 200) -> Response:
    choices = await view.ask("PlanChoices")
    examples = await plan_examples.examples_of(view, state.cards, state.draft.currency)
    content = {
        "url": view.url,
        **form_content(view.base, view.request.url.path, state, choices, examples),
        "can_metrics": view.may("billable_metrics:create"),
    }
    return await view.page("catalogue/plan_form.html", "plans", content, status_code=status_code)


def form_content(
    base: str, address: str, state: FormState, choices: Mapping[str, Any], examples: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What ``catalogue/plan_form.html`` shows of ``state``. ``choices`` as ``PlanChoices`` reads them."""
    plan, draft, errors = state.plan, state.draft, state.errors
    taxes = choices["taxes"]["collection"]
    mode = LOCKED if state.locked else FULL
    shown = plan_cards.shown(state.cards, errors, examples, taxes, draft.currency, mode=mode)
    heading = f"Edit {plan['name']}" if plan else "New plan"
    return {
        "title": heading,
        "heading": heading,
        "action": address,
        "back": f"{base}/plan/{plan['id']}" if plan else f"{base}/plans",
        "submit": "Save" if plan else "Create plan",
        "is_new": plan is None,
        "template": state.template,
        "locked": state.locked,
        "mode": mode,
        "subscriptions": plan["activeSubscriptionsCount"] if plan else 0,
        "overrides": plan["overridesCount"] if plan else 0,
        "cascade": state.cascade,
        "typed": state.typed,
        "values": draft.texts,
        "currency": draft.currency,
        "monthly": draft.monthly,
        "thresholds": [
            {"index": index, "amount": amount, "name": name} for index, (amount, name) in enumerate(draft.thresholds)
        ],
        "intervals": [{"value": value, "label": label} for value, label in INTERVALS.items()],
        "currencies": [{"value": each, "label": each} for each in sorted(CURRENCIES)],
        "taxes": [{**tax, "on": tax["code"] in draft.taxes} for tax in taxes],
        "commitment_taxes": [{**tax, "on": tax["code"] in draft.commitment_taxes} for tax in taxes],
        "metrics": choices["billableMetrics"]["collection"],
        "term": state.term,
        "cards": shown,
        "form": {"url": address, "target": FORM, "focus": state.focus},
        "live": False,
        "summary": _summary(draft, shown),
        "errors": errors,
        "wrong": len(errors),
    }


async def delete(view: View) -> Response:
    """``POST /{slug}/plan/{id}/delete``."""
    outcome = await view.change("DestroyPlan", id=view.path("plan"))
    if not outcome.ok:
        return view.redirect(href(view, view.path("plan")), ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(f"{view.base}/plans", ("positive", "The plan is being deleted"))
