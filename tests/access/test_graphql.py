"""Every Query and Mutation field: its permission, every role, nobody, and another organization's objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from billwright.graphql.permissions import FieldPermission
from billwright.graphql.schema import Mutation, Query, schema
from tests.access.asking import Asked, Leaf, root_fields
from tests.access.conftest import Street
from tests.access.furnishing import Home, books, crossings
from tests.access.matrix import MEMBER, OPERATIONS, PORTAL, PUBLIC, ROLES, SESSION, may_call

UNKNOWN = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"
FIELDS = [field for field in root_fields(schema()._schema) if field.name in OPERATIONS]
NOT_TRIED = {"logout"}
"""Ends the session that the other operations are asked with."""
KINDS = (
    ("appliedcoupon", "applied"), ("coupon", "coupon"), ("billablemetric", "metric"), ("creditnote", "credit_note"),
    ("wallettransaction", "wallet_transaction"), ("wallet", "wallet"), ("webhookendpoint", "endpoint"),
    ("webhook", "delivery"), ("apikey", "key"), ("membership", "member"), ("invite", "invite"),
    ("chargefilter", "filter"), ("charge", "charge"), ("invoicesubscription", "subscription"),
    ("subscription", "subscription"), ("payment", "payment"), ("addon", "add_on"), ("fee", "fee"),
    ("metadata", "metadata"), ("recurringtransactionrule", "rule"), ("invoice", "invoice"), ("customer", "customer"),
    ("dataexport", "export"), ("plan", "plan"), ("tax", "tax"), ("email", "email"), ("job", "job"),
    ("integration", "okta"), ("feature", "feature"), ("activity", "activity"),
    ("request", "api_request"), ("apilog", "api_log"), ("alert", "alert"),
)  # fmt: skip
"""Part of an argument's or operation's name -> kind of object, first match first."""


def _kind(operation: str, leaf: Leaf) -> str:
    """What the id at ``leaf`` names: its own name says so, else its parent's, else the operation's."""
    if operation.endswith("AdjustedFee") and leaf[-1] == "invoiceId":
        return "draft"
    for name in (leaf[-1], *(leaf[-2:-1] if leaf[-2:-1] != ("input",) else ()), operation):
        plain = name.lower().removesuffix("ids").removesuffix("id")
        for word, kind in KINDS:
            if word in plain:
                return kind
    raise AssertionError(f"say in KINDS what {'.'.join(leaf)} of {operation} is")


def test_every_field_declares_the_permission_of_the_spec() -> None:
    """Spec 07 §6.2; what it names but the product does not have yet is in the table already."""
    wrong: list[str] = []
    for root in (Query, Mutation):
        for field in root.__strawberry_definition__.fields:
            name = schema().config.name_converter.get_graphql_name(field)
            if name not in OPERATIONS:
                wrong.append(f"{name}: write down in tests/access/matrix.py what it needs")
                continue
            [permission] = field.permission_classes
            assert issubclass(permission, FieldPermission)
            plain = {"IsPublic": PUBLIC, "IsSignedIn": SESSION, "IsMember": MEMBER, "IsPortalCustomer": PORTAL}
            declared = set(permission.names) or {plain[permission.__name__]}
            if declared != set(OPERATIONS[name][0]):
                wrong.append(f"{name}: {sorted(declared)} instead of {sorted(OPERATIONS[name][0])}")
    assert wrong == []
    assert {name for groups in OPERATIONS.values() for group in groups for name in group} <= {
        *ROLES, PUBLIC, SESSION, MEMBER, PORTAL,
    }  # fmt: skip


@asynccontextmanager
async def asking(street: Street, role: str | None, home: Home | None = None) -> Any:
    organization = (home or street.theirs).organization.id
    async with street.world.client(role, organization) as client:

        async def ask(body: dict[str, Any]) -> Any:
            answer: httpx.Response = await client.post("/graphql", json=body)
            assert answer.status_code == 200, (body, answer.text)
            return answer.json()

        yield ask


def _refusals(answer: Any) -> list[dict[str, Any]]:
    return [error["extensions"] for error in answer.get("errors", ()) if error["extensions"]["status"] in (401, 403)]


@pytest.mark.parametrize("role", ["admin", "manager", "finance", "nobody"])
async def test_each_role_calls_what_the_matrix_says(street: Street, role: str) -> None:
    """Spec 07 §3.3; ids are unknown, so that what is permitted finds nothing."""
    async with asking(street, role) as ask:
        for asked in FIELDS:
            groups = OPERATIONS[asked.name]
            if asked.name in NOT_TRIED or (groups[0] & {PUBLIC} and asked.kind == "mutation"):
                continue
            answer = await ask(asked.request(lambda _: UNKNOWN))
            if groups[0] == {PORTAL}:
                assert _refusals(answer), (role, asked.name, answer)
                continue
            denied = [refusal for refusal in _refusals(answer) if "requiredPermissions" in refusal]
            assert bool(denied) != may_call(asked.name, role), (role, asked.name, answer)
            for refusal in denied:
                assert answer["data"] is None or answer["data"][asked.name] is None
                assert refusal["code"] == "forbidden"
                assert any(set(refusal["requiredPermissions"]) <= group for group in groups), (asked.name, refusal)


async def test_nobody_calls_only_what_is_public(street: Street) -> None:
    async with asking(street, None) as ask:
        for asked in FIELDS:
            public = OPERATIONS[asked.name][0] == {PUBLIC}
            if public and asked.kind == "mutation":
                continue  # tried by the tests of signing in
            answer = await ask(asked.request(lambda _: UNKNOWN))
            codes = [refusal["code"] for refusal in _refusals(answer)]
            assert codes == ([] if public else ["unauthorized"]), (asked.name, answer)


async def test_the_members_of_another_organization_are_not_members(street: Street) -> None:
    async with asking(street, "stranger", street.theirs) as ask:
        for asked in FIELDS:
            if OPERATIONS[asked.name][0] & {PUBLIC, SESSION}:
                continue
            answer = await ask(asked.request(lambda _: UNKNOWN))
            [refusal] = _refusals(answer)
            expected = "unauthorized" if OPERATIONS[asked.name][0] == {PORTAL} else "not_organization_member"
            assert refusal["code"] == expected, (asked.name, answer)


async def test_portal_tokens_open_the_portal_alone(street: Street) -> None:
    """Spec 07 §5.4: none of the other operations works with one; what they name elsewhere is not found."""
    link = "mutation($i: GenerateCustomerPortalUrlInput!) { generateCustomerPortalUrl(input: $i) { url } }"
    made = await street.world.data(link, i={"id": street.theirs.ids["customer"]})
    token = made["generateCustomerPortalUrl"]["url"].rpartition("/")[2]
    portal = 0
    async with street.world.client(None, **{"customer-portal-token": token}) as client:
        for asked in FIELDS:
            groups = OPERATIONS[asked.name]
            if groups[0] == {PUBLIC}:
                continue
            body = asked.request(lambda at: street.mine.ids.get(_kind(asked.name, at), UNKNOWN))  # noqa: B023 -- at once
            answer = (await client.post("/graphql", json=body)).json()
            codes = [refusal["code"] for refusal in _refusals(answer)]
            assert bool(codes) != (groups[0] == {PORTAL}), (asked.name, answer)
            if groups[0] != {PORTAL}:
                assert answer["data"] is None or answer["data"][asked.name] is None
            else:
                portal += 1
                assert not any(secret in str(answer) for secret in street.mine.secrets), (asked.name, answer)
                if asked.name != "updateCustomerPortalCustomer" and any(asked.ids()):
                    assert any(code.endswith("not_found") for code in _codes(answer)), (asked.name, answer)
    assert portal >= 12


def _foreign(street: Street) -> Iterator[tuple[Asked, Leaf, bool, dict[str, Any]]]:
    """Each id of each operation in turn theirs: alone, and with all ids beside it ours."""
    for asked in FIELDS:
        if OPERATIONS[asked.name][0] & {PUBLIC, SESSION, PORTAL} or asked.name in NOT_TRIED:
            continue
        for leaf in asked.ids():

            def identify(at: Leaf, leaf: Leaf = leaf, name: str = asked.name) -> str:
                home = street.theirs if at == leaf else street.mine
                return home.ids.get(_kind(name, at), UNKNOWN)

            yield asked, leaf, True, asked.request(identify, leaf)
            beside = [other for other in asked.ids() if other != leaf and other[:-1] == leaf[:-1]]
            if beside:
                yield asked, leaf, False, asked.request(identify, leaf, *beside)


STORED_NOWHERE = {
    "createCustomer.input.metadata.id", "updateCustomer.input.metadata.id", "updateInvoice.input.metadata.id",
    "createPlan.input.charges.id", "updatePlan.input.charges.id", "createSubscription.input.planOverrides.charges.id",
    "updateSubscription.input.planOverrides.charges.id", "previewSubscription.input.planOverrides.charges.id",
    "previewSubscriptionUpdate.input.planOverrides.charges.id",
    "createCustomerWallet.input.recurringTransactionRules.lagoId",
    "updateCustomerWallet.input.recurringTransactionRules.lagoId", "updatePlan.input.charges.billableMetricId",
    "createInvoicesDataExport.input.filters.customerId", "createInvoicesDataExport.input.filters.subscriptionId",
    "createCreditNotesDataExport.input.filters.customerId",
}  # fmt: skip
"""An id of a part that the object does not have makes a new part: nothing says that it exists elsewhere. A charge
keeps its metric, whatever is sent; the file of an export with such a filter is empty."""


async def test_no_id_of_another_organization_is_found(street: Street) -> None:
    """As an argument of its own, inside of an input, beside ids of one's own: always the same as an unknown id."""
    before = await books(street.world, street.theirs)
    wrong: list[str] = []
    asked_for = 0
    async with asking(street, "stranger", street.mine) as ask:
        for asked, leaf, alone, body in _foreign(street):
            asked_for += 1
            where = ".".join((asked.name, *leaf))
            answer = await ask(body)
            text = str(answer)
            if any(secret in text for secret in street.theirs.secrets):
                wrong.append(f"{where} tells {text}")
            found = [item for item in _codes(answer) if item.endswith("not_found")]
            empty = not answer.get("errors") and _rows(answer["data"][asked.name]) == []
            refused = found if alone else answer.get("errors")
            if not refused and not empty and where not in STORED_NOWHERE:
                wrong.append(f"{where} is found: {body['variables']} {text}")
    assert asked_for > 80
    assert not wrong, "\n".join(wrong)
    assert await books(street.world, street.theirs) == before
    assert await crossings(street.world) == []


def _codes(answer: Any) -> list[str]:
    found: list[str] = []
    for error in answer.get("errors", ()):
        found.append(error["extensions"]["code"])
        for codes in (error["extensions"].get("details") or {}).values():
            found.extend(codes if isinstance(codes, list) else [str(codes)])
    return found


def _rows(data: Any) -> Any:
    return data["collection"] if isinstance(data, dict) and "collection" in data else data
