"""``/wallets``, also below customers (spec 05 D1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.billing.wallets import service, wallet_metadata
from billwright.billing.wallets.models import Wallet
from billwright.billing.wallets.presenting import wallet_objects
from billwright.billing.wallets.queries import find_wallet as find
from billwright.billing.wallets.queries import find_wallet_by_code as find_by_code
from billwright.billing.wallets.queries import list_wallets
from billwright.billing.wallets.schemas import WalletInput, WalletMetadataInput, WalletOut
from billwright.server.rest.envelope import bare, many, one
from billwright.server.rest.filters import BILLING_ENTITIES, PAGES, check_billing_entities
from billwright.server.rest.operations import Call, Parameter, operation


class WalletMetadataOut(TypedDict):
    """Metadata of a wallet: text -> text or null; null when there is none."""

    metadata: dict[str, Any] | None


def _id(lago_id: str) -> UUID:
    return parse_id(lago_id) or UUID(int=0)


async def _answer(call: Call, wallet: Wallet) -> WalletOut:
    return (await wallet_objects(call.context, [wallet]))[0]


async def _page(call: Call, external_customer_id: str | None) -> Page[WalletOut]:
    check_billing_entities(call)
    page = await list_wallets(
        call.context, call.page, external_customer_id=external_customer_id, currency=call.query.text("currency")
    )
    return Page(await wallet_objects(call.context, page.items), page.total_count, page.request)


async def create_wallet(call: Call, inp: WalletInput) -> WalletOut:
    return await _answer(call, await service.create_wallet(call.context, inp))


async def find_all_wallets(call: Call) -> Page[WalletOut]:
    return await _page(call, call.query.text("external_customer_id"))


async def find_wallet(call: Call, lago_id: str) -> WalletOut:
    return await _answer(call, await find(call.context, _id(lago_id)))


async def update_wallet(call: Call, lago_id: str, inp: WalletInput) -> WalletOut:
    return await _answer(call, await service.update_wallet(call.context, _id(lago_id), inp))


async def destroy_wallet(call: Call, lago_id: str) -> WalletOut:
    return await _answer(call, await service.terminate_wallet(call.context, _id(lago_id)))


async def create_customer_wallet(call: Call, external_id: str, inp: WalletInput) -> WalletOut:
    named = inp.model_copy(update={"external_customer_id": external_id})
    return await _answer(call, await service.create_wallet(call.context, named))


async def find_all_customer_wallets(call: Call, external_id: str) -> Page[WalletOut]:
    return await _page(call, external_id)


async def find_customer_wallet(call: Call, external_id: str, code: str) -> WalletOut:
    return await _answer(call, await find_by_code(call.context, external_id, code))


async def update_customer_wallet(call: Call, external_id: str, code: str, inp: WalletInput) -> WalletOut:
    found = await find_by_code(call.context, external_id, code)
    return await _answer(call, await service.update_wallet(call.context, found.id, inp))


async def destroy_customer_wallet(call: Call, external_id: str, code: str) -> WalletOut:
    found = await find_by_code(call.context, external_id, code)
    return await _answer(call, await service.terminate_wallet(call.context, found.id))


async def replace_wallet_metadata(call: Call, lago_id: str, inp: WalletMetadataInput) -> WalletMetadataOut:
    return {"metadata": await wallet_metadata.replace_metadata(call.context, _id(lago_id), inp.metadata)}


async def merge_wallet_metadata(call: Call, lago_id: str, inp: WalletMetadataInput) -> WalletMetadataOut:
    return {"metadata": await wallet_metadata.merge_metadata(call.context, _id(lago_id), inp.metadata)}


async def delete_all_wallet_metadata(call: Call, lago_id: str) -> WalletMetadataOut:
    return {"metadata": await wallet_metadata.delete_metadata(call.context, _id(lago_id))}


async def delete_wallet_metadata_key(call: Call, lago_id: str, key: str) -> WalletMetadataOut:
    return {"metadata": await wallet_metadata.delete_metadata(call.context, _id(lago_id), key)}


async def replace_customer_wallet_metadata(
    call: Call, external_id: str, code: str, inp: WalletMetadataInput
) -> WalletMetadataOut:
    found = await find_by_code(call.context, external_id, code)
    return {"metadata": await wallet_metadata.replace_metadata(call.context, found.id, inp.metadata)}


async def merge_customer_wallet_metadata(
    call: Call, external_id: str, code: str, inp: WalletMetadataInput
) -> WalletMetadataOut:
    found = await find_by_code(call.context, external_id, code)
    return {"metadata": await wallet_metadata.merge_metadata(call.context, found.id, inp.metadata)}


async def delete_all_customer_wallet_metadata(call: Call, external_id: str, code: str) -> WalletMetadataOut:
    found = await find_by_code(call.context, external_id, code)
    return {"metadata": await wallet_metadata.delete_metadata(call.context, found.id)}


async def delete_customer_wallet_metadata_key(call: Call, external_id: str, code: str, key: str) -> WalletMetadataOut:
    found = await find_by_code(call.context, external_id, code)
    return {"metadata": await wallet_metadata.delete_metadata(call.context, found.id, key)}


async def _exists(call: Call, lago_id: str) -> None:
    await find(call.context, _id(lago_id))


async def _customer_exists(call: Call, external_id: str) -> None:
    await get_customer(call.context, external_id)


async def _code_exists(call: Call, external_id: str, code: str) -> None:
    await find_by_code(call.context, external_id, code)


_ONE = one("wallet", WalletOut)
_MANY = many("wallets", WalletOut)
_METADATA = bare(WalletMetadataOut)
_FILTERS = (*PAGES, Parameter("currency"), BILLING_ENTITIES)
_DESCRIPTION = (
    "Credits are decimal text. The first credits arrive right after the answer: granted ones at once, paid ones when "
    "their invoice is paid. A wallet has at most one recurring top-up rule."
)
_CHANGE = (
    "Currency and rate never change. A null expiration or limit removes it; an empty list in applies_to clears. An "
    "empty list of recurring_transaction_rules ends the rule, an entry with its id changes it, another one replaces it."
)
_LOST = "What is left in it is lost. Ending it again changes nothing."
_EXAMPLE = {
    "name": "Main",
    "rate_amount": "1.5",
    "currency": "EUR",
    "paid_credits": "20",
    "granted_credits": "10",
    "applies_to": {"fee_types": ["charge"], "billable_metric_codes": []},
    "recurring_transaction_rules": [{"trigger": "threshold", "threshold_credits": "10", "paid_credits": "20"}],
}
_CHANGE_EXAMPLE = {"name": "Main", "priority": 1, "expiration_at": "2030-01-01T00:00:00Z"}
_METADATA_EXAMPLE = {"metadata": {"segment": "enterprise"}}


def _metadata_operations(path: str, handlers: tuple[Any, Any, Any, Any], exists: Any) -> list[Any]:
    replace, merge, clear, remove = handlers
    whose = "a wallet's" if path.startswith("/wallets") else "a customer's wallet's"
    return [
        operation(
            "POST",
            path,
            permission="wallet:write",
            body=WalletMetadataInput,
            nulls="keep",
            answer=_METADATA,
            exists=exists,
            summary=f"Replace {whose} metadata",
            description="At most 50 keys of 100 characters, values of 255.",
            example=_METADATA_EXAMPLE,
        )(replace),
        operation(
            "PATCH",
            path,
            permission="wallet:write",
            body=WalletMetadataInput,
            answer=_METADATA,
            exists=exists,
            summary=f"Add to {whose} metadata",
            description="Keys that are not sent stay.",
            example=_METADATA_EXAMPLE,
        )(merge),
        operation("DELETE", path, permission="wallet:write", answer=_METADATA, summary=f"Remove {whose} metadata")(
            clear
        ),
        operation(
            "DELETE",
            path + "/{key:path}",
            permission="wallet:write",
            answer=_METADATA,
            summary=f"Remove one key of {whose} metadata",
        )(remove),
    ]


OPERATIONS = [
    operation(
        "POST",
        "/wallets",
        permission="wallet:write",
        body=WalletInput,
        root="wallet",
        answer=_ONE,
        summary="Create a wallet",
        description=_DESCRIPTION,
        example={"external_customer_id": "hooli", **_EXAMPLE},
    )(create_wallet),
    operation(
        "GET",
        "/wallets",
        permission="wallet:read",
        answer=_MANY,
        summary="List wallets, newest first",
        parameters=(*_FILTERS, Parameter("external_customer_id")),
    )(find_all_wallets),
    operation("GET", "/wallets/{lago_id}", permission="wallet:read", answer=_ONE, summary="Show a wallet")(find_wallet),
    operation(
        "PUT",
        "/wallets/{lago_id}",
        permission="wallet:write",
        body=WalletInput,
        root="wallet",
        answer=_ONE,
        exists=_exists,
        summary="Change a wallet",
        description=_CHANGE,
        example=_CHANGE_EXAMPLE,
    )(update_wallet),
    operation(
        "DELETE",
        "/wallets/{lago_id}",
        permission="wallet:write",
        answer=_ONE,
        summary="End a wallet",
        description=_LOST,
    )(destroy_wallet),
    *_metadata_operations(
        "/wallets/{lago_id}/metadata",
        (
            replace_wallet_metadata,
            merge_wallet_metadata,
            delete_all_wallet_metadata,
            delete_wallet_metadata_key,
        ),
        _exists,
    ),
    operation(
        "POST",
        "/customers/{external_id}/wallets",
        permission="wallet:write",
        body=WalletInput,
        root="wallet",
        answer=_ONE,
        exists=_customer_exists,
        summary="Create a customer's wallet",
        description=_DESCRIPTION,
        example=_EXAMPLE,
    )(create_customer_wallet),
    operation(
        "GET",
        "/customers/{external_id}/wallets",
        permission="wallet:read",
        answer=_MANY,
        summary="List a customer's wallets",
        parameters=_FILTERS,
    )(find_all_customer_wallets),
    operation(
        "GET",
        "/customers/{external_id}/wallets/{code}",
        permission="wallet:read",
        answer=_ONE,
        summary="Show a customer's wallet",
    )(find_customer_wallet),
    operation(
        "PUT",
        "/customers/{external_id}/wallets/{code}",
        permission="wallet:write",
        body=WalletInput,
        root="wallet",
        answer=_ONE,
        exists=_code_exists,
        summary="Change a customer's wallet",
        description=_CHANGE,
        example=_CHANGE_EXAMPLE,
    )(update_customer_wallet),
    operation(
        "DELETE",
        "/customers/{external_id}/wallets/{code}",
        permission="wallet:write",
        answer=_ONE,
        summary="End a customer's wallet",
        description=_LOST,
    )(destroy_customer_wallet),
    *_metadata_operations(
        "/customers/{external_id}/wallets/{code}/metadata",
        (
            replace_customer_wallet_metadata,
            merge_customer_wallet_metadata,
            delete_all_customer_wallet_metadata,
            delete_customer_wallet_metadata_key,
        ),
        _code_exists,
    ),
]
