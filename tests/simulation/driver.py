"""Lives a planned life on the real ASGI application over REST, and notes what was asked for and when.

The checker gets these notes and nothing else of the product.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.checker.actions import draft_key_of, fee_key_of
from tests.simulation.plan import Step
from tests.support.sandbox import Sandbox

Entry = tuple[str, str, dict[str, Any]]
"""Instant, kind of request, body."""


@dataclass
class Driver:
    """``history`` holds what was accepted; ids of the product stay in here."""

    sandbox: Sandbox
    seed: int
    history: list[Entry] = field(default_factory=list)
    refused: list[tuple[Entry, Any]] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)
    wallets: dict[str, str] = field(default_factory=dict)

    async def live(self, steps: list[Step], end: str) -> None:
        now = ""
        unsettled = False
        for step in steps:
            if step.at != now or unsettled:  # what a step has left to do happens before the next one, at its instant
                now = step.at
                await self.sandbox.advance(now)
                unsettled = False
            handler: Callable[..., Awaitable[dict[str, Any] | None]] = getattr(self, f"_{step.kind}")
            noted = await handler(step.body)
            if noted is not None:
                self.history.append((step.at, step.kind, noted))
                unsettled = step.kind in ("wallet", "top_up", "price") or bool(noted.get("bills_events"))
        await self.sandbox.advance(end)

    async def _post(self, path: str, root: str, body: dict[str, Any]) -> Any:
        return (await self.sandbox.call("POST", path, {root: body}))[root]

    # -- catalogue -----------------------------------------------------------------------------------------------

    async def _organization(self, body: dict[str, Any]) -> dict[str, Any]:
        await self.sandbox.call("PUT", "organizations", {"organization": body})
        return body

    async def _tax(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._post("taxes", "tax", {"name": body["code"].upper(), **body})
        return body

    async def _metric(self, body: dict[str, Any]) -> dict[str, Any]:
        made = await self._post("billable_metrics", "billable_metric", {"name": body["code"].title(), **body})
        self.metrics[body["code"]] = made["lago_id"]
        return body

    async def _plan(self, body: dict[str, Any]) -> dict[str, Any]:
        charges = [
            {**{key: value for key, value in item.items() if key != "metric"},
             "billable_metric_id": self.metrics[item["metric"]]}
            for item in body["charges"]
        ]  # fmt: skip
        await self._post("plans", "plan", {"name": body["code"].title(), **body, "charges": charges})
        return body

    async def _price(self, body: dict[str, Any]) -> dict[str, Any]:
        await self.sandbox.call("PUT", f"plans/{body['code']}", {"plan": {"amount_cents": body["amount_cents"]}})
        return body

    async def _customer(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._post("customers", "customer", body)
        return body

    async def _add_on(self, body: dict[str, Any]) -> None:
        await self._post("add_ons", "add_on", {"name": body["code"].title(), **body})

    # -- subscriptions and usage ---------------------------------------------------------------------------------

    async def _subscribe(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._post("subscriptions", "subscription", body)
        return body

    async def _terminate(self, body: dict[str, Any]) -> dict[str, Any] | None:
        query = {key: value for key, value in body.items() if key.startswith("on_")}
        return await self._accepted(
            await self.sandbox.rest.delete(f"subscriptions/{body['external_id']}", params=query), body
        )

    async def _cancel_pending(self, body: dict[str, Any]) -> dict[str, Any] | None:
        answer = await self.sandbox.rest.delete(f"subscriptions/{body['external_id']}", params={"status": "pending"})
        return await self._accepted(answer, body)

    async def _accepted(self, answer: Any, body: dict[str, Any]) -> dict[str, Any] | None:
        """A request that may be refused by a rule (404, 405, 422) is then not part of the history."""
        assert answer.status_code in (200, 404, 405, 422), answer.text
        return body if answer.status_code == 200 else None

    async def _events(self, body: dict[str, Any]) -> dict[str, Any]:
        events = body["events"]
        for begin in range(0, len(events), 100):
            await self.sandbox.call("POST", "events/batch", {"events": events[begin : begin + 100]})
        return body

    # -- coupons and wallets -------------------------------------------------------------------------------------

    async def _coupon(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._post("coupons", "coupon", {"name": body["code"].title(), **body})
        return body

    async def _apply_coupon(self, body: dict[str, Any]) -> dict[str, Any] | None:
        return await self._accepted(await self.sandbox.rest.post("applied_coupons", {"applied_coupon": body}), body)

    async def _delete_coupon(self, body: dict[str, Any]) -> dict[str, Any] | None:
        return await self._accepted(await self.sandbox.rest.delete(f"coupons/{body['code']}"), body)

    async def _wallet(self, body: dict[str, Any]) -> dict[str, Any]:
        self.wallets[body["name"]] = (await self._post("wallets", "wallet", body))["lago_id"]
        return body

    async def _top_up(self, body: dict[str, Any]) -> dict[str, Any] | None:
        sent = {key: value for key, value in body.items() if key != "wallet"}
        sent["wallet_id"] = self.wallets[body["wallet"]]
        answer = await self.sandbox.rest.post("wallet_transactions", {"wallet_transaction": sent})
        return await self._accepted(answer, body)

    # -- invoices ------------------------------------------------------------------------------------------------

    async def _one_off(self, body: dict[str, Any]) -> dict[str, Any]:
        await self.sandbox.call("POST", "invoices", {"invoice": body})
        return body

    async def _pick(self, body: dict[str, Any], **query: Any) -> Any:
        """One of the invoices that answer the query, by the step's dice."""
        found = (await self.sandbox.call("GET", "invoices", params={"per_page": 1000, **query}))["invoices"]
        found = [item for item in found if item["invoice_type"] in body.get("types", [item["invoice_type"]])]
        if body.get("recent"):
            found = found[: body["recent"]]
        found.sort(key=lambda item: (item["number"], item["issuing_date"], item["fees_amount_cents"]))
        return found[int(body["dice"] * len(found))] if found else None

    async def _reference(self, picked: Any) -> dict[str, Any]:
        if picked["status"] != "draft":
            return {"number": picked["number"]}
        return {"draft": draft_key_of(await self.sandbox.invoice(picked["lago_id"]))}

    async def _finalize(self, body: dict[str, Any]) -> dict[str, Any] | None:
        return await self._put_draft(body, "finalize")

    async def _refresh(self, body: dict[str, Any]) -> dict[str, Any] | None:
        return await self._put_draft(body, "refresh")

    async def _put_draft(self, body: dict[str, Any], verb: str) -> dict[str, Any] | None:
        picked = await self._pick(body, status="draft")
        if picked is None:
            return None
        noted = await self._reference(picked)
        await self.sandbox.call("PUT", f"invoices/{picked['lago_id']}/{verb}")
        return noted

    async def _pay(self, body: dict[str, Any]) -> dict[str, Any] | None:
        picked = await self._pick(body, status="finalized", payment_status="pending")
        if picked is None:
            return None
        path = f"invoices/{picked['lago_id']}"
        await self.sandbox.call("PUT", path, {"invoice": {"payment_status": "succeeded"}})
        return await self._reference(picked)

    async def _void(self, body: dict[str, Any]) -> dict[str, Any] | None:
        picked = await self._pick(body, status="finalized")
        if picked is None:
            return None
        await self.sandbox.call("POST", f"invoices/{picked['lago_id']}/void")
        return await self._reference(picked)

    async def _void_with_note(self, body: dict[str, Any]) -> dict[str, Any] | None:
        picked = await self._pick(body, status="finalized")
        if picked is None:
            return None
        asked = int(body["part"] * picked["sub_total_including_taxes_amount_cents"])
        sent = {"generate_credit_note": True, "credit_amount": asked}
        answer = await self.sandbox.rest.post(f"invoices/{picked['lago_id']}/void", sent)
        return await self._accepted(answer, {**await self._reference(picked), "credit_amount": asked})

    async def _pay_fees(self, body: dict[str, Any]) -> dict[str, Any]:
        """Some of the fees without an invoice are paid."""
        dice = random.Random(body["dice"])
        paid = []
        for fee in await self._all("fees"):
            if fee["lago_invoice_id"] is None and fee.get("event_transaction_id") and dice.random() < 0.7:
                await self.sandbox.call("PUT", f"fees/{fee['lago_id']}", {"fee": {"payment_status": "succeeded"}})
                paid.append((fee["external_subscription_id"], fee["event_transaction_id"], fee["item"]["code"]))
        return {"fees": paid}

    async def _credit_note(self, body: dict[str, Any]) -> dict[str, Any] | None:
        picked = await self._pick(body, status="finalized")
        if picked is None:
            return None
        invoice = await self.sandbox.invoice(picked["lago_id"])
        dice = random.Random(body["dice"])
        chosen = [
            (fee, dice.choice([fee["amount_cents"], dice.randint(1, fee["amount_cents"])]))
            for fee in sorted(invoice["fees"], key=lambda fee: repr(fee_key_of(fee)))
            if fee["amount_cents"] > 0 and dice.random() < 0.7
        ]
        items = [{"fee_id": fee["lago_id"], "amount_cents": cents} for fee, cents in chosen]
        sent: dict[str, Any] = {"invoice_id": invoice["lago_id"], "items": items}
        estimate = await self.sandbox.rest.post("credit_notes/estimate", {"credit_note": sent})
        if not items or estimate.status_code != 200:
            return None
        figures = estimate.json()["estimated_credit_note"]
        most, offset = figures["max_creditable_amount_cents"], 0
        if dice.random() < 0.3:
            offset = dice.randint(0, figures["max_offsettable_amount_cents"])
        sent |= {"credit_amount_cents": most - offset, "offset_amount_cents": offset, "reason": "other"}
        answer = await self.sandbox.rest.post("credit_notes", {"credit_note": sent})
        noted = {
            "number": invoice["number"],
            "items": [{"fee": fee_key_of(fee), "amount_cents": cents} for fee, cents in chosen],
            "credit_amount_cents": most - offset,
            "offset_amount_cents": offset,
        }
        return await self._accepted(answer, noted)

    # -- what the product says at the end ------------------------------------------------------------------------

    async def found(self, *, details: int = 7) -> dict[str, Any]:
        """Invoices with their fees, credit notes and wallets; every ``details``-th invoice with all its parts."""
        call = self.sandbox.call
        invoices = await self._all("invoices")
        fees = await self._all("fees")
        by_invoice: dict[str | None, list[Any]] = {}
        for fee in fees:
            by_invoice.setdefault(fee["lago_invoice_id"], []).append(fee)
        for index, invoice in enumerate(invoices):
            invoice["fees"] = by_invoice.get(invoice["lago_id"], [])
            if index % details == 0 or invoice["status"] == "draft":
                invoice["details"] = await self.sandbox.invoice(invoice["lago_id"])
                if invoice["status"] == "draft":
                    invoice["key"] = draft_key_of(invoice["details"])
        return {
            "invoices": invoices,
            "standalone": by_invoice.get(None, []),
            "credit_notes": await self._all("credit_notes"),
            "wallets": (await call("GET", "wallets", params={"per_page": 1000}))["wallets"],
        }

    async def _all(self, path: str) -> list[Any]:
        """Every page."""
        found: list[Any] = []
        page: int | None = 1
        while page:
            answer = await self.sandbox.call("GET", path, params={"per_page": 1000, "page": page})
            found += answer[path]
            page = answer["meta"]["next_page"]
        return found


def as_text(history: list[Entry]) -> str:
    return "\n".join(f"{at} {kind} {json.dumps(body, default=str)}" for at, kind, body in history)
