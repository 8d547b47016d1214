"""Writes what the tests know of the REST contract: ``tests/contract/rest_types.json`` and ``rest_routes.json``.

``python scripts/make_contract_types.py CONTRACT.json [SCHEMA ...]`` takes the contract (an OpenAPI document) and the
names of further component schemas to keep; those already in the file are kept. Only facts that decide whether an answer
is well-formed are copied: types, required keys, enumerations, formats and references.
``rest_routes.json`` holds the schema of every answer of every route, by status, and of every webhook.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "tests" / "contract"
TARGET = FOLDER / "rest_types.json"
ROUTES = FOLDER / "rest_routes.json"
PREFIX = "/api/v1"
VERBS = ("get", "post", "put", "patch", "delete")
FACTS = ("type", "required", "enum", "format", "$ref", "additionalProperties")
LISTS = ("allOf", "oneOf", "anyOf")
REFERENCE = "#/components/schemas/"


def facts(schema: Any) -> Any:
    """``schema`` without prose, examples and defaults."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {name: schema[name] for name in FACTS if name in schema}
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = facts(kept["additionalProperties"])
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].removeprefix(REFERENCE)
    for name in LISTS:
        if name in schema:
            kept[name] = [facts(item) for item in schema[name]]
    if "properties" in schema:
        kept["properties"] = {name: facts(item) for name, item in sorted(schema["properties"].items())}
    if "items" in schema:
        kept["items"] = facts(schema["items"])
    return kept


def references(schema: Any) -> set[str]:
    """Names of the schemas that ``schema`` refers to."""
    if isinstance(schema, list):
        return set().union(*(references(item) for item in schema))
    if not isinstance(schema, dict):
        return set()
    found = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
    return found.union(*(references(item) for item in schema.values()))


def routes(contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"GET /taxes/{code}": {"200": schema or None, ...}, "webhook tax.created": {"body": schema}}``."""
    found: dict[str, dict[str, Any]] = {}
    shared = contract["components"]["responses"]
    for path, verbs in contract["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                answers = verbs[verb]["responses"]
                found[f"{verb.upper()} {path.removeprefix(PREFIX)}"] = {
                    status: content(shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer)
                    for status, answer in sorted(answers.items())
                }
    for webhook in contract.get("webhooks", {}).values():
        schema = content(webhook["post"]["requestBody"])
        for name in schema["properties"]["webhook_type"]["enum"]:
            found[f"webhook {name}"] = {"body": schema}
    return found


def content(answer: dict[str, Any]) -> Any:
    """The schema of an answer's body; ``None`` without a body."""
    kinds = list(answer.get("content", {}).values())
    return facts(kinds[0]["schema"]) if kinds else None


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    document = json.loads(Path(sys.argv[1]).read_text())
    contract = document["components"]["schemas"]
    old: dict[str, Any] = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    known = routes(document)
    wanted = [*old, *sys.argv[2:], *references(list(known.values()))]
    kept: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = facts(contract[name])
            wanted.extend(references(kept[name]))
    FOLDER.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    ROUTES.write_text(json.dumps(known, indent=1) + "\n")
    print(f"{len(kept)} schemas, {len(known)} routes and webhooks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
