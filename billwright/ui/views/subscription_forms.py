"""The form of a subscription: assigning a plan, editing, changing the plan (spec 07 §7.7).

Beside the form stands what would happen, computed by the server for what is typed so far (``subscription_outlook``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.subscription_outlook import shown_outlook
from billwright.ui.views.subscription_prices import OwnPrices, read_prices, shown_prices
from billwright.ui.views.support import Outcome, Refused, View
from billwright.ui.views.usage import INTERVALS
from billwright.ui.views.when import local_instant, local_text
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
NAMES = ("plan", "label", "external_id", "billing_time", "start", "end", "own", "whole")
FIELDS = {
    "planId": "plan",
    "plan": "plan",
    "currency": "plan",
    "externalId": "external_id",
    "billingTime": "billing_time",
    "subscriptionAt": "start",
    "endingAt": "end",
}
"""Names of the server's fields -> names in the form."""
_HINTS = {
    "assign": "Choose a plan to see when the first invoice comes, and for which days.",
    "change": "Choose a plan to see when the change takes effect, and what is billed and credited.",
    "edit": "What you change here is shown before you save it.",
}
_OPERATIONS = {
    "assign": ("CreateSubscription", "PreviewSubscription"),
    "change": ("CreateSubscription", "PreviewSubscription"),
    "edit": ("UpdateSubscription", "PreviewSubscriptionUpdate"),
}


_NOON = "T12:00"
"""Of the last day, whose date is the same in UTC, by which the server judges it; the time itself counts for nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a form is about. ``mode``: ``assign`` (there is no ``subscription`` yet), ``edit`` or ``change``."""

    mode: str
    customer: Data
    zone: str
    plans: Sequence[Data]
    subscription: Data | None = None

    @property
    def scheduled(self) -> bool:
        """Whether it waits for its start, which can then still move."""
        found = self.subscription
        return found is not None and found["status"] == "pending" and found["previousSubscription"] is None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, the mutation's input, and what cannot even be asked, by the server's field names."""

    values: Mapping[str, str]
    own: OwnPrices | None
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problems: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])


# --- pages -----------------------------------------------------------------------------------------------------------


async def assign_form(view: View) -> Response:
    """``GET /{slug}/customer/{id}/assign-plan``; ``?plan=`` chooses one."""
    subject = await _subject(view, "assign")
    values = {**dict.fromkeys(NAMES, ""), "billing_time": "calendar", "plan": view.query("plan")}
    return await _opened(view, subject, values)


async def edit_form(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/edit``."""
    subject = await _subject(view, "edit")
    return await _opened(view, subject, _stored(subject))


