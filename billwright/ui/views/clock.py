"""The sandbox clock of the header: how far it is, and advancing it (spec 09 §1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.clock import iso_ms
from billwright.ui import formatting
from billwright.ui.rendering import render
from billwright.ui.views.frame import make_frame
from billwright.ui.views.support import Refused, View
from billwright.ui.views.when import local_instant
from billwright.ui.views.words import field_errors, in_words

ARRIVED = "clock:arrived"
"""Event of the page when the clock has reached its target: the page's own figures are old then."""


async def show_clock(view: View) -> Response:
    """``GET /{slug}/clock``: what the header polls while the clock advances."""
    frame = await make_frame(view, None, [])
    clock = frame["clock"]
    if clock is None:
        raise Refused(404, "not_a_sandbox")
    if clock["status"] == "advancing":
        return render(view.request, "clock.html", {"frame": frame})
    zone = frame["organization"]["timezone"]
    words = f"The clock stands at {formatting.local_time(clock['now'], zone)}"
    return render(
        view.request,
        "clock_answer.html",
        {"frame": frame},
        toast=("negative", clock["error"]) if clock["error"] else ("positive", words),
        events=(ARRIVED,),
    )


async def advance(view: View) -> Response:
    """``POST /{slug}/clock``: to the next due work, one day on, the end of a period, or a date."""
    view.frame_data = await view.ask("Frame")
    organization = view.frame_data["organization"]
    clock = organization["clock"]
    if clock is None:
        raise Refused(404, "not_a_sandbox")
    target = _target(view, clock, organization["timezone"])
    problem = None if target else "Choose a date and a time."
    if target:
        outcome = await view.change("AdvanceTestClock", now=target, respondAsync=True)
        if not outcome.ok:
            problem = field_errors(outcome.fields).get("now") or in_words(outcome.code or "internal_error")
        else:
            view.frame_data = {
                **view.frame_data,
                "organization": {**organization, "clock": outcome.data["advanceTestClock"]},
            }
    if not view.is_htmx:
        return view.redirect(view.base, ("negative", problem) if problem else ("info", "The clock is advancing"))
    frame = await make_frame(view, None, [])
    if problem is None:
        return render(view.request, "clock.html", {"frame": frame})
    response = render(
        view.request,
        "clock_form.html",
        {"frame": frame, "error": problem, "to": view.posted("to"), "at": view.posted("now")},
        status_code=422,
    )
    response.headers["HX-Retarget"] = "#clock-form"
    return response


def _target(view: View, clock: Mapping[str, Any], zone: str) -> str | None:
    choice = view.posted("to")
    if choice == "next_due":
        return clock["nextDueAt"]
    if choice == "period":
        return clock["periodEndAt"]
    if choice == "day":
        return iso_ms(datetime.fromisoformat(clock["now"]) + timedelta(days=1))
    return local_instant(view.posted("now"), zone) if choice == "date" else None
