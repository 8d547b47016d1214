"""The OpenAPI 3.1 document of this server and a page to read it (spec 07 §1.1)."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict

import billwright
from billwright.server.rest.envelope import Answer, json_response
from billwright.server.rest.operations import Operation, Parameter

_HERE = Path(__file__).parent / "docs_page"
_REF = "#/components/schemas/{model}"
_SCHEMES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "array": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object", "additionalProperties": {"type": "string"}},
}
_PAGE = (
    Parameter("page", "Page number, from 1.", "integer"),
    Parameter("per_page", "Items on a page: 100 by default, at most 1,000.", "integer"),
)


class PaginationMeta(TypedDict):
    """Where this page stands in the whole list; ``current_page`` is 0 when the list is empty."""

    current_page: int
    next_page: int | None
    prev_page: int | None
    total_pages: int
    total_count: int


_ERRORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "400": ("BadRequest", "The body is no JSON object or lacks its root key.", {}),
    "401": ("Unauthorized", "No, unknown or expired API key.", {}),
    "403": ("Forbidden", "The API key lacks the permission, or a policy refuses.", {"code": {"type": "string"}}),
    "404": ("NotFound", "No such object in this organization.", {"code": {"type": "string"}}),
    "405": ("NotAllowed", "The object's state forbids the action.", {"code": {"type": "string"}}),
    "413": ("ContentTooLarge", "The body is larger than the server reads.", {}),
    "422": (
        "UnprocessableEntity",
        "The input is refused; error_details maps fields to codes.",
        {"code": {"type": "string"}, "error_details": {"type": ["object", "string"]}},
    ),
    "429": ("TooManyRequests", "Over the organization's rate limit.", {"code": {"type": "string"}}),
    "500": (
        "InternalServerError",
        "A fault of this server; X-Request-Id finds it in the log.",
        {"code": {"type": "string"}},
    ),
}


def routes(prefix: str, operations: Callable[[], tuple[Operation, ...]]) -> list[BaseRoute]:
    """``openapi.json``, the page ``docs`` and its style sheet; all public."""

    @cache
    def without_server() -> dict[str, Any]:
        return document(prefix, operations())

    def served(request: Request) -> dict[str, Any]:
        described = copy.copy(without_server())
        described["servers"] = [{"url": str(request.base_url).rstrip("/")}]
        return described

    async def openapi_json(request: Request) -> Response:
        return json_response(served(request))

    async def docs(request: Request) -> Response:
        return Response(_render(served(request)), media_type="text/html; charset=utf-8", headers=_PAGE_HEADERS)

    async def style(request: Request) -> Response:
        return Response(
            (_HERE / "docs.css").read_bytes(), media_type="text/css", headers={"X-Content-Type-Options": "nosniff"}
        )

    return [
        Route(f"{prefix}/openapi.json", openapi_json, methods=["GET"]),
        Route(f"{prefix}/docs", docs, methods=["GET"]),
        Route(f"{prefix}/docs.css", style, methods=["GET"]),
    ]


_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def document(prefix: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI document of ``operations``, without ``servers``."""
    known = tuple(operations)
    schemas, refs = _schemas(known)
    paths: dict[str, dict[str, Any]] = {}
    for one in known:
        paths.setdefault(prefix + one.template.openapi_path, {})[one.method.lower()] = _operation(one, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Billwright API",
            "version": billwright.__version__,
            "description": "Metering and usage-based billing. Amounts are integers in the currency's minor unit.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [],
        "security": [{"bearerAuth": []}],
        "tags": [{"name": tag} for tag in sorted({one.tag for one in known})],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearerAuth": {"type": "http", "scheme": "bearer", "description": "An API key of your organization."}
            },
            "schemas": schemas,
            "responses": {name: _error_response(status, name, text) for status, (name, text, _) in _ERRORS.items()},
        },
    }


