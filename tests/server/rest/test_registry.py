"""Walks every operation: what it declares, and what the OpenAPI document and page say of it (spec 07 §1.1, §2.4)."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from billwright.billing.access.permissions import API_RESOURCES, all_api_permissions
from billwright.billing.kernel.inputs import Input
from billwright.server.rest.application import registry, routes
from billwright.server.rest.envelope import one
from billwright.server.rest.operations import Call, Operation, operation
from tests.server.rest.client import RestClient, rest_client

OPERATIONS = registry()
NAMED = pytest.mark.parametrize("known", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")


@NAMED
def test_every_operation_declares_permission_answer_and_summary(known: Operation) -> None:
    assert known.resource in API_RESOURCES
    assert known.mode in all_api_permissions()[known.resource]
    assert known.mode == "read" or known.method != "GET"
    assert known.summary
    assert known.answer.kind in ("empty", "text") or known.answer.model is not None
    assert known.session != "write" or known.method != "GET"
    if known.takes_body:
        assert known.example is not None


async def test_no_operation_answers_without_its_permission(rest: RestClient) -> None:
    wrong: list[tuple[str, object]] = []
    for known in OPERATIONS:
        others = {name: modes for name, modes in all_api_permissions().items() if name != known.resource}
        other_mode = [mode for mode in all_api_permissions()[known.resource] if mode != known.mode]
        client = await rest.with_key({**others, known.resource: other_mode})
        path = known.template.openapi_path.lstrip("/").replace("{", "").replace("}", "")
        refused = await client.request(known.method, path, b"{}")
        client.api_key = "unknown"
        unknown = await client.request(known.method, path, b"{}")
        told = (refused.status_code, refused.json()["code"], unknown.status_code)
        if told != (403, f"{known.mode}_action_not_allowed_for_{known.resource}", 401):
            wrong.append((known.operation_id, told))
    assert wrong == []


def test_operation_ids_are_unique() -> None:
    ids = [known.operation_id for known in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_every_route_is_either_an_operation_or_known_to_be_public() -> None:
    public = {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs.css"}
    paths = {route.path for route in routes() if isinstance(route, Route)}
    assert paths - public == {"/api/v1/{rest:path}", "/api/v1"}


class _Body(Input):
    name: str = ""


async def _handler(call: Call, code: str, inp: _Body) -> None: ...


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"permission": "tax:delete"}, "no permission"),
        ({"permission": "nothing:read"}, "no permission"),
        ({"example": None}, "needs an example"),
        ({"body": None}, "must take"),
        ({}, "must take"),
    ],
)
def test_a_wrong_declaration_fails_at_import(changes: dict[str, Any], complaint: str) -> None:
    good: dict[str, Any] = {
        "permission": "tax:write",
        "body": _Body,
        "root": "tax",
        "answer": one("tax", _Body),
        "summary": "x",
        "example": {"name": "x"},
    }
    path = "/taxes/{other}" if not changes else "/taxes/{code}"
    with pytest.raises((ValueError, TypeError), match=complaint):
        operation("PUT", path, **{**good, **changes})(_handler)


async def test_the_document_is_public_and_valid(rest: RestClient) -> None:
    answer = await rest.http.get("/api/v1/openapi.json", headers={"Host": "billing.example:8443"})
    described = answer.json()
    assert (answer.status_code, described["openapi"]) == (200, "3.1.0")
    assert described["servers"] == [{"url": "http://billing.example:8443"}]
    assert described["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    for path, verbs in described["paths"].items():
        assert path.startswith("/api/v1/")
        for verb, one_operation in verbs.items():
            assert {"200", "401", "403"} <= one_operation["responses"].keys(), (path, verb)
            body = one_operation.get("requestBody")
            if body:
                content = body["content"]["application/json"]
                schema = {**content["schema"], "components": described["components"]}
                jsonschema_rs.Draft202012Validator(schema).validate(content["example"])
    text = json.dumps(described)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in described["components"]["schemas"]
    assert '"le":' not in text


async def test_answers_match_the_document(rest: RestClient) -> None:
    described = (await rest.http.get("/api/v1/openapi.json")).json()

    def check(path: str, verb: str, answer: Any) -> None:
        schema = described["paths"][path][verb]["responses"]["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": described["components"]}
        jsonschema_rs.Draft202012Validator(whole).validate(answer.json())

    example = described["paths"]["/api/v1/taxes"]["post"]["requestBody"]["content"]["application/json"]["example"]
    check("/api/v1/taxes", "post", await rest.post("taxes", example))
    check("/api/v1/taxes", "get", await rest.get("taxes"))
    check("/api/v1/organizations", "get", await rest.get("organizations"))


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def test_the_page_needs_no_script_and_nothing_from_elsewhere(rest: RestClient) -> None:
    answer = await rest.http.get("/api/v1/docs")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = _Page()
    page.feed(answer.text)
    for tag, attributes in page.tags:
        assert tag not in ("script", "style", "iframe", "img")
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
        for name in ("href", "src"):
            assert not (attributes.get(name) or "").startswith(("http:", "https:", "//"))
    for known in OPERATIONS:
        assert f'id="{known.operation_id}"' in answer.text
    assert "curl -X POST &#39;http://test/api/v1/taxes&#39;" in answer.text
    assert re.findall(r".{0,40}`.{0,40}", answer.text) == []
    assert "Permission of the API key: <code>tax:write</code>." in answer.text
    assert (await rest.http.get("/api/v1/docs.css")).headers["Content-Type"].startswith("text/css")


async def test_types_on_the_page_have_readable_names_and_lead_somewhere(rest: RestClient) -> None:
    answer = await rest.http.get("/api/v1/docs")
    page = _Page()
    page.feed(answer.text)
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = {(attributes.get("href") or "").removeprefix("#") for tag, attributes in page.tags if tag == "a"}
    assert {target for target in targets if target.startswith("type-")} <= set(ids)
    assert {name for name in ids if (name or "").startswith("type-")} <= targets, "every type is linked from somewhere"
    assert '<a href="#type-TaxOut">tax</a>' in answer.text
    shown = re.sub(r"<[^>]*>", " ", answer.text)
    assert re.findall(r"\b[A-Z]\w+Out\b", shown) == [], "names of our classes"


async def test_markup_in_the_host_header_is_escaped(rest: RestClient) -> None:
    answer = await rest.http.get("/api/v1/docs", headers={"Host": "a<script>"})
    assert "<script" not in answer.text


async def test_lists_hold_only_objects_and_arrays_at_the_top(rest: RestClient) -> None:
    """The official client refuses anything else (spec 07 §1.3)."""
    for known in OPERATIONS:
        if known.answer.kind == "many" and not known.template.parameters:
            body = (await rest.get(known.path.strip("/"))).json()
            assert set(body) == {known.answer.root, "meta"}
            assert len(body["meta"]) == 5


async def test_a_second_server_in_the_process(rest: RestClient) -> None:
    async with rest_client(rest.database, name="Aviato") as other:
        assert (await other.get("organizations")).json()["organization"]["name"] == "Aviato"
        assert other.organization.slug == "aviato"
