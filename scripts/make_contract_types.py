"""Writes ``tests/contract/rest_types.json``: the types of the REST contract's answers, for tests.

``python scripts/make_contract_types.py CONTRACT.json [SCHEMA ...]`` takes the contract (an OpenAPI document) and the
names of further component schemas to keep; those already in the file are kept. Only facts that decide whether an answer
is well-formed are copied: types, required keys, enumerations, formats and references.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "tests" / "contract" / "rest_types.json"
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


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    contract = json.loads(Path(sys.argv[1]).read_text())["components"]["schemas"]
    old: dict[str, Any] = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    wanted = [*old, *sys.argv[2:]]
    kept: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = facts(contract[name])
            wanted.extend(references(kept[name]))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    print(f"{len(kept)} schemas")
    return 0


if __name__ == "__main__":
    sys.exit(main())