def _schemas(operations: tuple[Operation, ...]) -> tuple[dict[str, Any], dict[tuple[int, str], Any]]:
    """Component schemas, and where to find the schema of (model, mode)."""
    wanted: dict[tuple[int, str], tuple[Any, Any, TypeAdapter[Any]]] = {}
    for model, mode in [(PaginationMeta, "serialization")] + [
        pair
        for one in operations
        for pair in ((one.body, "validation"), (one.answer.model, "serialization"))
        if pair[0] is not None
    ]:
        wanted[id(model), mode] = (f"{id(model)}", mode, TypeAdapter(model))
    keyed, definitions = TypeAdapter.json_schemas(list(wanted.values()), ref_template=_REF)
    schemas: dict[str, Any] = dict(definitions.get("$defs", {}))
    for name, schema in schemas.items():
        if name.endswith("Update"):  # an absent attribute stays as it is, whatever the model's placeholder
            for attribute in schema.get("properties", {}).values():
                attribute.pop("default", None)
    for status, (name, _, extra) in _ERRORS.items():
        properties = {
            "status": {"type": "integer", "examples": [int(status)]},
            "error": {"type": "string"},
            **extra,
        }
        schemas[f"ApiError{name}"] = {"type": "object", "required": list(properties), "properties": properties}
    return dict(sorted(schemas.items())), {at: keyed[entry[0], entry[1]] for at, entry in wanted.items()}