async def change_form(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/change-plan``; ``?plan=`` chooses one."""
    subject = await _subject(view, "change")
    return await _opened(view, subject, {**_stored(subject), "plan": view.query("plan")})


async def assign(view: View) -> Response:
    """``POST /{slug}/customer/{id}/assign-plan``."""
    return await _save(view, "assign")


async def edit(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/edit``."""
    return await _save(view, "edit")


async def change(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/change-plan``."""
    return await _save(view, "change")


async def assign_preview(view: View) -> Response:
    """``POST /{slug}/customer/{id}/assign-plan/preview``: what saving would do."""
    return await _preview(view, "assign")


async def edit_preview(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/edit/preview``."""
    return await _preview(view, "edit")


async def change_preview(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/change-plan/preview``."""
    return await _preview(view, "change")


# --- what is asked ---------------------------------------------------------------------------------------------------


class _Over(Refused):
    """The subscription has ended: there is nothing to change any more."""


async def _subject(view: View, mode: str) -> Subject:
    if mode == "assign":
        data = await view.ask("AssignPlan", id=view.path("customer"))
        customer = data["customer"]
        return Subject(mode, customer, customer["applicableTimezone"], data["plans"]["collection"])
    data = await view.ask("SubscriptionForm", id=view.path("subscription"))
    found = data["subscription"]
    if found["status"] not in ("active", "pending"):
        raise _Over(404, "subscription_not_found")
    return Subject(mode, found["customer"], found["applicableTimezone"], data["plans"]["collection"], found)


def _stored(subject: Subject) -> dict[str, str]:
    found = subject.subscription
    assert found is not None
    return {
        "plan": found["plan"]["id"],
        "label": found["name"] or "",
        "external_id": found["externalId"],
        "billing_time": found["billingTime"],
        "start": local_text(found["subscriptionAt"], subject.zone),
        "end": local_text(found["endingAt"], subject.zone, day=True),
        "own": "yes" if found["plan"]["isOverridden"] and subject.mode == "edit" else "",
        "whole": "yes" if found["progressiveBillingDisabled"] else "",
    }


def _posted(view: View) -> dict[str, str]:
    return {name: view.posted(name) for name in NAMES}


async def _own(view: View, subject: Subject, values: Mapping[str, str], *, posted: bool) -> OwnPrices | None:
    """The prices of its own, where they are asked for and a plan is chosen."""
    found = subject.subscription
    if subject.mode != "edit" or found is None:
        known = {plan["id"] for plan in subject.plans}
        if values["own"] != "yes" or values["plan"] not in known:
            return None
        return await read_prices(view, values["plan"], None, copied=False, posted=posted)
    copied = bool(found["plan"]["isOverridden"])
    if values["own"] != "yes" and not copied:
        return None
    thresholds = found["applicableUsageThresholds"]
    return await read_prices(view, found["plan"]["id"], thresholds, copied=copied, posted=posted)


def _asked(subject: Subject, values: Mapping[str, str], own: OwnPrices | None) -> Asked:
    problems: dict[str, list[str]] = {}
    found, mode = subject.subscription, subject.mode
    sent: dict[str, Any] = {"name": values["label"] or None}
    if mode == "edit":
        assert found is not None
        sent["id"] = found["id"]
    else:
        if not values["plan"]:
            problems["planId"] = ["value_is_mandatory"]
        sent |= {"customerId": subject.customer["id"], "planId": values["plan"], "billingTime": _billing_time(values)}
    if mode == "assign":
        sent["externalId"] = values["external_id"] or None
    elif mode == "change" and found is not None:
        sent["subscriptionId"] = found["id"]
    if mode == "assign" or (mode == "edit" and subject.scheduled):
        _date(sent, problems, "subscriptionAt", values["start"], subject, empty=mode == "assign")
    _date(sent, problems, "endingAt", values["end"], subject)
    if own is not None:
        sent |= own.sent()
    whole = values["whole"] == "yes"
    if whole != (found is not None and found["progressiveBillingDisabled"]):
        sent["progressiveBillingDisabled"] = whole
    return Asked(values, own, sent, problems)


def _billing_time(values: Mapping[str, str]) -> str:
    return "anniversary" if values["billing_time"] == "anniversary" else "calendar"


def _date(
    sent: dict[str, Any],
    problems: dict[str, list[str]],
    name: str,
    text: str,
    subject: Subject,
    *,
    empty: bool = False,
) -> None:
    """A day or time of the customer's; an unchanged one is not sent, and ``empty`` leaves out what is not written."""
    found = subject.subscription
    stored = found[name] if found is not None else None
    if stored is not None and text == local_text(stored, subject.zone, day=name == "endingAt"):
        return
    moment = f"{text}{_NOON}" if name == "endingAt" else text
    instant = local_instant(moment, subject.zone) if text else None
    if text and instant is None:
        problems[name] = ["invalid_date"]
    elif instant is not None or (found is not None and stored is not None and not empty):
        sent[name] = instant


async def _opened(view: View, subject: Subject, values: Mapping[str, str]) -> Response:
    asked = _asked(subject, values, await _own(view, subject, values, posted=False))
    return await _form(view, subject, asked, outcome=await _foreseen(view, subject, asked))


async def _save(view: View, mode: str) -> Response:
    subject, values, do = await _subject(view, mode), _posted(view), view.posted("do")
    own = await _own(view, subject, values, posted=True)
    if own is not None:
        own.press(do)
    asked = _asked(subject, values, own)
    if do not in ("", "save"):
        return await _form(view, subject, asked, outcome=await _foreseen(view, subject, asked), typed=True)
    outcome = Outcome() if asked.problems else await view.change(_OPERATIONS[mode][0], **asked.sent)
    if own is not None:
        own.refused(outcome.places)
    if asked.problems or not outcome.ok:
        return await _form(view, subject, asked, refused=outcome)
    if mode == "edit":
        made = outcome.data["updateSubscription"]
        return view.redirect(f"{view.base}/subscription/{made['id']}", ("positive", "Saved"))
    made = outcome.data["createSubscription"]
    return view.redirect(f"{view.base}/subscription/{made['id']}", ("positive", _done(made, subject)))


def _done(made: Data, subject: Subject) -> str:
    later = made["nextSubscription"]
    if subject.mode == "change":
        if later is not None and later["status"] == "pending":
            return f"Changes to {later['plan']['name']} when the period ends"
        return f"Now on {made['plan']['name']}"
    return "Subscription started" if made["status"] == "active" else "Subscription scheduled"


async def _foreseen(view: View, subject: Subject, asked: Asked) -> Outcome | None:
    """What saving would do; ``None`` while that cannot be asked."""
    if asked.problems:
        return None
    return await view.change(_OPERATIONS[subject.mode][1], **asked.sent)


async def _preview(view: View, mode: str) -> Response:
    try:
        subject, values = await _subject(view, mode), _posted(view)
        try:
            own = await _own(view, subject, values, posted=True)
            asked = _asked(subject, values, own)
            shown = _shown_outlook(subject, asked, await _foreseen(view, subject, asked))
        except Refused as refused:
            if refused.status != 404:
                raise
            raise _Over(404, "subscription_not_found") from refused
    except _Over:
        # Saved or ended meanwhile, perhaps by this very page: the last field that was left asks once more.
        content = {"url": view.url, "live_cards": [], "outlook": None, "outlook_hint": in_words("not_found")}
        return await view.page("subscriptions/outlook.html", "subscriptions", content, "live")
    cards = (await shown_prices(view, own, ""))["cards"] if own is not None else []
    content = {"url": view.url, "live_cards": cards, **shown}
    return await view.page("subscriptions/outlook.html", "subscriptions", content, "live")


def _shown_outlook(subject: Subject, asked: Asked, outcome: Outcome | None) -> dict[str, Any]:
    hint = _HINTS[subject.mode]
    if outcome is not None and outcome.ok:
        return {"outlook": shown_outlook(outcome.data["preview"]), "outlook_hint": hint}
    if outcome is not None:
        hint = _refusal(outcome)
    elif set(asked.problems) - {"planId"}:
        hint = "The date cannot be read yet."
    return {"outlook": None, "outlook_hint": hint}


def _refusal(outcome: Outcome) -> str:
    """Why nothing can be foreseen, with the field's name."""
    named = {"endingAt": "End", "subscriptionAt": "Start", "externalId": "External id", "plan": "Plan"}
    for name, words in field_errors(outcome.fields).items():
        return f"{named.get(name, 'Something')} cannot stay so: {words}"
    return in_words(outcome.code or "internal_error")


# --- the form --------------------------------------------------------------------------------------------------------


async def _form(
    view: View,
    subject: Subject,
    asked: Asked,
    *,
    refused: Outcome | None = None,
    outcome: Outcome | None = None,
    typed: bool = False,
) -> Response:
    fields = {**(refused.fields if refused else {}), **(asked.problems if refused else {})}
    errors = field_errors(fields)
    shown: dict[str, str] = {}
    beside = bool(asked.own and asked.own.errors)
    for name, text in errors.items():
        if name in FIELDS or not beside:
            shown.setdefault(FIELDS.get(name, ""), text)
    code = refused.code if refused else None
    found = subject.subscription
    content = {
        "title": _title(subject),
        "url": view.url,
        "mode": subject.mode,
        "scheduled": subject.scheduled or found is None,
        "customer": {"name": shown_name(subject.customer), "href": customer_href(view, subject.customer)},
        "back": _back(view, subject),
        "action": view.request.url.path,
        "typed": typed or refused is not None,
        "own": await shown_prices(view, asked.own, view.request.url.path) if asked.own else None,
        "can_own": found is None or subject.mode == "change" or not found["plan"]["isOverridden"],
        "submit": {"assign": "Assign plan", "edit": "Save", "change": "Change plan"}[subject.mode],
        "values": asked.values,
        "errors": {name: shown.get(name) for name in NAMES},
        "error": shown.get("")
        or ("Nothing was saved: some prices need mending." if beside else None)
        or (in_words(code) if code and not errors else None),
        "current": None if found is None else {"plan": _label(found["plan"]), "name": found["plan"]["name"]},
        "pending": _pending(found),
        "plans": _choices(subject, asked.values["plan"]),
        "timezone": subject.zone.replace("_", " "),
        **_shown_outlook(subject, asked, outcome),
    }
    return await view.page("subscriptions/form.html", "subscriptions", content, status_code=422 if refused else 200)


def _title(subject: Subject) -> str:
    found = subject.subscription
    if found is None:
        return "Assign a plan"
    name = found["name"] or found["externalId"]
    return f"Edit {name}" if subject.mode == "edit" else f"Upgrade or downgrade {name}"


def _back(view: View, subject: Subject) -> dict[str, str]:
    found = subject.subscription
    if found is None:
        return {"name": shown_name(subject.customer), "href": customer_href(view, subject.customer)}
    return {"name": found["name"] or found["externalId"], "href": f"{view.base}/subscription/{found['id']}"}


def _pending(found: Data | None) -> str | None:
    """A downgrade that waits already, which another change of plan replaces."""
    later = found["nextSubscription"] if found is not None else None
    if later is None or later["status"] != "pending":
        return None
    return f"A change to {later['plan']['name']} waits for the end of the period. Another change of plan replaces it."


def _choices(subject: Subject, chosen: str) -> list[dict[str, Any]]:
    """Plans to choose from; those that cannot be taken say why."""
    currency = subject.customer["currency"]
    taken = subject.subscription["plan"]["id"] if subject.subscription is not None else None
    found: list[dict[str, Any]] = [{"value": "", "label": "Choose a plan", "disabled": False}]
    for plan in subject.plans:
        reason = None
        if plan["pendingDeletion"]:
            reason = "is being deleted"
        elif plan["id"] == taken:
            reason = "the present plan"
        elif currency not in (None, plan["amountCurrency"]):
            reason = f"the customer pays in {currency}"
        label = _label(plan) + (f" ({reason})" if reason else "")
        found.append({"value": plan["id"], "label": label, "disabled": reason is not None and plan["id"] != chosen})
    return found


def _label(plan: Data) -> str:
    fee = formatting.money_with_currency(plan["amountCents"], plan["amountCurrency"])
    when = "in advance" if plan["payInAdvance"] else "in arrears"
    return f"{plan['name']} · {fee} {INTERVALS[plan['interval']].lower()} {when}"