def _operation(one: Operation, refs: dict[tuple[int, str], Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.operation_id,
        "tags": [one.tag],
        "summary": one.summary,
        "description": (one.description + f"\n\nPermission of the API key: `{one.permission}`.").strip(),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in one.template.parameters
    ]
    parameters += [_parameter(each) for each in (*one.parameters, *(_PAGE if one.answer.kind == "many" else ()))]
    if parameters:
        described["parameters"] = parameters
    if one.takes_body:
        described["requestBody"] = {
            "required": not one.optional_body,
            "content": {"application/json": _body(one, refs)},
        }
    responses: dict[str, Any] = {"200": _success(one.answer, refs)}
    for status in _possible_errors(one):
        responses[status] = {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}
    described["responses"] = responses
    return described


def _possible_errors(one: Operation) -> list[str]:
    statuses = ["401", "403", "404", "422", "429", "500"]
    if one.takes_body:
        statuses += ["400", "413"]
    if one.method != "GET":
        statuses += ["405"]
    return sorted(statuses)


def _body(one: Operation, refs: dict[tuple[int, str], Any]) -> dict[str, Any]:
    schema: Any = refs[id(one.body), "validation"] if one.body is not None else {"type": "object"}
    if one.body_mode == "list" or isinstance(one.example, list):
        schema = {"type": "array", "items": schema}
    if one.root is None:
        return {"schema": schema, "example": one.example}
    return {
        "schema": {"type": "object", "required": [one.root], "properties": {one.root: schema}},
        "example": {one.root: one.example},
    }


def _success(answer: Answer, refs: dict[tuple[int, str], Any]) -> dict[str, Any]:
    if answer.kind == "empty":
        return {"description": "Done; the body is empty."}
    if answer.kind == "text":
        return {"description": "Success.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    item: Any = refs[id(answer.model), "serialization"] if answer.model is not None else {}
    if answer.kind == "bare":
        schema = item
    else:
        found = item if answer.kind == "one" else {"type": "array", "items": item}
        properties = {answer.root: found}
        if answer.kind == "many":
            properties["meta"] = refs[id(PaginationMeta), "serialization"]
        schema = {"type": "object", "required": list(properties), "properties": properties}
    text = "Success." if not answer.may_be_empty else "Success; the body is empty while there is nothing to show yet."
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = copy.deepcopy(_SCHEMES[parameter.kind])
    if parameter.enum:
        (schema["items"] if parameter.kind == "array" else schema)["enum"] = list(parameter.enum)
    described: dict[str, Any] = {
        "name": parameter.name + ("[]" if parameter.kind == "array" else ""),
        "in": "query",
        "required": parameter.required,
        "schema": schema,
    }
    if parameter.description:
        described["description"] = parameter.description
    if parameter.kind == "array":
        described |= {"style": "form", "explode": True}
    elif parameter.kind == "object":
        described |= {"style": "deepObject", "explode": True}
    return described


def _error_response(status: str, name: str, text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/ApiError{name}"}}}
    return {"description": text, "content": content}


def _curl(server: str, path: str, method: str, described: dict[str, Any]) -> str:
    parts = [f"curl -X {method.upper()} '{server}{path}'", '-H "Authorization: Bearer $API_KEY"']
    if "requestBody" in described:
        example = json.dumps(described["requestBody"]["content"]["application/json"]["example"], ensure_ascii=False)
        parts += ["-H 'Content-Type: application/json'", "-d '" + example.replace("'", "'\\''") + "'"]
    return " \\\n  ".join(parts)


def _schema_name(schema: dict[str, Any]) -> Markup:
    """A readable type: ``array of string``, ``string or null``; objects of the document link to their attributes."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return Markup('<a href="#type-{}">{}</a>').format(name, _title(name))
    if "anyOf" in schema:
        return Markup(" or ").join(dict.fromkeys(_schema_name(each) for each in schema["anyOf"]))
    kind = schema.get("type", "any")
    if kind == "array":
        return Markup("array of ") + _schema_name(schema.get("items", {}))
    if isinstance(kind, list):
        return Markup(" or ").join(kind)
    return escape(f"{kind} ({schema['format']})" if "format" in schema else str(kind))


def _title(name: str) -> str:
    """``InvoiceFeeOut`` as ``invoice fee``, ``AddressInput`` as ``address input``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", name.removesuffix("Out"))
    return " ".join(word.lower() for word in words) or name


def _types(schemas: dict[str, Any], shown: Iterable[tuple[str, Markup, bool]]) -> list[dict[str, Any]]:
    """The object types that shown attributes link to, and those that these link to; by title."""
    found: dict[str, list[tuple[str, Markup, bool]]] = {}
    waiting = [kind for _, kind, _ in shown]
    while waiting:
        for name in re.findall(r'href="#type-([^"]+)"', waiting.pop()):
            if name not in found:
                found[name] = _attributes(schemas[name])
                waiting.extend(kind for _, kind, _ in found[name])
    entries = [
        {"id": name, "title": _title(name), "fields": fields, "enum": schemas[name].get("enum")}
        for name, fields in found.items()
    ]
    return sorted(entries, key=lambda entry: (str(entry["title"]), str(entry["id"])))


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[tuple[str, Markup, bool]]:
    """Rows (name, type, mandatory) of an object schema, one level below a single root."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = schema.get("properties", {})
    roots = [name for name in properties if name != "meta"]
    if len(roots) == 1:
        inner = properties[roots[0]]
        inner = inner.get("items", inner)
        if "$ref" in inner:
            return _fields(inner, schemas)
    return _attributes(schema)


def _attributes(schema: dict[str, Any]) -> list[tuple[str, Markup, bool]]:
    """Rows (name, type, mandatory) of an object schema."""
    required = schema.get("required", [])
    return [(name, _schema_name(each), name in required) for name, each in schema.get("properties", {}).items()]


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["code"] = _code
    return environment.from_string((_HERE / "docs.html").read_text("utf-8"))


def _render(described: dict[str, Any]) -> str:
    server: str = described["servers"][0]["url"]
    schemas: dict[str, Any] = described["components"]["schemas"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, verbs in described["paths"].items():
        for method, one in verbs.items():
            body = one.get("requestBody", {}).get("content", {}).get("application/json")
            success = one["responses"]["200"].get("content", {}).get("application/json")
            groups.setdefault(one["tags"][0], []).append(
                {
                    "id": one["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "summary": one["summary"],
                    "description": one["description"],
                    "parameters": [
                        {**each, "kind": _schema_name(each["schema"])} for each in one.get("parameters", ())
                    ],
                    "body": _fields(body["schema"], schemas) if body else [],
                    "answer": _fields(success["schema"], schemas) if success else [],
                    "errors": [status for status in one["responses"] if status != "200"],
                    "curl": _curl(server, path, method, one),
                }
            )
    shown = [row for group in groups.values() for one in group for row in (*one["body"], *one["answer"])]
    return _template().render(
        info=described["info"], server=server, groups=sorted(groups.items()), types=_types(schemas, shown)
    )


def _code(text: str) -> Markup:
    """Text of the document, which is Markdown, with its `code` as HTML; everything else is escaped."""
    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(escape(text))))  # noqa: S704 - escaped inside
